variable "load_balancer_logs" {
  description = "Whether the load balancer's access log is kept, in a bucket of its own. Its lines hold whole URLs, and with them upload credentials that live for 12 hours: whoever may read the bucket may use them."
  type        = bool
  default     = false
}

variable "upload_domain_name" {
  description = "Own domain of the upload service, such as uploads.example.com; empty for CloudFront's address."
  type        = string
  default     = ""

  validation {
    condition     = var.upload_domain_name == "" || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.upload_domain_name))
    error_message = "Set upload_domain_name to a host name such as uploads.example.com, without https:// and without a path."
  }

  validation {
    condition     = var.upload_domain_name == "" || var.upload_service == "fargate"
    error_message = "Set upload_service to fargate when upload_domain_name is set: an external service's address is upload_url."
  }

  validation {
    condition     = var.upload_domain_name == "" || var.door != "alb"
    error_message = "Leave upload_domain_name empty when door is alb: uploads and registry then have one host, domain_name."
  }

  validation {
    condition     = var.upload_domain_name == "" || var.upload_domain_name != var.domain_name
    error_message = "Set upload_domain_name to another host than domain_name: API Gateway serves that one, a load balancer this one."
  }
}

variable "hosted_zone_id" {
  description = "Route 53 zone of the domains: certificates are then made and validated, and records written. Empty: bring certificate_arn, and write the records of output `dns_records`."
  type        = string
  default     = ""

  validation {
    condition     = var.hosted_zone_id == "" || can(regex("^Z[A-Z0-9]{1,31}$", var.hosted_zone_id))
    error_message = "Set hosted_zone_id to the id of a Route 53 hosted zone, such as Z0123456789ABCDEFGHIJ."
  }

  validation {
    condition     = (var.domain_name == "" && var.upload_domain_name == "") || var.hosted_zone_id != "" || var.certificate_arn != ""
    error_message = "Set hosted_zone_id to the Route 53 zone of your domain, or certificate_arn to a certificate for it: without either nobody could trust the domain."
  }
}

variable "certificate_arn" {
  description = "ACM certificate, in this region, that covers domain_name and upload_domain_name; empty: one is made in hosted_zone_id."
  type        = string
  default     = ""

  validation {
    condition     = var.certificate_arn == "" || startswith(var.certificate_arn, "arn:") && can(regex(":acm:${var.region}:[0-9]{12}:certificate/", var.certificate_arn))
    error_message = "Set certificate_arn to the ARN of an ACM certificate in the region of this deployment."
  }
}

variable "cdn" {
  description = "Whether CloudFront stands before the load balancer: on, off, or auto (where there is no domain, since a load balancer has TLS only with one)."
  type        = string
  default     = "auto"

  validation {
    condition     = contains(["auto", "on", "off"], var.cdn)
    error_message = "Set cdn to auto, on or off."
  }

  validation {
    condition     = var.cdn != "off" || var.upload_service != "fargate" || var.emulator || local.edge_domain != ""
    error_message = "Set cdn to auto, or a domain (upload_domain_name; domain_name when door is alb): a load balancer has TLS only with a domain."
  }

  validation {
    condition     = var.cdn != "on" || var.upload_service == "fargate"
    error_message = "Set cdn to auto or off when upload_service is not fargate: there is nothing to put CloudFront before."
  }
}

variable "cdn_certificate_arn" {
  description = "ACM certificate in us-east-1, where CloudFront looks for it; needed for cdn = on with a domain in another region."
  type        = string
  default     = ""

  validation {
    condition     = var.cdn_certificate_arn == "" || can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/", var.cdn_certificate_arn))
    error_message = "Set cdn_certificate_arn to the ARN of an ACM certificate in us-east-1."
  }

  validation {
    condition     = var.cdn != "on" || local.edge_domain == "" || var.region == "us-east-1" || var.cdn_certificate_arn != ""
    error_message = "Set cdn_certificate_arn to a certificate in us-east-1, or cdn to auto: CloudFront takes certificates from no other region."
  }
}

variable "cdn_read_timeout_s" {
  description = "Seconds that CloudFront waits for an answer once it has passed a request on. Up to 120; more needs a higher quota."
  type        = number
  default     = 120

  validation {
    condition     = var.cdn_read_timeout_s >= 30 && var.cdn_read_timeout_s <= 180
    error_message = "Set cdn_read_timeout_s from 30 to 180; above 120 ask AWS for the quota \"Response timeout per origin\" first."
  }
}

variable "cdn_price_class" {
  description = "Where CloudFront serves from: PriceClass_100 (North America, Europe), PriceClass_200 or PriceClass_All."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.cdn_price_class)
    error_message = "Set cdn_price_class to PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "waf" {
  description = "Whether AWS WAF filters requests: REST APIs, the load balancer and CloudFront. HTTP APIs cannot have it."
  type        = bool
  default     = false

  validation {
    condition     = !var.waf || var.door != "http" || var.upload_service == "fargate"
    error_message = "Set door to rest or alb when waf is true: AWS WAF does not work with HTTP APIs."
  }

  validation {
    condition     = !var.waf || var.region == "us-east-1" || !local.has_cdn || var.cdn_web_acl_arn != ""
    error_message = "Set cdn_web_acl_arn to a web ACL of scope CLOUDFRONT, which only us-east-1 makes, or a domain so that CloudFront is not needed."
  }
}

variable "cdn_web_acl_arn" {
  description = "Web ACL of yours for CloudFront, of scope CLOUDFRONT; empty: waf makes one, which it can in us-east-1 only."
  type        = string
  default     = ""

  validation {
    condition     = var.cdn_web_acl_arn == "" || can(regex("^arn:[a-z-]+:wafv2:us-east-1:[0-9]{12}:global/webacl/", var.cdn_web_acl_arn))
    error_message = "Set cdn_web_acl_arn to the ARN of a web ACL of scope CLOUDFRONT, which begins with arn:aws:wafv2:us-east-1."
  }
}

variable "waf_rate_limit" {
  description = "Requests of one address in five minutes that WAF lets through. A pull is about fifteen, and a whole office or CI may have one address."
  type        = number
  default     = 20000

  validation {
    condition     = var.waf_rate_limit >= 100 && var.waf_rate_limit <= 2000000000
    error_message = "Set waf_rate_limit from 100 to 2000000000."
  }
}
