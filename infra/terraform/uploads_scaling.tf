# More upload containers when they are busy. Uploads take long and say little, so connections count beside the processor.
locals {
  scales_uploads = local.has_uploads && var.autoscaling

  # Per container: connections of clients and of the load balancer; a fast upload keeps one of each.
  upload_connections = 40
  # A minute, per container.
  upload_requests = local.is_alb ? 6000 : 1500
}

resource "aws_appautoscaling_target" "uploads" {
  count = local.scales_uploads ? 1 : 0

  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.main[0].name}/${aws_ecs_service.uploads[0].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.upload_tasks.min
  max_capacity       = var.upload_tasks.max
}

resource "aws_appautoscaling_policy" "uploads_cpu" {
  count = local.scales_uploads ? 1 : 0

  name               = "${var.name}-uploads-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.uploads[0].service_namespace
  resource_id        = aws_appautoscaling_target.uploads[0].resource_id
  scalable_dimension = aws_appautoscaling_target.uploads[0].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_out_cooldown = 60
    scale_in_cooldown  = 600

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "uploads_requests" {
  count = local.scales_uploads ? 1 : 0

  name               = "${var.name}-uploads-requests"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.uploads[0].service_namespace
  resource_id        = aws_appautoscaling_target.uploads[0].resource_id
  scalable_dimension = aws_appautoscaling_target.uploads[0].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = local.upload_requests
    scale_out_cooldown = 60
    scale_in_cooldown  = 600

    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = "${aws_lb.uploads[0].arn_suffix}/${aws_lb_target_group.uploads[0].arn_suffix}"
    }
  }
}

# There is no ready-made metric of connections per container: connections divided by healthy containers.
resource "aws_appautoscaling_policy" "uploads_connections" {
  count = local.scales_uploads ? 1 : 0

  name               = "${var.name}-uploads-connections"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.uploads[0].service_namespace
  resource_id        = aws_appautoscaling_target.uploads[0].resource_id
  scalable_dimension = aws_appautoscaling_target.uploads[0].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = local.upload_connections
    scale_out_cooldown = 60
    scale_in_cooldown  = 600

    customized_metric_specification {
      metrics {
        id          = "connections"
        return_data = false
        metric_stat {
          stat = "Sum"
          metric {
            namespace   = "AWS/ApplicationELB"
            metric_name = "ActiveConnectionCount"
            dimensions {
              name  = "LoadBalancer"
              value = aws_lb.uploads[0].arn_suffix
            }
          }
        }
      }
      metrics {
        id          = "containers"
        return_data = false
        metric_stat {
          stat = "Average"
          metric {
            namespace   = "AWS/ApplicationELB"
            metric_name = "HealthyHostCount"
            dimensions {
              name  = "LoadBalancer"
              value = aws_lb.uploads[0].arn_suffix
            }
            dimensions {
              name  = "TargetGroup"
              value = aws_lb_target_group.uploads[0].arn_suffix
            }
          }
        }
      }
      metrics {
        id          = "each"
        label       = "Connections per container"
        expression  = "connections / containers"
        return_data = true
      }
    }
  }
}
