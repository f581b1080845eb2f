# Bad values fail at plan. tests/infra/test_terraform_refusals.py reads the sentences; here it is enough that each is refused.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  package_path = "./versions.tf"
}

run "bad_by_themselves" {
  command = plan

  variables {
    name                     = "Moorage!"
    region                   = "Frankfurt"
    door                     = "window"
    domain_name              = "https://registry.example.com/"
    public_url_override      = "registry.example.com"
    console_url_override     = "https://console.example.com/"
    s3_public_url            = "localhost:4566"
    upload_service           = "lambda"
    architecture             = "sparc"
    lambda_memory_mb         = { registry = 128 }
    lambda_timeout_s         = { registry = 1, background = 1, dispatch_scans = 1 }
    reserved_concurrency     = { registry = 0 }
    pinned_versions          = { registry = "latest" }
    dispatch_concurrency     = 1
    scan_timeout_s           = 5
    authorizer_cache_s       = 4000
    throttle                 = { rate = 0 }
    log_level                = "LOUD"
    upstream_reach           = "mars"
    permissions_boundary_arn = "boundary"
    log_retention_days       = 31
    alarm_emails             = ["nobody"]
    alarm_thresholds         = { error_percent = 200 }
    bucket_name              = "Bucket.Name"
    encryption               = "rot13"
    deleted_retention_days   = 0
    abort_uploads_days       = 1
    secret_recovery_days     = 3
    key_deletion_days        = 1
    vpc_cidr                 = "10.0.0.0/30"
    az_count                 = 1
    task_network             = "nat"
    upload_cpu               = 100
    upload_tasks             = { min = 0 }
    upload_drain_s           = 1
    cdn_read_timeout_s       = 5
    cdn_price_class          = "cheap"
    cdn_web_acl_arn          = "acl"
    waf_rate_limit           = 1
    scan_cpu                 = 100
    scan_disk_gb             = 10
    scan_tasks_max           = 0
  }

  expect_failures = [
    var.name, var.region, var.door, var.domain_name, var.public_url_override, var.console_url_override, var.s3_public_url,
    var.upload_service, var.architecture, var.lambda_memory_mb, var.lambda_timeout_s, var.reserved_concurrency,
    var.pinned_versions, var.dispatch_concurrency, var.scan_timeout_s, var.authorizer_cache_s, var.throttle, var.log_level,
    var.upstream_reach, var.permissions_boundary_arn, var.log_retention_days, var.alarm_emails, var.alarm_thresholds, var.bucket_name,
    var.encryption, var.deleted_retention_days, var.abort_uploads_days, var.secret_recovery_days, var.key_deletion_days, var.vpc_cidr,
    var.az_count, var.task_network, var.upload_cpu, var.upload_tasks, var.upload_drain_s,
    var.cdn_read_timeout_s, var.cdn_price_class, var.cdn_web_acl_arn,
    var.waf_rate_limit, var.scan_cpu, var.scan_disk_gb, var.scan_tasks_max,
  ]
}

# A variable that is judged together with a bad one is not judged at all.
run "bad_addresses" {
  command = plan

  variables {
    upload_url          = "uploads.example.com"
    hosted_zone_id      = "example.com"
    cdn_certificate_arn = "certificate"
    door                = "http"
    waf                 = true
  }

  expect_failures = [var.upload_url, var.hosted_zone_id, var.cdn_certificate_arn, var.waf]
}

run "bad_together" {
  command = plan

  variables {
    package_path             = "./no-such-package.zip"
    domain_name              = "registry.example.com"
    upload_service           = "fargate"
    upload_image             = "docker.io/moorage/uploads"
    upload_memory_mb         = 512
    scan_cluster             = true
    scan_memory_mb           = 100
    cdn                      = "off"
    disable_default_endpoint = false
  }

  expect_failures = [var.package_path, var.hosted_zone_id, var.upload_image, var.upload_memory_mb, var.scan_image, var.scan_memory_mb, var.cdn]
}

run "bad_without_each_other" {
  command = plan

  variables {
    door                     = "http"
    disable_default_endpoint = true
    upload_service           = "external"
    upload_domain_name       = "uploads.example.com"
    certificate_arn          = "certificate"
  }

  expect_failures = [var.disable_default_endpoint, var.upload_url, var.upload_domain_name, var.certificate_arn]
}

run "region_with_too_few_zones" {
  command = plan

  variables {
    upload_service = "fargate"
    upload_image   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-uploads:1.0"
    az_count       = 4
  }

  expect_failures = [data.aws_availability_zones.available]
}
