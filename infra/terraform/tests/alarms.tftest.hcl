# Alarms: few enough to be paid, each tells what to do first, none rings for want of traffic.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  package_path = "./versions.tf"
}

run "by_default" {
  command = plan

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.watch)) == toset([
      "access-denied", "background-errors", "console-errors", "function-throttles", "manifest-events-age", "manifest-events-dlq-depth",
      "registry-errors", "registry-latency-p95", "registry-latency-p99", "scan-jobs-dlq-depth", "schedules-dlq-depth", "stuck-scans",
      "table-system-errors", "table-throttles", "token-latency-p95", "token-latency-p99", "uploads-failed",
    ])
    error_message = "An alarm is missing, or new: say what it costs in alarms.tf."
  }

  # The figures of alarms.tf: each metric that an alarm reads is $0.10 a month.
  assert {
    condition     = length(flatten([for alarm in aws_cloudwatch_metric_alarm.watch : [for query in alarm.metric_query : query if length(query.metric) > 0]])) == 37
    error_message = "The alarms read another number of metrics than alarms.tf says."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.watch : strcontains(alarm.alarm_description, "First: ") && length(alarm.alarm_description) <= 1024])
    error_message = "An alarm does not say what to do first, or more than CloudWatch keeps."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.watch : tolist(alarm.alarm_actions) == tolist([aws_sns_topic.alarms.arn]) && tolist(alarm.ok_actions) == tolist([aws_sns_topic.alarms.arn])])
    error_message = "An alarm, or its end, is told to nobody."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.watch : alarm.treat_missing_data == "notBreaching"])
    error_message = "An alarm rings when nobody uses the registry."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.watch : length([for query in alarm.metric_query : query if query.return_data]) == 1])
    error_message = "An alarm judges nothing, or two things."
  }

  assert {
    condition     = alltrue([for name in ["registry-errors", "console-errors", "registry-latency-p95", "token-latency-p99"] : anytrue([for query in aws_cloudwatch_metric_alarm.watch[name].metric_query : can(regex("^IF[(](requests|answers) >= 20, .*, 0[)]$", query.expression))])])
    error_message = "A rate is judged by one request."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.watch : alarm.evaluation_periods >= alarm.datapoints_to_alarm && length(alarm.metric_query) <= 10])
    error_message = "An alarm wants more than CloudWatch has."
  }

  assert {
    condition     = can(jsondecode(aws_cloudwatch_dashboard.registry[0].dashboard_body)) && length([for widget in jsondecode(aws_cloudwatch_dashboard.registry[0].dashboard_body).widgets : widget if widget.type == "text"]) == 7
    error_message = "The dashboard has not a row for each question."
  }

  assert {
    condition = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.registry[0].dashboard_body).widgets :
      widget.x + widget.width <= 24 && (widget.type == "text" || alltrue([for metric in try(widget.properties.metrics, []) : length(metric) >= 4]))
    ])
    error_message = "A graph is beside the page, or its metric has no dimension."
  }
}

run "with_upload_hosts" {
  command = plan

  variables {
    upload_service   = "fargate"
    upload_image     = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-uploads:1.0"
    alarm_thresholds = { error_percent = 5, scan_age_minutes = 10 }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.watch["registry-errors"].threshold == 5 && aws_cloudwatch_metric_alarm.watch["stuck-scans"].threshold == 600 && aws_cloudwatch_metric_alarm.watch["registry-latency-p95"].threshold == 1000
    error_message = "alarm_thresholds has no effect."
  }

  assert {
    condition     = length(setsubtract(["load-balancer-errors", "unhealthy-upload-hosts", "no-healthy-upload-host"], keys(aws_cloudwatch_metric_alarm.watch))) == 0
    error_message = "Upload hosts are not watched."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.watch) == 20 && length(flatten([for alarm in aws_cloudwatch_metric_alarm.watch : [for query in alarm.metric_query : query if length(query.metric) > 0]])) == 42
    error_message = "The alarms read another number of metrics than alarms.tf says."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.watch["no-healthy-upload-host"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.watch["no-healthy-upload-host"].comparison_operator == "LessThanThreshold"
    error_message = "No upload host at all is no alarm."
  }

  # A client writes its own request id, which is in every line: with it, anybody could ring the alarm.
  assert {
    condition = alltrue([for filter in aws_cloudwatch_log_metric_filter.access :
      startswith(filter.pattern, "{") && toset(regexall("[$][.][a-z_]+", filter.pattern)) == toset(["$.exception"])
    ])
    error_message = "The alarm about refused calls looks at more of a line than the exception."
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_log_metric_filter.access), "uploads")
    error_message = "Refused calls of the upload service are not counted."
  }
}

run "without_metrics_of_the_code" {
  command = plan

  variables {
    door    = "http"
    metrics = false
  }

  assert {
    condition     = !anytrue([for alarm in aws_cloudwatch_metric_alarm.watch : anytrue([for query in alarm.metric_query : anytrue([for metric in query.metric : metric.namespace == "Moorage"])])])
    error_message = "An alarm waits for a metric that nobody writes."
  }
}
