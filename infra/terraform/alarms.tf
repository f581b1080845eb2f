# Alarms: what somebody is woken for. What they watch is in alarms_doors.tf and alarms_background.tf, one entry an alarm; here they
# are made. CloudWatch takes $0.10 a month for each metric that an alarm reads, with mathematics or without: the default (two REST
# APIs, no upload service) has 17 alarms that read 37 metrics, $3.70 a month; a Fargate upload service adds 3 alarms and $0.50.
#
# An entry: `says`, which begins with what is wrong and ends with what to do first; `metrics`, by the names that `expression` knows
# them by (with one metric there is none); `period`, seconds; `breaches` out of `periods` make the alarm; `above` or `below`, the
# threshold; `missing`, what no data means. No data is no traffic almost everywhere, which is fine: an entry says where it is not.
locals {
  watches = { for key, watch in merge(local.door_watches, local.background_watches) : key => watch if var.alarms }
}

resource "aws_cloudwatch_metric_alarm" "watch" {
  for_each = local.watches

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  comparison_operator = can(each.value.below) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = try(each.value.below, each.value.above)
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.breaches
  treat_missing_data  = try(each.value.missing, "notBreaching")
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id          = metric_query.key
      return_data = !can(each.value.expression)
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.of
        stat        = metric_query.value.stat
        period      = each.value.period
      }
    }
  }

  dynamic "metric_query" {
    for_each = can(each.value.expression) ? [each.value.expression] : []
    content {
      id          = "judged"
      label       = each.key
      expression  = metric_query.value
      return_data = true
    }
  }
}

resource "aws_sns_topic_subscription" "alarm_email" {
  for_each = toset(var.alarms ? var.alarm_emails : [])

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}
