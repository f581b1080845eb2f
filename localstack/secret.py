"""Reads a secret of the emulator, as its account's owner does with `aws secretsmanager get-secret-value`."""

from __future__ import annotations

from typing import Any

import botocore.session

from localstack.launch import CREDENTIALS, StartError


def client(endpoint: str, service: str) -> Any:
    """A client of one of the emulator's services, with the owner's credentials."""
    return botocore.session.get_session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def read_secret(endpoint: str, name: str) -> str:
    """The text of a secret. Raises `StartError` when nothing was written to it."""
    manager = client(endpoint, "secretsmanager")
    try:
        text: str | None = manager.get_secret_value(SecretId=name).get("SecretString")
    except manager.exceptions.ResourceNotFoundException:
        text = None
    if text is None:  # what AWS says with the error, MiniStack says by leaving it out
        raise StartError(f"The secret {name} has no value: the function that provisions did not write it.")
    return text
