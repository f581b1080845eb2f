"""What the Lambda zip holds: our sources, and of each package what runs in a function. Pure; `scripts.package` does the copying.

Everything is kept that no rule here takes away, so a new package arrives whole, and the bound on the size of the zip asks whoever
brings it to look. `tests/infra/test_package.py` runs every handler from the zip alone, so a rule that takes too much is noticed.
"""

from __future__ import annotations

import fnmatch
from pathlib import PurePosixPath

SOURCES = ("app.py", "chalicelib")
SOURCE_KINDS = (".py", ".json", ".html", ".pem")
AWS_SERVICES = ("dynamodb", "sts", "xray")
"""The services whose models botocore may be asked for in a function or a container; the zip has no other. PynamoDB makes a client
of DynamoDB, credentials may come from STS, and X-Ray's recorder makes a client when it is imported. All else goes out over
`aws/wire.py` and `aws/s3_http.py`, which need no model; only `aws/provision.py`, which stands in for Terraform on a laptop, makes
clients of its own."""

LEFT_OUT = {
    "boto3": "nobody imports it: the adapters use botocore, PynamoDB or plain HTTP",
    "chalice": "alone: app.py needs two of its files; the rest is its command line, with pip, setuptools and a terminal menu",
    "pycparser": "cffi reads C declarations with it when a binding is built; cryptography's is built",
}
"""Packages that others say they need and nothing in a function imports."""

_ONLY = {
    "chalice": ("chalice/__init__.py", "chalice/app.py"),
    "cffi": ("_cffi_backend*",),
    "aws_lambda_powertools": (
        "aws_lambda_powertools/*.py", "aws_lambda_powertools/exceptions/", "aws_lambda_powertools/logging/",
        "aws_lambda_powertools/metrics/", "aws_lambda_powertools/shared/", "aws_lambda_powertools/tracing/",
        "aws_lambda_powertools/warnings/", "aws_lambda_powertools/utilities/__init__.py",
        "aws_lambda_powertools/utilities/jmespath_utils/",
    ),
}  # fmt: skip
"""Of these packages only what is here is kept: files, and folders with all that is in them."""

_NOT = (
    "*.pyi", "*.pyx", "*.pxd", "*.c", "*.h", "*/py.typed", "py.typed", "*/__pycache__/*",
    "*/tests/*", "*/test/*",
    "*/examples-1.json",  # botocore's documentation
    "ldap3/protocol/schemas/*",  # the schemas of some servers, for tests that have none
    "aws_xray_sdk/ext/django/*", "aws_xray_sdk/ext/flask/*", "aws_xray_sdk/ext/flask_sqlalchemy/*", "aws_xray_sdk/ext/aiohttp/*",
    "aws_xray_sdk/ext/bottle/*", "aws_xray_sdk/ext/sqlalchemy/*", "aws_xray_sdk/ext/sqlalchemy_core/*",
)  # fmt: skip


def keeps(package: str, path: PurePosixPath) -> bool:
    """Say whether a file of a wheel belongs into the zip. `package` is the wheel's name as its file has it."""
    name = str(path)
    if path.parts[0].endswith(".dist-info"):
        return _is_notice(path)
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in _NOT):
        return False
    if path.parts[:2] == ("botocore", "data") and len(path.parts) > 3:
        return path.parts[2] in AWS_SERVICES
    return package not in _ONLY or any(_is_below(path, pattern) for pattern in _ONLY[package])


def _is_below(path: PurePosixPath, pattern: str) -> bool:
    return str(path).startswith(pattern) if pattern.endswith("/") else path.match(pattern)


def _is_notice(path: PurePosixPath) -> bool:
    """METADATA is what scanners of vulnerabilities (Amazon Inspector) read; licences must travel with the code."""
    words = ("LICENSE", "LICENCE", "NOTICE", "COPYING", "AUTHORS")
    return path.name == "METADATA" or "licenses" in path.parts or path.name.upper().startswith(words)
