# Topics and queues. Every queue has a dead-letter queue or is one. A queue's policy is written with it, so that there is no
# moment without; that is why ARNs are composed here.
locals {
  queue_arn = "arn:${local.partition}:sqs:${var.region}:${local.account_id}"
  topic_arn = "arn:${local.partition}:sns:${var.region}:${local.account_id}"
  queue_names = {
    manifest_events     = "${var.name}-manifest-events"
    manifest_events_dlq = "${var.name}-manifest-events-dlq"
    scan_jobs           = "${var.name}-scan-jobs"
    scan_jobs_dlq       = "${var.name}-scan-jobs-dlq"
    schedules_dlq       = "${var.name}-schedules-dlq"
  }
  # As SQS writes them; composed so that no function waits for a queue, which takes its half minute.
  queue_urls  = { for key, name in local.queue_names : key => "https://sqs.${var.region}.${local.dns_suffix}/${local.account_id}/${name}" }
  topic_names = { events = "${var.name}-events", alarms = "${var.name}-alarms" }

  # Nobody looks at a dead-letter queue the same day.
  dead_letter_retention_s = 14 * 86400
  has_scans               = var.scan_cluster || var.scan_dispatch
}

# S3 tells of new manifests here; the function dispatch_scans reads.
resource "aws_sqs_queue" "manifest_events" {
  name                       = local.queue_names.manifest_events
  visibility_timeout_seconds = 6 * local.duties.dispatch_scans.timeout
  message_retention_seconds  = 4 * 86400
  sqs_managed_sse_enabled    = local.has_key ? null : true
  kms_master_key_id          = local.kms_key_arn
  policy                     = data.aws_iam_policy_document.queue["manifest_events"].json
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.manifest_events_dlq.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "manifest_events_dlq" {
  name                      = local.queue_names.manifest_events_dlq
  message_retention_seconds = local.dead_letter_retention_s
  sqs_managed_sse_enabled   = local.has_key ? null : true
  kms_master_key_id         = local.kms_key_arn
  policy                    = data.aws_iam_policy_document.queue["manifest_events_dlq"].json
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["${local.queue_arn}:${local.queue_names.manifest_events}"]
  })
}

# One message a manifest; the scan workers drain it.
resource "aws_sqs_queue" "scan_jobs" {
  name                       = local.queue_names.scan_jobs
  visibility_timeout_seconds = var.scan_timeout_s
  message_retention_seconds  = 4 * 86400
  sqs_managed_sse_enabled    = local.has_key ? null : true
  kms_master_key_id          = local.kms_key_arn
  policy                     = data.aws_iam_policy_document.queue["scan_jobs"].json
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.scan_jobs_dlq.arn
    maxReceiveCount     = 3
  })
}

resource "aws_sqs_queue" "scan_jobs_dlq" {
  name                      = local.queue_names.scan_jobs_dlq
  message_retention_seconds = local.dead_letter_retention_s
  sqs_managed_sse_enabled   = local.has_key ? null : true
  kms_master_key_id         = local.kms_key_arn
  policy                    = data.aws_iam_policy_document.queue["scan_jobs_dlq"].json
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["${local.queue_arn}:${local.queue_names.scan_jobs}"]
  })
}

# What a schedule could not deliver, and what a scheduled function failed at three times.
resource "aws_sqs_queue" "schedules_dlq" {
  name                      = local.queue_names.schedules_dlq
  message_retention_seconds = local.dead_letter_retention_s
  sqs_managed_sse_enabled   = local.has_key ? null : true
  kms_master_key_id         = local.kms_key_arn
  policy                    = data.aws_iam_policy_document.queue["schedules_dlq"].json
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queue_names

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = ["${local.queue_arn}:${each.value}"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = [local.plain_text]
    }
  }

  dynamic "statement" {
    for_each = each.key == "manifest_events" ? [1] : []
    content {
      sid       = "BucketSends"
      actions   = ["sqs:SendMessage"]
      resources = ["${local.queue_arn}:${each.value}"]
      principals {
        type        = "Service"
        identifiers = ["s3.amazonaws.com"]
      }
      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [local.bucket_arn]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }
    }
  }
}

# Events of the registry: anybody who is let may subscribe. Alarms of this deployment.
resource "aws_sns_topic" "events" {
  name              = local.topic_names.events
  kms_master_key_id = local.kms_key_arn
}

resource "aws_sns_topic" "alarms" {
  name              = local.topic_names.alarms
  kms_master_key_id = local.kms_key_arn
}

resource "aws_sns_topic_policy" "events" {
  arn    = aws_sns_topic.events.arn
  policy = data.aws_iam_policy_document.topic["events"].json
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.topic["alarms"].json
}

data "aws_iam_policy_document" "topic" {
  for_each = local.topic_names

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = ["${local.topic_arn}:${each.value}"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = [local.plain_text]
    }
  }

  dynamic "statement" {
    for_each = each.key == "alarms" ? [1] : []
    content {
      sid       = "AlarmsPublish"
      actions   = ["sns:Publish"]
      resources = ["${local.topic_arn}:${each.value}"]
      principals {
        type        = "Service"
        identifiers = ["cloudwatch.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }
    }
  }
}
