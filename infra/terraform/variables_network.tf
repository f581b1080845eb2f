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
