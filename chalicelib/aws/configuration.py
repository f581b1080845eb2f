"""The configuration in DynamoDB, its secrets in Secrets Manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.aws import keys
from chalicelib.aws.secrets import Secrets
from chalicelib.aws.table import Table
from chalicelib.aws.tables import ConfigurationItem
from chalicelib.config import Settings
from chalicelib.rbac.configuration import SECRETS


class DynamoConfiguration:
    """`rbac.ports.ConfigurationStore`."""

    def __init__(self, settings: Settings, table: Table, secrets: Secrets) -> None:
        self._table, self._secrets, self._secret = table, secrets, settings.identity_secret

    def read(self) -> tuple[Mapping[str, Any], int]:
        """One GetItem."""
        item = self._table.get(keys.CONFIGURATION, keys.CONFIGURATION)
        return (item.options, int(item.version)) if isinstance(item, ConfigurationItem) else ({}, 0)

    def write(self, values: Mapping[str, Any], *, version: int) -> bool:
        """One conditional PutItem."""
        item = ConfigurationItem(keys.CONFIGURATION, keys.CONFIGURATION, options=dict(values), version=version + 1)
        if version == 0:
            return self._table.attempt([self._table.put(item, is_new=True)])
        return self._table.attempt([self._table.put(item, condition="version = :version", values={":version": version})])

    def read_secrets(self) -> Mapping[str, str]:
        """One GetSecretValue each."""
        found = {name: self._secrets.read(f"{self._secret}/{name}") for name in SECRETS}
        return {name: value["value"] for name, value in found.items() if value}

    def write_secret(self, name: str, value: str) -> None:
        """One PutSecretValue. A secret for each option: administrators who set two at the same moment cannot undo each other."""
        self._secrets.write(f"{self._secret}/{name}", {"value": value})
