"""The deployment on LocalStack: Terraform's real one of the real package, with the edge and the upload service as processes."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from localstack.community.running import LocalStack
from localstack.folder import write_private
from localstack.launch import ROOT, StartError, aws_environment
from localstack.secret import read_secret
from localstack.terraform import Terraform
from localstack.upload_process import UploadProcess

CONSOLE_STAGES = ("service", "api", "c", "ui")
_ARCHITECTURE = {"aarch64": "arm64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())


@dataclass(frozen=True, slots=True)
class Deployed:
    """What tests ask about a deployment; the names are those of the ready file of `make deploy-local`."""

    url: str
    s3_url: str
    aws_url: str
    admin_password: str = field(repr=False)
    outputs: Mapping[str, Any] = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)
    data: str
    pid: int = field(default_factory=os.getpid)
    admin_user: str = "admin"

    def write(self, file: Path) -> None:
        """Write the ready file, readable by its owner only."""
        write_private(file, json.dumps(asdict(self)))


def package() -> Path:
    """The zip for functions that run here. Raises `StartError`."""
    file = ROOT / "build" / f"moorage-lambda-{_ARCHITECTURE}.zip"
    if not file.is_file():
        raise StartError(f"{file.relative_to(ROOT)} is missing; `make package` makes it.")
    return file


def apply(localstack: LocalStack, folder: Path) -> tuple[Terraform, dict[str, str]]:
    """Apply the module to LocalStack; `folder` takes the state. Gives Terraform and the variables. Raises `StartError`."""
    folder.mkdir(parents=True, exist_ok=True)
    edge, uploads = f"http://127.0.0.1:{_free()}", f"http://127.0.0.1:{_free()}"
    variables = {
        "package_path": str(package()),
        "architecture": _ARCHITECTURE,
        "public_url_override": edge,
        "console_url_override": edge,
        "upload_url": uploads,
        # Another name than the registry's: clients drop their token there, as they do on AWS.
        "s3_public_url": localstack.s3_url,
    }
    terraform = Terraform(folder, aws_environment(localstack.url, localstack.s3_url), variables)
    terraform.init()
    terraform.apply()
    return terraform, variables


@contextlib.contextmanager
def served(localstack: LocalStack, folder: Path, terraform: Terraform, variables: dict[str, str]) -> Iterator[Deployed]:
    """The edge and the upload service of what was applied, for the length of the block. Raises `StartError`."""
    outputs = terraform.outputs()
    names = {"v2": outputs["registry_api_id"], **dict.fromkeys(CONSOLE_STAGES, outputs["console_api_id"])}
    (folder / "edge.json").write_text(json.dumps(names))
    password = read_secret(localstack.url, outputs["admin_password_secret"])
    uploads = UploadProcess(
        _upload_environment(localstack, outputs), _port(outputs["upload_url"]), folder / "uploads.log"
    )
    edge = _start_edge(localstack, folder, _port(outputs["registry_url"]))
    try:
        uploads.wait_until_it_serves()
        yield Deployed(
            outputs["registry_url"], localstack.s3_url, localstack.url, password, outputs, variables, str(folder)
        )
    finally:
        edge.terminate()
        edge.wait(30)
        uploads.stop()


def _start_edge(localstack: LocalStack, folder: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "localstack.community.edge", "--endpoint", localstack.url, "--port", str(port)]
    with (folder / "edge.log").open("ab") as log:
        edge = subprocess.Popen(
            [*command, "--names", str(folder / "edge.json")],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    assert edge.stdout is not None
    if not edge.stdout.readline():
        raise StartError(f"The edge did not start; {folder / 'edge.log'} says why.")
    return edge


def _upload_environment(localstack: LocalStack, outputs: Mapping[str, Any]) -> dict[str, str]:
    """The owner's credentials: LocalStack's community edition enforces no role, so a role's would prove nothing."""
    return {
        **aws_environment(localstack.url, localstack.s3_url),
        "PATH": os.environ.get("PATH", ""),
        "MOORAGE_TABLE": outputs["table"],
        "MOORAGE_BUCKET": outputs["bucket"],
        "MOORAGE_PUBLIC_URL": outputs["registry_url"],
        "MOORAGE_CONSOLE_URL": outputs["console_url"],
        "MOORAGE_UPLOAD_URL": outputs["upload_url"],
        "MOORAGE_LOG_LEVEL": "WARNING",
    }


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number: int = listening.getsockname()[1]
        return number
