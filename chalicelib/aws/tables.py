"""The items of the one table, made of PynamoDB attributes: one class per kind of item, told apart by `kind`.

Only this package sees them; the stores turn them into the areas' own values. Keys come from `keys`, access goes through `table`.
Source: DynamoDB developer guide, "Best practices for single-table design".
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import (
    AttributeContainer,
    BooleanAttribute,
    DiscriminatorAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
)


class Item(AttributeContainer):
    """Any item. `ttl` is when DynamoDB may drop it (Unix seconds); readers check it themselves, deletion is late or never.

    A container of PynamoDB attributes rather than a `Model`: importing models imports botocore's client, a quarter of a second
    that a function which only reads (over `wire`) need not spend at each cold start.
    """

    pk = UnicodeAttribute()
    sk = UnicodeAttribute()
    kind = DiscriminatorAttribute()
    ttl = NumberAttribute(null=True)

    def __init__(self, pk: str = "", sk: str = "", _user_instantiated: bool = True, **attributes: Any) -> None:
        super().__init__(_user_instantiated, **attributes)
        self.pk, self.sk = pk, sk

    def serialize(self) -> dict[str, Any]:
        """Render as DynamoDB's attribute map, binary values as bytes. Raises ValueError when a field is missing."""
        return self._container_serialize()

    @classmethod
    def from_raw_data(cls, raw: dict[str, Any]) -> Item:
        """Read an attribute map as the class its `kind` names."""
        return cls._instantiate(raw)


class ProjectItem(Item, discriminator="project"):
    """`PN#<project> P`; `metadata` and `cve_allowlist` are JSON as Harbor's API has it."""

    project_id = NumberAttribute()
    is_public = BooleanAttribute()
    created_at = NumberAttribute()
    created_by = UnicodeAttribute()
    owner_id = NumberAttribute(default=0)
    updated_at = NumberAttribute(default=0)
    metadata = JSONAttribute(null=True)
    cve_allowlist = JSONAttribute(null=True)
    version = NumberAttribute(default=0)


class NameItem(Item, discriminator="name"):
    """From a number or an address to a name: `PI#<project id>`, `UI#<user id>`, `UM#<email>`, `RI#<robot id>`, `GN#<group>`,
    `MB#<project id> <member id>`, `LN#<project id>#<label>`."""

    name = UnicodeAttribute()


class RowItem(Item, discriminator="row"):
    """`X#<list> <key>`: one entry of a list, so small that thousands are one Query. `fields` is what it can be filtered and
    sorted by, as JSON."""

    fields = JSONAttribute()


class UserItem(Item, discriminator="user"):
    """`U#<user> U`"""

    password_hash = UnicodeAttribute()
    is_admin = BooleanAttribute()
    is_enabled = BooleanAttribute()
    created_at = NumberAttribute()
    user_id = NumberAttribute(default=0)
    email = UnicodeAttribute(null=True)
    realname = UnicodeAttribute(null=True)
    comment = UnicodeAttribute(null=True)
    source = UnicodeAttribute(default="db")
    subject = UnicodeAttribute(null=True)
    groups = JSONAttribute(null=True)
    updated_at = NumberAttribute(default=0)
    version = NumberAttribute(default=0)
    admin_role_in_auth = BooleanAttribute(default=False)


class RobotItem(Item, discriminator="robot"):
    """`U#<robot> U`; `grants` is JSON, `[[kind, namespace, project id, [permission, ...]], ...]`."""

    password_hash = UnicodeAttribute()
    robot_id = NumberAttribute()
    project = UnicodeAttribute(null=True)
    project_id = NumberAttribute(default=0)
    grants = JSONAttribute()
    is_enabled = BooleanAttribute()
    expires_at = NumberAttribute(null=True)
    duration_days = NumberAttribute(default=-1)
    description = UnicodeAttribute(null=True)
    created_by = UnicodeAttribute(null=True)
    creator_id = NumberAttribute(default=0)
    is_made_by_robot = BooleanAttribute(default=False)
    created_at = NumberAttribute()
    updated_at = NumberAttribute()
    version = NumberAttribute(default=0)


class GroupItem(Item, discriminator="group"):
    """`GI#<group id> G`"""

    name = UnicodeAttribute()
    group_type = NumberAttribute()
    ldap_dn = UnicodeAttribute(null=True)


class GrantItem(Item, discriminator="grant"):
    """`U#<user> G#<project>` and `GR#<group id> G#<project>`; `project_id` ties it to one life of the project, `user_id` to one
    of the user."""

    project_id = NumberAttribute()
    role = UnicodeAttribute()
    member_id = NumberAttribute(default=0)
    user_id = NumberAttribute(default=0)


class RoleItem(Item, discriminator="role"):
    """`RN#<role id> R`: a custom role; `permissions` is JSON, `["repository:pull", ...]`."""

    role_id = NumberAttribute()
    name = UnicodeAttribute()
    permissions = JSONAttribute()
    description = UnicodeAttribute(null=True)
    created_at = NumberAttribute()
    updated_at = NumberAttribute(default=0)
    version = NumberAttribute(default=0)


class DepartedItem(Item, discriminator="departed"):
    """`PD <project id>`: a project that is gone, with things that are still to be removed."""

    name = UnicodeAttribute()


class LabelItem(Item, discriminator="label"):
    """`LA#<label id> LA`; project 0 is the registry."""

    project_id = NumberAttribute()
    name = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    color = UnicodeAttribute(null=True)
    created_at = NumberAttribute()
    updated_at = NumberAttribute()


class AllowlistItem(Item, discriminator="allowlist"):
    """`CA CA`: the registry's own CVE allowlist, JSON as a project has it."""

    allowlist = JSONAttribute()


class FailuresItem(Item, discriminator="failures"):
    """`U#<user> L#<client address>` and `L#<client address> L`"""

    failures = NumberAttribute()


class EndedSessionItem(Item, discriminator="ended_session"):
    """`U#<user> E#<session id>`"""


class ConfigurationItem(Item, discriminator="configuration"):
    """`CF CF`; `options` is JSON, only what was changed. `version` counts the changes."""

    options = JSONAttribute()
    version = NumberAttribute()


class CounterItem(Item, discriminator="counter"):
    """`I#<counter> I`"""

    last = NumberAttribute()


class TotalItem(Item, discriminator="total"):
    """`N#<list> <shard>`; `epoch` counts the releases that a push must not overlap, see `aws.releases`.
    `closed`: nothing is added any more."""

    number = NumberAttribute(null=True)
    changed_at = NumberAttribute(null=True)
    epoch = NumberAttribute(null=True)
    closed = NumberAttribute(null=True)


class SessionItem(Item, discriminator="session"):
    """`S#<upload id> S`; `phase` `closed` is the mark of an upload that is over, `finishing` of one that became a blob."""

    version = NumberAttribute()
    phase = UnicodeAttribute()
    size_bytes = NumberAttribute()
    key = UnicodeAttribute()
    multipart_id = UnicodeAttribute()
    pieces = UnicodeAttribute()
    digest = UnicodeAttribute()
    next_part = NumberAttribute()


class PartsItem(Item, discriminator="parts"):
    """`S#<upload id> P#<first part>`: parts of one request as JSON, `[[number, size in bytes, ETag], ...]`."""

    parts = UnicodeAttribute()


class TrustItem(Item, discriminator="trust"):
    """`TP#<project id> <policy id>`: a trust policy as the API shows it, JSON."""

    document = UnicodeAttribute()


class TrustVersionItem(Item, discriminator="trust_version"):
    """`TP#<project id> V`"""

    version = NumberAttribute()


class AuditItem(Item, discriminator="audit"):
    """`AU#<log>#<shard> <time>#<process>`; `at_us` only where the row was written long after it happened."""

    operation = UnicodeAttribute()
    resource_type = UnicodeAttribute()
    resource = UnicodeAttribute()
    operator = UnicodeAttribute()
    description = UnicodeAttribute()
    is_success = BooleanAttribute()
    client_ip = UnicodeAttribute()
    project_id = NumberAttribute()
    at_us = NumberAttribute(null=True)


class AuditMarksItem(Item, discriminator="audit_marks"):
    """`AM#<log> <hour>`: the sort keys of every `step`th row of the hour, as JSON."""

    step = NumberAttribute()
    keys = JSONAttribute()


class AuditWorkItem(Item, discriminator="audit_work"):
    """`AW <hour>#<log>`"""


class ScheduleItem(Item, discriminator="schedule"):
    """`AP S`: when something runs by itself, and with what (JSON)."""

    schedule_id = NumberAttribute()
    schedule_type = UnicodeAttribute()
    cron = UnicodeAttribute()
    parameters = JSONAttribute()
    created_at = NumberAttribute()
    updated_at = NumberAttribute()
    next_at = NumberAttribute()


class ExecutionItem(Item, discriminator="execution"):
    """`AP E#<execution id>`; `position` is the hour up to which it has come."""

    trigger = UnicodeAttribute()
    parameters = JSONAttribute()
    status = UnicodeAttribute()
    started_at = NumberAttribute()
    updated_at = NumberAttribute()
    position = UnicodeAttribute(null=True)
    rows = NumberAttribute()
    log = UnicodeAttribute(null=True)


class AuditCountItem(Item, discriminator="audit_count"):
    """`AC#<log> <hour>#<process>`, and `AC#<log> <hour>` once the hour was counted."""

    number = NumberAttribute()
