"""The registry's own CVE allowlist in DynamoDB."""

from __future__ import annotations

from chalicelib.aws import keys
from chalicelib.aws.table import Table
from chalicelib.aws.tables import AllowlistItem
from chalicelib.rbac.project import NO_ALLOWLIST, Allowlist


class DynamoAllowlist:
    """`rbac.project_ports.AllowlistStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> Allowlist:
        """One GetItem."""
        item = self._table.get(keys.ALLOWLIST, keys.ALLOWLIST)
        if not isinstance(item, AllowlistItem):
            return NO_ALLOWLIST
        cve_ids, expires_at, updated_at = item.allowlist
        return Allowlist(tuple(cve_ids), expires_at, updated_at)

    def write(self, found: Allowlist) -> None:
        """One PutItem: the list is sent whole, so the last one wins."""
        self._table.write([self._table.put(AllowlistItem(keys.ALLOWLIST, keys.ALLOWLIST, allowlist=list(found)))])
