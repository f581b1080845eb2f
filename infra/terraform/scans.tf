# Scan workers (scan_worker/) on Fargate: none while queue scan_jobs is empty. A worker takes a job, reads the image from S3,
# writes what it found to S3, and knows nothing else.
locals {
  scan_container = merge(local.container_hardening, {
    name         = "scans"
    image        = var.scan_image
    portMappings = []
    # Images are unpacked here: the task's own disk, gone with it. The rest of the file system cannot be written.
    mountPoints = [{ sourceVolume = "scratch", containerPath = "/tmp", readOnly = false }]
    # Time to give an unfinished job back to the queue.
    stopTimeout = 120
    environment = [for name, value in {
      AWS_REGION            = var.region
      MOORAGE_BUCKET        = aws_s3_bucket.registry.bucket
      MOORAGE_SCAN_JOBS_URL = aws_sqs_queue.scan_jobs.url
      MOORAGE_SERVICE       = var.name
      MOORAGE_LOG_LEVEL     = var.log_level
      MOORAGE_METRICS       = var.metrics ? "on" : "off"
      MOORAGE_TRACING       = "off"
      MOORAGE_DUTY          = "scans"
    } : { name = name, value = value }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = try(aws_cloudwatch_log_group.container["scans"].name, "")
        awslogs-region        = var.region
        awslogs-stream-prefix = "scans"
      }
    }
  })
}

resource "aws_ecs_task_definition" "scans" {
  count = var.scan_cluster ? 1 : 0

  family = "${var.name}-scans"
  # Earlier revisions stay, since a deployment that fails goes back to one.
  skip_destroy             = true
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.scan_cpu
  memory                   = var.scan_memory_mb
  task_role_arn            = aws_iam_role.scans_task[0].arn
  execution_role_arn       = aws_iam_role.ecs_execution[0].arn
  container_definitions    = jsonencode([local.scan_container])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.architecture)
  }

  ephemeral_storage {
    size_in_gib = var.scan_disk_gb
  }

  volume {
    name = "scratch"
  }
}

resource "aws_ecs_service" "scans" {
  count = var.scan_cluster ? 1 : 0

  name             = "scans"
  cluster          = aws_ecs_cluster.main[0].id
  task_definition  = aws_ecs_task_definition.scans[0].arn
  desired_count    = var.autoscaling ? 0 : 1
  platform_version = "LATEST"
  propagate_tags   = "SERVICE"

  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 200

  capacity_provider_strategy {
    capacity_provider = var.scan_spot ? "FARGATE_SPOT" : "FARGATE"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.task_subnets
    security_groups  = [aws_security_group.scans[0].id]
    assign_public_ip = local.is_public_tasks
  }

  # Autoscaling's from then on.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [
    aws_iam_role_policy.scans_task,
    aws_iam_role_policy.ecs_execution,
    aws_vpc_endpoint.gateway,
    aws_vpc_endpoint.interface,
    aws_route.internet,
    aws_ecs_cluster_capacity_providers.main,
  ]
}
