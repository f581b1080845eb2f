# AWS's services from inside the network. Each endpoint passes only what this deployment does there, so that even a container in
# a stranger's hands can carry nothing to a bucket or queue of the stranger's.
locals {
  has_endpoints = local.has_network && var.task_network == "endpoints"

  gateway_services = local.has_network ? merge(
    { s3 = "s3" },
    local.has_uploads ? { dynamodb = "dynamodb" } : {},
  ) : {}

  # Each of these is paid by the hour and zone (docs/explanation/cost.md).
  interface_services = local.has_endpoints ? toset(concat(
    ["ecr.api", "ecr.dkr", "logs"],
    local.has_uploads ? ["secretsmanager"] : [],
    local.has_uploads && local.has_xray ? ["xray"] : [],
    var.scan_cluster ? ["sqs"] : [],
  )) : toset([])

  # ECR keeps layers in a bucket of AWS's, one a region, and gives containers signed URLs.
  layer_bucket_arn = "arn:${local.partition}:s3:::prod-${var.region}-starport-layer-bucket"

  endpoint_grants = {
    s3 = concat([
      {
        actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        resources = ["${local.bucket_arn}/*"]
        is_ours   = true
      },
      { actions = ["s3:ListBucket"], resources = [local.bucket_arn], is_ours = true },
      { actions = ["s3:GetObject"], resources = ["${local.layer_bucket_arn}/*"], is_ours = false },
      ], local.is_public_tasks ? [
      # Who may go out to the internet fetches images from any registry, and some keep them in S3.
      { actions = ["s3:GetObject"], resources = ["*"], is_ours = false },
    ] : [])
    dynamodb = [{
      actions   = [for action in local.every_table_action : "dynamodb:${action}"]
      resources = [aws_dynamodb_table.registry.arn]
      is_ours   = true
    }]
    # The token has no resource to name; the other calls are on repositories that the roles name.
    "ecr.api" = [{ actions = local.ecr_actions, resources = ["*"], is_ours = true }]
    "ecr.dkr" = [{ actions = local.ecr_actions, resources = ["*"], is_ours = true }]
    logs = [{
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = [for group in aws_cloudwatch_log_group.container : "${group.arn}:*"]
      is_ours   = true
    }]
    secretsmanager = [{
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for secret in local.task_permissions.uploads.reads : aws_secretsmanager_secret.registry[secret].arn]
      is_ours   = true
    }]
    xray = [{ actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources = ["*"], is_ours = true }]
    sqs = [{
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
      resources = ["${local.queue_arn}:${local.queue_names.scan_jobs}"]
      is_ours   = true
    }]
  }
}

data "aws_iam_policy_document" "endpoint" {
  for_each = toset(concat(keys(local.gateway_services), tolist(local.interface_services)))

  dynamic "statement" {
    for_each = local.endpoint_grants[each.key]
    content {
      actions   = statement.value.actions
      resources = statement.value.resources
      principals {
        type        = "*"
        identifiers = ["*"]
      }
      dynamic "condition" {
        for_each = statement.value.is_ours ? [1] : []
        content {
          test     = "StringEquals"
          variable = "aws:PrincipalAccount"
          values   = [local.account_id]
        }
      }
    }
  }
}

resource "aws_vpc_endpoint" "gateway" {
  for_each = local.gateway_services

  vpc_id            = aws_vpc.main[0].id
  service_name      = "com.amazonaws.${var.region}.${each.value}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat(aws_route_table.private[*].id, aws_route_table.public[*].id)
  policy            = data.aws_iam_policy_document.endpoint[each.key].json

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interface_services

  vpc_id              = aws_vpc.main[0].id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = local.private_subnets
  security_group_ids  = [aws_security_group.endpoints[0].id]
  policy              = data.aws_iam_policy_document.endpoint[each.key].json

  tags = { Name = "${var.name}-${each.key}" }
}
