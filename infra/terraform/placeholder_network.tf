# Goes when the load balancer's file comes: the address of the load balancer or of the CDN before it.
locals {
  alb_url = ""
}
