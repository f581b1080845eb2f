# What clients notice later: functions nobody waits for, the table, queues, keys.
locals {
  # A crash of a function behind a door is a 5xx of the door, and watched there. Of these nobody would hear.
  background_duties = [for duty, made in local.duties : duty if !made.waited_for]
  front_duties      = [for duty, made in local.duties : duty if made.waited_for]

  # The system errors of these cover the table: reads and writes of the hot paths. CloudWatch has no sum over operations.
  watched_operations = ["GetItem", "BatchGetItem", "Query", "UpdateItem", "TransactWriteItems"]

  function_watches = {
    background-errors = {
      says       = "Background functions (sweeps, purge, rotation, scan dispatch) failed at least three times in an hour, which is every attempt of one. First: find which by its Errors on the dashboard, and read the last traceback in its log group /aws/lambda/${var.name}-<duty>. All of them are idempotent: once the cause is gone, invoke the function by hand or wait for its next turn."
      expression = join(" + ", [for duty in local.background_duties : "FILL(${duty}, 0)"])
      metrics = { for duty in local.background_duties : duty => {
        namespace = "AWS/Lambda", name = "Errors", of = { FunctionName = local.function_names[duty] }, stat = "Sum"
      } }
      period   = 3600
      periods  = 1
      breaches = 1
      above    = 2
    }
    function-throttles = {
      says       = "Lambda refuses to start functions that clients wait for; they see 429 or 5xx. First: 1. see ConcurrentExecutions of the account (Lambda console): at its limit, ask for more under Service Quotas, Lambda, concurrent executions. 2. If it is not, raise reserved_concurrency of the function that is throttled. 3. A client that pulls in a loop shows in the access log: throttle limits it."
      expression = join(" + ", [for duty in local.front_duties : "FILL(${duty}, 0)"])
      metrics = { for duty in local.front_duties : duty => {
        namespace = "AWS/Lambda", name = "Throttles", of = { FunctionName = local.function_names[duty] }, stat = "Sum"
      } }
      period   = 300
      periods  = 3
      breaches = 2
      above    = 0
    }
  }

  table_watches = {
    table-throttles = {
      says       = "DynamoDB throttles the table, five minutes long. First: 1. see on the dashboard whether reads or writes: an on-demand table doubles by itself, so a sudden peak ends within minutes. 2. If it stays, one key is hot (3,000 reads or 1,000 writes a second): switch on CloudWatch Contributor Insights of table ${var.name} to see which, and look it up in docs/reference/keys.md."
      expression = "FILL(reads, 0) + FILL(writes, 0)"
      metrics = {
        reads  = { namespace = "AWS/DynamoDB", name = "ReadThrottleEvents", of = { TableName = var.name }, stat = "Sum" }
        writes = { namespace = "AWS/DynamoDB", name = "WriteThrottleEvents", of = { TableName = var.name }, stat = "Sum" }
      }
      period   = 300
      periods  = 2
      breaches = 2
      above    = 10
    }
    table-system-errors = {
      says       = "DynamoDB itself answers 5xx. Calls are made again, so clients may not notice yet. First: look at the AWS Health Dashboard of ${var.region}; there is nothing to change here. If clients get errors, tell them when AWS expects to be back."
      expression = join(" + ", [for operation in local.watched_operations : "FILL(${lower(operation)}, 0)"])
      metrics = { for operation in local.watched_operations : lower(operation) => {
        namespace = "AWS/DynamoDB", name = "SystemErrors", of = { TableName = var.name, Operation = operation }, stat = "Sum"
      } }
      period   = 300
      periods  = 3
      breaches = 2
      above    = 5
    }
  }

  # SQS sends nothing about a queue that nobody has used for six hours: it is empty then.
  dead_letters = {
    manifest_events_dlq = "Events of new manifests were given up after five tries, so those manifests are not scanned. First: read the last traceback in the log of ${var.name}-dispatch-scans; once the cause is gone, start the redrive of the queue to its source (SQS console, or aws sqs start-message-move-task)."
    scan_jobs_dlq       = "Scans were given up after three tries. First: look at the log of the scan worker for the digest that is in the message; an image that takes longer than scan_timeout_s needs a higher one. Once the cause is gone, start the redrive of the queue to its source."
    schedules_dlq       = "A schedule could not start its function, or a scheduled function failed three times. First: read the message: it names the function and the error. AccessDenied: apply again, a role was changed. Else read that function's log. The next hourly turn makes up for the lost one, so delete the message when it is understood; rotate_keys must be invoked by hand."
  }
  queue_watches = merge(
    { for queue, about in local.dead_letters : "${replace(queue, "_", "-")}-depth" => {
      says     = about
      metrics  = { waiting = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", of = { QueueName = local.queue_names[queue] }, stat = "Maximum" } }
      period   = 300
      periods  = 1
      breaches = 1
      above    = 0
    } },
    {
      manifest-events-age = {
        says     = "The oldest event of a new manifest has waited for more than ${var.alarm_thresholds.event_age_minutes} minutes: manifests are pushed and not scanned. First: 1. see whether ${var.name}-dispatch-scans runs and fails (its Errors, its log). 2. If it does not run at all, its event source mapping is off: aws lambda list-event-source-mappings says why; apply makes it again."
        metrics  = { oldest = { namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", of = { QueueName = local.queue_names.manifest_events }, stat = "Maximum" } }
        period   = 300
        periods  = 2
        breaches = 2
        above    = 60 * var.alarm_thresholds.event_age_minutes
      }
      stuck-scans = {
        says     = "The oldest scan has waited for more than ${var.alarm_thresholds.scan_age_minutes} minutes. First: 1. see whether scan workers run (ECS service, running against desired): none, and its events tell why (no image, no capacity, no address). 2. If they run, they are too few for the pushes (raise the maximum) or stuck on one image: look at their log."
        metrics  = { oldest = { namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", of = { QueueName = local.queue_names.scan_jobs }, stat = "Maximum" } }
        period   = 300
        periods  = 2
        breaches = 2
        above    = 60 * var.alarm_thresholds.scan_age_minutes
      }
    },
  )

  # AWS has no metric of refused calls to KMS, Secrets Manager or S3, but the functions log them.
  access_watches = {
    access-denied = {
      says     = "AWS refuses calls of the functions: to a secret, the KMS key, the bucket or the table. First: 1. find AccessDenied in the logs of registry, console and uploads: the line names the call. 2. Run terraform plan: whatever was changed by hand (a policy, the key disabled or about to be deleted) shows, and apply sets it right. 3. A service control policy of your organization shows in no plan: ask who looks after the account."
      metrics  = { refused = { namespace = local.access_namespace, name = local.access_metric, of = {}, stat = "Sum" } }
      period   = 300
      periods  = 1
      breaches = 1
      above    = 0
    }
  }
  access_namespace = "Moorage/${var.name}"
  access_metric    = "AccessDenied"
  access_groups = merge(
    { for duty in local.front_duties : duty => aws_cloudwatch_log_group.duty[duty].name },
    { for container, group in aws_cloudwatch_log_group.container : container => group.name },
  )

  background_watches = merge(local.function_watches, local.table_watches, local.queue_watches, local.access_watches)
}

# Counting lines costs nothing, the metric $0.30 in a month in which there is one.
resource "aws_cloudwatch_log_metric_filter" "access" {
  for_each = { for who, group in local.access_groups : who => group if var.alarms }

  name           = "access-denied"
  log_group_name = each.value
  # Of exceptions only: other fields hold what clients write, such as their request ids.
  pattern = "{ $.exception = \"*AccessDenied*\" || $.exception = \"*KMSInvalidState*\" || $.exception = \"*KMSDisabled*\" }"

  metric_transformation {
    namespace = local.access_namespace
    name      = local.access_metric
    value     = "1"
  }
}
