# The registry's REST API (door = "rest"). Its stage is named v2, so that https://<host>/v2/ is what clients ask for, without a
# domain (docs/adr/0001-front-door.md). The 401 is made here: API Gateway renames WWW-Authenticate when a function sets it.
resource "aws_api_gateway_rest_api" "registry" {
  count = local.is_rest ? 1 : 0

  name        = "${var.name}-registry"
  description = "Moorage ${var.name}: the registry"
  # Requests as they are. Answers become binary only where the function says so.
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

resource "aws_api_gateway_resource" "registry" {
  count = local.is_rest ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.registry[0].id
  parent_id   = aws_api_gateway_rest_api.registry[0].root_resource_id
  path_part   = "{proxy+}"
}

locals {
  # `/v2` and `/v2/` are the root of stage v2, all else is below it.
  registry_resources = local.is_rest ? {
    root  = aws_api_gateway_rest_api.registry[0].root_resource_id
    below = aws_api_gateway_resource.registry[0].id
  } : {}
}

resource "aws_api_gateway_method" "registry" {
  for_each = local.registry_resources

  rest_api_id   = aws_api_gateway_rest_api.registry[0].id
  resource_id   = each.value
  http_method   = "ANY"
  authorization = "CUSTOM"
  authorizer_id = aws_api_gateway_authorizer.registry[0].id
}

resource "aws_api_gateway_integration" "registry" {
  for_each = local.registry_resources

  rest_api_id             = aws_api_gateway_rest_api.registry[0].id
  resource_id             = each.value
  http_method             = aws_api_gateway_method.registry[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_alias.live["registry"].invoke_arn
  timeout_milliseconds    = 29000
}

# Without an Authorization header API Gateway answers 401 by itself, and asks nobody. What the function says of a credential is
# kept; the registry looks at the credential again each time, so a kept answer lets nobody in.
resource "aws_api_gateway_authorizer" "registry" {
  count = local.is_rest ? 1 : 0

  name                             = "credentials"
  rest_api_id                      = aws_api_gateway_rest_api.registry[0].id
  type                             = "TOKEN"
  identity_source                  = "method.request.header.Authorization"
  authorizer_uri                   = aws_lambda_alias.live["authorizer"].invoke_arn
  authorizer_result_ttl_in_seconds = var.authorizer_cache_s
}

resource "aws_lambda_permission" "registry" {
  count = local.is_rest ? 1 : 0

  statement_id  = "registry-api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.duty["registry"].function_name
  qualifier     = aws_lambda_alias.live["registry"].name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.registry[0].execution_arn}/*/*"
}

resource "aws_lambda_permission" "authorizer" {
  count = local.is_rest ? 1 : 0

  statement_id  = "registry-api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.duty["authorizer"].function_name
  qualifier     = aws_lambda_alias.live["authorizer"].name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.registry[0].execution_arn}/authorizers/${aws_api_gateway_authorizer.registry[0].id}"
}

resource "aws_api_gateway_gateway_response" "registry" {
  for_each = local.is_rest ? local.gateway_responses : {}

  rest_api_id         = aws_api_gateway_rest_api.registry[0].id
  response_type       = each.key
  status_code         = each.value.status
  response_templates  = { "application/json" = each.value.body }
  response_parameters = each.value.status == "401" ? local.challenge_headers : {}
}

# A deployment is a snapshot of the API: a new one whenever anything of it changes.
resource "aws_api_gateway_deployment" "registry" {
  count = local.is_rest ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.registry[0].id
  triggers = {
    what = sha1(jsonencode([
      aws_api_gateway_rest_api.registry[0].binary_media_types,
      local.registry_resources,
      [for key, method in aws_api_gateway_method.registry : [method.id, method.authorization, method.authorizer_id]],
      [for key, integration in aws_api_gateway_integration.registry : [integration.id, integration.uri, integration.timeout_milliseconds]],
      [aws_api_gateway_authorizer.registry[0].id, var.authorizer_cache_s],
      [local.gateway_responses, local.challenge_headers],
    ]))
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_api_gateway_integration.registry, aws_api_gateway_gateway_response.registry]
}

resource "aws_api_gateway_stage" "registry" {
  #checkov:skip=CKV2_AWS_29:waf = true; the rules cost money and the registry authenticates every request itself
  count = local.is_rest ? 1 : 0

  rest_api_id          = aws_api_gateway_rest_api.registry[0].id
  deployment_id        = aws_api_gateway_deployment.registry[0].id
  stage_name           = "v2"
  description          = "The first part of every path of a registry"
  xray_tracing_enabled = var.tracing

  dynamic "access_log_settings" {
    for_each = var.access_logs ? [1] : []
    content {
      destination_arn = aws_cloudwatch_log_group.access["registry"].arn
      format          = local.access_log_rest
    }
  }

  depends_on = [aws_api_gateway_account.this]
}

# Execution logs stay off: they can hold headers, and headers hold credentials. So do metrics by method, which are billed like own
# ones: alarms read those by stage, which are free.
resource "aws_api_gateway_method_settings" "registry" {
  count = local.is_rest ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.registry[0].id
  stage_name  = aws_api_gateway_stage.registry[0].stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = var.throttle.rate
    throttling_burst_limit = var.throttle.burst
    metrics_enabled        = false
    logging_level          = "OFF"
    data_trace_enabled     = false
  }
}
