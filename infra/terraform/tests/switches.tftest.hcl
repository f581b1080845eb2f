# Every switch, both ways: nothing is left over, and nothing missing.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  package_path = "./versions.tf"
}

run "least" {
  command = plan

  variables {
    access_logs         = false
    alarms              = false
    dashboard           = false
    schedules           = false
    tracing             = false
    metrics             = false
    provision           = false
    pitr                = false
    deletion_protection = false
    bucket_lifecycle    = false
    force_destroy       = true
    encryption          = "aws"
    api_gateway_account = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.watch) + length(aws_cloudwatch_dashboard.registry) + length(aws_sns_topic_subscription.alarm_email) + length(aws_cloudwatch_log_metric_filter.access) == 0
    error_message = "alarms or dashboard has no effect."
  }

  assert {
    condition     = length(aws_scheduler_schedule.duty) + length(aws_scheduler_schedule_group.registry) + length(aws_iam_role.scheduler) == 0
    error_message = "schedules has no effect."
  }

  assert {
    condition     = alltrue([for made in aws_lambda_function.duty : one(made.tracing_config).mode == "PassThrough" && made.environment[0].variables.MOORAGE_TRACING == "off" && made.environment[0].variables.MOORAGE_METRICS == "off"])
    error_message = "tracing or metrics has no effect."
  }

  assert {
    condition     = length(aws_cloudwatch_log_group.access) + length(aws_api_gateway_account.this) + length(aws_api_gateway_stage.registry[0].access_log_settings) == 0
    error_message = "access_logs or api_gateway_account has no effect."
  }

  assert {
    condition     = !aws_dynamodb_table.registry.deletion_protection_enabled && !one(aws_dynamodb_table.registry.point_in_time_recovery).enabled && aws_s3_bucket.registry.force_destroy && length(aws_s3_bucket_lifecycle_configuration.registry) == 0
    error_message = "deletion_protection, pitr, force_destroy or bucket_lifecycle has no effect."
  }

  assert {
    condition     = length(aws_lambda_invocation.provision) == 0 && length(aws_kms_key.registry) == 0 && length(aws_vpc.main) == 0
    error_message = "provision or encryption has no effect, or a network is made for nothing."
  }

  assert {
    condition     = length(aws_s3_bucket_notification.registry) + length(aws_lambda_event_source_mapping.dispatch_scans) == 0
    error_message = "Manifests are announced although nobody scans."
  }
}

run "most" {
  command = plan

  variables {
    upload_service       = "fargate"
    upload_image         = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-uploads:1.0"
    scan_cluster         = true
    scan_image           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-scans:1.0"
    xray_image           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/xray:1.0"
    waf                  = true
    snap_start           = true
    container_insights   = true
    load_balancer_logs   = true
    scan_spot            = false
    alarm_emails         = ["ops@example.com"]
    reserved_concurrency = { registry = 100 }
    pinned_versions      = { registry = "7" }
    tags                 = { team = "platform" }
  }

  assert {
    condition     = join(" ", sort([for duty, made in aws_lambda_function.duty : duty if length(made.snap_start) > 0])) == "authorizer console registry"
    error_message = "SnapStart is not on exactly where somebody waits."
  }

  assert {
    condition     = aws_lambda_function.duty["registry"].reserved_concurrent_executions == 100 && aws_lambda_function.duty["console"].reserved_concurrent_executions == -1
    error_message = "reserved_concurrency has no effect, or takes from functions that were not named."
  }

  assert {
    condition     = aws_lambda_alias.live["registry"].function_version == "7" && alltrue([for alias in aws_lambda_alias.live : alias.name == "live"])
    error_message = "pinned_versions does not lead back."
  }

  assert {
    condition     = toset(keys(aws_wafv2_web_acl.main)) == toset(["regional", "cdn"]) && toset(keys(aws_wafv2_web_acl_association.main)) == toset(["registry", "api", "c", "service", "ui"])
    error_message = "A way in is not behind the web ACL."
  }

  assert {
    condition     = one(aws_ecs_cluster.main[0].setting).value == "enabled" && aws_lb.uploads[0].access_logs[0].enabled
    error_message = "container_insights or load_balancer_logs has no effect."
  }

  assert {
    condition     = [for subscription in aws_sns_topic_subscription.alarm_email : subscription.endpoint] == ["ops@example.com"]
    error_message = "Nobody is sent the alarms."
  }

  assert {
    condition     = contains([for container in jsondecode(aws_ecs_task_definition.uploads[0].container_definitions) : container.name], "xray")
    error_message = "xray_image has no effect."
  }

  assert {
    condition     = one(aws_ecs_service.scans[0].capacity_provider_strategy).capacity_provider == "FARGATE"
    error_message = "scan_spot has no effect."
  }

  assert {
    condition     = local.tags["moorage:deployment"] == "moorage" && local.tags["team"] == "platform"
    error_message = "tags do not reach every resource."
  }
}

run "schedules" {
  command = plan

  assert {
    condition     = join(" ", sort(keys(aws_scheduler_schedule.duty))) == "purge_audit rotate_keys sweep_projects sweep_releases sweep_uploads"
    error_message = "A scheduled duty has no schedule."
  }

  assert {
    condition = alltrue([for made in aws_scheduler_schedule.duty :
      one(one(made.target).dead_letter_config).arn == aws_sqs_queue.schedules_dlq.arn && one(made.flexible_time_window).mode == "OFF"
    ])
    error_message = "What a schedule cannot deliver is lost."
  }

  assert {
    condition = alltrue([for made in aws_lambda_function_event_invoke_config.scheduled :
      made.maximum_retry_attempts == 2 && made.destination_config[0].on_failure[0].destination == aws_sqs_queue.schedules_dlq.arn
    ]) && length(aws_lambda_function_event_invoke_config.scheduled) == 5
    error_message = "What a scheduled function fails at is lost."
  }

  assert {
    condition     = length(distinct([for made in aws_scheduler_schedule.duty : made.schedule_expression])) == 5
    error_message = "Schedules meet."
  }
}

# The settings of `make deploy-local`: what an emulator lacks is off.
run "emulator" {
  command = plan

  variables {
    emulator             = true
    force_destroy        = true
    secret_recovery_days = 0
    bucket_lifecycle     = false
    api_gateway_account  = false
    tracing              = false
    upload_service       = "external"
    upload_url           = "http://localhost:5001"
    public_url_override  = "http://localhost:5000"
    s3_public_url        = "http://localhost:4566"
    scan_dispatch        = true
  }

  assert {
    condition     = aws_lambda_function.duty["registry"].environment[0].variables.MOORAGE_S3_PUBLIC_URL == "http://localhost:4566" && output.upload_url == "http://localhost:5001"
    error_message = "The emulator's addresses do not reach the functions."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.dispatch_scans) == 1 && length(aws_ecs_cluster.main) == 0
    error_message = "scan_dispatch brings a cluster with it, or dispatches nothing."
  }
}
