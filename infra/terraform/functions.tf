# One function a duty, all from one package; what each may do is in roles.tf.
locals {
  # Who is called through a door gives up before the door does (29 s); nobody waits for the others.
  all_duties = {
    registry = { handler = "app.app", memory = var.lambda_memory_mb.registry, timeout = var.lambda_timeout_s.registry
      about    = "the registry's API", reserved = var.reserved_concurrency.registry, waited_for = true
      settings = {}
    }
    console = { handler = "app.app", memory = var.lambda_memory_mb.console, timeout = var.lambda_timeout_s.console
      about    = "token service, Harbor's API and pages", reserved = var.reserved_concurrency.console, waited_for = true
      settings = {}
    }
    authorizer = { handler = "app.authorize", memory = var.lambda_memory_mb.authorizer, timeout = var.lambda_timeout_s.authorizer
      about    = "lets credentials through that the registry will look at", reserved = var.reserved_concurrency.authorizer, waited_for = true
      settings = {}
    }
    sweep_uploads = { handler = "app.sweep_uploads", memory = var.lambda_memory_mb.background, timeout = var.lambda_timeout_s.background
      about    = "frees what abandoned uploads hold", reserved = null, waited_for = false
      settings = {}
    }
    sweep_releases = { handler = "app.sweep_releases", memory = var.lambda_memory_mb.background, timeout = var.lambda_timeout_s.background
      about    = "finishes deletions", reserved = null, waited_for = false
      settings = {}
    }
    sweep_projects = { handler = "app.sweep_projects", memory = var.lambda_memory_mb.background, timeout = var.lambda_timeout_s.background
      about    = "takes away what removed projects left", reserved = null, waited_for = false
      settings = {}
    }
    purge_audit = { handler = "app.purge_audit", memory = var.lambda_memory_mb.background, timeout = var.lambda_timeout_s.background
      about    = "counts and purges the audit log", reserved = null, waited_for = false
      settings = {}
    }
    rotate_keys = { handler = "app.rotate_keys", memory = var.lambda_memory_mb.background, timeout = 60
      about    = "makes new keys", reserved = null, waited_for = false
      settings = {}
    }
    provision = { handler = "app.provision", memory = var.lambda_memory_mb.background, timeout = 60
      about    = "makes what a new registry needs", reserved = null, waited_for = false
      settings = { MOORAGE_ADMIN_SECRET = local.secret_names.admin_password }
    }
    dispatch_scans = { handler = "app.dispatch_scans", memory = var.lambda_memory_mb.background, timeout = var.lambda_timeout_s.dispatch_scans
      about    = "turns new manifests into scan jobs", reserved = null, waited_for = false
      settings = { MOORAGE_SCAN_JOBS_URL = local.queue_urls.scan_jobs }
    }
  }
  absent = concat(var.door == "alb" ? ["registry"] : [], local.is_rest ? [] : ["authorizer"])
  duties = { for duty, made in local.all_duties : duty => made if !contains(local.absent, duty) }

  function_names = { for duty in keys(local.duties) : duty => "${var.name}-${replace(duty, "_", "-")}" }
  package_hash   = filebase64sha256(local.package_path)
  package_path   = var.package_path != "" ? var.package_path : "${path.module}/../../build/moorage-lambda-${var.architecture}.zip"
}

# Uploaded once for all functions, which keep copies. No function's role reaches this part of the bucket.
resource "aws_s3_object" "package" {
  bucket             = aws_s3_bucket.registry.bucket
  key                = "packages/${sha256(local.package_hash)}.zip"
  source             = local.package_path
  source_hash        = local.package_hash
  checksum_algorithm = "SHA256"

  # An object may have ten tags, a deployment more.
  override_provider {
    default_tags {
      tags = {}
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.registry, aws_s3_bucket_public_access_block.registry]
}

resource "aws_lambda_function" "duty" {
  for_each = local.duties

  function_name                  = local.function_names[each.key]
  description                    = "Moorage ${var.name}: ${each.value.about}"
  role                           = aws_iam_role.duty[each.key].arn
  runtime                        = "python3.13"
  architectures                  = [var.architecture]
  handler                        = each.value.handler
  s3_bucket                      = aws_s3_object.package.bucket
  s3_key                         = aws_s3_object.package.key
  source_code_hash               = local.package_hash
  memory_size                    = each.value.memory
  timeout                        = each.value.timeout
  reserved_concurrent_executions = coalesce(each.value.reserved, -1)
  publish                        = true

  environment {
    variables = merge(local.environment, { MOORAGE_DUTY = each.key }, each.value.settings)
  }

  # The code writes JSON lines itself.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.duty[each.key].name
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "snap_start" {
    for_each = var.snap_start && each.value.waited_for ? [1] : []
    content {
      apply_on = "PublishedVersions"
    }
  }

  # A function that runs before its role may do anything fails.
  depends_on = [aws_iam_role_policy.duty]
}

# Whoever calls, calls the alias. A new version is published whole before the alias moves to it, in one step; and it moves back
# by `pinned_versions`.
resource "aws_lambda_alias" "live" {
  for_each = local.duties

  name             = "live"
  description      = "what is in use"
  function_name    = aws_lambda_function.duty[each.key].function_name
  function_version = lookup(var.pinned_versions, each.key, aws_lambda_function.duty[each.key].version)
  depends_on       = [aws_lambda_invocation.provision]
}

# Nobody waits for these: Lambda tries again twice, then the event is kept.
resource "aws_lambda_function_event_invoke_config" "scheduled" {
  for_each = local.schedules

  function_name                = aws_lambda_function.duty[each.key].function_name
  qualifier                    = aws_lambda_alias.live[each.key].name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 3600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.schedules_dlq.arn
    }
  }
}

resource "aws_lambda_event_source_mapping" "dispatch_scans" {
  count = local.has_scans ? 1 : 0

  event_source_arn                   = aws_sqs_queue.manifest_events.arn
  function_name                      = aws_lambda_alias.live["dispatch_scans"].arn
  batch_size                         = 10
  maximum_batching_window_in_seconds = 1
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.dispatch_concurrency
  }
}
