"""What the emulator's process has besides when Terraform deploys to it: strict IAM, functions on their own, the edge.

The emulator is the account. Its endpoint stands for the TLS endpoints of AWS, its second port is the edge, and it hands a task
of ECS, which runs as a process of this machine, the credentials of its role.
"""

from __future__ import annotations

import importlib
import json
import secrets
import time
from pathlib import Path
from typing import Any

from localstack import iam_actions, lambda_process
from localstack.asgi import App, Receive, Scope, Send, answer
from localstack.edge import Edge
from localstack.rest_front import RestFront

CREDENTIALS_PATH = "/_moorage/task-credentials/"
CREDENTIALS_S = 3600
NAMES_FILE = "edge.json"
TOKEN_FILE = "task-token"


def environment(data: Path) -> dict[str, str]:
    """What MiniStack reads at import: identity policies and resource policies are enforced, signatures are checked."""
    temporary = data / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {"AUTH": "true", "TMPDIR": str(temporary)}


class Account:
    """An ASGI application around the front: the edge on one port, everything else on the other."""

    def __init__(self, front: App, data: Path, edge_port: int, python: Path) -> None:
        self._front, self._edge_port = front, edge_port
        self._token_file = data / TOKEN_FILE
        self._sts: Any = importlib.import_module("ministack.services.sts")
        self._iam: Any = importlib.import_module("ministack.services.iam")
        apigateway: Any = importlib.import_module("ministack.services.apigateway_v1")
        iam_actions.name_as_aws(importlib.import_module("ministack.core.iam_actions"))
        lambda_process.isolate(importlib.import_module("ministack.core.lambda_runtime"), python)
        functions: Any = importlib.import_module("ministack.services.lambda_svc")
        self._edge = Edge(RestFront(apigateway, functions), data / NAMES_FILE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._front(scope, receive, send)
        elif scope["server"][1] == self._edge_port:
            await self._edge(scope, receive, send)
        elif scope["path"].startswith(CREDENTIALS_PATH):
            await self._hand_out(scope, send)
        else:
            await self._front(_as_over_tls(scope), receive, send)

    async def _hand_out(self, scope: Scope, send: Send) -> None:
        """Play ECS's credentials endpoint for a role's name. Source: ECS developer guide, "Task IAM role"."""
        role = self._role(scope["path"].removeprefix(CREDENTIALS_PATH))
        told = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        known = self._token_file.read_text().strip() if self._token_file.exists() else ""
        if role is None or not known or not secrets.compare_digest(told, known):
            await answer(send, 404, [(b"content-length", b"0")], b"")
            return
        body = json.dumps(self._session(role)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await answer(send, 200, headers, body)

    def _role(self, name: str) -> dict[str, Any] | None:
        """The role, when ECS may take it: a trust policy that names somebody else is a deployment that does not start."""
        found = [role for key, role in self._iam._roles._data.items() if key[-1] == name]
        trusted = json.dumps(found[0]["AssumeRolePolicyDocument"]) if found else ""
        return found[0] if "ecs-tasks.amazonaws.com" in trusted else None

    def _session(self, role: dict[str, Any]) -> dict[str, str]:
        key, until = self._iam._gen_session_access_key(), time.time() + CREDENTIALS_S
        secret, token = self._iam._gen_secret(), self._iam._gen_session_token()
        account = role["Arn"].split(":")[4]
        named = {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role['RoleName']}/task",
            "UserId": f"{role['RoleId']}:task",
        }
        self._sts.register_session(
            key, {**named, "SecretAccessKey": secret, "SessionToken": token, "Expiration": until}
        )
        expiration = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
        made = {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": expiration}
        return {**made, "RoleArn": role["Arn"]}


def _as_over_tls(scope: Scope) -> Scope:
    """Policies that refuse plain HTTP (`aws:SecureTransport`) are enforced too, and on AWS every endpoint has TLS."""
    return {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
