# What the code in the containers may do. The shape is that of permissions.tf.
locals {
  task_permissions = {
    # Uploads end in a blob's record. With door = "alb" the same containers are the registry, and do what its function does.
    uploads = [
      {
        table = ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"]
        objects = {
          "blobs/*"   = ["GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"]
          "uploads/*" = ["GetObject", "PutObject", "DeleteObject"]
        }
        # Without it S3 says "forbidden" of an object that is not there.
        bucket   = ["ListBucket"]
        reads    = ["registry_keys"]
        receives = []
      },
      merge({ receives = [] }, local.granted.registry),
    ][local.is_alb ? 1 : 0]
    # Scanners are treated as hostile: they read what is stored and write what they found, and know no secret.
    scans = {
      table = []
      objects = {
        "manifests/*" = ["GetObject"]
        "blobs/*"     = ["GetObject"]
        "scan-out/*"  = ["PutObject"]
      }
      # A manifest may be gone by the time of its scan, which S3 only tells who may list.
      bucket   = ["ListBucket"]
      reads    = []
      receives = ["scan_jobs"]
    }
  }

  # An upload service that runs elsewhere needs the same, and takes the same role where it can.
  has_uploads_role = var.upload_service != "off"
  task_roles       = toset(concat(local.has_uploads_role ? ["uploads"] : [], var.scan_cluster ? ["scans"] : []))

  task_services = {
    uploads = ["dynamodb", "s3", "secretsmanager"]
    scans   = ["s3", "sqs"]
  }
}

resource "aws_iam_role" "uploads_task" {
  count = local.has_uploads_role ? 1 : 0

  name                 = "${local.role_prefix}-uploads-task"
  description          = "Moorage ${var.name}: the upload service"
  assume_role_policy   = data.aws_iam_policy_document.ecs_assumes.json
  permissions_boundary = local.permissions_boundary
}

resource "aws_iam_role_policy" "uploads_task" {
  count = local.has_uploads_role ? 1 : 0

  name   = "task"
  role   = aws_iam_role.uploads_task[0].name
  policy = data.aws_iam_policy_document.task["uploads"].json
}

resource "aws_iam_role" "scans_task" {
  count = var.scan_cluster ? 1 : 0

  name                 = "${local.role_prefix}-scans-task"
  description          = "Moorage ${var.name}: scan workers"
  assume_role_policy   = data.aws_iam_policy_document.ecs_assumes.json
  permissions_boundary = local.permissions_boundary
}

resource "aws_iam_role_policy" "scans_task" {
  count = var.scan_cluster ? 1 : 0

  name   = "task"
  role   = aws_iam_role.scans_task[0].name
  policy = data.aws_iam_policy_document.task["scans"].json
}

data "aws_iam_policy_document" "task" {
  for_each = local.task_roles

  dynamic "statement" {
    for_each = length(local.task_permissions[each.key].table) > 0 ? [1] : []
    content {
      sid       = "Table"
      actions   = [for action in local.task_permissions[each.key].table : "dynamodb:${action}"]
      resources = [aws_dynamodb_table.registry.arn]
    }
  }

  dynamic "statement" {
    for_each = local.task_permissions[each.key].objects
    content {
      sid       = "Objects${title(replace(trimsuffix(statement.key, "/*"), "-", ""))}"
      actions   = [for action in statement.value : "s3:${action}"]
      resources = ["${aws_s3_bucket.registry.arn}/${statement.key}"]
    }
  }

  dynamic "statement" {
    for_each = length(local.task_permissions[each.key].bucket) > 0 ? [1] : []
    content {
      sid       = "Bucket"
      actions   = [for action in local.task_permissions[each.key].bucket : "s3:${action}"]
      resources = [aws_s3_bucket.registry.arn]
    }
  }

  dynamic "statement" {
    for_each = length(local.task_permissions[each.key].reads) > 0 ? [1] : []
    content {
      sid       = "SecretsRead"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for secret in local.task_permissions[each.key].reads : aws_secretsmanager_secret.registry[secret].arn]
    }
  }

  dynamic "statement" {
    for_each = length(local.task_permissions[each.key].receives) > 0 ? [1] : []
    content {
      sid       = "QueuesReceive"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
      resources = [for queue in local.task_permissions[each.key].receives : "${local.queue_arn}:${local.queue_names[queue]}"]
    }
  }

  # X-Ray has no resources to name.
  dynamic "statement" {
    for_each = each.key == "uploads" && local.has_xray ? [1] : []
    content {
      sid       = "Traces"
      actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      resources = ["*"]
    }
  }

  # The key itself only through the services that hold what it encrypts.
  dynamic "statement" {
    for_each = local.has_key ? [1] : []
    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.kms_key_arn]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = [for service in local.task_services[each.key] : "${service}.${var.region}.amazonaws.com"]
      }
    }
  }
}
