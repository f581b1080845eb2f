# The load balancer before the upload service. With a domain it is public and has TLS; without one it is private, and CloudFront
# brings what clients send (cloudfront.tf). With door = "alb" it is the registry's door: `/v2` to the containers, which then
# serve the registry as well, and everything else to the console's function.
#
# Real AWS must confirm (smoke test): uploads of hours at full speed, also by HTTP/2; that a chunked PATCH reaches the container
# as it comes, not gathered first; what a client sees when a container is drained while it uploads.
locals {
  # The longest silence: after the last byte of a large layer the service may have to read it again before it answers. The
  # service keeps idle connections for longer (upload_service/__main__.py), so that none closes as the balancer picks it.
  load_balancer_idle_s = 600

  # For who asks the upload host for anything else.
  nothing_here = jsonencode({ errors = [{ code = "NOT_FOUND", message = "this host only takes uploads" }] })

  # Public and private ones have two names, since one is made before the other goes. A target group serves one load balancer.
  # A protected balancer does not go: an apply that moves from one kind to the other wants deletion_protection = false.
  balancer_kind = local.is_private ? "private" : "public"
}

resource "aws_lb" "uploads" {
  #checkov:skip=CKV2_AWS_20:with TLS there is no listener on port 80 at all, so nothing to redirect
  #checkov:skip=CKV2_AWS_28:waf = true; the rules cost money and a registry on its own authenticates every request
  count = local.has_uploads ? 1 : 0

  name               = "${var.name}-${local.balancer_kind}"
  load_balancer_type = "application"
  internal           = local.is_private
  subnets            = local.is_private ? local.private_subnets : local.public_subnets
  security_groups    = [aws_security_group.load_balancer[0].id]

  idle_timeout               = local.load_balancer_idle_s
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_http2               = true
  enable_deletion_protection = var.deletion_protection

  dynamic "access_logs" {
    for_each = local.has_balancer_logs ? [1] : []
    content {
      enabled = true
      bucket  = aws_s3_bucket.balancer_logs[0].bucket
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_s3_bucket_policy.balancer_logs, aws_route.internet]
}

resource "aws_lb_target_group" "uploads" {
  #checkov:skip=CKV_AWS_378:containers take plain HTTP from the load balancer's security group only, inside the VPC
  count = local.has_uploads ? 1 : 0

  name                 = "${var.name}-up-${local.balancer_kind}"
  target_type          = "ip"
  vpc_id               = aws_vpc.main[0].id
  port                 = local.upload_port
  protocol             = "HTTP"
  deregistration_delay = var.upload_drain_s

  # Uploads last: a new one goes where the fewest are.
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 6
  }

  lifecycle {
    create_before_destroy = true
  }
}

# By TLS with a domain. Without one inside of the network only: what CloudFront brings has come by TLS.
resource "aws_lb_listener" "uploads" {
  #checkov:skip=CKV_AWS_2:plain only where the load balancer is private and CloudFront, which has TLS, is the one that reaches it
  #checkov:skip=CKV_AWS_103:the same: there is no TLS without a domain of your own
  count = local.has_uploads ? 1 : 0

  load_balancer_arn = aws_lb.uploads[0].arn
  port              = local.has_tls ? 443 : 80
  protocol          = local.has_tls ? "HTTPS" : "HTTP"
  ssl_policy        = local.has_tls ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null
  certificate_arn   = local.has_tls ? local.certificate_arn : null

  default_action {
    type             = local.is_alb ? "forward" : "fixed-response"
    target_group_arn = local.is_alb ? aws_lb_target_group.console[0].arn : null

    dynamic "fixed_response" {
      for_each = local.is_alb ? [] : [1]
      content {
        status_code  = "404"
        content_type = "application/json"
        message_body = local.nothing_here
      }
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener_rule" "uploads" {
  count = local.has_uploads ? 1 : 0

  listener_arn = aws_lb_listener.uploads[0].arn
  priority     = 10

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.uploads[0].arn
  }

  condition {
    path_pattern {
      values = local.is_alb ? ["/v2", "/v2/*"] : ["/v2/*/blobs/uploads/*"]
    }
  }

  # The old balancer's rule stays until clients are sent to the new one.
  lifecycle {
    create_before_destroy = true
  }
}
