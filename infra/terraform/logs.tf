# Log groups, made here so that they have an end: Lambda would make them without one.
resource "aws_cloudwatch_log_group" "duty" {
  for_each = local.duties

  name              = "/aws/lambda/${local.function_names[each.key]}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
}

# `/aws/vendedlogs/` keeps API Gateway's permission to write out of the account's resource policy, which has a size limit.
resource "aws_cloudwatch_log_group" "access" {
  for_each = var.access_logs && var.door != "alb" ? toset(local.is_rest ? ["registry", "console"] : ["http"]) : toset([])

  name              = "/aws/vendedlogs/${var.name}/${each.key}-access"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
}

locals {
  # `$context.path` has no query, where uploads keep their credential; headers are not logged at all.
  access_log_common = {
    requestId     = "$context.requestId"
    time          = "$context.requestTimeEpoch"
    ip            = "$context.identity.sourceIp"
    userAgent     = "$context.identity.userAgent"
    method        = "$context.httpMethod"
    path          = "$context.path"
    protocol      = "$context.protocol"
    status        = "$context.status"
    length        = "$context.responseLength"
    latency       = "$context.responseLatency"
    lambdaLatency = "$context.integration.latency"
    lambdaStatus  = "$context.integration.status"
    error         = "$context.error.message"
    errorType     = "$context.error.responseType"
  }
  access_log_rest = jsonencode(merge(local.access_log_common, {
    stage             = "$context.stage"
    authorizerStatus  = "$context.authorizer.status"
    authorizerLatency = "$context.authorizer.latency"
    traceId           = "$context.xrayTraceId"
    waf               = "$context.waf.status"
  }))
  access_log_http = jsonencode(merge(local.access_log_common, { route = "$context.routeKey" }))
}

# API Gateway writes logs with one role an account and region. Where the account has one already: api_gateway_account = false.
resource "aws_api_gateway_account" "this" {
  count = local.has_account_role ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.api_gateway_logs[0].arn
  depends_on          = [aws_iam_role_policy_attachment.api_gateway_logs]
}

resource "aws_iam_role" "api_gateway_logs" {
  count = local.has_account_role ? 1 : 0

  name                 = "${local.role_prefix}-api-gateway-logs"
  assume_role_policy   = data.aws_iam_policy_document.api_gateway_assumes.json
  permissions_boundary = local.permissions_boundary
}

resource "aws_iam_role_policy_attachment" "api_gateway_logs" {
  count = local.has_account_role ? 1 : 0

  role       = aws_iam_role.api_gateway_logs[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

data "aws_iam_policy_document" "api_gateway_assumes" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

locals {
  has_account_role = local.is_rest && var.access_logs && var.api_gateway_account
}
