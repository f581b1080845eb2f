# Manifests and blobs. Nothing is ever overwritten; the key layout is in docs/reference/keys.md.
resource "aws_s3_bucket" "registry" {
  bucket        = local.bucket_name
  force_destroy = var.force_destroy
}

locals {
  bucket_name = var.bucket_name != "" ? var.bucket_name : "${var.name}-${local.account_id}-${var.region}"
  bucket_arn  = "arn:${local.partition}:s3:::${local.bucket_name}"
}

resource "aws_s3_bucket_public_access_block" "registry" {
  bucket                  = aws_s3_bucket.registry.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "registry" {
  bucket = aws_s3_bucket.registry.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "registry" {
  bucket = aws_s3_bucket.registry.id

  rule {
    # A bucket key asks KMS once for many objects: without it every GET of a layer is a call to KMS, and paid as one.
    bucket_key_enabled = local.has_key

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.has_key ? "aws:kms" : "AES256"
      kms_master_key_id = local.kms_key_arn
    }
  }
}

# On. The table can be restored to any second of the last 35 days, which is worth nothing when the blobs that it then names
# are gone; and no role of this deployment may delete a version, so no bug and no intruder in a function can destroy one.
resource "aws_s3_bucket_versioning" "registry" {
  bucket = aws_s3_bucket.registry.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "registry" {
  count  = var.bucket_lifecycle ? 1 : 0
  bucket = aws_s3_bucket.registry.id

  rule {
    id     = "what-was-deleted"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.deleted_retention_days
    }

    # The hourly sweep ends abandoned uploads; this is the net below it.
    abort_incomplete_multipart_upload {
      days_after_initiation = var.abort_uploads_days
    }
  }

  # Bytes of uploads that wait for more. An upload lives for 7 days at most.
  rule {
    id     = "pieces-of-uploads"
    status = "Enabled"

    filter {
      prefix = "uploads/"
    }

    expiration {
      days = 8
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "markers-without-versions"
    status = "Enabled"

    filter {}

    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.registry]
}

resource "aws_s3_bucket_policy" "registry" {
  bucket     = aws_s3_bucket.registry.id
  policy     = data.aws_iam_policy_document.bucket.json
  depends_on = [aws_s3_bucket_public_access_block.registry]
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arn, "${local.bucket_arn}/*"]
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
}

# One notification configuration a bucket: a later consumer of other keys adds its queue here.
resource "aws_s3_bucket_notification" "registry" {
  count  = local.has_scans ? 1 : 0
  bucket = aws_s3_bucket.registry.id

  queue {
    id            = "manifests"
    queue_arn     = aws_sqs_queue.manifest_events.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "manifests/"
  }
}
