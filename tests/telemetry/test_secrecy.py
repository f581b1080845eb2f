"""No credential in anything a process says, whatever is sent to it: logs at their loudest, metrics, traces, all of it."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from urllib.parse import quote, quote_plus

import botocore.session
import pytest

from tests.telemetry import emf
from tests.telemetry.daemon import Daemon, parsed

ROOT = Path(__file__).parent.parent.parent
_TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def forms(secret: str) -> set[str]:
    """How a secret may look somewhere else: whole, encoded, its signature alone."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    found = {secret, quote(secret, safe=""), quote_plus(secret), encoded, secret.rpartition(".")[2]}
    return {form for form in found if len(form) >= 16}


def temporary_credentials(endpoint: str) -> dict[str, str]:
    """As a function has them: a secret key and a session token worth looking for."""
    sts = botocore.session.get_session().create_client("sts", region_name="us-east-1", endpoint_url=endpoint)
    given = sts.get_session_token()["Credentials"]
    names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey", "AWS_SESSION_TOKEN": "SessionToken"}
    return {name: given[key] for name, key in names.items()}


@pytest.mark.slow
def test_no_credential_is_told_whatever_is_sent(aws_endpoint: str, tmp_path: Path) -> None:
    name, told, noted = f"secrecy-{uuid.uuid4().hex[:8]}", tmp_path / "said", tmp_path / "secrets"
    with Daemon() as daemon:
        environment = {
            **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
            "AWS_ENDPOINT_URL": aws_endpoint, "AWS_REGION": "us-east-1", **temporary_credentials(aws_endpoint),
            "MOORAGE_TABLE": name, "MOORAGE_BUCKET": name, "MOORAGE_PUBLIC_URL": "http://127.0.0.1:5000",
            "MOORAGE_UPLOAD_URL": "http://127.0.0.1:8080", "MOORAGE_TOKEN_KEYS_SECRET": f"{name}/token-keys",
            "MOORAGE_REGISTRY_KEYS_SECRET": f"{name}/registry-keys", "MOORAGE_IDENTITY_SECRET": f"{name}/identity",
            "MOORAGE_METRICS": "on", "MOORAGE_TRACING": "on", "MOORAGE_LOG_LEVEL": "DEBUG", "MOORAGE_DUTY": "registry",
            "AWS_XRAY_DAEMON_ADDRESS": daemon.address, "_X_AMZN_TRACE_ID": _TRACE,
        }  # fmt: skip
        is_over = threading.Event()
        reader = threading.Thread(target=daemon.listen, args=(is_over,))
        reader.start()
        with told.open("wb") as output:
            command = [sys.executable, "-m", "tests.telemetry.credentials", str(noted)]
            ran = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
        is_over.set()
        reader.join()
        datagrams = daemon.datagrams()
    said = told.read_text()
    assert ran.returncode == 0, said[-3000:]
    facts = json.loads(noted.read_text())
    everything = said + b"\n".join(datagrams).decode()
    for kind, secret in facts["secrets"].items():
        for form in forms(secret):
            place = everything.find(form)
            assert place < 0, f"{kind} was told: ...{everything[max(0, place - 300) : place + 40]}..."
    _assert_that_there_was_something_to_find(said, datagrams, facts)


def _assert_that_there_was_something_to_find(said: str, datagrams: list[bytes], facts: dict[str, object]) -> None:
    lines = [emf.checked(line) for line in said.splitlines() if line.startswith('{"_aws"')]
    assert len(lines) >= int(str(facts["sent"]))
    assert len(facts["secrets"]) > 15  # type: ignore[arg-type]
    assert {"admin", "robot$library+ci", "ann"} <= {line.get("principal") for line in lines}
    assert len({line["operation"] for line in lines}) >= 25
    assert len({parsed(datagram)["name"] for datagram in datagrams}) >= 20
    assert not re.search(r"Signature=(?!\*)|Bearer (?!\*)", said)
