# The load balancer's access log, off unless asked for: its lines hold whole URLs, and an upload's URL is a credential for as long
# as uploads live. Encrypted with S3's key, since load balancers write with no other.
locals {
  has_balancer_logs  = local.has_uploads && var.load_balancer_logs
  balancer_logs_name = "${var.name}-balancer-logs-${local.account_id}-${var.region}"
  balancer_logs_arn  = "arn:${local.partition}:s3:::${local.balancer_logs_name}"
}

resource "aws_s3_bucket" "balancer_logs" {
  #checkov:skip=CKV_AWS_145:load balancers write logs with S3's own key only
  #checkov:skip=CKV_AWS_21:log files are written once, and expire
  #checkov:skip=CKV2_AWS_62:nobody is to be told of log files
  count = local.has_balancer_logs ? 1 : 0

  bucket        = local.balancer_logs_name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "balancer_logs" {
  count = local.has_balancer_logs ? 1 : 0

  bucket                  = aws_s3_bucket.balancer_logs[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "balancer_logs" {
  count = local.has_balancer_logs ? 1 : 0

  bucket = aws_s3_bucket.balancer_logs[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "balancer_logs" {
  count = local.has_balancer_logs ? 1 : 0

  bucket = aws_s3_bucket.balancer_logs[0].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "balancer_logs" {
  count = local.has_balancer_logs && var.bucket_lifecycle ? 1 : 0

  bucket = aws_s3_bucket.balancer_logs[0].id

  rule {
    id     = "old"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_retention_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "balancer_logs" {
  count = local.has_balancer_logs ? 1 : 0

  bucket     = aws_s3_bucket.balancer_logs[0].id
  policy     = data.aws_iam_policy_document.balancer_logs.json
  depends_on = [aws_s3_bucket_public_access_block.balancer_logs]
}

data "aws_iam_policy_document" "balancer_logs" {
  statement {
    sid       = "LoadBalancersWrite"
    actions   = ["s3:PutObject"]
    resources = ["${local.balancer_logs_arn}/AWSLogs/${local.account_id}/*"]
    principals {
      type        = "Service"
      identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.balancer_logs_arn, "${local.balancer_logs_arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
