# What API Gateway answers by itself, in the words of the OCI distribution specification. localstack/http_reply.py plays the same.
locals {
  # The challenge has no scope: clients add what they need. It names the token service, which is at the console's address.
  challenge = "Bearer realm=\"${local.console_url}/service/token\",service=\"${var.name}\""
  challenge_headers = {
    "gatewayresponse.header.WWW-Authenticate" = "'${local.challenge}'"
    # `docker manifest` of 20.10 takes a registry whose 401 does not name its version for one of version 1.
    "gatewayresponse.header.Docker-Distribution-API-Version" = "'registry/2.0'"
  }

  refusals = {
    UNAUTHORIZED                   = { status = "401", code = "UNAUTHORIZED", message = "Unauthorized" }
    ACCESS_DENIED                  = { status = "403", code = "DENIED", message = "User is not authorized to access this resource" }
    WAF_FILTERED                   = { status = "403", code = "DENIED", message = "Forbidden" }
    MISSING_AUTHENTICATION_TOKEN   = { status = "404", code = "UNSUPPORTED", message = "there is no API at this path" }
    RESOURCE_NOT_FOUND             = { status = "404", code = "UNSUPPORTED", message = "there is no API at this path" }
    REQUEST_TOO_LARGE              = { status = "413", code = "SIZE_INVALID", message = "Request Entity Too Large" }
    THROTTLED                      = { status = "429", code = "TOOMANYREQUESTS", message = "Too Many Requests" }
    QUOTA_EXCEEDED                 = { status = "429", code = "TOOMANYREQUESTS", message = "Limit Exceeded" }
    AUTHORIZER_FAILURE             = { status = "500", code = "UNKNOWN", message = "Internal server error" }
    AUTHORIZER_CONFIGURATION_ERROR = { status = "500", code = "UNKNOWN", message = "Internal server error" }
    INTEGRATION_FAILURE            = { status = "502", code = "UNKNOWN", message = "Internal server error" }
    INTEGRATION_TIMEOUT            = { status = "504", code = "UNKNOWN", message = "Endpoint request timed out" }
  }

  # The defaults keep the status of whatever they stand for. API Gateway writes messageString with its quotes.
  gateway_responses = merge(
    { for type, made in local.refusals : type => {
      status = made.status
      body   = jsonencode({ errors = [{ code = made.code, message = made.message }] })
    } },
    { for type, code in { DEFAULT_4XX = "UNSUPPORTED", DEFAULT_5XX = "UNKNOWN" } : type => {
      status                          = null
      body                            = "{\"errors\":[{\"code\":\"${code}\",\"message\":$context.error.messageString}]}"
    } },
  )
}
