# The three ways in, and what they answer by themselves.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  package_path = "./versions.tf"
}

run "rest" {
  command = plan

  assert {
    condition = (
      aws_api_gateway_stage.registry[0].stage_name == "v2"
      && join(" ", sort([for stage in aws_api_gateway_stage.console : stage.stage_name])) == "api c service ui"
    )
    error_message = "The stages are not the first parts of the paths that clients ask for."
  }

  assert {
    condition     = output.registry_url == "https://mockedrest.execute-api.us-east-1.amazonaws.com" && output.registry_host == "mockedrest.execute-api.us-east-1.amazonaws.com"
    error_message = "The registry's address is not its API's."
  }

  assert {
    condition     = endswith(output.docker_login, "| docker login --username admin --password-stdin mockedrest.execute-api.us-east-1.amazonaws.com") && strcontains(output.docker_login, "moorage/admin-password")
    error_message = "The line to paste does not sign docker in."
  }

  assert {
    condition     = alltrue([for api in [aws_api_gateway_rest_api.registry[0], aws_api_gateway_rest_api.console[0]] : tolist(api.binary_media_types) == tolist(["*/*"]) && one(api.endpoint_configuration).types == tolist(["REGIONAL"])])
    error_message = "Bytes would be taken for text, or a CloudFront that nobody asked for stands before an API."
  }

  assert {
    condition = (
      aws_api_gateway_authorizer.registry[0].type == "TOKEN" && aws_api_gateway_authorizer.registry[0].identity_source == "method.request.header.Authorization"
      && alltrue([for method in aws_api_gateway_method.registry : method.authorization == "CUSTOM" && method.http_method == "ANY"])
      && length(aws_api_gateway_method.registry) == 2
    )
    error_message = "A path of the registry's API does not ask for a credential, so nobody would be sent the challenge."
  }

  assert {
    condition     = alltrue([for method in aws_api_gateway_method.console : method.authorization == "NONE"])
    error_message = "The token service asks for a credential before it gives one."
  }

  assert {
    condition     = alltrue([for integration in concat(values(aws_api_gateway_integration.registry), values(aws_api_gateway_integration.console)) : integration.type == "AWS_PROXY" && integration.integration_http_method == "POST" && integration.timeout_milliseconds == 29000])
    error_message = "An integration is not a proxy of 29 s."
  }

  assert {
    condition     = alltrue([for duty in ["registry", "console", "authorizer"] : aws_lambda_function.duty[duty].timeout < 29])
    error_message = "A function goes on after its client was sent 504."
  }

  # The text that localstack/http_reply.py answers, and that docker, containerd and podman were tried with.
  assert {
    condition     = aws_api_gateway_gateway_response.registry["UNAUTHORIZED"].response_parameters["gatewayresponse.header.WWW-Authenticate"] == "'Bearer realm=\"https://mockedrest.execute-api.us-east-1.amazonaws.com/service/token\",service=\"moorage\"'"
    error_message = "The challenge does not name the token service and the service."
  }

  assert {
    condition     = aws_api_gateway_gateway_response.registry["UNAUTHORIZED"].response_parameters["gatewayresponse.header.Docker-Distribution-API-Version"] == "'registry/2.0'" && aws_api_gateway_gateway_response.registry["UNAUTHORIZED"].status_code == "401"
    error_message = "docker manifest would take the registry for one of version 1."
  }

  assert {
    condition = alltrue([for responses in [aws_api_gateway_gateway_response.registry, aws_api_gateway_gateway_response.console] : length(setsubtract(
      [
        "ACCESS_DENIED", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE", "DEFAULT_4XX", "DEFAULT_5XX", "INTEGRATION_FAILURE",
        "INTEGRATION_TIMEOUT", "MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED",
        "UNAUTHORIZED", "WAF_FILTERED",
      ],
      keys(responses),
    )) == 0])
    error_message = "An answer of API Gateway's own would not be in the words of the specification."
  }

  assert {
    condition = alltrue([for response in aws_api_gateway_gateway_response.registry : can(regex(
      "^[A-Z_]+$", jsondecode(replace(response.response_templates["application/json"], "$context.error.messageString", "\"\"")).errors[0].code
    ))])
    error_message = "An answer of API Gateway's own is not the specification's JSON."
  }

  assert {
    condition = alltrue([for type, status in { THROTTLED = "429", REQUEST_TOO_LARGE = "413", INTEGRATION_TIMEOUT = "504", ACCESS_DENIED = "403" } :
      aws_api_gateway_gateway_response.registry[type].status_code == status
    ])
    error_message = "An answer has a status that clients do not expect."
  }

  # Execution logs can hold headers, and headers hold credentials.
  assert {
    condition = alltrue([for made in concat(aws_api_gateway_method_settings.registry[*], values(aws_api_gateway_method_settings.console)) :
      one(made.settings).logging_level == "OFF" && one(made.settings).data_trace_enabled == false && one(made.settings).throttling_rate_limit == 2000 && made.method_path == "*/*"
    ])
    error_message = "Execution logs are on, or a stage is not throttled."
  }

  assert {
    condition = alltrue([for stage in concat(aws_api_gateway_stage.registry[*], values(aws_api_gateway_stage.console)) :
      stage.xray_tracing_enabled && can(jsondecode(one(stage.access_log_settings).format).requestId)
      && !can(regex("(?i)header|authorization[^.]|querystring", one(stage.access_log_settings).format))
    ])
    error_message = "A stage has no access log or trace, or its log holds headers or queries."
  }

  assert {
    condition     = length(aws_apigatewayv2_api.http) == 0 && length(aws_lb.uploads) == 0 && length(aws_lambda_function.duty) == 10
    error_message = "Another door is made too."
  }
}

run "rest_with_addresses_of_your_own" {
  command = plan

  variables {
    public_url_override  = "https://registry.example.com"
    console_url_override = "https://console.example.com"
  }

  assert {
    condition     = strcontains(aws_api_gateway_gateway_response.registry["UNAUTHORIZED"].response_parameters["gatewayresponse.header.WWW-Authenticate"], "realm=\"https://console.example.com/service/token\"")
    error_message = "The challenge names another address than clients use."
  }

  assert {
    condition     = aws_lambda_function.duty["registry"].environment[0].variables.MOORAGE_PUBLIC_URL == "https://registry.example.com" && aws_lambda_function.duty["registry"].environment[0].variables.MOORAGE_CONSOLE_URL == "https://console.example.com"
    error_message = "The functions are told another address than clients use."
  }
}

run "rest_with_a_domain" {
  command = plan

  variables {
    domain_name              = "registry.example.com"
    hosted_zone_id           = "Z0123456789ABCDEFGHIJ"
    disable_default_endpoint = true
  }

  assert {
    condition     = { for key, mapping in aws_apigatewayv2_api_mapping.main : key => mapping.api_mapping_key } == { v2 = "v2", api = "api", c = "c", service = "service", ui = "ui" }
    error_message = "On one host the paths do not lead to their APIs."
  }

  assert {
    condition     = output.registry_url == "https://registry.example.com" && output.console_url == "https://registry.example.com"
    error_message = "The domain is not the address."
  }

  assert {
    condition     = aws_apigatewayv2_domain_name.main[0].domain_name_configuration[0].security_policy == "TLS_1_2" && aws_acm_certificate.main[0].validation_method == "DNS"
    error_message = "The domain takes old TLS, or its certificate waits for a person."
  }

  assert {
    condition     = aws_api_gateway_rest_api.registry[0].disable_execute_api_endpoint && aws_api_gateway_rest_api.console[0].disable_execute_api_endpoint
    error_message = "The address that AWS gives is still open."
  }

  assert {
    condition     = contains(keys(aws_route53_record.domain), "registry.example.com A")
    error_message = "The domain leads nowhere."
  }
}

run "http" {
  command = plan

  variables {
    door = "http"
  }

  assert {
    condition = join(", ", sort([for route in aws_apigatewayv2_route.http : route.route_key])) == join(", ", sort([
      "$default", "ANY /v2", "ANY /v2/{proxy+}", "ANY /service/{proxy+}", "ANY /api/{proxy+}", "ANY /c/{proxy+}", "ANY /ui", "ANY /ui/{proxy+}",
    ]))
    error_message = "The HTTP API has other routes than the application."
  }

  assert {
    condition     = alltrue([for integration in aws_apigatewayv2_integration.http : integration.payload_format_version == "1.0"])
    error_message = "The code's transport reads payload format 1.0."
  }

  # The application makes the 401: it must see requests without credentials.
  assert {
    condition     = alltrue([for route in aws_apigatewayv2_route.http : route.authorizer_id == null]) && !contains(keys(aws_lambda_function.duty), "authorizer")
    error_message = "An authorizer stands before the application."
  }

  assert {
    condition     = aws_apigatewayv2_stage.http[0].name == "$default" && aws_apigatewayv2_stage.http[0].auto_deploy && one(aws_apigatewayv2_stage.http[0].default_route_settings).throttling_rate_limit == 2000
    error_message = "Paths would begin with a stage, or nothing is throttled."
  }

  assert {
    condition     = length(aws_api_gateway_rest_api.registry) + length(aws_api_gateway_rest_api.console) == 0 && output.registry_url == output.console_url
    error_message = "The REST APIs are made too."
  }
}

run "alb" {
  command = plan

  variables {
    door           = "alb"
    upload_service = "fargate"
    upload_image   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-uploads:1.0"
    domain_name    = "registry.example.com"
    hosted_zone_id = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition = join(" ", sort(flatten([
      for condition in aws_lb_listener_rule.uploads[0].condition : [for pattern in condition.path_pattern : tolist(pattern.values)]
    ]))) == "/v2 /v2/*"
    error_message = "The containers do not serve the registry's paths."
  }

  assert {
    condition     = aws_lb_target_group.console[0].target_type == "lambda" && aws_lb_target_group.console[0].lambda_multi_value_headers_enabled
    error_message = "Of several headers of one name only the last arrives at the console."
  }

  assert {
    condition     = aws_lb_listener.uploads[0].port == 443 && startswith(aws_lb_listener.uploads[0].ssl_policy, "ELBSecurityPolicy-TLS13") && !aws_lb.uploads[0].internal
    error_message = "The load balancer answers without TLS."
  }

  assert {
    condition     = !contains(keys(aws_lambda_function.duty), "registry") && !contains(keys(aws_lambda_function.duty), "authorizer") && length(aws_api_gateway_rest_api.registry) + length(aws_apigatewayv2_api.http) == 0
    error_message = "An API that nobody asks is made."
  }

  assert {
    condition     = output.registry_url == "https://registry.example.com" && output.upload_url == "https://registry.example.com" && length(aws_cloudfront_distribution.uploads) == 0
    error_message = "The load balancer has another address than its domain."
  }
}

run "alb_behind_cloudfront" {
  command = plan

  variables {
    door           = "alb"
    upload_service = "fargate"
    upload_image   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-uploads:1.0"
  }

  assert {
    condition     = output.registry_url == "https://d1111111111111.cloudfront.net" && aws_lb.uploads[0].internal && aws_lb_listener.uploads[0].protocol == "HTTP"
    error_message = "Without a domain the load balancer is not behind CloudFront, which has TLS."
  }
}
