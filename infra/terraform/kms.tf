# One key for everything that is stored. encryption = "aws" leaves it out: AWS's own keys then, which cost nothing.
locals {
  has_key     = var.encryption == "customer"
  kms_key_arn = one(aws_kms_key.registry[*].arn)
}

resource "aws_kms_key" "registry" {
  count = local.has_key ? 1 : 0

  description             = "Moorage ${var.name}: bucket, table, secrets, queues, topics and logs"
  enable_key_rotation     = true
  deletion_window_in_days = var.key_deletion_days
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "registry" {
  count = local.has_key ? 1 : 0

  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.registry[0].key_id
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:the account must rule over its key, or nobody could ever change this policy
  #checkov:skip=CKV_AWS_111:in the policy of a key every statement is about that key alone
  #checkov:skip=CKV_AWS_356:in the policy of a key * is that key
  # Roles get the key from their own policies, through the services that use it. In a key's policy `*` is the key itself.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${local.partition}:logs:${var.region}:${local.account_id}:log-group:*"]
    }
  }

  # S3's events, alarms and failed schedules reach encrypted queues and topics.
  statement {
    sid       = "Senders"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com", "cloudwatch.amazonaws.com", "scheduler.amazonaws.com", "sns.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}
