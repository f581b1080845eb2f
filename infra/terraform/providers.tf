# The account and region everything is made in. An emulator is found through AWS_ENDPOINT_URL, as every AWS SDK finds it.
provider "aws" {
  region = var.region

  # An emulator has no accounts to ask about, no instance metadata, and no host per bucket.
  skip_credentials_validation = var.emulator
  skip_metadata_api_check     = var.emulator
  skip_requesting_account_id  = var.emulator
  s3_use_path_style           = var.emulator

  default_tags {
    tags = local.tags
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  tags       = merge({ "moorage:deployment" = var.name }, var.tags)
}
