"""Moorage in its production shape: the handler behind the API Gateway adapter, and the upload service, a process each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench import processes
from bench.client import ADMIN_PASSWORD, Credentials
from bench.processes import BenchError, Process
from bench.programs import PROJECT, Tools
from bench.registries import CountedEndpoint
from bench.targets import UPLOAD_PROCESS
from localstack.launch import Emulator, StartError, aws_environment


class Moorage:
    """DynamoDB and Secrets Manager are the emulator behind a counting proxy, S3 is the stub that the peers use too."""

    name = "moorage"
    bucket = "moorage"

    def __init__(self, tools: Tools, s3: CountedEndpoint, folder: Path, *, dynamodb_url: str = "") -> None:
        """`dynamodb_url` names another DynamoDB than the emulator's."""
        self.version = ""
        self._folder = folder
        self._emulator = _start_emulator(folder)
        proxy = processes.start(
            "countproxy", [str(tools.countproxy), "-to", self._emulator.url], folder / "countproxy.log"
        )
        self.aws: CountedEndpoint | None = CountedEndpoint(proxy, processes.wait_for_address(proxy))
        self._gateway_port, self._upload_port = processes.free_port(), processes.free_port()
        self.url = f"http://127.0.0.1:{self._gateway_port}"
        self._environ = _environment(self.aws.url, s3.url, self.url, self._upload_port)
        if dynamodb_url:
            self._environ["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb_url
        self.credentials: Credentials | None = Credentials(
            "admin", ADMIN_PASSWORD, f"{self.url}/service/token", "moorage"
        )
        self._processes: list[Process] = []
        self._provision()

    @property
    def processes(self) -> list[Process]:
        return self._processes

    def start(self) -> None:
        gateway = [sys.executable, "-m", "bench.gateway", "--port", str(self._gateway_port)]
        upload = [sys.executable, "-m", "upload_service"]
        self._processes = [
            processes.start(name, argv, self._folder / f"{name}.log", self._environ, PROJECT)
            for name, argv in (("gateway", gateway), (UPLOAD_PROCESS, upload))
        ]
        processes.wait_for_port(self._processes[0], self._gateway_port)
        processes.wait_for_port(self._processes[1], self._upload_port)

    def stop(self) -> None:
        for process in self._processes:
            process.stop()
        self._processes = []

    def close(self) -> None:
        self.stop()
        if self.aws:
            self.aws.process.stop()
        self._emulator.kill()  # its state is of no use to anybody

    def _provision(self) -> None:
        argv = [sys.executable, "-m", "bench.gateway", "--provision"]
        made = subprocess.run(
            argv, cwd=PROJECT, env=self._environ, capture_output=True, text=True, timeout=120, check=False
        )
        if made.returncode:
            self.close()
            raise BenchError(f"Moorage could not be provisioned: {made.stderr.strip()[-800:]}")


def _start_emulator(folder: Path) -> Emulator:
    try:
        return Emulator.start(folder / "emulator", snapshot_s=3600)
    except StartError as error:
        raise BenchError(str(error)) from error


def _environment(aws_url: str, s3_url: str, public_url: str, upload_port: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
    return {
        **kept,
        **aws_environment(aws_url, s3_url),
        "AWS_ENDPOINT_URL_S3": s3_url,
        "MOORAGE_PUBLIC_URL": public_url,
        "MOORAGE_UPLOAD_URL": f"http://127.0.0.1:{upload_port}",
        "MOORAGE_UPLOAD_HOST": "127.0.0.1",
        "MOORAGE_UPLOAD_PORT": str(upload_port),
        "MOORAGE_LOG_LEVEL": "WARNING",
    }
