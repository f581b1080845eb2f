# The console's REST API (door = "rest"): token service, Harbor's API, the pages of a login, the web console, a stage each, so
# that every path is what it would be on one host. Its functions look at credentials themselves: much of it needs none.
resource "aws_api_gateway_rest_api" "console" {
  count = local.is_rest ? 1 : 0

  name                         = "${var.name}-console"
  description                  = "Moorage ${var.name}: token service, Harbor's API, pages"
  binary_media_types           = ["*/*"]
  disable_execute_api_endpoint = var.disable_default_endpoint

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  # A change that needs a new API moves clients to it before the old one goes.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_resource" "console" {
  count = local.is_rest ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.console[0].id
  parent_id   = aws_api_gateway_rest_api.console[0].root_resource_id
  path_part   = "{proxy+}"
}

locals {
  console_resources = local.is_rest ? {
    root  = aws_api_gateway_rest_api.console[0].root_resource_id
    below = aws_api_gateway_resource.console[0].id
  } : {}
  console_stages = {
    service = "The token service"
    api     = "Harbor's API"
    c       = "Pages of a login in the browser"
    ui      = "The web console"
  }
}

resource "aws_api_gateway_method" "console" {
  #checkov:skip=CKV_AWS_59:the token service and the login pages are for those who have no token yet; the function judges the rest
  for_each = local.console_resources

  rest_api_id   = aws_api_gateway_rest_api.console[0].id
  resource_id   = each.value
  http_method   = "ANY"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "console" {
  for_each = local.console_resources

  rest_api_id             = aws_api_gateway_rest_api.console[0].id
  resource_id             = each.value
  http_method             = aws_api_gateway_method.console[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_alias.live["console"].invoke_arn
  timeout_milliseconds    = 29000
}

resource "aws_lambda_permission" "console" {
  count = local.is_rest ? 1 : 0

  statement_id  = "console-api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.duty["console"].function_name
  qualifier     = aws_lambda_alias.live["console"].name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.console[0].execution_arn}/*/*"
}

resource "aws_api_gateway_gateway_response" "console" {
  for_each = local.is_rest ? local.gateway_responses : {}

  rest_api_id        = aws_api_gateway_rest_api.console[0].id
  response_type      = each.key
  status_code        = each.value.status
  response_templates = { "application/json" = each.value.body }
}

resource "aws_api_gateway_deployment" "console" {
  count = local.is_rest ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.console[0].id
  triggers = {
    what = sha1(jsonencode([
      aws_api_gateway_rest_api.console[0].binary_media_types,
      local.console_resources,
      [for key, method in aws_api_gateway_method.console : [method.id, method.authorization]],
      [for key, integration in aws_api_gateway_integration.console : [integration.id, integration.uri, integration.timeout_milliseconds]],
      local.gateway_responses,
    ]))
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_api_gateway_integration.console, aws_api_gateway_gateway_response.console]
}

resource "aws_api_gateway_stage" "console" {
  #checkov:skip=CKV2_AWS_29:waf = true; the rules cost money and the registry authenticates every request itself
  for_each = local.is_rest ? local.console_stages : {}

  rest_api_id          = aws_api_gateway_rest_api.console[0].id
  deployment_id        = aws_api_gateway_deployment.console[0].id
  stage_name           = each.key
  description          = each.value
  xray_tracing_enabled = var.tracing

  dynamic "access_log_settings" {
    for_each = var.access_logs ? [1] : []
    content {
      destination_arn = aws_cloudwatch_log_group.access["console"].arn
      format          = local.access_log_rest
    }
  }

  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "console" {
  for_each = local.is_rest ? local.console_stages : {}

  rest_api_id = aws_api_gateway_rest_api.console[0].id
  stage_name  = aws_api_gateway_stage.console[each.key].stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = var.throttle.rate
    throttling_burst_limit = var.throttle.burst
    metrics_enabled        = false
    logging_level          = "OFF"
    data_trace_enabled     = false
  }
}
