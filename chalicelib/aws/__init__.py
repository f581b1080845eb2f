"""AWS behind the ports: DynamoDB through PynamoDB, S3 through presigned requests, Secrets Manager for keys."""
