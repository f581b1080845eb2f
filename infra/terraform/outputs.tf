output "registry_url" {
  description = "Address of the registry; clients ask for /v2/ below it."
  value       = local.public_url
}

output "registry_host" {
  description = "What to put before an image's name."
  value       = local.registry_host
}

output "console_url" {
  description = "Address of the token service, Harbor's API and the web console."
  value       = local.console_url
}

output "docker_login" {
  description = "A line to paste into a shell: it signs docker in as admin, with the password from its secret."
  value       = "aws secretsmanager get-secret-value --region ${var.region} --secret-id ${local.secret_names.admin_password} --query SecretString --output text | docker login --username admin --password-stdin ${local.registry_host}"
}

output "admin_password_secret" {
  description = "Name of the secret with the first password of the user admin."
  value       = local.secret_names.admin_password
}

output "upload_url" {
  description = "Address that clients are sent to with the bytes of layers, or off."
  value       = local.upload_url
}

output "table" {
  description = "Name of the DynamoDB table."
  value       = aws_dynamodb_table.registry.name
}

output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.registry.bucket
}

output "functions" {
  description = "Lambda functions by duty."
  value       = { for duty, made in aws_lambda_function.duty : duty => made.function_name }
}

output "function_versions" {
  description = "The version of each function that is in use: what to pin, to come back to it."
  value       = { for duty, alias in aws_lambda_alias.live : duty => alias.function_version }
}

output "function_roles" {
  description = "Roles by duty."
  value       = { for duty, role in aws_iam_role.duty : duty => role.name }
}

output "queues" {
  description = "URLs of the queues by name."
  value = {
    manifest_events     = aws_sqs_queue.manifest_events.url
    manifest_events_dlq = aws_sqs_queue.manifest_events_dlq.url
    scan_jobs           = aws_sqs_queue.scan_jobs.url
    scan_jobs_dlq       = aws_sqs_queue.scan_jobs_dlq.url
    schedules_dlq       = aws_sqs_queue.schedules_dlq.url
  }
}

output "events_topic_arn" {
  description = "Topic of the registry's events."
  value       = aws_sns_topic.events.arn
}

output "registry_api_id" {
  description = "Id of the API that serves the registry; empty behind a load balancer."
  value       = try(aws_api_gateway_rest_api.registry[0].id, aws_apigatewayv2_api.http[0].id, "")
}

output "console_api_id" {
  description = "Id of the API that serves the console; empty behind a load balancer."
  value       = try(aws_api_gateway_rest_api.console[0].id, aws_apigatewayv2_api.http[0].id, "")
}
