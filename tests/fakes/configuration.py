"""The configuration in a dictionary. `tests/contracts/test_configuration.py` holds it to the same promises as the real one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.config import Settings
from chalicelib.rbac.configuration import Configurations


class FakeConfiguration:
    def __init__(self, values: Mapping[str, Any] = {}, secrets: Mapping[str, str] = {}) -> None:
        self.values, self.secrets, self.version = dict(values), dict(secrets), int(bool(values))
        self.reads = self.secret_reads = 0

    def read(self) -> tuple[Mapping[str, Any], int]:
        self.reads += 1
        return dict(self.values), self.version

    def write(self, values: Mapping[str, Any], *, version: int) -> bool:
        if version != self.version:
            return False
        self.values, self.version = dict(values), version + 1
        return True

    def read_secrets(self) -> Mapping[str, str]:
        self.secret_reads += 1
        return dict(self.secrets)

    def write_secret(self, name: str, value: str) -> None:
        self.secrets[name] = value


def configurations(settings: Settings | None = None, **values: Any) -> Configurations:
    """A configuration with these options changed."""
    return Configurations(settings or Settings(), FakeConfiguration(values))
