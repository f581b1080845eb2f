# What AWS would answer, where an assertion needs to know it at plan. All of one type are alike: a test that must tell them apart
# overrides them one by one. Policies are judged by their statements, so what they render to does not matter.
mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
}

mock_data "aws_iam_policy_document" {
  defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
}

mock_data "aws_availability_zones" {
  defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c"] }
}

mock_resource "aws_dynamodb_table" {
  defaults = { arn = "arn:aws:dynamodb:us-east-1:123456789012:table/moorage" }
}

mock_resource "aws_s3_bucket" {
  defaults = { arn = "arn:aws:s3:::moorage-123456789012-us-east-1" }
}

mock_resource "aws_kms_key" {
  defaults = { arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:mocked" }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = { arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mocked" }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:us-east-1:123456789012:mocked"
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/mocked"
  }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:us-east-1:123456789012:mocked" }
}

mock_resource "aws_lambda_alias" {
  defaults = { arn = "arn:aws:lambda:us-east-1:123456789012:function:mocked:live" }
}

mock_resource "aws_api_gateway_rest_api" {
  defaults = { id = "mockedrest", execution_arn = "arn:aws:execute-api:us-east-1:123456789012:mockedrest" }
}

mock_resource "aws_apigatewayv2_api" {
  defaults = {
    id            = "mockedhttp"
    api_endpoint  = "https://mockedhttp.execute-api.us-east-1.amazonaws.com"
    execution_arn = "arn:aws:execute-api:us-east-1:123456789012:mockedhttp"
  }
}

mock_resource "aws_lb" {
  defaults = {
    arn        = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/mocked/0123456789abcdef"
    arn_suffix = "app/mocked/0123456789abcdef"
    dns_name   = "mocked.us-east-1.elb.amazonaws.com"
  }
}

mock_resource "aws_cloudfront_distribution" {
  defaults = { domain_name = "d1111111111111.cloudfront.net" }
}
