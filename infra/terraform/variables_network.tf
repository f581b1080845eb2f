variable "vpc_cidr" {
  description = "Addresses of the network that containers run in."
  type        = string
  default     = "10.42.0.0/16"

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && try(tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 22, false)
    error_message = "Set vpc_cidr to an IPv4 block from /16 to /22, such as 10.42.0.0/16: a load balancer wants 8 free addresses in each subnet."
  }
}

variable "az_count" {
  description = "Availability zones that containers are spread over. Each costs an address of every interface endpoint."
  type        = number
  default     = 2

  validation {
    condition     = var.az_count >= 2 && var.az_count <= 4 && floor(var.az_count) == var.az_count
    error_message = "Set az_count to 2, 3 or 4: a load balancer needs two zones."
  }
}

variable "task_network" {
  description = "How containers reach AWS's APIs: endpoints (no internet at all; interface endpoints, paid by the hour) or public (a public address behind a closed security group: cheaper)."
  type        = string
  default     = "endpoints"

  validation {
    condition     = contains(["endpoints", "public"], var.task_network)
    error_message = "Set task_network to endpoints or public."
  }
}

variable "container_insights" {
  description = "Whether CloudWatch gathers metrics of the containers themselves, paid per metric."
  type        = bool
  default     = false
}

variable "autoscaling" {
  description = "Whether containers come and go with their work; without it there is the least of each, and one scan worker. Emulators lack it."
  type        = bool
  default     = true
}

variable "upload_image" {
  description = "Container image of the upload service, for processors of `architecture`."
  type        = string
  default     = ""

  validation {
    condition     = var.upload_service != "fargate" || var.upload_image != ""
    error_message = "Set upload_image to the upload service's image, such as 123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-uploads:1.0, or upload_service to off."
  }

  validation {
    condition     = var.door != "alb" || var.upload_service == "fargate" && var.upload_image != ""
    error_message = "Set upload_service to fargate (and upload_image) when door is alb: the same containers then serve the registry."
  }

  validation {
    condition     = var.upload_service != "fargate" || var.upload_image == "" || var.task_network != "endpoints" || var.emulator || can(regex(local.ecr_image, var.upload_image))
    error_message = "Set upload_image to an image in ECR of this region, or task_network to public: no other registry can be reached from a network without internet."
  }
}

variable "upload_cpu" {
  description = "Processor of one upload container, 1024 being a whole one."
  type        = number
  default     = 512

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.upload_cpu)
    error_message = "Set upload_cpu to 256, 512, 1024, 2048 or 4096."
  }
}

variable "upload_memory_mb" {
  description = "Memory of one upload container, MB. Five eighths are for bytes under way: 5 MiB keep an upload going, 64 make it fast."
  type        = number
  default     = 1024

  validation {
    condition     = contains(local.fargate_memory_mb[tostring(var.upload_cpu)], var.upload_memory_mb)
    error_message = "Set upload_memory_mb to what Fargate has for upload_cpu: 256: 512, 1024, 2048; 512: 1024 to 4096; 1024: 2048 to 8192; 2048: 4096 to 16384; 4096: 8192 to 30720 (steps of 1024)."
  }
}

variable "upload_tasks" {
  description = "Upload containers: the least and the most. Two survive the loss of a zone without a pause."
  type = object({
    min = optional(number, 1)
    max = optional(number, 6)
  })
  default = {}

  validation {
    condition     = var.upload_tasks.min >= 1 && var.upload_tasks.max >= var.upload_tasks.min && var.upload_tasks.max <= 100
    error_message = "Set min of upload_tasks to 1 or more, and max to no less than min and at most 100."
  }
}

variable "upload_drain_s" {
  description = "Seconds that an upload may go on after its container was told to make room for a new one."
  type        = number
  default     = 900

  validation {
    condition     = var.upload_drain_s >= 30 && var.upload_drain_s <= 3600
    error_message = "Set upload_drain_s from 30 to 3600."
  }
}

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

variable "scan_image" {
  description = "Container image of the scan worker, for processors of `architecture`."
  type        = string
  default     = ""

  validation {
    condition     = !var.scan_cluster || var.scan_image != ""
    error_message = "Set scan_image to the scan worker's image, such as 123456789012.dkr.ecr.us-east-1.amazonaws.com/moorage-scans:1.0, or scan_cluster to false."
  }

  validation {
    condition     = !var.scan_cluster || var.scan_image == "" || var.task_network != "endpoints" || var.emulator || can(regex(local.ecr_image, var.scan_image))
    error_message = "Set scan_image to an image in ECR of this region, or task_network to public: no other registry can be reached from a network without internet."
  }
}

variable "scan_cpu" {
  description = "Processor of one scan worker, 1024 being a whole one."
  type        = number
  default     = 1024

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.scan_cpu)
    error_message = "Set scan_cpu to 256, 512, 1024, 2048 or 4096."
  }
}

variable "scan_memory_mb" {
  description = "Memory of one scan worker, MB."
  type        = number
  default     = 2048

  validation {
    condition     = contains(local.fargate_memory_mb[tostring(var.scan_cpu)], var.scan_memory_mb)
    error_message = "Set scan_memory_mb to what Fargate has for scan_cpu: 256: 512, 1024, 2048; 512: 1024 to 4096; 1024: 2048 to 8192; 2048: 4096 to 16384; 4096: 8192 to 30720 (steps of 1024)."
  }
}

variable "scan_disk_gb" {
  description = "Disk of one scan worker, GB: images are unpacked there. The first 20 are free."
  type        = number
  default     = 50

  validation {
    condition     = var.scan_disk_gb >= 21 && var.scan_disk_gb <= 200
    error_message = "Set scan_disk_gb from 21 to 200, as Fargate demands."
  }
}

variable "scan_tasks_max" {
  description = "The most scan workers at once. There are none while the queue is empty."
  type        = number
  default     = 4

  validation {
    condition     = var.scan_tasks_max >= 1 && var.scan_tasks_max <= 100
    error_message = "Set scan_tasks_max from 1 to 100."
  }
}

variable "scan_spot" {
  description = "Whether scan workers run on Fargate Spot: a third of the price; a job that is interrupted is done again."
  type        = bool
  default     = true
}

variable "xray_image" {
  description = "Image of AWS's X-Ray daemon for upload containers, copied to your ECR; empty: containers do not trace."
  type        = string
  default     = ""
}
