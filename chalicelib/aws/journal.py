"""The journal of deletions that are not finished: one entry for each manifest or repository that was deleted, dropped at the end.

Spread over four partitions by its key, so that many deletions at a time share none. Source: DynamoDB developer guide, "Using
write sharding to distribute workloads evenly".
"""

from __future__ import annotations

import uuid
import zlib

from chalicelib.aws import keys
from chalicelib.aws.registry_tables import ReleaseItem
from chalicelib.oci.reference import Name, Repository

JOURNAL_SHARDS = 4


def journal_item(repository: Repository, digest: str, key: str, now_us: int, *, is_tracked: bool = True) -> ReleaseItem:
    """An entry of the journal; without a digest the deletion of the whole repository. Not `is_tracked`: the repository is from
    before manifests wrote down what they need, so nobody can say which of its blobs are free."""
    project_id, name = repository.project_id, repository.name
    sk = keys.journal_entry(project_id, name.repository, digest)
    shard = zlib.crc32(sk.encode()) % JOURNAL_SHARDS
    return ReleaseItem(
        keys.journal(shard), sk, project=name.project, key=key, nonce=uuid.uuid4().hex, at=now_us, is_tracked=is_tracked
    )


def entry_of(entry: ReleaseItem) -> tuple[Repository, str]:
    """Read whose deletion an entry is: the repository, and the manifest's digest or "" for all of it."""
    project_id, name, digest = entry.sk.split("#")
    return Repository(int(project_id), Name(entry.project, name)), digest
