# The network that containers run in. No NAT gateway: what containers call is reached through endpoints (endpoints.tf), or
# from a public address that nobody can connect to (task_network = "public").
resource "aws_vpc" "main" {
  #checkov:skip=CKV2_AWS_11:paid by the GB and read by nobody: nothing is routed out, and security groups name who talks to whom
  count = local.has_network ? 1 : 0

  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Nothing uses it, and whatever would by mistake reaches nothing.
resource "aws_default_security_group" "closed" {
  count = local.has_network ? 1 : 0

  vpc_id = aws_vpc.main[0].id
  tags   = { Name = "${var.name}-unused" }
}

data "aws_availability_zones" "available" {
  #checkov:skip=CKV_AWS_394:the first az_count names are taken, and zones that AWS adds come after those there are
  count = local.has_network ? 1 : 0

  state = "available"
  # Local zones have neither Fargate nor load balancers of this kind.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }

  lifecycle {
    postcondition {
      condition     = length(self.names) >= var.az_count
      error_message = "Set az_count to ${length(self.names)} or less: region ${var.region} has no more zones for this account."
    }
  }
}

locals {
  zones           = local.has_network ? slice(data.aws_availability_zones.available[0].names, 0, var.az_count) : []
  private_subnets = aws_subnet.private[*].id
  public_subnets  = aws_subnet.public[*].id

  is_public_tasks = local.has_network && var.task_network == "public"
  has_public      = local.is_public_tasks || local.has_tls
  # CloudFront reaches a private load balancer only in a network that has an internet gateway, though nothing is routed through it.
  has_gateway = local.has_public || local.has_cdn

  task_subnets = local.is_public_tasks ? local.public_subnets : local.private_subnets
}

resource "aws_subnet" "private" {
  count = local.has_network ? var.az_count : 0

  vpc_id            = aws_vpc.main[0].id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, count.index)

  tags = { Name = "${var.name}-private-${local.zones[count.index]}" }
}

resource "aws_subnet" "public" {
  count = local.has_public ? var.az_count : 0

  vpc_id            = aws_vpc.main[0].id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, 8 + count.index)
  # Who needs a public address asks for one.
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-public-${local.zones[count.index]}" }
}

resource "aws_internet_gateway" "main" {
  count = local.has_gateway ? 1 : 0

  vpc_id = aws_vpc.main[0].id
  tags   = { Name = var.name }
}

resource "aws_route_table" "private" {
  count = local.has_network ? 1 : 0

  vpc_id = aws_vpc.main[0].id
  tags   = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  count = local.has_network ? var.az_count : 0

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[0].id
}

resource "aws_route_table" "public" {
  count = local.has_public ? 1 : 0

  vpc_id = aws_vpc.main[0].id
  tags   = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  count = local.has_public ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main[0].id
}

resource "aws_route_table_association" "public" {
  count = local.has_public ? var.az_count : 0

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public[0].id
}
