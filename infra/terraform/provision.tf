# Makes what a registry needs before its first request: keys, the project library, the user admin, whose password goes to its
# secret and nowhere else. Idempotent; runs again with every new package, before which nothing of the old is taken away.
resource "aws_lambda_invocation" "provision" {
  count = var.provision ? 1 : 0

  function_name = aws_lambda_function.duty["provision"].function_name
  qualifier     = aws_lambda_alias.live["provision"].name
  input         = jsonencode({})
  triggers = {
    package = aws_lambda_function.duty["provision"].source_code_hash
    table   = aws_dynamodb_table.registry.arn
    secrets = join(" ", [for secret in aws_secretsmanager_secret.registry : secret.arn])
  }
}
