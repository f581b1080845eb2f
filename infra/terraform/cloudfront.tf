# CloudFront before the load balancer: TLS without a domain. It reaches a private load balancer through a VPC origin, so no secret
# header has to tell it from others: nobody else gets there. It keeps nothing.
#
# What AWS documents: a request's body of any framing is passed on (Transfer-Encoding: chunked stays, Expect is taken away); a
# request is 20,480 bytes long at most without its body, a URL 8,192; files of POST and PUT may have 20 GB (50 GB by newer
# pages); an answer must begin within the read timeout after the request was passed on, or the client gets 504, and a PATCH, PUT
# or POST is not tried again. With CloudFront's own certificate TLS 1.0 cannot be switched off; a domain ends that.
#
# Real AWS must confirm (smoke test): that the read timeout begins when the body has ended, not with its first byte, so that an
# upload may take longer than it; that a chunked PATCH is streamed and not gathered; the largest body (a layer above 20 GB); that
# a VPC origin's address is in the origin-facing prefix list; that POST's 202 with its Location, and 401 with WWW-Authenticate,
# pass as they are; that HEAD keeps its Content-Length.
resource "aws_cloudfront_vpc_origin" "uploads" {
  count = local.has_cdn ? 1 : 0

  vpc_origin_endpoint_config {
    name                   = "${var.name}-uploads"
    arn                    = aws_lb.uploads[0].arn
    http_port              = 80
    https_port             = 443
    origin_protocol_policy = "http-only"

    origin_ssl_protocols {
      items    = ["TLSv1.2"]
      quantity = 1
    }
  }

  tags = local.tags

  # A load balancer without a listener has nothing to reach. And when a domain comes instead, what lets CloudFront in goes after it.
  depends_on = [
    aws_lb_listener.uploads,
    aws_internet_gateway.main,
    aws_vpc_security_group_ingress_rule.cloudfront,
  ]
}

# CloudFront joins requests that come at once for one key, even where it keeps nothing: whoever asks second gets the first one's
# answer. So credentials, cookies and queries are part of the key, which AWS's own policy "CachingDisabled" leaves out. A policy
# with a header in its key must have a lifetime above zero; one second, and none unless the answer asks for it.
resource "aws_cloudfront_cache_policy" "nothing" {
  count = local.has_cdn ? 1 : 0

  name        = "${var.name}-${var.region}-nothing"
  comment     = "Moorage ${var.name}: nobody gets another one's answer"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 1

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = false
    enable_accept_encoding_gzip   = false

    headers_config {
      header_behavior = "whitelist"
      headers {
        items = ["Accept", "Authorization"]
      }
    }

    cookies_config {
      cookie_behavior = "all"
    }

    query_strings_config {
      query_string_behavior = "all"
    }
  }
}

# Everything that a client sends arrives: Content-Range of an upload, Host, and what clients that nobody thought of send.
data "aws_cloudfront_origin_request_policy" "all" {
  count = local.has_cdn ? 1 : 0

  name = "Managed-AllViewer"
}

resource "aws_cloudfront_distribution" "uploads" {
  #checkov:skip=CKV2_AWS_32:answers are the registry's, with the headers that it sets
  #checkov:skip=CKV2_AWS_42:without a domain of your own there is no certificate of your own
  #checkov:skip=CKV2_AWS_47:waf = true brings AWSManagedRulesKnownBadInputsRuleSet
  #checkov:skip=CKV_AWS_174:TLS 1.2 with a domain; CloudFront's own certificate does not let one choose
  #checkov:skip=CKV_AWS_86:its lines hold whole URLs, and an upload's URL is a credential
  count = local.has_cdn ? 1 : 0

  comment         = "Moorage ${var.name}"
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2"
  price_class     = var.cdn_price_class
  aliases         = local.edge_domain == "" ? [] : [local.edge_domain]
  web_acl_id      = local.cdn_web_acl_arn

  origin {
    origin_id   = "load-balancer"
    domain_name = aws_lb.uploads[0].dns_name
    # A PATCH is not idempotent, and CloudFront repeats none; a GET is.
    connection_attempts = 3
    connection_timeout  = 10

    vpc_origin_config {
      vpc_origin_id            = aws_cloudfront_vpc_origin.uploads[0].id
      origin_read_timeout      = var.cdn_read_timeout_s
      origin_keepalive_timeout = 60
    }
  }

  default_cache_behavior {
    target_origin_id         = "load-balancer"
    allowed_methods          = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods           = ["GET", "HEAD"]
    viewer_protocol_policy   = "https-only"
    cache_policy_id          = aws_cloudfront_cache_policy.nothing[0].id
    origin_request_policy_id = data.aws_cloudfront_origin_request_policy.all[0].id
    # Digests are of bytes as they are.
    compress = false
  }

  # CloudFront keeps error answers for ten seconds unless told otherwise.
  dynamic "custom_error_response" {
    for_each = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]
    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = local.edge_domain == ""
    acm_certificate_arn            = local.edge_domain == "" ? null : local.cdn_certificate_arn
    ssl_support_method             = local.edge_domain == "" ? null : "sni-only"
    minimum_protocol_version       = local.edge_domain == "" ? "TLSv1" : "TLSv1.2_2021"
  }
}
