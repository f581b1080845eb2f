"""The sentences of `docs/reference/` that the code cannot say itself: what a setting is for, when an error is sent.

`scripts/generate_reference.py` refuses to run when one is missing or left over.
"""

from __future__ import annotations

SETTINGS = {
    "MOORAGE_TABLE": "Name of the DynamoDB table.",
    "MOORAGE_BUCKET": "Name of the S3 bucket.",
    "MOORAGE_PUBLIC_URL": (
        "The address clients use, without a slash at the end. It is in the challenge (`realm`), in tokens as their "
        "issuer, and in upload locations. Tokens made under another address are refused."
    ),
    "MOORAGE_CONSOLE_URL": (
        "The address of the token service, the management API and the pages, where that is not the public one: two REST APIs "
        "without a domain have two."
    ),
    "MOORAGE_UPLOAD_URL": (
        "The address of the upload service, if it is not the public one. `off`: there is no upload service, and "
        "layers go through Lambda, which takes a few MiB at most."
    ),
    "MOORAGE_S3_PUBLIC_URL": (
        "The S3 endpoint that presigned download URLs name, where clients reach S3 under another address than Moorage "
        "does. Empty: the S3 endpoint itself, on AWS the bucket's. Its host must not be the registry's."
    ),
    "MOORAGE_SERVICE": "The `service` of the challenge and the audience of tokens.",
    "MOORAGE_TOKEN_KEYS_SECRET": "Name of the secret with the private token keys; only the token service needs to read it.",
    "MOORAGE_REGISTRY_KEYS_SECRET": "Name of the secret with the public token keys and the keys of upload locations.",
    "MOORAGE_IDENTITY_SECRET": "Begins the names of the secrets of identity sources, written by `PUT /configurations`.",
    "MOORAGE_ADMIN_SECRET": "Name of the secret to which the provisioning writes the first password of `admin`.",
    "MOORAGE_SCAN_JOBS_URL": "Address of the queue of manifests to be scanned. Empty: nothing is scanned.",
    "MOORAGE_SERVE_REGISTRY": (
        "`on`: the upload service answers everything below `/v2/`, for a deployment behind a load balancer alone."
    ),
    "MOORAGE_PROXIES": (
        "How many proxies of yours pass a request on to Moorage, load balancers and CDNs, where no API Gateway says who asks: so "
        "many entries from the end of X-Forwarded-For is the client, whose failed logins are counted."
    ),
    "MOORAGE_TOKEN_SECONDS": "Life of an access token, unless `token_expiration` of `/configurations` was changed.",
    "MOORAGE_DOWNLOAD_SECONDS": "Life of a presigned download URL. A download that has begun is not cut off.",
    "MOORAGE_UPLOAD_SECONDS": "How long an upload may take, from its POST to its closing PUT.",
    "MOORAGE_CREATE_PROJECT_ON_PUSH": (
        "`off`: an administrator's push to a project that does not exist is refused instead of making the project (a "
        "private one)."
    ),
    "MOORAGE_UPLOAD_HOST": "Address on which `python -m upload_service` listens.",
    "MOORAGE_UPLOAD_PORT": "Port on which `python -m upload_service` listens; 0 picks a free one.",
    "MOORAGE_UPLOAD_MEMORY_MB": "MiB of memory for bytes on their way to S3, in one upload process, all its uploads together.",
    "MOORAGE_LOG_LEVEL": "How much is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`.",
    "MOORAGE_METRICS": "`on`: a JSON line for each request, which CloudWatch makes metrics of (the embedded metric format).",
    "MOORAGE_TRACING": "`on`: requests that are sampled are traced with X-Ray, with their calls to AWS.",
    "MOORAGE_DUTY": "What this process is for, in its logs and traces: `registry`, `console`, `uploads`.",
    "MOORAGE_UPSTREAM_REACH": (
        "Where the issuers of projects' trust policies may be: `public` addresses only, also `private` networks (a GitLab of "
        "your own), or also this machine and there without TLS (`local`, which `make run` sets). Identity providers that an "
        "administrator configures may always be in private networks."
    ),
    "AWS_XRAY_DAEMON_ADDRESS": "Where the X-Ray daemon listens (UDP). Lambda sets it.",
    "AWS_ACCESS_KEY_ID": "Credentials, if they are given this way, as Lambda does.",
    "AWS_SECRET_ACCESS_KEY": "The secret half.",
    "AWS_SESSION_TOKEN": "The token of temporary credentials.",
    "AWS_REGION": "The AWS region.",
    "AWS_DEFAULT_REGION": "The AWS region, where `AWS_REGION` is not set.",
    "AWS_ENDPOINT_URL": "Address of an emulator for all AWS services. Empty: AWS.",
    "AWS_ENDPOINT_URL_S3": "The same for S3 alone.",
    "AWS_ENDPOINT_URL_DYNAMODB": "The same for DynamoDB alone.",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER": "The same for Secrets Manager alone.",
    "AWS_ENDPOINT_URL_SQS": "The same for SQS alone.",
}
"""Every variable that `chalicelib/config.py` reads."""

DEFAULTS = {
    "MOORAGE_CONSOLE_URL": "the public address",
    "MOORAGE_UPLOAD_URL": "the public address",
    "MOORAGE_S3_PUBLIC_URL": "the S3 endpoint",
    "MOORAGE_CREATE_PROJECT_ON_PUSH": "`on`",
    "MOORAGE_SCAN_JOBS_URL": "empty",
    "MOORAGE_SERVE_REGISTRY": "`off`",
    "AWS_DEFAULT_REGION": "`us-east-1`",
    "AWS_REGION": "`us-east-1`",
    "AWS_ACCESS_KEY_ID": "the SDK's chain",
    "AWS_SECRET_ACCESS_KEY": "the SDK's chain",
    "AWS_SESSION_TOKEN": "empty",
    "AWS_ENDPOINT_URL": "empty",
    "AWS_ENDPOINT_URL_S3": "`AWS_ENDPOINT_URL`",
    "AWS_ENDPOINT_URL_DYNAMODB": "`AWS_ENDPOINT_URL`",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER": "`AWS_ENDPOINT_URL`",
    "AWS_ENDPOINT_URL_SQS": "`AWS_ENDPOINT_URL`",
}
"""Defaults that are better said in words."""

LOCAL = {
    "MOORAGE_PORT": (
        "`5000`",
        "Port on 127.0.0.1; 0 picks a free one.",
    ),
    "MOORAGE_DATA": (
        "`.moorage`",
        "Folder that keeps everything: objects, the emulator's state and its log.",
    ),
    "MOORAGE_PUBLIC_URL": (
        "`http://127.0.0.1:<port>`",
        "The address clients use, when that is not the port on this machine: behind a proxy, for example.",
    ),
    "MOORAGE_ADMIN_PASSWORD": (
        "generated",
        "Password of the user `admin`; at a later start it replaces the one there is. Without it one is generated at the "
        "first start and kept in the data folder.",
    ),
    "MOORAGE_AWS_ENDPOINT_URL": (
        "empty",
        "An AWS endpoint to use instead of the embedded emulator, for example a LocalStack of yours.",
    ),
    "MOORAGE_TERRAFORM": (
        "`terraform`",
        "`make deploy-local`: the program, if it is not in PATH.",
    ),
    "MOORAGE_TF_MIRROR": (
        "empty",
        "`make deploy-local`: a folder with providers of Terraform, where its registry cannot be reached.",
    ),
}
"""What `make run` reads besides: name -> (default, sentence)."""

ERRORS = {
    "BAD_REQUEST": "Management API: the request is as described and makes no sense: a `q` without a value, a quota of -5.",
    "BLOB_UNKNOWN": "The repository has no such blob. That another repository has it does not count.",
    "BLOB_UPLOAD_INVALID": "The upload cannot go on as asked.",
    "BLOB_UPLOAD_UNKNOWN": (
        "There is no such upload, it is over, or the `_state` of its address is wrong or has expired. Start again "
        "with a POST."
    ),
    "CONFLICT": "Management API: the name is taken, or the thing is there already.",
    "DENIED": "The caller is known and may not do this, or the project does not exist: both look the same on purpose.",
    "DIGEST_INVALID": (
        "The digest is not `sha256:<64 hex>` or `sha512:<128 hex>`, or the bytes have another one. Nothing was stored."
    ),
    "FORBIDDEN": "Management API: the caller is known and may not do this, or there is no such project.",
    "MANIFEST_BLOB_UNKNOWN": "The manifest names a blob or a manifest that the repository does not have. Push that first.",
    "MANIFEST_INVALID": (
        "The body is no manifest that Moorage takes, its type contradicts the Content-Type header, or a descriptor's "
        "size is not that of the stored blob."
    ),
    "MANIFEST_UNKNOWN": "The repository has no manifest under this tag or digest.",
    "NAME_INVALID": "The repository name breaks the specification's grammar.",
    "NAME_UNKNOWN": "Nothing was ever pushed to this repository, its name has no project (it is `<project>/<repository>`), or "
    "(told to administrators only) there is no such project.",
    "NOT_FOUND": "No API has this path; on the management API also: there is no such thing.",
    "NOT_IMPLEMENTED": "Management API: the operation belongs to a feature that Moorage does not have yet; the message names it.",
    "PAGINATION_NUMBER_INVALID": "The query parameter `n` is not a whole number.",
    "PRECONDITION": "Management API: something is in the way, such as repositories in a project that is to be deleted.",
    "RANGE_INVALID": (
        "A chunk does not begin where the upload ends (the answer's `Range` says where that is), or a download asks "
        "for bytes the blob does not have."
    ),
    "SIZE_INVALID": "A body is not as long as `Content-Length` or `Content-Range` announced.",
    "TAG_INVALID": "A tag is 1 to 128 letters, digits, `.`, `_`, `-`, and does not begin with `.` or `-`.",
    "TIMEOUT": "The upload service waited too long for the next byte of a body. What earlier requests brought is still there.",
    "TOOMANYREQUESTS": (
        "Ten failed logins of one user from one address within 15 minutes; until they are forgotten the right password is "
        "refused too. Or more uploads at once than the upload service has memory for. `Retry-After` says when to come back."
    ),
    "TOO_LARGE": (
        "A manifest above 4 MiB, a blob above what S3 takes in 10,000 parts, or a layer that is too large for Lambda "
        "where there is no upload service."
    ),
    "TOO_MANY_TAGS": "More than ten `tag` parameters in one manifest PUT.",
    "UNAUTHORIZED": (
        "No credentials, wrong ones, an expired or forged token, or a token that was not asked for this. The "
        "challenge in `WWW-Authenticate` says where to get one."
    ),
    "UNAVAILABLE": (
        "Several writers changed the same item again and again, or AWS asked to slow down. `Retry-After` says when to "
        "try again; nothing was half done."
    ),
    "UNKNOWN": "A defect of Moorage or a failure of AWS. The log has the traceback under the request id of the answer.",
    "UNPROCESSABLE_ENTITY": "Management API: a parameter or the body is not as described; the message lists all faults.",
    "UNSUPPORTED": "The path does not know this method; the `Allow` header lists those it knows.",
}
"""When a client meets each code of `chalicelib/errors.py`."""
