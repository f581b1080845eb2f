# The dashboard: a row for each question somebody has at three in the morning, most urgent first. An account has three dashboards
# for nothing; each further one is $3 a month. What it shows is in dashboard_rows.tf.
locals {
  # A row: `asks`, the question; `graphs`, side by side: `title`, `metrics` (CloudWatch's notation), and how to read them.
  dashboard_rows = [for row in local.dashboard_questions : merge(row, {
    graphs = [for graph in row.graphs : graph if length(graph.metrics) > 0]
  })]

  dashboard_widgets = flatten([for index, row in local.dashboard_rows : concat(
    [{
      type       = "text", x = 0, y = 8 * index, width = 24, height = 2
      properties = { markdown = "## ${row.asks}\n${row.answer}" }
    }],
    [for place, graph in row.graphs : {
      type   = "metric"
      x      = place * floor(24 / length(row.graphs))
      y      = 8 * index + 2
      width  = floor(24 / length(row.graphs))
      height = 6
      properties = merge(
        {
          title   = graph.title
          region  = var.region
          view    = "timeSeries"
          stacked = try(graph.stacked, false)
          period  = try(graph.period, 300)
          stat    = try(graph.stat, "Sum")
          metrics = graph.metrics
          yAxis   = { left = { min = 0 } }
        },
        can(graph.limit) ? { annotations = { horizontal = [{ label = "alarm", value = graph.limit }] } } : {},
      )
    }],
  )])

  # A graph of every function, for each metric.
  lambda_metric = { for name in ["Invocations", "Errors", "Throttles", "Duration"] : name => [
    for duty in keys(local.duties) : ["AWS/Lambda", name, "FunctionName", local.function_names[duty], { label = duty }]
  ] }
}

resource "aws_cloudwatch_dashboard" "registry" {
  count = var.dashboard ? 1 : 0

  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = local.dashboard_widgets })
}

output "dashboard_url" {
  description = "Address of the CloudWatch dashboard; empty without one."
  value       = var.dashboard ? "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${var.name}" : ""
}
