variable "package_path" {
  description = "Zip of the functions, made by make package; empty for build/moorage-lambda-<architecture>.zip of this checkout."
  type        = string
  default     = ""

  validation {
    condition     = fileexists(var.package_path != "" ? var.package_path : "${path.module}/../../build/moorage-lambda-${var.architecture}.zip")
    error_message = "There is no package at package_path: run make package, or set package_path to the zip."
  }
}

variable "architecture" {
  description = "Processors of the functions: arm64 (cheaper) or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Set architecture to arm64 or x86_64."
  }
}

variable "lambda_memory_mb" {
  description = "Memory of the functions, MB; processor time grows with it."
  type = object({
    registry   = optional(number, 1024)
    console    = optional(number, 1024)
    authorizer = optional(number, 512)
    background = optional(number, 512)
  })
  default = {}

  validation {
    condition     = alltrue([for mb in values(var.lambda_memory_mb) : mb >= 256 && mb <= 10240 && floor(mb) == mb])
    error_message = "Set each number of lambda_memory_mb to whole megabytes from 256 to 10240."
  }
}

variable "lambda_timeout_s" {
  description = "Seconds after which a function is stopped. API Gateway waits 29 s, so what it calls must be done before."
  type = object({
    registry       = optional(number, 28)
    console        = optional(number, 28)
    authorizer     = optional(number, 10)
    background     = optional(number, 300)
    dispatch_scans = optional(number, 30)
  })
  default = {}

  validation {
    condition = alltrue([
      for s in [var.lambda_timeout_s.registry, var.lambda_timeout_s.console, var.lambda_timeout_s.authorizer] : s >= 5 && s <= 29
    ])
    error_message = "Set registry, console and authorizer of lambda_timeout_s from 5 to 29: a cold start takes seconds, and API Gateway waits 29."
  }

  validation {
    condition     = var.lambda_timeout_s.background >= 60 && var.lambda_timeout_s.background <= 900
    error_message = "Set background of lambda_timeout_s from 60 to 900: a sweep needs minutes, and Lambda allows 15."
  }

  validation {
    condition     = var.lambda_timeout_s.dispatch_scans >= 10 && var.lambda_timeout_s.dispatch_scans <= 900
    error_message = "Set dispatch_scans of lambda_timeout_s from 10 to 900."
  }
}

variable "reserved_concurrency" {
  description = "How many calls a function may run at once, taken from the account's; absent: as many as the account has left. New accounts have too few to give any away."
  type = object({
    registry   = optional(number)
    console    = optional(number)
    authorizer = optional(number)
  })
  default = {}

  validation {
    condition     = alltrue([for n in values(var.reserved_concurrency) : n == null ? true : n >= 1])
    error_message = "Set each number of reserved_concurrency to 1 or more, or leave it out: 0 would stop the function."
  }
}

variable "pinned_versions" {
  description = "Versions that are to be in use instead of the newest, by duty: the way back (`function_versions` of an earlier apply)."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for version in values(var.pinned_versions) : can(regex("^[0-9]+$", version))])
    error_message = "Set each value of pinned_versions to the number of a published version, such as \"12\"."
  }

  validation {
    condition = alltrue([for duty in keys(var.pinned_versions) : contains([
      "registry", "console", "authorizer", "sweep_uploads", "sweep_releases", "sweep_projects", "purge_audit", "rotate_keys",
      "provision", "dispatch_scans",
    ], duty)])
    error_message = "Set the keys of pinned_versions to duties as output function_versions names them, such as registry."
  }
}

variable "snap_start" {
  description = "Whether Lambda keeps snapshots of started functions that a person waits for: shorter cold starts, billed while idle."
  type        = bool
  default     = false
}

variable "dispatch_concurrency" {
  description = "How many batches of new manifests are dispatched at once."
  type        = number
  default     = 5

  validation {
    condition     = var.dispatch_concurrency >= 2 && var.dispatch_concurrency <= 1000
    error_message = "Set dispatch_concurrency from 2 to 1000, as Lambda demands."
  }
}

variable "scan_dispatch" {
  description = "Whether new manifests become scan jobs although no scan cluster is made here: a worker of your own drains the queue."
  type        = bool
  default     = false
}

variable "scan_timeout_s" {
  description = "Seconds that a scan worker has for one manifest before another may take the job."
  type        = number
  default     = 900

  validation {
    condition     = var.scan_timeout_s >= 60 && var.scan_timeout_s <= 43200
    error_message = "Set scan_timeout_s from 60 to 43200."
  }
}

variable "schedules" {
  description = "Whether EventBridge Scheduler runs sweeps, purge and key rotation."
  type        = bool
  default     = true
}

variable "authorizer_cache_s" {
  description = "Seconds that API Gateway keeps what the authorizer said of a credential. The registry looks at it each time all the same."
  type        = number
  # A token's end must not be far behind: the registry then makes the 401 itself, and API Gateway takes its challenge away.
  default = 60

  validation {
    condition     = var.authorizer_cache_s >= 0 && var.authorizer_cache_s <= 3600
    error_message = "Set authorizer_cache_s from 0 to 3600."
  }
}

variable "throttle" {
  description = "Requests a second and at once that each stage takes before it answers 429."
  type = object({
    rate  = optional(number, 2000)
    burst = optional(number, 1000)
  })
  default = {}

  validation {
    condition     = var.throttle.rate >= 1 && var.throttle.burst >= 1 && var.throttle.burst <= 5000
    error_message = "Set rate of throttle to 1 or more, and burst from 1 to 5000, which is what an account has."
  }
}

variable "log_level" {
  description = "Least level that the functions log: DEBUG, INFO, WARNING or ERROR."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "Set log_level to DEBUG, INFO, WARNING or ERROR."
  }
}

variable "upstream_reach" {
  description = "Which servers the registry may contact (LDAP, OpenID providers, webhooks): public, or private too."
  type        = string
  default     = "public"

  validation {
    condition     = contains(["public", "private", "local"], var.upstream_reach)
    error_message = "Set upstream_reach to public or private (local is for emulators)."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of every role, where the account demands one."
  type        = string
  default     = ""

  validation {
    condition     = var.permissions_boundary_arn == "" || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "Set permissions_boundary_arn to the ARN of an IAM policy."
  }
}
