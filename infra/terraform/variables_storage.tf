variable "bucket_name" {
  description = "Name of the bucket; empty for <name>-<account>-<region>, which nobody else has."
  type        = string
  default     = ""

  validation {
    condition     = var.bucket_name == "" || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "Set bucket_name to 3 to 63 small letters, digits and hyphens (no dots: TLS certificates end at them)."
  }
}

variable "encryption" {
  description = "Keys of what is stored: customer (a KMS key of this deployment) or aws (AWS's own keys, at no cost)."
  type        = string
  default     = "customer"

  validation {
    condition     = contains(["customer", "aws"], var.encryption)
    error_message = "Set encryption to customer or aws."
  }
}

variable "deletion_protection" {
  description = "Whether the table and load balancers refuse to be deleted."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Whether a destroy also takes the bucket's content."
  type        = bool
  default     = false
}

variable "pitr" {
  description = "Whether the table can be restored to any second of the last 35 days."
  type        = bool
  default     = true
}

variable "bucket_lifecycle" {
  description = "Whether the bucket has lifecycle rules; only emulators go without."
  type        = bool
  default     = true
}

variable "deleted_retention_days" {
  description = "Days that S3 keeps objects that were deleted: how far back a restored table finds its blobs."
  type        = number
  default     = 7

  validation {
    condition     = var.deleted_retention_days >= 1 && var.deleted_retention_days <= 365
    error_message = "Set deleted_retention_days from 1 to 365."
  }
}

variable "abort_uploads_days" {
  description = "Days after which S3 ends a multipart upload that nobody ended; uploads live for up to 7."
  type        = number
  default     = 8

  validation {
    condition     = var.abort_uploads_days >= 8 && var.abort_uploads_days <= 365
    error_message = "Set abort_uploads_days from 8 to 365: an upload may take 7 days."
  }
}

variable "secret_recovery_days" {
  description = "Days that a deleted secret can be brought back, 7 to 30; 0 deletes at once, so that its name is free again."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "Set secret_recovery_days to 0, or from 7 to 30."
  }
}

variable "key_deletion_days" {
  description = "Days before a deleted KMS key is gone, and all that it encrypted."
  type        = number
  default     = 30

  validation {
    condition     = var.key_deletion_days >= 7 && var.key_deletion_days <= 30
    error_message = "Set key_deletion_days from 7 to 30."
  }
}
