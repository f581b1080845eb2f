"""What a project, a role and a robot may be: the pure rules of the management API."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import RegistryError
from chalicelib.rbac import custom_roles, robot, robot_names
from chalicelib.rbac.model import LOGIN_NAME, PROJECT_NAME, Project, Robot, RobotGrant
from chalicelib.rbac.permissions import MATRIX, ROBOT_PROJECT, ROBOT_SYSTEM, Permission
from chalicelib.rbac.project import KEYS, ProjectRecord, allowlist, check_metadata, check_name, merged
from chalicelib.rbac.roles import ROLES

PULL, PUSH = Permission("repository", "pull"), Permission("repository", "push")


def refused(code: str = "BAD_REQUEST") -> pytest.RaisesExc[RegistryError]:
    return pytest.raises(RegistryError, match=f"^{code}")


@given(st.text(max_size=300))
def test_name_of_a_project_is_a_component_of_a_repositorys(name: str) -> None:
    is_one = 1 <= len(name) <= 253 and PROJECT_NAME.fullmatch(name)
    if is_one:
        check_name(name)
    else:
        with refused():
            check_name(name)


@given(st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_metadata_is_stored_in_one_form_or_refused(found: dict[str, str]) -> None:
    try:
        stored = check_metadata(found)
    except RegistryError as error:
        assert error.code == "BAD_REQUEST"
    else:
        assert check_metadata(stored) == stored
        assert set(stored.values()) <= {"true", "false", "none", "low", "medium", "high", "critical"}


def test_metadata_changes_what_is_named_and_nothing_else() -> None:
    record = ProjectRecord(Project("team", 7, is_public=False), metadata={"auto_scan": "true"})
    changed = merged(record, {"public": "true", "prevent_vul": "false"}, now=5)
    assert changed.project.is_public and changed.updated_at == 5
    assert changed.all_metadata == {"public": "true", "auto_scan": "true", "prevent_vul": "false"}
    assert merged(changed, {}, now=6).project.is_public


def test_allowlist_has_bounds() -> None:
    assert allowlist(["CVE-1"], None, now=3) == (("CVE-1",), None, 3)
    for wrong in (["CVE-1", "CVE-1"], [""], ["x" * 65], [f"CVE-{n}" for n in range(2001)]):
        with refused():
            allowlist(wrong, None, now=3)


@given(st.text(max_size=40), st.sampled_from(["", "team", "a" * 253]), st.sampled_from(["robot$", "bot-"]))
def test_whole_name_of_a_robot_can_log_in(name: str, project: str, prefix: str) -> None:
    try:
        whole = robot_names.full_name(prefix, project, name)
    except RegistryError as error:
        assert error.code == "BAD_REQUEST"
    else:
        assert LOGIN_NAME.fullmatch(whole) and whole.startswith(prefix) and whole.endswith(name)
        assert robot_names.is_name_of(whole, whole, prefix) and robot_names.is_name_of(name, whole, prefix)
        assert not robot_names.is_name_of(f"x{name}", whole, prefix)


def test_made_secrets_follow_the_rules_and_differ() -> None:
    secrets = {robot_names.new_secret() for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        robot_names.check_secret(secret)


@pytest.mark.parametrize("secret", ["", "Short-1", "x" * 129, "lower-case-1", "UPPER-CASE-1", "No-number-here", "A1" * 70])
def test_weak_secret_is_refused_and_not_repeated(secret: str) -> None:
    with refused() as caught:
        robot_names.check_secret(secret)
    assert not secret or secret not in str(caught.value)


ACCESS = st.fixed_dictionaries(
    {},
    optional={
        "resource": st.sampled_from(["repository", "user", "robot", "nonsense"]) | st.text(max_size=4),
        "action": st.sampled_from(["pull", "push", "create", "*"]) | st.text(max_size=4),
        "effect": st.sampled_from(["allow", "deny", ""]),
    },
)
PERMISSION = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["system", "project", "else"]),
        "namespace": st.sampled_from(["/", "*", "team", ""]),
        "access": st.lists(ACCESS, max_size=3),
    },
)


@given(st.sampled_from(["system", "project", "else"]), st.lists(PERMISSION, max_size=3))
def test_robot_is_asked_for_within_the_catalogue_or_refused(level: str, permissions: list[dict[str, object]]) -> None:
    try:
        wanted = robot.wanted(level, permissions)
    except RegistryError as error:
        assert error.code == "BAD_REQUEST"
        return
    for grant in wanted.grants:
        assert grant.permissions and grant.permissions <= (ROBOT_SYSTEM if grant.kind == "system" else ROBOT_PROJECT)
        assert (grant.kind == "system") == (grant.namespace == "/")
    if level == "project":
        assert [(grant.kind, grant.namespace) for grant in wanted.grants] == [("project", wanted.project)]
        assert wanted.project not in ("*", "/", "")
    else:
        assert wanted.project == ""


def test_grants_are_bound_to_the_projects_of_now() -> None:
    access = [{"resource": "repository", "action": "pull"}]
    asked = [{"kind": "project", "namespace": name, "access": access} for name in ("one", "two", "*")]
    wanted = robot.wanted("system", [*asked, {"kind": "project", "namespace": "one", "access": access}])
    assert wanted.projects == ["one", "two"]
    assert [grant.project_id for grant in wanted.bound({"one": 1, "two": 2})] == [1, 2, 0]


@pytest.mark.parametrize(
    ("own", "given_", "is_within"),
    [
        (("project", "*", 0, PULL), ("project", "team", 7, PULL), True),
        (("project", "*", 0, PULL), ("project", "*", 0, PULL), True),
        (("project", "team", 7, PULL), ("project", "team", 7, PULL), True),
        (("project", "team", 6, PULL), ("project", "team", 7, PULL), False),
        (("project", "team", 7, PULL), ("project", "*", 0, PULL), False),
        (("project", "team", 7, PULL), ("project", "team", 7, PUSH), False),
        (("project", "*", 0, PULL), ("system", "/", 0, PULL), False),
    ],
)
def test_robot_gives_only_what_it_has_where_it_has_it(
    own: tuple[str, str, int, Permission], given_: tuple[str, str, int, Permission], *, is_within: bool
) -> None:
    creator = Robot("robot$x", "", grants=(RobotGrant(*own[:3], frozenset({own[3]})),))
    grants = [RobotGrant(*given_[:3], frozenset({given_[3]}))]
    if is_within:
        robot.require_within(creator, grants)
    else:
        with refused("DENIED"):
            robot.require_within(creator, grants)


def test_life_of_a_robot() -> None:
    assert robot.ends_at(100, 2) == 100 + 2 * 86400
    assert robot.ends_at(100, -1) is None
    for days in (0, -2, 2**31 - 1):
        with refused():
            robot.check_duration(days)


def test_every_role_of_harbors_is_the_project_administrators_to_give() -> None:
    for role in ROLES.values():
        assert role.permissions <= ROLES["projectAdmin"].permissions
    assert set(MATRIX) == set("AMDGL")


def test_custom_role_is_made_of_a_projects_permissions() -> None:
    body = {"name": "auditor", "permissions": [{"resource": "log", "action": "list"}]}
    assert custom_roles.wanted(body) == ("auditor", "", frozenset({Permission("log", "list")}))
    for wrong in (
        {**body, "permissions": [{"resource": "user", "action": "create"}]},
        {**body, "permissions": []},
        {**body, "name": "Developer"},
        {**body, "name": "x\n"},
        {},
    ):
        with refused():
            custom_roles.wanted(wrong)
