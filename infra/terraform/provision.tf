# Makes what a registry needs before its first request: keys, the project library, the user admin, whose password goes to its
# secret and nowhere else. Idempotent. Every new version is asked before the aliases move: what it needs is there when the first
# request meets it, and a version that cannot even do this is never in use.
resource "aws_lambda_invocation" "provision" {
  count = var.provision ? 1 : 0

  function_name = aws_lambda_function.duty["provision"].function_name
  qualifier     = aws_lambda_function.duty["provision"].version
  input         = jsonencode({})
  triggers = {
    table   = aws_dynamodb_table.registry.arn
    secrets = join(" ", [for secret in aws_secretsmanager_secret.registry : secret.arn])
  }
}
