# What this configuration is written against. It uses only what both major versions of the provider have.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.82, < 7"
    }
  }
}
