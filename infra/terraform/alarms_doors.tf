# What clients notice: requests that fail, answers that are slow, uploads that break off. Rates are judged from 20 requests a period
# on, so that the one failure of a quiet night wakes nobody, and without traffic they are 0.
locals {
  # What counts requests and failures at each way in.
  doors = { for key, door in {
    registry = { is_made = local.is_rest, namespace = "AWS/ApiGateway", of = { ApiName = "${var.name}-registry", Stage = "v2" }
      requests = "Count", failures = ["5XXError"], duty = "registry"
    }
    console = { is_made = local.is_rest, namespace = "AWS/ApiGateway", of = { ApiName = "${var.name}-console" }
      requests = "Count", failures = ["5XXError"], duty = "console"
    }
    http = { is_made = local.is_http, namespace = "AWS/ApiGateway", of = { ApiId = try(aws_apigatewayv2_api.http[0].id, "") }
      requests = "Count", failures = ["5xx"], duty = "registry"
    }
    load-balancer = { is_made = local.has_uploads, namespace = "AWS/ApplicationELB", of = { LoadBalancer = local.load_balancer }
      requests = "RequestCount", failures = ["HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"], duty = "uploads"
    }
  } : key => door if door.is_made }

  load_balancer = try(aws_lb.uploads[0].arn_suffix, "")
  upload_hosts  = { LoadBalancer = local.load_balancer, TargetGroup = try(aws_lb_target_group.uploads[0].arn_suffix, "") }

  # A REST API's latency is what clients wait, cold starts too; one API has the registry, one stage of the other the tokens. The
  # other doors mix both, and there the code's own metric is read, if it is on.
  latencies = { for key, of in {
    registry = { operation = "get_manifest", api = { ApiName = "${var.name}-registry", Stage = "v2" } }
    token    = { operation = "token", api = { ApiName = "${var.name}-console", Stage = "service" } }
    } : key => {
    namespace = local.is_rest ? "AWS/ApiGateway" : "Moorage"
    name      = "Latency"
    of        = local.is_rest ? of.api : { service = var.name, operation = of.operation }
  } if local.is_rest || var.metrics }

  slow = {
    registry = "1. See on the dashboard whether DynamoDB or Lambda (throttles, cold starts) is slow too. 2. In X-Ray, sort the traces of ${var.name}-registry by duration. 3. More lambda_memory_mb is more processor; snap_start shortens cold starts."
    token    = "1. See on the dashboard whether the logins are many: a storm of wrong passwords costs a password hash each (Denials by UNAUTHORIZED). 2. If LDAP or OpenID Connect is on, see whether that server answers slowly. 3. More lambda_memory_mb for console is more processor."
  }

  error_watches = { for key, door in local.doors : "${key}-errors" => {
    says       = "More than ${var.alarm_thresholds.error_percent} % of the requests at ${key} fail (5xx). First: 1. was something deployed in the last hour? Then set pinned_versions to what function_versions was before, and apply. 2. Else look for status >= 500 in the log of ${door.duty} (Logs Insights), which has the operation and the error. 3. See whether the throttles or DynamoDB alarms are on too."
    expression = "IF(requests >= 20, 100 * (${join(" + ", [for index in range(length(door.failures)) : "FILL(failures${index}, 0)"])}) / requests, 0)"
    metrics = merge(
      { requests = { namespace = door.namespace, name = door.requests, of = door.of, stat = "Sum" } },
      { for index, name in door.failures : "failures${index}" => { namespace = door.namespace, name = name, of = door.of, stat = "Sum" } },
    )
    period   = 300
    periods  = 3
    breaches = 2
    above    = var.alarm_thresholds.error_percent
  } }

  latency_watches = { for pair in setproduct(keys(local.latencies), ["p95", "p99"]) : "${pair[0]}-latency-${pair[1]}" => {
    says       = "One in ${pair[1] == "p95" ? "twenty" : "a hundred"} answers of the ${pair[0]} takes longer than ${var.alarm_thresholds["${pair[0]}_${pair[1]}_ms"]} ms. First: ${local.slow[pair[0]]}"
    expression = "IF(answers >= 20, slowest, 0)"
    metrics = {
      answers = merge(local.latencies[pair[0]], { stat = "SampleCount" })
      slowest = merge(local.latencies[pair[0]], { stat = pair[1] })
    }
    period   = 300
    periods  = 6
    breaches = 4
    above    = var.alarm_thresholds["${pair[0]}_${pair[1]}_ms"]
  } }

  # Clients that hang up count as failures, so a few are no reason; the share is judged from 5 failed ones on.
  upload_watches = { for key, watch in {
    uploads-failed = {
      is_made    = var.metrics
      says       = "More than ${var.alarm_thresholds.failed_uploads_percent} % of uploads fail. First: 1. count the log lines of ${var.name}-registry and of the upload service that have UploadsFailed, by code (Logs Insights): DIGEST_INVALID or hung-up clients point at a client or a proxy between, UNKNOWN at S3, KMS or memory. 2. See whether the upload hosts are healthy and have memory left."
      expression = "IF(FILL(failed, 0) >= 5, 100 * FILL(failed, 0) / (FILL(failed, 0) + FILL(finished, 0)), 0)"
      metrics = {
        failed   = { namespace = "Moorage", name = "UploadsFailed", of = { service = var.name }, stat = "Sum" }
        finished = { namespace = "Moorage", name = "UploadsFinished", of = { service = var.name }, stat = "Sum" }
      }
      period   = 300
      periods  = 3
      breaches = 2
      above    = var.alarm_thresholds.failed_uploads_percent
    }
    unhealthy-upload-hosts = {
      is_made  = local.has_uploads
      says     = "An upload container has failed its health check for five minutes. First: look at its last lines in log group /ecs/${var.name}/uploads, and at its memory on the dashboard: above 90 % it needs a higher upload_memory_mb. ECS replaces it by itself; if the new one fails too, its image is wrong: set upload_image to the one before, and apply."
      metrics  = { unhealthy = { namespace = "AWS/ApplicationELB", name = "UnHealthyHostCount", of = local.upload_hosts, stat = "Maximum" } }
      period   = 60
      periods  = 5
      breaches = 5
      above    = 0
    }
    # Without a container there is no data, so no data is the alarm; it may ring once while the first apply starts the containers.
    no-healthy-upload-host = {
      is_made  = local.has_uploads
      says     = "No upload container answers: nobody can push. First: read the events of ECS service uploads in cluster ${var.name}: they tell whether tasks do not start (image, subnet addresses, execution role) or start and fail (log group /ecs/${var.name}/uploads). A deployment that failed is rolled back by itself; else set upload_image to the one before, and apply."
      metrics  = { healthy = { namespace = "AWS/ApplicationELB", name = "HealthyHostCount", of = local.upload_hosts, stat = "Maximum" } }
      period   = 60
      periods  = 3
      breaches = 3
      below    = 1
      missing  = "breaching"
    }
  } : key => watch if watch.is_made }

  door_watches = merge(local.error_watches, local.latency_watches, local.upload_watches)
}
