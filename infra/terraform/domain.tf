# Own domains: certificates, API Gateway's domain, records. With hosted_zone_id all is made here; without it the certificate is
# given (certificate_arn), and the records are yours to write (output dns_records).
locals {
  has_zone = var.hosted_zone_id != ""

  # What a certificate of ours must cover, in an order that stays.
  domains          = compact([var.domain_name, var.upload_domain_name])
  has_certificate  = length(local.domains) > 0 && var.certificate_arn == ""
  certificate_arn  = local.has_certificate ? one(aws_acm_certificate_validation.main[*].certificate_arn) : var.certificate_arn
  has_gateway_name = var.domain_name != "" && !local.is_alb

  # CloudFront takes certificates of us-east-1 only.
  cdn_certificate_arn = var.cdn_certificate_arn != "" ? var.cdn_certificate_arn : local.certificate_arn

  # The first part of a path says which API it belongs to: on one host everything is where it is on two.
  gateway_mappings = merge(
    local.has_gateway_name && local.is_rest ? merge(
      { v2 = { key = "v2", api = aws_api_gateway_rest_api.registry[0].id, stage = aws_api_gateway_stage.registry[0].stage_name } },
      { for stage in keys(local.console_stages) : stage => {
        key = stage, api = aws_api_gateway_rest_api.console[0].id, stage = aws_api_gateway_stage.console[stage].stage_name
      } },
    ) : {},
    local.has_gateway_name && local.is_http ? {
      all = { key = null, api = aws_apigatewayv2_api.http[0].id, stage = aws_apigatewayv2_stage.http[0].name }
    } : {},
  )

  # Where each domain leads: API Gateway, CloudFront or the load balancer.
  domain_targets = merge(
    local.has_gateway_name ? { (var.domain_name) = {
      name    = aws_apigatewayv2_domain_name.main[0].domain_name_configuration[0].target_domain_name
      zone_id = aws_apigatewayv2_domain_name.main[0].domain_name_configuration[0].hosted_zone_id
      types   = ["A"]
    } } : {},
    local.has_cdn && local.edge_domain != "" ? { (local.edge_domain) = {
      name    = aws_cloudfront_distribution.uploads[0].domain_name
      zone_id = aws_cloudfront_distribution.uploads[0].hosted_zone_id
      types   = ["A", "AAAA"]
    } } : {},
    local.has_tls ? { (local.edge_domain) = {
      name    = aws_lb.uploads[0].dns_name
      zone_id = aws_lb.uploads[0].zone_id
      types   = ["A"]
    } } : {},
  )
  domain_records = merge([
    for domain, target in local.domain_targets : { for type in target.types : "${domain} ${type}" => { domain = domain, type = type } }
  ]...)
}

resource "aws_acm_certificate" "main" {
  count = local.has_certificate ? 1 : 0

  domain_name               = local.domains[0]
  subject_alternative_names = slice(local.domains, 1, length(local.domains))
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  for_each = local.has_certificate ? toset(local.domains) : toset([])

  zone_id         = var.hosted_zone_id
  name            = one([for option in aws_acm_certificate.main[0].domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type            = one([for option in aws_acm_certificate.main[0].domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records         = [for option in aws_acm_certificate.main[0].domain_validation_options : option.resource_record_value if option.domain_name == each.key]
  ttl             = 60
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "main" {
  count = local.has_certificate ? 1 : 0

  certificate_arn         = aws_acm_certificate.main[0].arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

# Version 2's resources serve REST APIs and HTTP APIs alike.
resource "aws_apigatewayv2_domain_name" "main" {
  count = local.has_gateway_name ? 1 : 0

  domain_name = var.domain_name

  domain_name_configuration {
    certificate_arn = local.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "main" {
  for_each = local.gateway_mappings

  domain_name     = aws_apigatewayv2_domain_name.main[0].id
  api_id          = each.value.api
  stage           = each.value.stage
  api_mapping_key = each.value.key
}

resource "aws_route53_record" "domain" {
  for_each = local.has_zone ? local.domain_records : {}

  zone_id = var.hosted_zone_id
  name    = each.value.domain
  type    = each.value.type

  alias {
    name                   = local.domain_targets[each.value.domain].name
    zone_id                = local.domain_targets[each.value.domain].zone_id
    evaluate_target_health = false
  }
}
