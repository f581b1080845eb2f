"""The upload service: a small ASGI shell over Moorage's core that takes blobs of any size to S3."""
