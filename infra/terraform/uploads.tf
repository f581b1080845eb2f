# The upload service (upload_service/) on Fargate: bytes of layers of any size. With door = "alb" it serves the registry too.
locals {
  upload_port = 8080

  upload_container = merge(local.container_hardening, {
    name         = "uploads"
    image        = var.upload_image
    portMappings = [{ containerPort = local.upload_port, hostPort = local.upload_port, protocol = "tcp" }]
    mountPoints  = []
    # The most that Fargate grants. Uploads longer than this end on their container before it is told to stop: the load
    # balancer sends it nothing new for `upload_drain_s`, and ECS waits for that.
    stopTimeout = 120
    environment = [for name, value in merge(local.environment, {
      AWS_REGION               = var.region
      MOORAGE_DUTY             = "uploads"
      MOORAGE_UPLOAD_HOST      = "0.0.0.0"
      MOORAGE_UPLOAD_PORT      = tostring(local.upload_port)
      MOORAGE_UPLOAD_MEMORY_MB = tostring(floor(var.upload_memory_mb * 5 / 8))
      MOORAGE_SERVE_REGISTRY   = local.is_alb ? "on" : "off"
      MOORAGE_TRACING          = local.has_xray ? "on" : "off"
    }) : { name = name, value = value }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = try(aws_cloudwatch_log_group.container["uploads"].name, "")
        awslogs-region        = var.region
        awslogs-stream-prefix = "uploads"
      }
    }
  })

  # Takes segments on UDP 2000 of the same task. It may die without taking uploads with it.
  xray_container = merge(local.container_hardening, {
    name             = "xray"
    image            = var.xray_image
    essential        = false
    environment      = [{ name = "AWS_REGION", value = var.region }]
    mountPoints      = []
    portMappings     = []
    stopTimeout      = 120
    logConfiguration = merge(local.upload_container.logConfiguration, { options = merge(local.upload_container.logConfiguration.options, { awslogs-stream-prefix = "xray" }) })
  })
}

resource "aws_ecs_task_definition" "uploads" {
  count = local.has_uploads ? 1 : 0

  family = "${var.name}-uploads"
  # Earlier revisions stay, since a deployment that fails goes back to one.
  skip_destroy             = true
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.upload_cpu
  memory                   = var.upload_memory_mb
  task_role_arn            = aws_iam_role.uploads_task[0].arn
  execution_role_arn       = aws_iam_role.ecs_execution[0].arn
  container_definitions    = jsonencode(concat([local.upload_container], local.has_xray ? [local.xray_container] : []))

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.architecture)
  }
}

resource "aws_ecs_service" "uploads" {
  count = local.has_uploads ? 1 : 0

  name             = "uploads"
  cluster          = aws_ecs_cluster.main[0].id
  task_definition  = aws_ecs_task_definition.uploads[0].arn
  desired_count    = var.upload_tasks.min
  launch_type      = "FARGATE"
  platform_version = "LATEST"
  propagate_tags   = "SERVICE"

  # New containers first; the old ones go when those are healthy, and come back when they never are.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 60

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.task_subnets
    security_groups  = [aws_security_group.uploads[0].id]
    assign_public_ip = local.is_public_tasks
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.uploads[0].arn
    container_name   = "uploads"
    container_port   = local.upload_port
  }

  # Autoscaling's from then on.
  lifecycle {
    ignore_changes = [desired_count]
  }

  # ECS takes no target group that no load balancer uses; a container that starts before it may do anything fails.
  depends_on = [
    aws_lb_listener_rule.uploads,
    aws_iam_role_policy.uploads_task,
    aws_iam_role_policy.ecs_execution,
    aws_vpc_endpoint.gateway,
    aws_vpc_endpoint.interface,
    aws_route.internet,
    aws_ecs_cluster_capacity_providers.main,
  ]
}
