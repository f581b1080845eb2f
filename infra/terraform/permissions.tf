# What each duty's code calls: `table` DynamoDB actions; `objects` S3 actions by key; `bucket` S3 actions on the bucket itself;
# `reads` and `writes` secrets; `sends` and `receives` queues. Writing parts of an upload is PutObject, a transaction is the
# actions in it. ListBucket, where a missing object must be 404 and not 403.
locals {
  every_table_action = [
    "GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem", "BatchWriteItem",
  ]

  granted = {
    # Uploads too: who has no upload service sends layers here, and URLs are signed with this role. An LDAP password is checked
    # here, so the secrets of identity sources are read.
    registry = {
      table = local.every_table_action
      objects = {
        "manifests/*" = ["GetObject", "PutObject"]
        "blobs/*"     = ["GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"]
        "uploads/*"   = ["GetObject", "PutObject", "DeleteObject"]
      }
      bucket = ["ListBucket"]
      reads  = concat(["registry_keys"], local.identity_secrets)
    }

    # Copies artifacts, which writes manifests; reads the configs of images; its health check looks for a blob.
    console = {
      table = local.every_table_action
      objects = {
        "manifests/*" = ["GetObject", "PutObject"]
        "blobs/*"     = ["GetObject"]
      }
      bucket = ["ListBucket"]
      reads  = concat(["token_keys", "registry_keys"], local.identity_secrets)
      writes = local.identity_secrets
    }

    # Verifies signatures and nothing else.
    authorizer = {
      reads = ["registry_keys"]
    }

    sweep_uploads = {
      objects = {
        "blobs/*"   = ["AbortMultipartUpload"]
        "uploads/*" = ["DeleteObject"]
      }
      bucket = ["ListBucket", "ListBucketMultipartUploads"]
      sends  = ["schedules_dlq"]
    }

    # Reads large manifests back, to know what they needed.
    sweep_releases = {
      table   = [for action in local.every_table_action : action if action != "BatchWriteItem"]
      objects = { "manifests/*" = ["GetObject"] }
      bucket  = ["ListBucket"]
      sends   = ["schedules_dlq"]
    }

    sweep_projects = {
      table = ["BatchGetItem", "Query", "UpdateItem", "DeleteItem"]
      sends = ["schedules_dlq"]
    }

    purge_audit = {
      table = ["GetItem", "Query", "PutItem", "UpdateItem", "BatchWriteItem"]
      sends = ["schedules_dlq"]
    }

    # Tells the audit log, whose settings are in the table.
    rotate_keys = {
      table  = ["GetItem", "BatchWriteItem"]
      reads  = ["token_keys", "registry_keys"]
      writes = ["token_keys", "registry_keys"]
      sends  = ["schedules_dlq"]
    }

    provision = {
      table  = ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"]
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
      # The services through which the duty may use the key.
      via = [
        for service, used in {
          dynamodb       = can(local.granted[duty].table)
          s3             = can(local.granted[duty].objects)
          secretsmanager = can(local.granted[duty].reads)
          sqs            = can(local.granted[duty].sends)
        } : "${service}.${var.region}.amazonaws.com" if used
      ]
    }
  }
}
