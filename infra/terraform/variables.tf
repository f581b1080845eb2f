variable "name" {
  description = "Name of this deployment: it begins every resource's name. Two deployments in an account and region need two names."
  type        = string
  default     = "moorage"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "Set name to 3 to 20 small letters, digits and hyphens, beginning with a letter, such as moorage."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = contains(local.regions, var.region)
    error_message = "Set region to a region of AWS with all that is made here, such as us-east-1 or eu-central-1: ${join(", ", local.regions)}."
  }
}

locals {
  # China is left out: other accounts, other host names, and nobody has tried it.
  regions = [
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
    "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
    "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2",
    "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1",
    "us-west-2", "us-gov-east-1", "us-gov-west-1",
  ]
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}

variable "emulator" {
  description = "Whether AWS_ENDPOINT_URL leads to an emulator: the provider then asks for no account, and paths name buckets."
  type        = bool
  default     = false
}

variable "door" {
  description = "What clients reach the registry through: rest (two REST APIs), http (one HTTP API) or alb (a load balancer)."
  type        = string
  default     = "rest"

  validation {
    condition     = contains(["rest", "http", "alb"], var.door)
    error_message = "Set door to rest, http or alb."
  }
}

variable "domain_name" {
  description = "Own domain of the registry, such as registry.example.com; empty for the address that AWS gives."
  type        = string
  default     = ""

  validation {
    condition     = var.domain_name == "" || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain_name))
    error_message = "Set domain_name to a host name such as registry.example.com, without https:// and without a path."
  }
}

variable "disable_default_endpoint" {
  description = "Whether the address that AWS gives an API stops working: with an own domain only that one is then served."
  type        = bool
  default     = false

  validation {
    condition     = !var.disable_default_endpoint || var.domain_name != ""
    error_message = "Set domain_name when disable_default_endpoint is true, or nothing is left to reach the registry by."
  }
}

variable "public_url_override" {
  description = "Address of the registry as clients see it, where something of your own is in front; emulators: the edge's address."
  type        = string
  default     = ""

  validation {
    condition     = var.public_url_override == "" || can(regex("^https?://[^/]+$", var.public_url_override))
    error_message = "Set public_url_override to an address such as https://registry.example.com, without a path or a slash at its end."
  }
}

variable "console_url_override" {
  description = "The same for the token service, Harbor's API and the pages."
  type        = string
  default     = ""

  validation {
    condition     = var.console_url_override == "" || can(regex("^https?://[^/]+$", var.console_url_override))
    error_message = "Set console_url_override to an address such as https://console.example.com, without a path or a slash at its end."
  }
}

variable "s3_public_url" {
  description = "Address of S3 as clients see it: emulators only."
  type        = string
  default     = ""

  validation {
    condition     = var.s3_public_url == "" || can(regex("^https?://[^/]+$", var.s3_public_url))
    error_message = "Set s3_public_url to an address such as http://localhost:4566, without a path or a slash at its end; on AWS leave it empty."
  }
}

variable "upload_service" {
  description = "Who takes the bytes of layers: fargate (made here), external (yours, at upload_url) or off (layers up to about 4 MiB, through Lambda)."
  type        = string
  default     = "off"

  validation {
    condition     = contains(["fargate", "external", "off"], var.upload_service)
    error_message = "Set upload_service to fargate, external or off."
  }
}

variable "upload_url" {
  description = "Address of the upload service when upload_service is external."
  type        = string
  default     = ""

  validation {
    condition     = var.upload_url == "" || can(regex("^https?://[^/]+$", var.upload_url))
    error_message = "Set upload_url to an address such as https://uploads.example.com, without a path or a slash at its end."
  }

  validation {
    condition     = var.upload_service != "external" || var.upload_url != ""
    error_message = "Set upload_url to the address of your upload service, or upload_service to fargate or off."
  }
}

variable "scan_cluster" {
  description = "Whether scan workers run here, on Fargate; it needs scan_image."
  type        = bool
  default     = false
}

variable "provision" {
  description = "Whether an apply makes what a new registry needs (keys, project library, user admin), by invoking a function."
  type        = bool
  default     = true
}
