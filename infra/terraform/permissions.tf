# What each duty's code calls. `table`: DynamoDB actions; `objects`: S3 actions by the first part of the key; `bucket`: S3 actions
# on the bucket; `reads`, `writes`: secrets; `sends`, `receives`: queues.
locals {
  table_reads  = ["GetItem", "BatchGetItem", "Query"]
  table_writes = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "ConditionCheckItem"]

  granted = {
    registry = {
      table = concat(local.table_reads, local.table_writes)
      objects = {
        manifests = ["GetObject", "PutObject", "DeleteObject"]
        blobs     = ["GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"]
        uploads   = ["GetObject", "PutObject", "DeleteObject"]
      }
      bucket = ["ListBucket"]
      reads  = ["registry_keys"]
    }
    console = {
      table = concat(local.table_reads, local.table_writes)
      objects = {
        manifests = ["GetObject", "PutObject", "DeleteObject"]
        blobs     = ["GetObject", "DeleteObject"]
      }
      bucket = ["ListBucket"]
      reads  = concat(["token_keys", "registry_keys"], local.identity_secrets)
      writes = local.identity_secrets
    }
    authorizer = {
      table = ["BatchGetItem", "GetItem", "Query"]
      reads = ["registry_keys"]
    }
    sweep_uploads = {
      table = concat(local.table_reads, local.table_writes)
      objects = {
        blobs   = ["DeleteObject", "AbortMultipartUpload"]
        uploads = ["DeleteObject"]
      }
      bucket = ["ListBucket", "ListBucketMultipartUploads"]
      sends  = ["schedules_dlq"]
    }
    sweep_releases = {
      table = concat(local.table_reads, local.table_writes)
      objects = {
        manifests = ["GetObject", "DeleteObject"]
        blobs     = ["DeleteObject"]
      }
      sends = ["schedules_dlq"]
    }
    sweep_projects = {
      table = concat(local.table_reads, local.table_writes)
      sends = ["schedules_dlq"]
    }
    purge_audit = {
      table = concat(local.table_reads, local.table_writes)
      sends = ["schedules_dlq"]
    }
    rotate_keys = {
      reads  = ["token_keys", "registry_keys"]
      writes = ["token_keys", "registry_keys"]
      sends  = ["schedules_dlq"]
    }
    provision = {
      table  = concat(local.table_reads, local.table_writes)
      reads  = ["token_keys", "registry_keys", "admin_password"]
      writes = ["token_keys", "registry_keys", "admin_password"]
    }
    dispatch_scans = {
      sends    = ["scan_jobs"]
      receives = ["manifest_events"]
    }
  }

  permissions = {
    for duty in keys(local.duties) : duty => {
      table    = try(local.granted[duty].table, [])
      objects  = try(local.granted[duty].objects, {})
      bucket   = try(local.granted[duty].bucket, [])
      reads    = try(local.granted[duty].reads, [])
      writes   = try(local.granted[duty].writes, [])
      sends    = try(local.granted[duty].sends, [])
      receives = try(local.granted[duty].receives, [])
      via = [for service in compact([
        can(local.granted[duty].table) ? "dynamodb" : "",
        can(local.granted[duty].objects) ? "s3" : "",
        can(local.granted[duty].reads) ? "secretsmanager" : "",
        can(local.granted[duty].sends) ? "sqs" : "",
      ]) : "${service}.${var.region}.amazonaws.com"]
    }
  }
}
