# Workers by the depth of the queue: from none to some when a job waits, and back to none when for ten minutes there was neither a
# job waiting nor one in work. SQS counts once a minute, so a first job waits for two or three.
locals {
  scales_scans = var.scan_cluster && var.autoscaling
}

resource "aws_appautoscaling_target" "scans" {
  count = local.scales_scans ? 1 : 0

  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.main[0].name}/${aws_ecs_service.scans[0].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = 0
  max_capacity       = var.scan_tasks_max
}

# By one while a handful waits, by all there may be when many do. Never down: a worker that is stopped in its work has worked
# for nothing.
resource "aws_appautoscaling_policy" "scans_out" {
  count = local.scales_scans ? 1 : 0

  name               = "${var.name}-scans-out"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.scans[0].service_namespace
  resource_id        = aws_appautoscaling_target.scans[0].resource_id
  scalable_dimension = aws_appautoscaling_target.scans[0].scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 120

    step_adjustment {
      metric_interval_lower_bound = 0
      metric_interval_upper_bound = 10
      scaling_adjustment          = 1
    }

    step_adjustment {
      metric_interval_lower_bound = 10
      metric_interval_upper_bound = 50
      scaling_adjustment          = 3
    }

    step_adjustment {
      metric_interval_lower_bound = 50
      scaling_adjustment          = var.scan_tasks_max
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "scans_waiting" {
  count = local.scales_scans ? 1 : 0

  alarm_name          = "${var.name}-scans-waiting"
  alarm_description   = "Scan jobs wait: starts workers. Nobody needs to be told."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.scan_jobs.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.scans_out[0].arn]
}

resource "aws_appautoscaling_policy" "scans_in" {
  count = local.scales_scans ? 1 : 0

  name               = "${var.name}-scans-in"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.scans[0].service_namespace
  resource_id        = aws_appautoscaling_target.scans[0].resource_id
  scalable_dimension = aws_appautoscaling_target.scans[0].scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ExactCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 60

    step_adjustment {
      metric_interval_upper_bound = 0
      scaling_adjustment          = 0
    }
  }
}

# A queue that nobody uses for hours has no metrics: as good as empty.
resource "aws_cloudwatch_metric_alarm" "scans_done" {
  count = local.scales_scans ? 1 : 0

  alarm_name          = "${var.name}-scans-done"
  alarm_description   = "No scan job waits or is in work: stops the workers. Nobody needs to be told."
  evaluation_periods  = 10
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_appautoscaling_policy.scans_in[0].arn]

  metric_query {
    id          = "jobs"
    expression  = "waiting + working"
    label       = "Jobs waiting or in work"
    return_data = true
  }

  metric_query {
    id = "waiting"
    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.scan_jobs.name }
      stat        = "Maximum"
      period      = 60
    }
  }

  metric_query {
    id = "working"
    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions  = { QueueName = aws_sqs_queue.scan_jobs.name }
      stat        = "Maximum"
      period      = 60
    }
  }
}
