# The questions of the dashboard, and what answers them. In CloudWatch's notation a metric is a list: namespace, name, dimensions,
# and how to show it. `Moorage` is what the code itself counts (docs/explanation/observability.md); without `metrics` it is empty.
locals {
  own = { for name in [
    "Pulls", "Pushes", "Requests", "Errors", "Denials", "BlobRedirects", "BytesServed", "BytesRedirected", "BytesReceived",
    "UploadsBegun", "UploadsFinished", "UploadsFailed", "AwsRetries", "AwsThrottles", "ColdStarts",
  ] : name => ["Moorage", name, "service", var.name] }

  reasons = ["UNAUTHORIZED", "DENIED", "FORBIDDEN", "TOOMANYREQUESTS"]
  paths   = ["get_manifest", "head_manifest", "get_blob", "put_manifest", "token"]

  dashboard_questions = [
    {
      asks   = "How much is going on?"
      answer = "Requests by door; manifests pulled and pushed; bytes in and out. A cliff to zero is an outage even where nothing fails."
      graphs = [
        { title = "Requests", metrics = [for key, door in local.doors : concat([door.namespace, door.requests], flatten([for of, value in door.of : [of, value]]), [{ label = key }])] },
        { title = "Pulls and pushes", metrics = [local.own.Pulls, local.own.Pushes, local.own.BlobRedirects] },
        { title = "Bytes", metrics = [local.own.BytesReceived, local.own.BytesRedirected, local.own.BytesServed] },
      ]
    },
    {
      asks   = "What fails?"
      answer = "5xx are ours; denials are clients' (by reason). Then the functions, whose errors no client may have seen."
      graphs = [
        { title = "5xx by door", metrics = concat([], [for key, door in local.doors : [for name in door.failures : concat([door.namespace, name], flatten([for of, value in door.of : [of, value]]), [{ label = "${key} ${name}" }])]]...) },
        { title = "Denials", stacked = true, metrics = [for reason in local.reasons : ["Moorage", "Denials", "service", var.name, "reason", reason, { label = reason }]] },
        { title = "Failed runs of functions", stacked = true, metrics = local.lambda_metric.Errors },
        { title = "Throttled functions", stacked = true, metrics = local.lambda_metric.Throttles },
      ]
    },
    {
      asks   = "What is slow?"
      answer = "What clients wait (p95), by operation, then how long functions run and how often they start cold. X-Ray has the single request."
      graphs = [
        { title = "Latency p95 by operation, ms", stat = "p95", limit = var.alarm_thresholds.registry_p95_ms, metrics = [for path in local.paths : ["Moorage", "Latency", "service", var.name, "operation", path, { label = path }]] },
        { title = "p95 and p99 that alarms judge, ms", metrics = concat([], [for key, latency in local.latencies : [for stat in ["p95", "p99"] : concat([latency.namespace, latency.name], flatten([for of, value in latency.of : [of, value]]), [{ label = "${key} ${stat}", stat = stat }])]]...) },
        { title = "Duration of functions p95, ms", stat = "p95", metrics = local.lambda_metric.Duration },
        { title = "Cold starts and calls made again", metrics = [local.own.ColdStarts, local.own.AwsRetries, local.own.AwsThrottles] },
      ]
    },
    {
      asks   = "Do uploads arrive?"
      answer = "Begun and finished should run side by side. Failed ones are refused bytes, clients that hung up, and errors of ours."
      graphs = concat(
        [{ title = "Uploads", metrics = [local.own.UploadsBegun, local.own.UploadsFinished, local.own.UploadsFailed] }],
        local.upload_graphs,
      )
    },
    {
      asks   = "What is stored, and how is the table?"
      answer = "S3 measures once a day. The table's units are what DynamoDB bills; throttles last minutes when a peak is sudden."
      graphs = [
        { title = "Bytes in the bucket", stat = "Average", period = 86400, metrics = [["AWS/S3", "BucketSizeBytes", "BucketName", local.bucket_name, "StorageType", "StandardStorage"]] },
        { title = "Objects in the bucket", stat = "Average", period = 86400, metrics = [["AWS/S3", "NumberOfObjects", "BucketName", local.bucket_name, "StorageType", "AllStorageTypes"]] },
        { title = "Units of the table", stacked = true, metrics = [for name in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"] : ["AWS/DynamoDB", name, "TableName", var.name]] },
        { title = "Throttled by the table", metrics = [for name in ["ReadThrottleEvents", "WriteThrottleEvents"] : ["AWS/DynamoDB", name, "TableName", var.name]] },
      ]
    },
    {
      asks   = "Is anything stuck?"
      answer = "Ages should fall back to zero; whatever is in a dead-letter queue waits for a person."
      graphs = [
        { title = "Age of the oldest message, s", stat = "Maximum", metrics = [for queue in ["manifest_events", "scan_jobs"] : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", local.queue_names[queue], { label = queue }]] },
        { title = "Messages waiting", stat = "Maximum", metrics = [for queue in ["manifest_events", "scan_jobs"] : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", local.queue_names[queue], { label = queue }]] },
        { title = "Dead letters", stat = "Maximum", stacked = true, limit = 0, metrics = [for queue in keys(local.dead_letters) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", local.queue_names[queue], { label = queue }]] },
        { title = "Runs of scheduled functions", metrics = [for duty in keys(local.schedules) : ["AWS/Lambda", "Invocations", "FunctionName", local.function_names[duty], { label = duty }]] },
      ]
    },
    {
      asks   = "What costs?"
      answer = "What the bill is made of; docs/explanation/cost.md has the prices. Seconds of functions times their memory are Lambda's; log bytes are $0.50 a GB."
      graphs = concat(
        [
          { title = "Calls of functions", stacked = true, metrics = local.lambda_metric.Invocations },
          { title = "Run time of functions, ms", stacked = true, metrics = local.lambda_metric.Duration },
          { title = "Bytes of logs", stacked = true, metrics = [for group in concat(values(aws_cloudwatch_log_group.duty)[*].name, values(aws_cloudwatch_log_group.access)[*].name) : ["AWS/Logs", "IncomingBytes", "LogGroupName", group]] },
        ],
        local.cost_graphs,
      )
    },
  ]

  # The upload service's, when it is made here.
  upload_graphs = [for graph in [
    { title = "Upload containers", stat = "Maximum", metrics = [for name in ["HealthyHostCount", "UnHealthyHostCount"] : ["AWS/ApplicationELB", name, "TargetGroup", local.upload_hosts.TargetGroup, "LoadBalancer", local.upload_hosts.LoadBalancer]] },
    { title = "Their processor and memory, %", stat = "Maximum", metrics = [for name in ["CPUUtilization", "MemoryUtilization"] : ["AWS/ECS", name, "ServiceName", "uploads", "ClusterName", var.name]] },
    { title = "Connections to the load balancer", metrics = [for name in ["ActiveConnectionCount", "RejectedConnectionCount"] : ["AWS/ApplicationELB", name, "LoadBalancer", local.load_balancer]] },
  ] : graph if local.has_uploads]

  # CloudFront's metrics are in us-east-1, wherever the deployment is.
  cost_graphs = [for graph in [
    { is_made = local.has_uploads, title = "Load balancer units", metrics = [["AWS/ApplicationELB", "ConsumedLCUs", "LoadBalancer", local.load_balancer]] },
    { is_made = local.has_cdn, title = "Bytes through CloudFront", stacked = true, metrics = [for name in ["BytesUploaded", "BytesDownloaded"] : ["AWS/CloudFront", name, "Region", "Global", "DistributionId", try(aws_cloudfront_distribution.uploads[0].id, ""), { region = "us-east-1" }]] },
  ] : graph if graph.is_made]
}
