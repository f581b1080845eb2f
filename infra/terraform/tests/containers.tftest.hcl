# Containers and their network: nothing is reachable that need not be, and nothing is reached that need not be.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  package_path   = "./versions.tf"
  upload_service = "fargate"
  upload_image   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-uploads:1.0"
  scan_cluster   = true
  scan_image     = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-scans:1.0"
}

run "without_internet" {
  command = plan

  assert {
    condition     = alltrue([for service in [aws_ecs_service.uploads[0], aws_ecs_service.scans[0]] : service.network_configuration[0].assign_public_ip == false])
    error_message = "A container has a public address."
  }

  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"]) && toset(keys(aws_vpc_endpoint.gateway)) == toset(["s3", "dynamodb"])
    error_message = "A service of AWS cannot be reached without internet, or an endpoint is paid that nobody uses."
  }

  assert {
    condition     = length(aws_route.internet) == 0
    error_message = "The network has a way to the internet that it does not need."
  }

  assert {
    condition     = aws_lb.uploads[0].internal && length(aws_cloudfront_vpc_origin.uploads) == 1 && aws_cloudfront_distribution.uploads[0].default_cache_behavior[0].viewer_protocol_policy == "https-only"
    error_message = "The load balancer is reachable around CloudFront, or without TLS."
  }

  assert {
    condition     = toset(aws_cloudfront_distribution.uploads[0].default_cache_behavior[0].allowed_methods) == toset(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]) && aws_cloudfront_distribution.uploads[0].default_cache_behavior[0].compress == false
    error_message = "CloudFront refuses what uploads send, or changes bytes."
  }

  assert {
    condition = contains(
      one(one(aws_cloudfront_cache_policy.nothing[0].parameters_in_cache_key_and_forwarded_to_origin).headers_config).headers[0].items, "Authorization"
    ) && aws_cloudfront_cache_policy.nothing[0].default_ttl == 0
    error_message = "CloudFront may give one client's answer to another."
  }

  assert {
    condition = alltrue([for definition in [aws_ecs_task_definition.uploads[0], aws_ecs_task_definition.scans[0]] : alltrue([
      for container in jsondecode(definition.container_definitions) : (
        container.readonlyRootFilesystem && !container.privileged && container.user == "10001:10001"
        && container.linuxParameters.capabilities.drop == ["ALL"] && container.logConfiguration.logDriver == "awslogs"
      )
    ])])
    error_message = "A container is root, may write its own files, has capabilities, or says nothing."
  }

  assert {
    condition = alltrue([for definition in [aws_ecs_task_definition.uploads[0], aws_ecs_task_definition.scans[0]] : alltrue([
      for container in jsondecode(definition.container_definitions) : !anytrue([for setting in container.environment : can(regex("(?i)password|secret_access|private", setting.name))])
    ])])
    error_message = "A container's environment holds a secret."
  }

  assert {
    condition     = aws_ecs_service.scans[0].desired_count == 0 && aws_appautoscaling_target.scans[0].min_capacity == 0
    error_message = "Scan workers are paid while nothing is scanned."
  }

  assert {
    condition     = one(aws_ecs_service.uploads[0].deployment_circuit_breaker).rollback && aws_ecs_service.uploads[0].deployment_minimum_healthy_percent == 100
    error_message = "A deployment of the upload service stops uploads, or a broken one stays."
  }

  assert {
    condition     = aws_lb.uploads[0].drop_invalid_header_fields && aws_lb.uploads[0].enable_deletion_protection && aws_lb_target_group.uploads[0].health_check[0].path == "/healthz"
    error_message = "The load balancer passes malformed headers, can be deleted by a slip, or asks for no health."
  }

  assert {
    condition     = length([for mapping in aws_lambda_event_source_mapping.dispatch_scans : mapping if contains(mapping.function_response_types, "ReportBatchItemFailures")]) == 1
    error_message = "One bad event would bring the whole batch back."
  }

  assert {
    condition     = one(aws_s3_bucket_notification.registry).queue[0].filter_prefix == "manifests/"
    error_message = "Blobs would be announced as manifests."
  }
}

run "with_public_addresses" {
  command = plan

  variables {
    task_network       = "public"
    autoscaling        = false
    upload_domain_name = "uploads.example.com"
    certificate_arn    = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && aws_ecs_service.uploads[0].network_configuration[0].assign_public_ip
    error_message = "Endpoints are paid that public addresses make needless."
  }

  assert {
    condition     = length(aws_appautoscaling_target.uploads) + length(aws_appautoscaling_target.scans) == 0 && aws_ecs_service.scans[0].desired_count == 1
    error_message = "Without autoscaling something scales, or nobody scans."
  }

  assert {
    condition     = aws_lb_listener.uploads[0].protocol == "HTTPS" && output.upload_url == "https://uploads.example.com" && length(aws_cloudfront_distribution.uploads) == 0
    error_message = "The upload host is not its domain with TLS."
  }
}

run "scans_alone" {
  command = plan

  variables {
    upload_service = "off"
    upload_image   = ""
  }

  assert {
    condition     = length(aws_lb.uploads) == 0 && length(aws_ecs_service.uploads) == 0 && length(aws_ecs_service.scans) == 1 && output.upload_url == "off"
    error_message = "Scan workers bring an upload service with them."
  }
}
