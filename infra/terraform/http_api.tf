# One HTTP API instead of the two REST APIs (door = "http"): a third of the price, one host, and the application makes the 401.
# Payload format 1.0 on explicit routes, which is what the code's transport reads (docs/adr/0001-front-door.md).
resource "aws_apigatewayv2_api" "http" {
  count = local.is_http ? 1 : 0

  name                         = var.name
  description                  = "Moorage ${var.name}"
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.disable_default_endpoint
}

locals {
  http_routes = {
    # Also what a greedy path leaves out, such as `/v2/` itself, and paths that are nobody's: an OCI error instead of API Gateway's.
    "$default"              = "registry"
    "ANY /v2"               = "registry"
    "ANY /v2/{proxy+}"      = "registry"
    "ANY /service/{proxy+}" = "console"
    "ANY /api/{proxy+}"     = "console"
    "ANY /c/{proxy+}"       = "console"
    "ANY /ui"               = "console"
    "ANY /ui/{proxy+}"      = "console"
  }
}

resource "aws_apigatewayv2_integration" "http" {
  for_each = local.is_http ? toset(["registry", "console"]) : toset([])

  api_id                 = aws_apigatewayv2_api.http[0].id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = aws_lambda_alias.live[each.key].invoke_arn
  payload_format_version = "1.0"
  timeout_milliseconds   = 30000
}

resource "aws_apigatewayv2_route" "http" {
  #checkov:skip=CKV_AWS_309:the application judges every request: it must answer those without a credential with the challenge
  for_each = local.is_http ? local.http_routes : {}

  api_id    = aws_apigatewayv2_api.http[0].id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.http[each.value].id}"
}

resource "aws_apigatewayv2_stage" "http" {
  count = local.is_http ? 1 : 0

  api_id      = aws_apigatewayv2_api.http[0].id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit    = var.throttle.rate
    throttling_burst_limit   = var.throttle.burst
    detailed_metrics_enabled = false
  }

  dynamic "access_log_settings" {
    for_each = var.access_logs ? [1] : []
    content {
      destination_arn = aws_cloudwatch_log_group.access["http"].arn
      format          = local.access_log_http
    }
  }
}

resource "aws_lambda_permission" "http" {
  for_each = local.is_http ? toset(["registry", "console"]) : toset([])

  statement_id  = "http-api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.duty[each.key].function_name
  qualifier     = aws_lambda_alias.live[each.key].name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.http[0].execution_arn}/*/*"
}
