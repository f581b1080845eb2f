variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Set log_retention_days to a number of days that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, ..."
  }
}

variable "access_logs" {
  description = "Whether API Gateway logs every request, as a line of JSON without headers and queries."
  type        = bool
  default     = true
}

variable "api_gateway_account" {
  description = "Whether API Gateway's role for logs, of which an account has one in a region, is set here. False where the account has one."
  type        = bool
  default     = true
}

variable "tracing" {
  description = "Whether X-Ray follows requests."
  type        = bool
  default     = true
}

variable "metrics" {
  description = "Whether the functions write metrics into their logs."
  type        = bool
  default     = true
}

variable "alarms" {
  description = "Whether CloudWatch alarms are made."
  type        = bool
  default     = true
}

variable "alarm_emails" {
  description = "Addresses that alarms are sent to; each must confirm."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", address))])
    error_message = "Set alarm_emails to addresses such as [\"ops@example.com\"]."
  }
}

variable "dashboard" {
  description = "Whether a CloudWatch dashboard is made."
  type        = bool
  default     = true
}
