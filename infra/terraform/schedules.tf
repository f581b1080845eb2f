# What happens by the clock. Idempotent functions; each at a minute of its own, so that they do not meet.
locals {
  all_schedules = {
    sweep_uploads  = { when = "cron(7 * * * ? *)", about = "hourly" }
    sweep_releases = { when = "cron(22 * * * ? *)", about = "hourly" }
    sweep_projects = { when = "cron(37 * * * ? *)", about = "hourly" }
    purge_audit    = { when = "cron(52 * * * ? *)", about = "hourly" }
    # Not rate(30 days): its first turn is at once, beside the provisioning that makes the first keys.
    rotate_keys = { when = "cron(15 3 1 * ? *)", about = "monthly" }
  }
  schedules = var.schedules ? local.all_schedules : {}
}

resource "aws_scheduler_schedule_group" "registry" {
  count = var.schedules ? 1 : 0

  name = var.name
}

resource "aws_scheduler_schedule" "duty" {
  for_each = local.schedules

  name                = replace(each.key, "_", "-")
  group_name          = aws_scheduler_schedule_group.registry[0].name
  description         = "Moorage ${var.name}: ${each.value.about}, ${local.duties[each.key].about}"
  schedule_expression = each.value.when
  kms_key_arn         = local.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_alias.live[each.key].arn
    role_arn = aws_iam_role.scheduler[0].arn
    input    = jsonencode({})

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }

    dead_letter_config {
      arn = aws_sqs_queue.schedules_dlq.arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}

resource "aws_iam_role" "scheduler" {
  count = var.schedules ? 1 : 0

  name                 = "${local.role_prefix}-scheduler"
  description          = "Moorage ${var.name}: starts the scheduled functions"
  assume_role_policy   = data.aws_iam_policy_document.scheduler_assumes.json
  permissions_boundary = local.permissions_boundary
}

data "aws_iam_policy_document" "scheduler_assumes" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role_policy" "scheduler" {
  count = var.schedules ? 1 : 0

  name   = "scheduler"
  role   = aws_iam_role.scheduler[0].name
  policy = data.aws_iam_policy_document.scheduler[0].json
}

data "aws_iam_policy_document" "scheduler" {
  count = var.schedules ? 1 : 0

  statement {
    sid       = "Start"
    actions   = ["lambda:InvokeFunction"]
    resources = [for duty in keys(local.schedules) : aws_lambda_alias.live[duty].arn]
  }

  statement {
    sid       = "Undelivered"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.schedules_dlq.arn]
  }

  dynamic "statement" {
    for_each = local.has_key ? [1] : []
    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.kms_key_arn]
    }
  }
}
