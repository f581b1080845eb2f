# One role a duty, with what its code calls and no more. tests/infra holds these against the calls that are really made.
locals {
  role_prefix          = "${var.name}-${var.region}"
  permissions_boundary = var.permissions_boundary_arn == "" ? null : var.permissions_boundary_arn
}

resource "aws_iam_role" "duty" {
  for_each = local.duties

  name                 = "${local.role_prefix}-${replace(each.key, "_", "-")}"
  description          = "Moorage ${var.name}: ${each.value.about}"
  assume_role_policy   = data.aws_iam_policy_document.lambda_assumes.json
  permissions_boundary = local.permissions_boundary
}

data "aws_iam_policy_document" "lambda_assumes" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "duty" {
  for_each = local.duties

  name   = "duty"
  role   = aws_iam_role.duty[each.key].name
  policy = data.aws_iam_policy_document.duty[each.key].json
}

data "aws_iam_policy_document" "duty" {
  for_each = local.duties

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.duty[each.key].arn}:*"]
  }

  # X-Ray has no resources to name.
  dynamic "statement" {
    for_each = var.tracing ? [1] : []
    content {
      sid       = "Traces"
      actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = length(local.permissions[each.key].table) > 0 ? [1] : []
    content {
      sid       = "Table"
      actions   = [for action in local.permissions[each.key].table : "dynamodb:${action}"]
      resources = [aws_dynamodb_table.registry.arn]
    }
  }

  dynamic "statement" {
    for_each = local.permissions[each.key].objects
    content {
      sid       = "Objects${title(trimsuffix(statement.key, "/*"))}"
      actions   = [for action in statement.value : "s3:${action}"]
      resources = ["${aws_s3_bucket.registry.arn}/${statement.key}"]
    }
  }

  dynamic "statement" {
    for_each = length(local.permissions[each.key].bucket) > 0 ? [1] : []
    content {
      sid       = "Bucket"
      actions   = [for action in local.permissions[each.key].bucket : "s3:${action}"]
      resources = [aws_s3_bucket.registry.arn]
    }
  }

  dynamic "statement" {
    for_each = length(local.permissions[each.key].reads) > 0 ? [1] : []
    content {
      sid       = "SecretsRead"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for secret in local.permissions[each.key].reads : aws_secretsmanager_secret.registry[secret].arn]
    }
  }

  dynamic "statement" {
    for_each = length(local.permissions[each.key].writes) > 0 ? [1] : []
    content {
      sid       = "SecretsWrite"
      actions   = ["secretsmanager:PutSecretValue"]
      resources = [for secret in local.permissions[each.key].writes : aws_secretsmanager_secret.registry[secret].arn]
    }
  }

  # On AWS a batch is the same action; an emulator has one more for it.
  dynamic "statement" {
    for_each = length(local.permissions[each.key].sends) > 0 ? [1] : []
    content {
      sid       = "QueuesSend"
      actions   = concat(["sqs:SendMessage"], var.emulator ? ["sqs:SendMessageBatch"] : [])
      resources = [for queue in local.permissions[each.key].sends : "${local.queue_arn}:${local.queue_names[queue]}"]
    }
  }

  dynamic "statement" {
    for_each = length(local.permissions[each.key].receives) > 0 ? [1] : []
    content {
      sid       = "QueuesReceive"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      resources = [for queue in local.permissions[each.key].receives : "${local.queue_arn}:${local.queue_names[queue]}"]
    }
  }

  # The key itself only through the services that hold what it encrypts.
  dynamic "statement" {
    for_each = local.has_key ? [1] : []
    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.kms_key_arn]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.permissions[each.key].via
      }
    }
  }
}
