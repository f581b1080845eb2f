# door = "alb": the console's function behind the load balancer, for everything that is not below /v2. A load balancer passes
# bodies of up to 1 MB to a function and takes answers of up to 1 MB from it, and does not decode query parameters.
resource "aws_lb_target_group" "console" {
  count = local.is_alb ? 1 : 0

  name        = "${var.name}-fn-${local.balancer_kind}"
  target_type = "lambda"
  # Without it, of several headers or parameters of one name only the last arrives.
  lambda_multi_value_headers_enabled = true

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_permission" "load_balancer" {
  count = local.is_alb ? 1 : 0

  statement_id  = "load-balancer-${local.balancer_kind}"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.duty["console"].function_name
  qualifier     = aws_lambda_alias.live["console"].name
  principal     = "elasticloadbalancing.amazonaws.com"
  source_arn    = aws_lb_target_group.console[0].arn

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_target_group_attachment" "console" {
  count = local.is_alb ? 1 : 0

  target_group_arn = aws_lb_target_group.console[0].arn
  target_id        = aws_lambda_alias.live["console"].arn
  depends_on       = [aws_lambda_permission.load_balancer]
}
