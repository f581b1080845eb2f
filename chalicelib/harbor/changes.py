"""What the audit log says about each operation that changes something: pure, and data where it can be.

An operation is described by its verb, the type of what it changes, and where that gets its name from. Names come from the path,
from members of the body that hold names, and from what ids stand for: never from any other part of a body, which may be secret.
An operation without a row is described by its method, its tag and its path. Words are Harbor's (`src/pkg/auditext/event`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.harbor.call import Call

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
UNCHANGING = frozenset({"pingLdap", "pingOIDC", "pingRegistry", "pingScanner", "PingInstances"})
"""Operations of unsafe methods that change nothing."""


class Subject(NamedTuple):
    """What could be found out about a request's subject before the change: an id leads nowhere once it is deleted."""

    project: str = ""
    project_id: int = 0
    name: str = ""
    """What the path's id stands for."""


Named = Callable[[Call, Subject], str]


class Change(NamedTuple):
    """How the log describes an operation. `note` follows the description."""

    operation: str
    resource_type: str
    name: Named
    note: str = ""


def described(operation_id: str, method: str, tag: str) -> Change | None:
    """Find how the log describes an operation; None for one that changes nothing."""
    if method not in _VERBS or operation_id in UNCHANGING:
        return None
    return CHANGES.get(operation_id) or Change(_VERBS[method], tag.lower().replace(" ", "_"), _from_path)


def body(*names: str) -> Named:
    """A member of the body, by the way to it."""

    def named(call: Call, subject: Subject) -> str:  # noqa: ARG001
        value: Any = call.body
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return str(value) if isinstance(value, (str, int)) else ""

    return named


def path(name: str) -> Named:
    """A parameter of the path."""
    return lambda call, subject: str(call.path.get(name, ""))  # noqa: ARG005


def first(*ways: Named) -> Named:
    """Whatever way leads to a name first."""
    return lambda call, subject: next((found for way in ways if (found := way(call, subject))), "")


def subject_name(name: str) -> Named:
    """What an id in the path stands for, else the id."""
    return first(lambda call, subject: subject.name, path(name))  # noqa: ARG005


def _project(call: Call, subject: Subject) -> str:
    return subject.project or call.project


def _from_path(call: Call, subject: Subject) -> str:
    values = [str(value) for name, value in call.path.items() if not name.startswith("project_name")]
    return "/".join([*filter(None, [subject.project]), *values]) or body("name")(call, subject)


def _repository(call: Call, subject: Subject) -> str:
    return f"{_project(call, subject)}/{call.path.get('repository_name', '')}"


def _artifact(call: Call, subject: Subject) -> str:
    reference = str(call.path.get("reference", ""))
    return f"{_repository(call, subject)}{'@' if ':' in reference else ':'}{reference}"


def _tag(name: Named) -> Named:
    return lambda call, subject: f"{_repository(call, subject)}:{name(call, subject)}"


def _label(name: Named) -> Named:
    return lambda call, subject: f"{_artifact(call, subject)} {name(call, subject)}"


def _is(text: str) -> Named:
    return lambda call, subject: text  # noqa: ARG005


_MEMBER = first(
    body("member_user", "username"),
    body("member_user", "user_id"),
    body("member_group", "group_name"),
    body("member_group", "ldap_group_dn"),
    body("member_group", "id"),
)
_USER, _ROBOT, _GROUP = subject_name("user_id"), subject_name("robot_id"), subject_name("group_id")

CHANGES: Mapping[str, Change] = {
    "createProject": Change("create", "project", body("project_name")),
    "updateProject": Change("update", "project", _project),
    "deleteProject": Change("delete", "project", _project),
    "createProjectMember": Change("create", "member", _MEMBER),
    "updateProjectMember": Change("update", "member", subject_name("mid")),
    "deleteProjectMember": Change("delete", "member", subject_name("mid")),
    "addProjectMetadatas": Change("update", "project", _project, "add metadata"),
    "updateProjectMetadata": Change("update", "project", _project, "update metadata"),
    "deleteProjectMetadata": Change("update", "project", _project, "delete metadata"),
    "setScannerOfProject": Change("update", "project", _project, "set scanner"),
    "updateRepository": Change("update", "repository", _repository),
    "deleteRepository": Change("delete", "repository", _repository),
    "CopyArtifact": Change("create", "artifact", _repository, "copy"),
    "deleteArtifact": Change("delete", "artifact", _artifact),
    "createTag": Change("create", "tag", _tag(body("name"))),
    "deleteTag": Change("delete", "tag", _tag(path("tag_name"))),
    "addLabel": Change("create", "artifact-label", _label(body("id"))),
    "removeLabel": Change("delete", "artifact-label", _label(path("label_id"))),
    "CreateLabel": Change("create", "label", body("name")),
    "UpdateLabel": Change("update", "label", subject_name("label_id")),
    "DeleteLabel": Change("delete", "label", subject_name("label_id")),
    "createUser": Change("create", "user", body("username")),
    "updateUserProfile": Change("update", "user", _USER),
    "deleteUser": Change("delete", "user", _USER),
    "setUserSysAdmin": Change("update", "user", _USER, "add/remove user as system administrator"),
    "setUserEnabled": Change("update", "user", _USER, "enable/disable user"),
    "updateUserPassword": Change("update", "user", _USER, "change user password"),
    "setCliSecret": Change("update", "user", _USER, "change CLI secret"),
    "createUserGroup": Change("create", "usergroup", first(body("group_name"), body("ldap_group_dn"))),
    "updateUserGroup": Change("update", "usergroup", first(_GROUP, body("group_name"))),
    "deleteUserGroup": Change("delete", "usergroup", _GROUP),
    "importLdapUser": Change("create", "user", lambda call, _: ", ".join(map(str, call.body.get("ldap_uid_list", ())))),
    "CreateRobot": Change("create", "robot", body("name")),
    "UpdateRobot": Change("update", "robot", _ROBOT),
    "RefreshSec": Change("update", "robot", _ROBOT, "refresh secret"),
    "DeleteRobot": Change("delete", "robot", _ROBOT),
    "createRole": Change("create", "role", body("name")),
    "updateRole": Change("update", "role", subject_name("role_id")),
    "deleteRole": Change("delete", "role", subject_name("role_id")),
    "createTrustPolicy": Change("create", "trust-policy", body("name")),
    "updateTrustPolicy": Change("update", "trust-policy", first(body("name"), path("policy_id"))),
    "deleteTrustPolicy": Change("delete", "trust-policy", path("policy_id")),
    "updateQuota": Change("update", "quota", first(_project, path("id"))),
    "updateConfigurations": Change("update", "configuration", _is("configuration")),
    "putSystemCVEAllowlist": Change("update", "configuration", _is("CVE allowlist")),
    "createPurgeSchedule": Change("create", "purge-audit", _is("schedule")),
    "updatePurgeSchedule": Change("update", "purge-audit", _is("schedule")),
    "stopPurge": Change("stop", "purge-audit", path("purge_id")),
}
