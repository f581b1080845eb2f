# The one table: every key and its cost is in docs/reference/keys.md.
resource "aws_dynamodb_table" "registry" {
  #checkov:skip=CKV_AWS_119:encrypted with the deployment's key unless encryption = aws; held by tests/storage.tftest.hcl
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = var.pitr
  }

  # Without a key of our own DynamoDB encrypts with a key that it owns.
  server_side_encryption {
    enabled     = local.has_key
    kms_key_arn = local.kms_key_arn
  }
}
