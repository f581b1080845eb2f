# The ECS cluster of both kinds of containers, their logs, and the role that ECS starts them with.
resource "aws_ecs_cluster" "main" {
  #checkov:skip=CKV_AWS_65:container_insights = true; it is paid per metric, and alarms do not need it
  count = local.has_network ? 1 : 0

  name = var.name

  setting {
    name  = "containerInsights"
    value = var.container_insights ? "enabled" : "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  count = local.has_network ? 1 : 0

  cluster_name       = aws_ecs_cluster.main[0].name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

locals {
  containers = merge(
    local.has_uploads ? { uploads = var.upload_image } : {},
    var.scan_cluster ? { scans = var.scan_image } : {},
  )
  images = concat(values(local.containers), local.has_xray ? [var.xray_image] : [])

  has_xray = local.has_uploads && var.tracing && var.xray_image != ""

  ecr_actions = [
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
  ]
  # Repositories of the images that are in ECR; others need no permission.
  ecr_repositories = [
    for found in [for image in local.images : regexall(local.ecr_image, image)] :
    "arn:${local.partition}:ecr:${var.region}:${found[0][0]}:repository/${found[0][1]}" if length(found) > 0
  ]

  # What holds for every container of ours. It runs as nobody in particular, changes nothing of its image, and holds no right
  # over the machine.
  container_hardening = {
    essential              = true
    readonlyRootFilesystem = true
    privileged             = false
    user                   = "10001:10001"
    linuxParameters = {
      initProcessEnabled = true
      capabilities       = { add = [], drop = ["ALL"] }
    }
    ulimits        = [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }]
    systemControls = []
    volumesFrom    = []
  }
}

resource "aws_cloudwatch_log_group" "container" {
  for_each = local.containers

  name              = "/ecs/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
}

data "aws_iam_policy_document" "ecs_assumes" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    # Not for the tasks of somebody else's account.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role" "ecs_execution" {
  count = local.has_network ? 1 : 0

  name                 = "${local.role_prefix}-ecs-execution"
  description          = "Moorage ${var.name}: ECS fetches images and writes logs"
  assume_role_policy   = data.aws_iam_policy_document.ecs_assumes.json
  permissions_boundary = local.permissions_boundary
}

resource "aws_iam_role_policy" "ecs_execution" {
  count = local.has_network ? 1 : 0

  name   = "execution"
  role   = aws_iam_role.ecs_execution[0].name
  policy = data.aws_iam_policy_document.ecs_execution.json
}

data "aws_iam_policy_document" "ecs_execution" {
  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for group in aws_cloudwatch_log_group.container : "${group.arn}:*"]
  }

  dynamic "statement" {
    for_each = length(local.ecr_repositories) > 0 ? [1] : []
    content {
      sid       = "Images"
      actions   = [for action in local.ecr_actions : action if action != "ecr:GetAuthorizationToken"]
      resources = local.ecr_repositories
    }
  }

  # The token is the account's; it has no resource to name.
  dynamic "statement" {
    for_each = length(local.ecr_repositories) > 0 ? [1] : []
    content {
      sid       = "Token"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }
}
