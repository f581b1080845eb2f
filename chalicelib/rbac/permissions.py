"""Permissions: an action on a resource, and the tables of all there are, as data.

Source: Harbor `src/common/rbac/project/rbac_role.go` (what each role may), `rbac_util.go` beside it (public projects) and
`src/common/rbac/const.go` (what robots can be given).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Permission(NamedTuple):
    """`repository:push` and the like; the project itself is the resource `project`."""

    resource: str
    action: str

    def __str__(self) -> str:
        return f"{self.resource}:{self.action}"


Permissions = frozenset[Permission]


def read_table(lines: str) -> Permissions:
    """Read lines of `resource: action action ...`."""
    found = set()
    for line in lines.strip().splitlines():
        resource, _, actions = line.partition(":")
        found |= {Permission(resource.strip(), action) for action in actions.split()}
    return frozenset(found)


def _read_matrix(lines: str) -> dict[str, Permissions]:
    """Read lines of `letters resource: action action ...`: by letter, what that role may."""
    found: dict[str, set[Permission]] = {letter: set() for letter in "AMDGL"}
    for line in lines.strip().splitlines():
        letters, _, rest = line.partition(" ")
        for letter in letters.replace("-", ""):
            found[letter] |= read_table(rest)
    return {letter: frozenset(permissions) for letter, permissions in found.items()}


MATRIX = _read_matrix("""
AMDGL project: read
A---- project: update delete
AMDGL accessory: list
AMD-- artifact: create
AMDGL artifact: read list
AM--- artifact: delete
AMDGL artifact-addition: read
AMD-- artifact-label: create delete
AMDGL configuration: read
A---- configuration: update
AMD-- export-cve: create read list
AM--- immutable-tag: create update delete list
AM--- label: create update delete
AMDG- label: read list
A---- log: list
A---- member: create update delete
AMDG- member: read list
A---- metadata: create update delete
AM--- metadata: read
A---- notification-policy: create update delete
AM--- notification-policy: read list
A---- preheat-policy: create read update delete list
AMDGL quota: read
AMD-- repository: create update push
AMDGL repository: read list pull
AM--- repository: delete
A---- robot: create update delete
AMDG- robot: read list
AM--- sbom: create stop
AMDGL sbom: read
AM--- scan: create stop
AMDGL scan: read
A---- scanner: create
AMDGL scanner: read
AMD-- tag: create
AM--- tag: delete
AMDGL tag: list
AMD-- tag-retention: create read update delete list operate
""")
"""By letter (project Admin, Maintainer, Developer, Guest, Limited guest) what Harbor's five roles may in a project."""

PUBLIC = read_table("""
project: read
label: read list
repository: list pull
scan: read
scanner: read
tag: list
artifact: read list
artifact-addition: read
accessory: list
""")
"""What anybody may in a public project."""

ROBOT_PROJECT = read_table("""
log: list
project: read delete update
metadata: read create delete list update
repository: read update delete list pull push
artifact: read create list delete
scan: create read stop
sbom: create stop read
tag: create list delete
accessory: list
artifact-addition: read
artifact-label: create delete
scanner: create read
preheat-policy: read create delete list update
immutable-tag: create delete list update
notification-policy: read create delete list update
tag-retention: read create delete list update
label: read create delete list update
quota: read
robot: create read list delete
export-cve: create read
member: create read update list delete
""")
"""What a robot can be given in a project: `GET /permissions`."""

ROBOT_SYSTEM = read_table("""
audit-log: list
preheat-instance: read create delete list update
project: list create
replication-policy: read create delete list update
replication: read create list
replication-adapter: list
registry: read create delete list update
scan-all: read update stop create
system-volumes: read
garbage-collection: read create list update stop
purge-audit: read create list update stop
jobservice-monitor: list stop
scanner: read create delete list update
label: read create delete update
security-hub: read list
catalog: read
quota: read list update
robot: create read list delete
user: create read update list delete
ldap-user: create list
user-group: create read update list delete
""")
"""What a robot can be given on the whole registry."""

_ONLY_PEOPLE = read_table("""
robot: update
trust-policy: create read update delete list
""")
PROJECT: Permissions = frozenset().union(*MATRIX.values(), ROBOT_PROJECT, PUBLIC, _ONLY_PEOPLE)
"""Every permission there is in a project: what a system administrator has, and what a custom role may be made of."""
SYSTEM: Permissions = ROBOT_SYSTEM | read_table("""
configuration: read update
label: list
role: create read update delete list
robot: update
ldap-user: read
""")
"""Every permission there is on the whole registry."""

NOTHING: Permissions = frozenset()


def named(permissions: Iterable[Permission]) -> list[str]:
    """Render permissions, sorted, for people and for storage."""
    return sorted(map(str, permissions))


def parse(texts: Iterable[str]) -> Permissions:
    """Read what `named` wrote. One that this version does not know stays what it is, and grants nothing anywhere."""
    return frozenset(Permission(*text.split(":", 1)) for text in texts if ":" in text)
