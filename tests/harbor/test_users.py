"""Users through the API: who may do what to whom, and what clients are told."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chalicelib.config import Settings
from tests.harbor.client import HarborClient
from tests.harbor.fresh import ADMIN_PASSWORD, PASSWORD, Registry


@pytest.fixture(scope="module")
def registry(settings: Settings) -> Registry:
    return Registry(settings)


@pytest.fixture
def name() -> str:
    return f"u{uuid.uuid4().hex[:12]}"


def body(name: str, **more: object) -> dict[str, object]:
    user = {"username": name, "email": f"{name}@example.com", "realname": "Some Body", "password": PASSWORD}
    return {**user, "comment": "hello", **more}


def test_administrator_is_user_1(registry: Registry) -> None:
    current = registry.admin.get("/users/current").json()
    assert (current["user_id"], current["username"], current["sysadmin_flag"]) == (1, "admin", True)
    assert registry.admin.get("/users/1").json() == current


def test_user_is_made_read_changed_and_deleted(registry: Registry, name: str) -> None:
    made = registry.admin.post("/users", json=body(name))
    assert (made.status, made.body) == (201, b"")
    location = made.headers["location"]
    user_id = int(location.removeprefix("/api/v2.0/users/"))
    assert user_id > 1
    user = registry.admin.get(location).json()
    assert {key: user[key] for key in ("user_id", "username", "email", "realname", "comment", "sysadmin_flag")} == {
        "user_id": user_id, "username": name, "email": f"{name}@example.com", "realname": "Some Body",
        "comment": "hello", "sysadmin_flag": False,
    }  # fmt: skip
    changed = registry.admin.put(location, json={"email": f"new-{name}@example.com", "realname": "New", "comment": ""})
    assert (changed.status, changed.body) == (200, b"")
    assert registry.admin.get(location).json()["realname"] == "New"
    assert registry.admin.delete(location).status == 200
    for method in ("get", "delete"):
        assert getattr(registry.admin, method)(location).status == 404
    assert registry.user(name).get("/users/current").status == 401
    assert registry.admin.post("/users", json=body(name)).status == 201


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"username": ""}, 400),
        ({"username": "a b"}, 400),
        ({"username": "a" * 129}, 400),
        ({"username": "x" * 256}, 422),
        ({"username": "robot$x"}, 400),
        ({"username": 7}, 422),
        ({"password": "short"}, 400),
        ({"password": "x" * 200}, 400),
        ({"password": None}, 400),
        ({"email": ""}, 400),
        ({"email": "nobody"}, 400),
        ({"email": "x" * 250 + "@example.com"}, 422),
        ({"realname": ""}, 400),
        ({"comment": "x" * 31}, 400),
        ({"comment": ["x"]}, 422),
        ({"something_else": 1, "user_id": 1, "sysadmin_flag": True}, 201),
    ],
)
def test_bad_user_is_refused(registry: Registry, name: str, change: dict[str, Any], status: int) -> None:
    answer = registry.admin.post("/users", json=body(name, **change))
    assert answer.status == status
    if status == 201:
        assert registry.admin.get(answer.headers["location"]).json()["sysadmin_flag"] is False


def test_name_and_email_are_taken_once(registry: Registry, name: str) -> None:
    user_id = registry.add(name)
    assert registry.admin.post("/users", json=body(name, email="other@example.com")).status == 409
    assert registry.admin.post("/users", json=body("x" + name, email=f"{name}@EXAMPLE.com")).status == 409
    other = registry.add("y" + name)
    profile = {"email": f"{name}@example.com", "realname": "x"}
    assert registry.admin.put(f"/users/{other}", json=profile).status == 400
    assert registry.admin.put(f"/users/{user_id}", json=profile).status == 200


@pytest.mark.parametrize("path", ["0", "-1", "999999999", "9223372036854775807"])
def test_unknown_user_is_404(registry: Registry, path: str) -> None:
    for method, suffix, sent in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "", {"email": "a@example.com", "realname": "a"}),
        ("PUT", "/sysadmin", {"sysadmin_flag": True}),
        ("PUT", "/enabled", {"enabled": False}),
        ("PUT", "/password", {"new_password": PASSWORD}),
    ):
        assert registry.admin.send(method, f"/users/{path}{suffix}", json=sent).status == 404


@pytest.mark.parametrize("path", ["x", "1.5", "9223372036854775808"])
def test_id_that_is_none_is_422(registry: Registry, path: str) -> None:
    assert registry.admin.get(f"/users/{path}").status == 422


def test_strangers_and_users_may_not_touch_others(registry: Registry, name: str) -> None:
    other, own = registry.add(name), registry.add("z" + name)
    user = registry.user("z" + name)
    for method, path, sent in (
        ("GET", "/users", None),
        ("POST", "/users", body("w" + name)),
        ("GET", f"/users/{other}", None),
        ("GET", "/users/1", None),
        ("GET", "/users/999999", None),
        ("PUT", f"/users/{other}", {"email": "a@example.com", "realname": "a"}),
        ("DELETE", f"/users/{other}", None),
        ("DELETE", f"/users/{own}", None),
        ("PUT", f"/users/{own}/sysadmin", {"sysadmin_flag": True}),
        ("PUT", f"/users/{own}/enabled", {"enabled": True}),
        ("PUT", f"/users/{other}/password", {"new_password": "Other-passw0rd"}),
        ("PUT", f"/users/{other}/cli_secret", {"secret": "Other-passw0rd"}),
    ):
        assert registry.anonymous.send(method, path, json=sent).status == 401, (method, path)
        assert user.send(method, path, json=sent).status == 403, (method, path)
    assert user.get(f"/users/{own}").json()["username"] == "z" + name
    assert user.put(f"/users/{own}", json={"email": f"n{name}@example.com", "realname": "n"}).status == 200


def test_administrator_cannot_take_their_own_rights(registry: Registry, name: str) -> None:
    user_id = registry.add(name)
    assert registry.admin.put(f"/users/{user_id}/sysadmin", json={"sysadmin_flag": True}).status == 200
    second = registry.user(name)
    for user in (second, registry.admin):
        for path, sent in (
            (f"/users/{user_id if user is second else 1}/sysadmin", {"sysadmin_flag": False}),
            ("/users/1/sysadmin", {"sysadmin_flag": False}),
            ("/users/1/enabled", {"enabled": False}),
        ):
            assert user.put(path, json=sent).status == 403
        assert user.delete("/users/1").status == 403
    assert second.delete(f"/users/{user_id}").status == 403
    assert registry.admin.put(f"/users/{user_id}/sysadmin", json={"sysadmin_flag": False}).status == 200
    assert second.get("/users").status == 403


def test_disabled_user_has_no_rights_from_then_on(registry: Registry, name: str) -> None:
    user_id = registry.add(name)
    user = registry.user(name)
    token = user.get("/service/token").json()["token"]
    bearer = registry.anonymous.bearer(token)
    assert bearer.get("/users/current").status == 200
    assert registry.admin.put(f"/users/{user_id}/enabled", json={"enabled": False}).status == 200
    assert user.get("/service/token").status == 401
    assert user.get("/users/current").status == bearer.get("/users/current").status == 401
    assert registry.admin.put(f"/users/{user_id}/enabled", json={"enabled": True}).status == 200
    assert bearer.get("/users/current").status == 200
    assert registry.admin.put(f"/users/{user_id}/enabled", json={}).status == 422


@pytest.mark.parametrize("is_made_again", [False, True])
def test_token_ends_with_the_password_it_was_made_with(registry: Registry, name: str, *, is_made_again: bool) -> None:
    """Without scopes it is good for everything its user may: the next user of the name is somebody else."""
    user_id = registry.add(name)
    bearer = registry.anonymous.bearer(registry.user(name).get("/service/token").json()["token"])
    assert bearer.get("/users/current").status == 200
    if is_made_again:
        assert registry.admin.delete(f"/users/{user_id}").status == 200
        registry.add(name)
    else:
        new = {"new_password": "Another-passw0rd"}
        assert registry.admin.put(f"/users/{user_id}/password", json=new).status == 200
    for path in ("/users/current", "/projects", f"/users/{user_id}"):
        assert bearer.get(path).status == 401
    assert bearer.post("/projects", json={"project_name": name}).status == 401


def test_own_password_needs_the_old_one(registry: Registry, name: str) -> None:
    user_id = registry.add(name)
    user, path = registry.user(name), f"/users/{user_id}/password"
    new = "Another-passw0rd"
    for old in ({}, {"old_password": "wrong"}, {"old_password": ""}):
        assert user.put(path, json={**old, "new_password": new}).status == 403
    assert user.put(path, json={"old_password": PASSWORD, "new_password": "weak"}).status == 400
    assert user.put(path, json={"old_password": PASSWORD, "new_password": PASSWORD}).status == 400
    assert user.put(path, json={"old_password": PASSWORD, "new_password": new}).status == 200
    assert registry.anonymous.basic(name, new).get("/users/current").status == 200
    assert user.get("/users/current").status == 401
    assert registry.admin.put(path, json={"new_password": PASSWORD}).status == 200
    wrong = {"old_password": "wrong", "new_password": "Passw0rd-of-admin"}
    assert registry.admin.put("/users/1/password", json=wrong).status == 403
    assert registry.admin.put("/users/1/password", json={"new_password": "Passw0rd-of-admin"}).status == 403


def test_guessing_an_old_password_shuts_the_guesser_out(registry: Registry, name: str) -> None:
    user_id = registry.add(name)
    token = registry.user(name).get("/service/token").json()["token"]
    thief = registry.anonymous.bearer(token)
    sent = {"old_password": "guess", "new_password": "Another-passw0rd"}
    answers = [thief.put(f"/users/{user_id}/password", json=sent, client_ip="198.51.100.7").status for _ in range(11)]
    assert answers == [403] * 10 + [429]


def test_cli_secret_is_for_people_of_a_provider(registry: Registry, name: str) -> None:
    user_id = registry.add(name)
    user = registry.user(name)
    assert user.put(f"/users/{user_id}/cli_secret", json={"secret": "Another-passw0rd"}).status == 412
    assert user.put(f"/users/{user_id}/cli_secret", json={}).status == 400


def test_list_is_paged_sorted_and_filtered(settings: Settings) -> None:
    registry = Registry(settings)
    names = [f"user{number:02}" for number in range(12)]
    for name in names:
        registry.add(name)
    first = registry.admin.get("/users")
    assert [user["username"] for user in first.json()] == names[:10]
    assert first.headers["x-total-count"] == "12"
    assert first.headers["link"] == '</api/v2.0/users?page=2&page_size=10>; rel="next"'
    second = registry.admin.get("/users?page=2&page_size=10")
    assert [user["username"] for user in second.json()] == names[10:]
    assert registry.admin.get("/users?page=3").json() == []
    for query, found in (
        ("sort=-username&page_size=2", ["user11", "user10"]),
        ("sort=-user_id&page_size=1", ["user11"]),
        ("sort=no_such_field", names[:10]),
        ("q=username%3Duser03", ["user03"]),
        ("q=username%3D~USER1", ["user10", "user11"]),
        ("q=email%3Duser04@example.com", ["user04"]),
        ("q=sysadmin_flag%3Dtrue", []),
        ("q=user_id%3D[3~4]", ["user01", "user02"]),
        ("username=er07", ["user07"]),
        ("email=user08@", ["user08"]),
        ("q=no_such_field%3Dx&page_size=1", ["user00"]),
    ):
        assert [user["username"] for user in registry.admin.get(f"/users?{query}").json()] == found, query
    for query, status in (("page=0", 422), ("page_size=0", 422), ("page_size=101", 422), ("q=x", 400), ("q=username%3D", 400)):
        assert registry.admin.get(f"/users?{query}").status == status, query


def test_search_finds_names_for_everybody_who_is_logged_in(settings: Settings) -> None:
    registry = Registry(settings)
    for name in ("ann", "joanna", "hannah", "bob"):
        registry.add(name)
    found = registry.user("bob").get("/users/search?username=ann&page_size=2")
    assert [user["username"] for user in found.json()] == ["ann", "hannah"]
    assert found.headers["x-total-count"] == "3"
    assert "page=2" in found.headers["link"]
    assert registry.user("bob").get("/users/search?username=admin").json() == []
    assert registry.anonymous.get("/users/search?username=ann").status == 401
    assert registry.user("bob").get("/users/search").status == 422


def test_permissions_are_the_callers_own(registry: Registry, name: str) -> None:
    registry.add(name)
    made = registry.admin.post("/projects", json={"project_name": name})
    project_id = made.headers["location"].rpartition("/")[2]
    member = {"role_id": 3, "member_user": {"username": name}}
    assert registry.admin.post(f"/projects/{name}/members", json=member).status == 201

    def permissions(user: HarborClient, query: str) -> set[tuple[str, str]]:
        found = user.get(f"/users/current/permissions?{query}").json()
        return {(entry["resource"], entry["action"]) for entry in found}

    scope = f"/project/{project_id}"
    guest = permissions(registry.user(name), f"scope={scope}")
    assert len(guest) == 20
    assert {(scope, "read"), (f"{scope}/repository", "pull")} <= guest
    assert (f"{scope}/repository", "push") not in guest
    relative = permissions(registry.user(name), f"scope={scope}&relative=true")
    assert {(".", "read"), ("repository", "pull")} <= relative
    assert ("robot", "create") in permissions(registry.admin, f"scope={scope}&relative=true")
    assert ("user", "list") in permissions(registry.admin, "scope=/system&relative=true")
    for query in ("scope=/system", "", "scope=/project/999999", "scope=/project/x", "scope=/else"):
        assert permissions(registry.user(name), query) == set(), query
    assert registry.anonymous.get(f"/users/current/permissions?scope={scope}").status == 401


def test_current_user_needs_a_login(registry: Registry) -> None:
    assert registry.anonymous.get("/users/current").status == 401
    assert registry.anonymous.basic("admin", "wrong").get("/users/current").status == 401
    assert registry.anonymous.bearer("nonsense").get("/users/current").status == 401


def test_robot_is_no_user(registry: Registry) -> None:
    permission = {"kind": "system", "namespace": "/", "access": [{"resource": "user", "action": "list"}]}
    robot = {"name": uuid.uuid4().hex[:8], "level": "system", "duration": 1, "permissions": [permission]}
    made = registry.admin.post("/robots", json=robot).json()
    client = registry.anonymous.basic(made["name"], made["secret"])
    answer = client.get("/users/current")
    assert (answer.status, answer.error_code) == (412, "PRECONDITION")
    assert client.get("/users").status == 200
    assert client.get("/users/1").status == 403
    assert client.get("/users/current/permissions?scope=/system").json() == [{"resource": "/system/user", "action": "list"}]


def test_people_log_in_with_their_address_too(registry: Registry, name: str) -> None:
    registry.add(name)
    client = registry.anonymous.basic(f"{name}@EXAMPLE.com", PASSWORD)
    assert client.get("/users/current").json()["username"] == name
    assert client.get("/service/token?scope=repository:library/app:pull").status == 200
    assert client.get("/v2/").status == 200


def test_self_registration_is_off_and_then_for_browsers_only(settings: Settings) -> None:
    registry = Registry(settings)
    registry.add("known")
    wanted = body("newcomer")
    assert registry.anonymous.post("/users", json=wanted).status == 401
    assert registry.user("known").post("/users", json=wanted).status == 403
    registry.configure(self_registration=True)
    assert registry.anonymous.post("/users", json=wanted).status == 403
    browser = registry.anonymous.session()
    browser.get("/c/log_out")
    assert browser.post("/users", json=wanted).status == 201
    assert browser.post("/users", json=wanted).status == 409
    assert browser.post("/users", json=body("weak", password="weak")).status == 400
    assert registry.user("newcomer").get("/users/current").json()["sysadmin_flag"] is False
    token, browser.csrf = browser.csrf, "other"
    assert browser.post("/users", json=body("third")).status == 403
    browser.csrf = token
    statuses = {browser.post("/users", json=wanted).status for _ in range(60)}
    assert statuses == {409, 429}


def test_deleted_users_grants_are_not_those_of_the_next_of_the_name(registry: Registry, name: str) -> None:
    user_id = registry.add(name)
    registry.admin.post("/projects", json={"project_name": name, "metadata": {"public": "false"}})
    member = {"role_id": 1, "member_user": {"username": name}}
    assert registry.admin.post(f"/projects/{name}/members", json=member).status == 201
    assert registry.user(name).get(f"/projects/{name}").status == 200
    assert registry.admin.delete(f"/users/{user_id}").status == 200
    assert [m["entity_name"] for m in registry.admin.get(f"/projects/{name}/members").json()] == ["admin"]
    registry.add(name, password="Passw0rd-of-the-next")
    assert registry.user(name).get(f"/projects/{name}").status == 401
    assert registry.anonymous.basic(name, "Passw0rd-of-the-next").get(f"/projects/{name}").status == 403


def test_user_made_again_with_the_same_password_is_let_in(registry: Registry, name: str) -> None:
    """The process that remembers the earlier one's password notices once, and asks anew."""
    user_id = registry.add(name)
    assert registry.user(name).get("/users/current").status == 200
    registry.admin.delete(f"/users/{user_id}")
    again = registry.add(name)
    assert [registry.user(name).get("/users/current").status for _ in range(2)] == [401, 200]
    assert registry.user(name).get("/users/current").json()["user_id"] == again


def test_no_answer_shows_a_password_or_a_hash(registry: Registry, name: str) -> None:
    user_id = registry.add(name)
    for path in (f"/users?q=username%3D{name}", f"/users/{user_id}", f"/users/search?username={name}"):
        text = registry.admin.get(path).body.decode()
        assert name in text
        assert "argon2" not in text
        assert PASSWORD not in text
    assert ADMIN_PASSWORD not in registry.admin.get("/users/current").body.decode()
