output "ecs_cluster" {
  description = "Name of the cluster of containers; empty where there are none."
  value       = try(aws_ecs_cluster.main[0].name, "")
}

output "ecs_services" {
  description = "Services of the cluster."
  value       = concat(aws_ecs_service.uploads[*].name, aws_ecs_service.scans[*].name)
}

output "load_balancer" {
  description = "Host name of the load balancer; empty where there is none."
  value       = try(aws_lb.uploads[0].dns_name, "")
}

output "cdn_host" {
  description = "Host name of CloudFront before the load balancer; empty where there is none."
  value       = try(aws_cloudfront_distribution.uploads[0].domain_name, "")
}

output "task_roles" {
  description = "Roles of the containers."
  value = merge(
    local.has_uploads_role ? { uploads = aws_iam_role.uploads_task[0].name } : {},
    var.scan_cluster ? { scans = aws_iam_role.scans_task[0].name } : {},
    local.has_network ? { execution = aws_iam_role.ecs_execution[0].name } : {},
  )
}

output "dns_records" {
  description = "Records that lead the domains here; with hosted_zone_id they are written, without it they are yours to write."
  value       = { for domain, target in local.domain_targets : domain => { type = "ALIAS or CNAME", value = target.name } }
}

output "hourly" {
  description = "What is paid by the hour whether it is used or not, for the cost of an idle month."
  value = {
    interface_endpoints = length(local.interface_services) * var.az_count
    load_balancers      = local.has_uploads ? 1 : 0
    upload_tasks        = local.has_uploads ? var.upload_tasks.min : 0
    upload_vcpu         = local.has_uploads ? var.upload_tasks.min * var.upload_cpu / 1024 : 0
    upload_gb           = local.has_uploads ? var.upload_tasks.min * var.upload_memory_mb / 1024 : 0
    public_addresses    = (local.has_tls ? var.az_count : 0) + (local.is_public_tasks && local.has_uploads ? var.upload_tasks.min : 0)
  }
}
