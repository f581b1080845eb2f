# AWS WAF, off unless asked for: AWS's rules, and a limit of requests per address. HTTP APIs cannot have it.
locals {
  # Where a web ACL of this region goes. A private load balancer is behind CloudFront, which has one of its own.
  waf_targets = var.waf ? merge(
    local.is_rest ? { registry = aws_api_gateway_stage.registry[0].arn } : {},
    local.is_rest ? { for stage in keys(local.console_stages) : stage => aws_api_gateway_stage.console[stage].arn } : {},
    local.has_tls ? { load_balancer = aws_lb.uploads[0].arn } : {},
  ) : {}
  has_regional_waf = var.waf && (local.is_rest || local.has_tls)
  has_cdn_waf      = var.waf && local.has_cdn && var.cdn_web_acl_arn == ""
  web_acls = merge(
    local.has_regional_waf ? { regional = "REGIONAL" } : {},
    local.has_cdn_waf ? { cdn = "CLOUDFRONT" } : {},
  )
  cdn_web_acl_arn = var.cdn_web_acl_arn != "" ? var.cdn_web_acl_arn : try(aws_wafv2_web_acl.main["cdn"].arn, null)

  # Rules that would refuse what a registry is for. They are counted, so that their metrics still tell.
  waf_counted = {
    # A manifest may have 4 MiB and a layer any size; the rule stops bodies at 8 KiB.
    SizeRestrictions_BODY = "bodies"
    # An upload's signed state makes a query longer than 2 KiB with long repository names, and an OpenID login's answer does too.
    SizeRestrictions_QUERYSTRING = "queries"
    # Annotations, labels and build histories in manifests hold HTML, addresses and shell commands, and layers anything.
    CrossSiteScripting_BODY = "bodies"
    GenericRFI_BODY         = "bodies"
    GenericLFI_BODY         = "bodies"
    EC2MetaDataSSRF_BODY    = "bodies"
    # Addresses that an OpenID login comes back to are parameters.
    GenericRFI_QUERYARGUMENTS = "queries"
    # A tag may end like a file of a system: v1.bak.
    RestrictedExtensions_URIPATH = "paths"
    # Some clients and health checks send no User-Agent.
    NoUserAgent_HEADER = "clients"
  }
  waf_managed = {
    AWSManagedRulesAmazonIpReputationList = { priority = 10, counted = {} }
    AWSManagedRulesKnownBadInputsRuleSet  = { priority = 20, counted = {} }
    AWSManagedRulesCommonRuleSet          = { priority = 30, counted = local.waf_counted }
  }
}

resource "aws_wafv2_web_acl" "main" {
  #checkov:skip=CKV_AWS_192:AWSManagedRulesKnownBadInputsRuleSet has the rule; it is in a dynamic block, which is not read
  #checkov:skip=CKV2_AWS_31:WAF logs whole headers, and headers hold credentials; metrics tell what is blocked
  for_each = local.web_acls

  name        = "${var.name}-${each.key}"
  description = "Moorage ${var.name}"
  scope       = each.value

  default_action {
    allow {}
  }

  custom_response_body {
    key          = "too-many"
    content_type = "APPLICATION_JSON"
    content      = jsonencode({ errors = [{ code = "TOOMANYREQUESTS", message = "too many requests from this address" }] })
  }

  # In the words of the OCI distribution specification, so that clients say it and wait.
  rule {
    name     = "rate"
    priority = 0

    action {
      block {
        custom_response {
          response_code            = 429
          custom_response_body_key = "too-many"
        }
      }
    }

    statement {
      rate_based_statement {
        limit              = var.waf_rate_limit
        aggregate_key_type = "IP"
      }
    }

    visibility_config {
      metric_name                = "${var.name}-rate"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = false
    }
  }

  dynamic "rule" {
    for_each = local.waf_managed
    content {
      name     = rule.key
      priority = rule.value.priority

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.key

          # Layers hold anything, in whatever form, and who sends them shows a signature that was just given to him.
          scope_down_statement {
            not_statement {
              statement {
                byte_match_statement {
                  positional_constraint = "CONTAINS"
                  search_string         = "/blobs/uploads/"
                  field_to_match {
                    uri_path {}
                  }
                  text_transformation {
                    priority = 0
                    type     = "NONE"
                  }
                }
              }
            }
          }

          dynamic "rule_action_override" {
            for_each = rule.value.counted
            content {
              name = rule_action_override.key
              action_to_use {
                count {}
              }
            }
          }
        }
      }

      # Samples of requests hold headers, and headers hold credentials.
      visibility_config {
        metric_name                = "${var.name}-${rule.key}"
        cloudwatch_metrics_enabled = true
        sampled_requests_enabled   = false
      }
    }
  }

  visibility_config {
    metric_name                = "${var.name}-${each.key}"
    cloudwatch_metrics_enabled = true
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "main" {
  for_each = local.waf_targets

  resource_arn = each.value
  web_acl_arn  = aws_wafv2_web_acl.main["regional"].arn
}
