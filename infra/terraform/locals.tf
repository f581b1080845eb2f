# Addresses, and the settings that functions and containers are given (docs/reference/settings.md).
locals {
  # What `aws:SecureTransport` says of a request without TLS. Emulators have no TLS, so there the policies look for what never is.
  plain_text = var.emulator ? "never" : "false"

  is_rest = var.door == "rest"
  is_http = var.door == "http"

  # Where clients reach the registry: what was said, else the domain, else the address that AWS gives the door.
  door_url = (
    local.is_rest ? "https://${aws_api_gateway_rest_api.registry[0].id}.execute-api.${var.region}.${local.dns_suffix}"
    : local.is_http ? aws_apigatewayv2_api.http[0].api_endpoint
    : local.alb_url
  )
  public_url = (
    var.public_url_override != "" ? var.public_url_override
    : var.domain_name != "" ? "https://${var.domain_name}"
    : local.door_url
  )

  # Where the token service, Harbor's API and the pages are. Two REST APIs have two hosts unless a domain joins them.
  console_url = (
    var.console_url_override != "" ? var.console_url_override
    : var.domain_name != "" ? "https://${var.domain_name}"
    : local.is_rest ? "https://${aws_api_gateway_rest_api.console[0].id}.execute-api.${var.region}.${local.dns_suffix}"
    : local.public_url
  )
  registry_host = split("/", local.public_url)[2]

  upload_url = (
    var.upload_service == "external" ? var.upload_url
    : var.upload_service == "fargate" ? local.alb_url
    : "off"
  )

  # What every function and container is given. The rest is per duty, in functions.tf.
  environment = merge(
    {
      MOORAGE_TABLE                = aws_dynamodb_table.registry.name
      MOORAGE_BUCKET               = aws_s3_bucket.registry.bucket
      MOORAGE_PUBLIC_URL           = local.public_url
      MOORAGE_CONSOLE_URL          = local.console_url
      MOORAGE_UPLOAD_URL           = local.upload_url
      MOORAGE_SERVICE              = var.name
      MOORAGE_TOKEN_KEYS_SECRET    = local.secret_names.token_keys
      MOORAGE_REGISTRY_KEYS_SECRET = local.secret_names.registry_keys
      MOORAGE_IDENTITY_SECRET      = "${var.name}/identity"
      MOORAGE_LOG_LEVEL            = var.log_level
      MOORAGE_UPSTREAM_REACH       = var.upstream_reach
      MOORAGE_METRICS              = var.metrics ? "on" : "off"
      MOORAGE_TRACING              = var.tracing ? "on" : "off"
    },
    var.s3_public_url == "" ? {} : { MOORAGE_S3_PUBLIC_URL = var.s3_public_url },
    # Who asks is known from X-Forwarded-For alone there: the load balancer writes to it, and CloudFront before it.
    local.is_alb ? { MOORAGE_PROXIES = local.has_cdn ? "2" : "1" } : {},
  )
}
