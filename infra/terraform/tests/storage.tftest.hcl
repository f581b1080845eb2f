# What is stored is private, encrypted, reached by TLS only, and not lost by a slip.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  # Any file: a plan only needs its checksum.
  package_path = "./versions.tf"
}

run "by_default" {
  command = plan

  variables {
    upload_service     = "fargate"
    upload_image       = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-uploads:1.0"
    load_balancer_logs = true
  }

  assert {
    condition = alltrue([for block in [aws_s3_bucket_public_access_block.registry, aws_s3_bucket_public_access_block.balancer_logs[0]] :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "A bucket could be made public."
  }

  assert {
    condition = alltrue([for controls in [aws_s3_bucket_ownership_controls.registry, aws_s3_bucket_ownership_controls.balancer_logs[0]] :
      one(controls.rule).object_ownership == "BucketOwnerEnforced"
    ])
    error_message = "A bucket still knows access control lists."
  }

  assert {
    condition = (
      one(one(aws_s3_bucket_server_side_encryption_configuration.registry.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
      && one(one(aws_s3_bucket_server_side_encryption_configuration.registry.rule).apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.registry[0].arn
      && one(aws_s3_bucket_server_side_encryption_configuration.registry.rule).bucket_key_enabled
    )
    error_message = "The bucket is not encrypted with the deployment's key, or asks KMS for every object."
  }

  # Load balancers write with S3's own key only.
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.balancer_logs[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "The bucket of the load balancer's log is not encrypted with what load balancers can use."
  }

  assert {
    condition = alltrue([for document in [data.aws_iam_policy_document.bucket, data.aws_iam_policy_document.balancer_logs] : anytrue([
      for statement in document.statement : (
        statement.effect == "Deny" && contains(statement.actions, "s3:*") && length(statement.resources) == 2
        && contains(statement.principals[*].type, "*") && contains(statement.condition[*].variable, "aws:SecureTransport")
      )
    ])])
    error_message = "A bucket answers without TLS."
  }

  assert {
    condition     = aws_s3_bucket_versioning.registry.versioning_configuration[0].status == "Enabled" && aws_s3_bucket.registry.force_destroy == false
    error_message = "What is deleted in the bucket is gone at once."
  }

  assert {
    condition     = anytrue([for rule in aws_s3_bucket_lifecycle_configuration.registry[0].rule : length(rule.abort_incomplete_multipart_upload) > 0 && rule.status == "Enabled"])
    error_message = "Abandoned multipart uploads are paid for ever."
  }

  assert {
    condition = (
      aws_dynamodb_table.registry.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.registry.deletion_protection_enabled
      && one(aws_dynamodb_table.registry.point_in_time_recovery).enabled
      && one(aws_dynamodb_table.registry.ttl).enabled && one(aws_dynamodb_table.registry.ttl).attribute_name == "ttl"
      && one(aws_dynamodb_table.registry.server_side_encryption).kms_key_arn == aws_kms_key.registry[0].arn
      && aws_dynamodb_table.registry.hash_key == "pk" && aws_dynamodb_table.registry.range_key == "sk"
    )
    error_message = "The table lacks on-demand capacity, deletion protection, restore to a point in time, expiry, its key, or its keys' names."
  }

  assert {
    condition     = aws_kms_key.registry[0].enable_key_rotation && aws_kms_key.registry[0].deletion_window_in_days == 30
    error_message = "The key is never rotated, or gone too soon."
  }

  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.registry : secret.kms_key_id == aws_kms_key.registry[0].arn && secret.recovery_window_in_days >= 7])
    error_message = "A secret is not encrypted with the deployment's key, or cannot be brought back."
  }

  assert {
    condition = alltrue([for queue in [
      aws_sqs_queue.manifest_events, aws_sqs_queue.manifest_events_dlq, aws_sqs_queue.scan_jobs, aws_sqs_queue.scan_jobs_dlq,
      aws_sqs_queue.schedules_dlq,
    ] : queue.kms_master_key_id == aws_kms_key.registry[0].arn && queue.policy != null])
    error_message = "A queue is not encrypted, or has no policy."
  }

  assert {
    condition = (
      jsondecode(aws_sqs_queue.manifest_events.redrive_policy).maxReceiveCount == 5 && jsondecode(aws_sqs_queue.scan_jobs.redrive_policy).maxReceiveCount == 3
      && strcontains(aws_sqs_queue.manifest_events_dlq.redrive_allow_policy, "moorage-manifest-events\"")
      && strcontains(aws_sqs_queue.scan_jobs_dlq.redrive_allow_policy, "moorage-scan-jobs\"")
    )
    error_message = "A queue has no dead-letter queue of its own."
  }

  assert {
    condition = alltrue([for queue in [aws_sqs_queue.manifest_events_dlq, aws_sqs_queue.scan_jobs_dlq, aws_sqs_queue.schedules_dlq] :
      queue.message_retention_seconds == 14 * 86400
    ])
    error_message = "Dead letters are gone before somebody is back from a holiday."
  }

  assert {
    condition     = aws_sqs_queue.manifest_events.visibility_timeout_seconds >= 6 * aws_lambda_function.duty["dispatch_scans"].timeout
    error_message = "Events would be seen twice: AWS asks for six times the function's timeout."
  }

  assert {
    condition     = alltrue([for topic in [aws_sns_topic.events, aws_sns_topic.alarms] : topic.kms_master_key_id == aws_kms_key.registry[0].arn])
    error_message = "A topic is not encrypted."
  }

  assert {
    condition = alltrue([for document in concat(values(data.aws_iam_policy_document.queue), values(data.aws_iam_policy_document.topic)) : anytrue([
      for statement in document.statement : (
        statement.effect == "Deny" && contains(statement.principals[*].type, "*") && contains(statement.condition[*].variable, "aws:SecureTransport")
      )
    ])])
    error_message = "A queue or topic answers without TLS."
  }

  assert {
    condition = alltrue([
      for group in concat(values(aws_cloudwatch_log_group.duty), values(aws_cloudwatch_log_group.access), values(aws_cloudwatch_log_group.container)) :
      group.retention_in_days == 30 && group.kms_key_id == aws_kms_key.registry[0].arn
    ])
    error_message = "Logs are kept for ever, or not encrypted."
  }

  assert {
    condition     = alltrue([for made in aws_lambda_function.duty : one(made.logging_config).log_group == "/aws/lambda/${made.function_name}"])
    error_message = "A function logs to a group that has no end."
  }

  assert {
    condition     = alltrue([for function in aws_lambda_function.duty : !anytrue([for name, value in function.environment[0].variables : can(regex("(?i)password|private.key", value)) && name != "MOORAGE_ADMIN_SECRET"])])
    error_message = "A function's environment holds a secret instead of its name."
  }
}

run "with_keys_of_aws" {
  command = plan

  variables {
    encryption         = "aws"
    log_retention_days = 7
  }

  assert {
    condition = (
      length(aws_kms_key.registry) == 0
      && one(one(aws_s3_bucket_server_side_encryption_configuration.registry.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
      && alltrue([for queue in [
        aws_sqs_queue.manifest_events, aws_sqs_queue.manifest_events_dlq, aws_sqs_queue.scan_jobs, aws_sqs_queue.scan_jobs_dlq,
        aws_sqs_queue.schedules_dlq,
      ] : queue.sqs_managed_sse_enabled])
    )
    error_message = "encryption = aws makes a key, or leaves a bucket or queue unencrypted."
  }

  assert {
    condition     = !anytrue([for document in data.aws_iam_policy_document.duty : anytrue([for statement in document.statement : statement.sid == "Key"])])
    error_message = "Roles name a key that is not there."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.duty : group.retention_in_days == 7])
    error_message = "log_retention_days has no effect."
  }
}
