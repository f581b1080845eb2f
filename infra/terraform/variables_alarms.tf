variable "alarm_thresholds" {
  description = "Where alarms begin: percent of requests that fail, milliseconds of answers, minutes that messages wait, percent of uploads that fail."
  type = object({
    error_percent          = optional(number, 2)
    registry_p95_ms        = optional(number, 1000)
    registry_p99_ms        = optional(number, 4000)
    token_p95_ms           = optional(number, 2000)
    token_p99_ms           = optional(number, 5000)
    event_age_minutes      = optional(number, 15)
    scan_age_minutes       = optional(number, 60)
    failed_uploads_percent = optional(number, 20)
  })
  default = {}

  validation {
    condition     = alltrue([for value in values(var.alarm_thresholds) : value > 0])
    error_message = "Set each number of alarm_thresholds above 0; to have no alarms at all set alarms to false."
  }

  validation {
    condition     = var.alarm_thresholds.error_percent < 100 && var.alarm_thresholds.failed_uploads_percent < 100
    error_message = "Set error_percent and failed_uploads_percent of alarm_thresholds below 100: they are percent."
  }

  validation {
    condition = (
      var.alarm_thresholds.registry_p95_ms <= var.alarm_thresholds.registry_p99_ms
      && var.alarm_thresholds.token_p95_ms <= var.alarm_thresholds.token_p99_ms
    )
    error_message = "Set registry_p95_ms and token_p95_ms of alarm_thresholds to no more than registry_p99_ms and token_p99_ms: the slowest hundredth is slower than the slowest twentieth."
  }
}
