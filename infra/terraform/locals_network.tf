# What of the network half there is.
locals {
  has_uploads = var.upload_service == "fargate"
  has_network = local.has_uploads || var.scan_cluster
  is_alb      = var.door == "alb"

  # The load balancer's own domain. With door = "alb" that is the registry's.
  edge_domain = local.is_alb ? var.domain_name : var.upload_domain_name

  # A load balancer has TLS only with a certificate, and that only with a domain. Emulators have no TLS at all.
  has_cdn    = local.has_uploads && (var.cdn == "on" || var.cdn == "auto" && local.edge_domain == "" && !var.emulator)
  has_tls    = local.has_uploads && !local.has_cdn && local.edge_domain != ""
  is_private = local.has_uploads && !local.has_tls

  cdn_host = one(aws_cloudfront_distribution.uploads[*].domain_name)

  # Where clients reach the load balancer: by its domain, through CloudFront or, on an emulator, as it is.
  alb_url = (
    !local.has_uploads ? "https://no-load-balancer.invalid"
    : local.edge_domain != "" ? "https://${local.edge_domain}"
    : local.has_cdn ? "https://${local.cdn_host}"
    : "http://${aws_lb.uploads[0].dns_name}"
  )

  # An image that containers reach without internet: through the endpoints of ECR in this region.
  ecr_image = "^([0-9]{12})[.]dkr[.]ecr[.]${var.region}[.]amazonaws[.]com(?:[.]cn)?/([a-z0-9._/-]+)(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[a-f0-9]{64})?$"

  # Memory that Fargate has for a processor, MB.
  fargate_memory_mb = {
    "256"  = [512, 1024, 2048]
    "512"  = range(1024, 4097, 1024)
    "1024" = range(2048, 8193, 1024)
    "2048" = range(4096, 16385, 1024)
    "4096" = range(8192, 30721, 1024)
  }
}
