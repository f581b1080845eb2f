"""A Lambda runtime executor for LocalStack that needs no Docker: each execution environment is a process of this machine.

LocalStack finds it by the entry point `process` of the group `localstack.lambda.runtime_executor` and uses it when
LAMBDA_RUNTIME_EXECUTOR is `process`. The process runs AWS's own runtime client (`awslambdaric`) on the function's unpacked
zip and asks a loopback Lambda Runtime API for its work, as on AWS. It sees the function's variables and packages, not this
machine's.

Only `plugin.py` knows LocalStack. Imports are relative: inside LocalStack this package has another name than `localstack`,
which is LocalStack's own.
"""
