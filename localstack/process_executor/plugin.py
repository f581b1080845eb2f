"""LocalStack's side: a runtime executor that LocalStack 4.14 starts, asks and stops. Loaded inside LocalStack only."""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import LambdaRuntimeException, RuntimeExecutor

from .environment import Environment, Limits
from .runtime_client import base_python, collect
from .worker import Program, StartFailed

_RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
_MACHINE = {"aarch64": "arm64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())


class ProcessRuntimeExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]
    """What the entry point names."""

    name = "process"

    def load(self, *args: Any, **kwargs: Any) -> type[RuntimeExecutor]:  # noqa: ARG002 - the base class's signature
        """The executor's class."""
        return ProcessRuntimeExecutor


class ProcessRuntimeExecutor(RuntimeExecutor):  # type: ignore[misc]
    """One execution environment of a function version."""

    def __init__(self, id: str, function_version: Any) -> None:  # noqa: A002 - the base class's name
        super().__init__(id=id, function_version=function_version)
        self._environment: Environment | None = None

    def start(self, env_vars: dict[str, Any]) -> None:
        """Import the function. Raises `StatusErrorException`, whose payload becomes the invocation's answer."""
        config = self.function_version.config
        variables = {name: str(value) for name, value in env_vars.items()}
        runtime = collect(Path(tempfile.gettempdir(), "lambda-runtime-client"))
        code = Path(config.code.get_unzipped_code_location())
        program = Program(base_python(), runtime, code, config.handler, variables)
        self._environment = Environment(
            program, Limits(config.timeout, config.memory_size, self.function_version.id.qualifier)
        )
        try:
            self._environment.start()
        except StartFailed as failed:
            raise StatusErrorException(str(failed), payload=failed.outcome.payload) from failed

    def stop(self) -> None:
        """End the process."""
        if self._environment is not None:
            self._environment.stop()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Ask the function and wait for what becomes of it."""
        assert self._environment is not None
        request_id, asked = payload["invoke-id"], payload["payload"].encode()
        outcome, log = self._environment.invoke(request_id, payload["invoked-function-arn"], asked, payload["trace-id"])
        return InvocationResult(request_id, outcome.payload, is_error=outcome.is_error, logs=log)

    def get_address(self) -> str:
        """Where the process is: here."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """Where the process finds LocalStack; becomes AWS_ENDPOINT_URL."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """Where LocalStack's own init program would report to; there is none here."""
        return "http://127.0.0.1"

    def get_logs(self) -> str:
        """Nothing: every invocation's result has its log."""
        return ""

    @classmethod
    def prepare_version(cls, function_version: Any) -> None:
        """Unpack the zip. Raises `LambdaRuntimeException` for what this machine would run otherwise than Lambda."""
        config = function_version.config
        if config.runtime != _RUNTIME:
            raise LambdaRuntimeException(f"this LocalStack runs {_RUNTIME} functions only, not {config.runtime}")
        if _MACHINE not in config.architectures:
            raise LambdaRuntimeException(
                f"this machine runs {_MACHINE} functions only, not {', '.join(config.architectures)}"
            )
        if config.layers:
            raise LambdaRuntimeException("layers are not supported; put everything into the zip")
        config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: Any) -> None:
        """Nothing is kept for a version but its unpacked zip, which LocalStack removes."""
