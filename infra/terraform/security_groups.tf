# Who may open a connection to whom. Answers need no rule.
resource "aws_security_group" "load_balancer" {
  count = local.has_uploads ? 1 : 0

  name        = "${var.name}-load-balancer"
  description = "Load balancer of Moorage ${var.name}"
  vpc_id      = aws_vpc.main[0].id
}

# With a domain clients come from anywhere, by TLS.
resource "aws_vpc_security_group_ingress_rule" "internet" {
  count = local.has_tls ? 1 : 0

  security_group_id = aws_security_group.load_balancer[0].id
  description       = "Clients"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

data "aws_ec2_managed_prefix_list" "cloudfront" {
  count = local.has_cdn ? 1 : 0

  name = "com.amazonaws.global.cloudfront.origin-facing"
}

resource "aws_vpc_security_group_ingress_rule" "cloudfront" {
  #checkov:skip=CKV_AWS_260:a prefix list, not the world: CloudFront's own addresses
  count = local.has_cdn ? 1 : 0

  security_group_id = aws_security_group.load_balancer[0].id
  description       = "CloudFront"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront[0].id
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

# Neither domain nor CloudFront: an emulator.
resource "aws_vpc_security_group_ingress_rule" "inside" {
  count = local.is_private && !local.has_cdn ? 1 : 0

  security_group_id = aws_security_group.load_balancer[0].id
  description       = "Inside of the network"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  count = local.has_uploads ? 1 : 0

  security_group_id            = aws_security_group.load_balancer[0].id
  description                  = "Containers"
  referenced_security_group_id = aws_security_group.uploads[0].id
  ip_protocol                  = "tcp"
  from_port                    = local.upload_port
  to_port                      = local.upload_port
}

resource "aws_security_group" "uploads" {
  count = local.has_uploads ? 1 : 0

  name        = "${var.name}-uploads"
  description = "Upload containers of Moorage ${var.name}"
  vpc_id      = aws_vpc.main[0].id
}

resource "aws_vpc_security_group_ingress_rule" "uploads" {
  count = local.has_uploads ? 1 : 0

  security_group_id            = aws_security_group.uploads[0].id
  description                  = "Load balancer"
  referenced_security_group_id = aws_security_group.load_balancer[0].id
  ip_protocol                  = "tcp"
  from_port                    = local.upload_port
  to_port                      = local.upload_port
}

# No way in: a scan worker asks the queue for work.
resource "aws_security_group" "scans" {
  count = var.scan_cluster ? 1 : 0

  name        = "${var.name}-scans"
  description = "Scan workers of Moorage ${var.name}"
  vpc_id      = aws_vpc.main[0].id
}

locals {
  task_groups = merge(
    local.has_uploads ? { uploads = aws_security_group.uploads[0].id } : {},
    var.scan_cluster ? { scans = aws_security_group.scans[0].id } : {},
  )
}

# S3 and DynamoDB through their gateway endpoints: free, and no way round them.
resource "aws_vpc_security_group_egress_rule" "gateway" {
  for_each = {
    for pair in setproduct(keys(local.task_groups), keys(local.gateway_services)) : join("-", pair) => pair
    if pair[1] != "dynamodb" || pair[0] == "uploads"
  }

  security_group_id = local.task_groups[each.value[0]]
  description       = each.value[1]
  prefix_list_id    = aws_vpc_endpoint.gateway[each.value[1]].prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  for_each = { for task, id in local.task_groups : task => id if local.has_endpoints }

  security_group_id            = each.value
  description                  = "Endpoints of AWS services"
  referenced_security_group_id = aws_security_group.endpoints[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "internet" {
  for_each = { for task, id in local.task_groups : task => id if local.is_public_tasks }

  security_group_id = each.value
  description       = "AWS services, and the image"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_security_group" "endpoints" {
  count = local.has_endpoints ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Endpoints of AWS services for Moorage ${var.name}"
  vpc_id      = aws_vpc.main[0].id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = { for task, id in local.task_groups : task => id if local.has_endpoints }

  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "Containers: ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}
