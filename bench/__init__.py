"""`make bench`: Moorage beside docker-registry and distribution, doing the same work on the same machine and the same S3."""
