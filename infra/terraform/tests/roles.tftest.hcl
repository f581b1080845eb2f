# Every function and container has a role of its own, with what it calls and no more.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

override_resource {
  target          = aws_iam_role.duty["registry"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/registry" }
}

override_resource {
  target          = aws_iam_role.duty["console"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/console" }
}

override_resource {
  target          = aws_iam_role.duty["authorizer"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/authorizer" }
}

override_resource {
  target          = aws_iam_role.duty["sweep_uploads"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/sweep_uploads" }
}

override_resource {
  target          = aws_iam_role.duty["sweep_releases"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/sweep_releases" }
}

override_resource {
  target          = aws_iam_role.duty["sweep_projects"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/sweep_projects" }
}

override_resource {
  target          = aws_iam_role.duty["purge_audit"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/purge_audit" }
}

override_resource {
  target          = aws_iam_role.duty["rotate_keys"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/rotate_keys" }
}

override_resource {
  target          = aws_iam_role.duty["provision"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/provision" }
}

override_resource {
  target          = aws_iam_role.duty["dispatch_scans"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/dispatch_scans" }
}

variables {
  package_path   = "./versions.tf"
  upload_service = "fargate"
  upload_image   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-uploads:1.0"
  scan_cluster   = true
  scan_image     = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-scans:1.0"
  xray_image     = "123456789012.dkr.ecr.us-east-1.amazonaws.com/xray:1.0"
}

run "roles" {
  command = plan

  assert {
    condition     = alltrue([for duty, function in aws_lambda_function.duty : function.role == aws_iam_role.duty[duty].arn])
    error_message = "A function has another duty's role."
  }

  assert {
    condition     = length(distinct([for function in aws_lambda_function.duty : function.role])) == 10
    error_message = "Functions share a role."
  }

  assert {
    condition = length(distinct(concat(
      [for role in aws_iam_role.duty : role.name],
      [aws_iam_role.uploads_task[0].name, aws_iam_role.scans_task[0].name, aws_iam_role.ecs_execution[0].name, aws_iam_role.scheduler[0].name],
    ))) == 14
    error_message = "Two roles have one name."
  }

  assert {
    condition     = alltrue([for duty, policy in aws_iam_role_policy.duty : policy.role == aws_iam_role.duty[duty].name])
    error_message = "A policy is with another duty's role."
  }

  # `*` as the end of a key's or log stream's name is a part of what the resource is; in an action it never is.
  assert {
    condition = alltrue([
      for statement in flatten([
        [for document in data.aws_iam_policy_document.duty : document.statement],
        [for document in data.aws_iam_policy_document.task : document.statement],
        data.aws_iam_policy_document.scheduler[0].statement, data.aws_iam_policy_document.ecs_execution.statement,
      ]) : alltrue([for action in statement.actions : !strcontains(action, "*")]) && length(coalesce(statement.not_actions, [])) == 0
    ])
    error_message = "A role may do whatever matches a pattern."
  }

  # X-Ray and ECR's token have no resources to name (service authorization reference).
  assert {
    condition = alltrue([
      for statement in flatten([
        [for document in data.aws_iam_policy_document.duty : document.statement],
        [for document in data.aws_iam_policy_document.task : document.statement],
        data.aws_iam_policy_document.scheduler[0].statement, data.aws_iam_policy_document.ecs_execution.statement,
        ]) : !contains(statement.resources, "*") || alltrue([for action in statement.actions : contains(
          ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "ecr:GetAuthorizationToken"], action
      )])
    ])
    error_message = "A role may act on every resource where an ARN exists."
  }

  assert {
    condition = alltrue([
      for statement in flatten([
        [for document in data.aws_iam_policy_document.duty : document.statement],
        [for document in data.aws_iam_policy_document.task : document.statement],
        ]) : alltrue([for action in statement.actions : contains(
          ["logs", "xray", "dynamodb", "s3", "secretsmanager", "sqs", "sns", "kms"], split(":", action)[0]
      )])
    ])
    error_message = "A role reaches a service that the code does not use."
  }

  # Restoring the table to a second of the last weeks needs the blobs that it named then.
  assert {
    condition = !anytrue([
      for statement in flatten([
        [for document in data.aws_iam_policy_document.duty : document.statement],
        [for document in data.aws_iam_policy_document.task : document.statement],
        ]) : anytrue([for action in statement.actions : contains(
          ["s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration", "s3:PutBucketVersioning", "dynamodb:DeleteTable", "dynamodb:Scan"], action
      )])
    ])
    error_message = "A role may destroy what a restore needs, or read the whole table."
  }

  assert {
    condition = alltrue([
      for statement in flatten([
        [for document in data.aws_iam_policy_document.duty : document.statement],
        [for document in data.aws_iam_policy_document.task : document.statement],
        ]) : alltrue([for resource in statement.resources :
        anytrue([for action in statement.actions : startswith(action, "dynamodb:")]) ? resource == aws_dynamodb_table.registry.arn :
        anytrue([for action in statement.actions : startswith(action, "s3:")]) ? (
          resource == aws_s3_bucket.registry.arn || can(regex("^${aws_s3_bucket.registry.arn}/(manifests|blobs|uploads|scan-out)/[*]$", resource))
        ) : true
      ])
    ])
    error_message = "A role reaches another table or bucket, or all of the bucket where one kind of key is enough."
  }

  assert {
    condition = alltrue([
      for statement in flatten([
        [for document in data.aws_iam_policy_document.duty : document.statement],
        [for document in data.aws_iam_policy_document.task : document.statement],
        ]) : !contains(statement.actions, "kms:Decrypt") || (
        contains(statement.condition[*].variable, "kms:ViaService") && tolist(statement.resources) == tolist([aws_kms_key.registry[0].arn])
      )
    ])
    error_message = "A role may use the key by itself, or another key."
  }

  # Keys that sign tokens, and the first password.
  assert {
    condition = alltrue([for duty in ["registry", "authorizer", "sweep_uploads", "sweep_releases", "sweep_projects", "purge_audit", "dispatch_scans"] :
      !contains(local.permissions[duty].reads, "token_keys") && length(local.permissions[duty].writes) == 0
    ])
    error_message = "A function that signs nothing may read the signing keys, or write secrets."
  }

  assert {
    condition     = [for duty, granted in local.permissions : duty if contains(concat(granted.reads, granted.writes), "admin_password")] == ["provision"]
    error_message = "A function besides provision may read the first password."
  }

  assert {
    condition = alltrue([for statement in data.aws_iam_policy_document.duty["authorizer"].statement : alltrue([
      for action in statement.actions : !can(regex("(Put|Update|Delete|Write|Send)", action)) || can(regex("^(logs|xray):", action))
    ])])
    error_message = "The authorizer may write."
  }

  assert {
    condition = alltrue([for document in [
      data.aws_iam_policy_document.lambda_assumes, data.aws_iam_policy_document.scheduler_assumes,
      data.aws_iam_policy_document.ecs_assumes, data.aws_iam_policy_document.api_gateway_assumes,
      ] : alltrue([for statement in document.statement : (
        length(statement.principals) == 1 && one(statement.principals).type == "Service"
        && length(one(statement.principals).identifiers) == 1 && tolist(statement.actions) == tolist(["sts:AssumeRole"])
    )])])
    error_message = "A role is for more than one service, or for strangers."
  }

  assert {
    condition     = endswith(aws_iam_role_policy_attachment.api_gateway_logs[0].policy_arn, ":policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs")
    error_message = "A managed policy besides API Gateway's own is attached."
  }
}

run "resource_policies" {
  command = plan

  variables {
    load_balancer_logs = true
  }

  # Everybody may be refused; only services and our account may be let.
  assert {
    condition = alltrue([
      for statement in flatten([
        data.aws_iam_policy_document.bucket.statement, data.aws_iam_policy_document.balancer_logs.statement, data.aws_iam_policy_document.key.statement,
        [for document in data.aws_iam_policy_document.queue : document.statement],
        [for document in data.aws_iam_policy_document.topic : document.statement],
      ]) : statement.effect == "Deny" || !anytrue([for principal in statement.principals : principal.type == "*" || contains(principal.identifiers, "*")])
    ])
    error_message = "A bucket, key, queue or topic lets everybody."
  }

  assert {
    condition = alltrue([
      for statement in flatten([
        data.aws_iam_policy_document.balancer_logs.statement, data.aws_iam_policy_document.key.statement,
        [for document in data.aws_iam_policy_document.queue : document.statement],
        [for document in data.aws_iam_policy_document.topic : document.statement],
        ]) : statement.effect == "Deny" || !contains(statement.principals[*].type, "Service") || length(setintersection(
        statement.condition[*].variable, ["aws:SourceAccount", "aws:SourceArn", "kms:EncryptionContext:aws:logs:arn"]
      )) > 0
    ])
    error_message = "A service may be sent by another account (confused deputy)."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.key.statement : !contains(statement.actions, "kms:*") || (
        join(" ", flatten([for principal in statement.principals : tolist(principal.identifiers)])) == "arn:aws:iam::123456789012:root"
      )
    ])
    error_message = "Others than the account rule over the key."
  }

  # Layers of images are in a bucket of AWS's; everything else is for our account alone.
  assert {
    condition = alltrue([
      for statement in flatten([for document in data.aws_iam_policy_document.endpoint : document.statement]) :
      contains(statement.condition[*].variable, "aws:PrincipalAccount") || tolist(statement.resources) == tolist(["arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"])
    ])
    error_message = "An endpoint of the network passes what strangers want."
  }

  assert {
    condition = alltrue([for permission in concat(
      aws_lambda_permission.registry[*], aws_lambda_permission.authorizer[*], aws_lambda_permission.console[*]
    ) : permission.qualifier == "live" && permission.principal == "apigateway.amazonaws.com" && permission.action == "lambda:InvokeFunction"])
    error_message = "API Gateway may invoke more than what is in use."
  }
}

run "without_tracing" {
  command = plan

  variables {
    tracing        = false
    upload_service = "off"
    scan_cluster   = false
  }

  assert {
    condition = !anytrue([
      for statement in flatten([for document in data.aws_iam_policy_document.duty : document.statement]) : contains(statement.resources, "*")
    ])
    error_message = "Without tracing a role still names every resource."
  }
}
