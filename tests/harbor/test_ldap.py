"""Users of a real OpenLDAP server log in, everywhere a name and a password are taken; and what administrators ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.config import Settings
from tests.harbor.fresh import PASSWORD, Registry
from tests.harbor.test_session import log_in
from tests.upstream import directory
from tests.upstream.directory import Directory

PEOPLE, GROUPS = "ou=people,dc=example,dc=org", "ou=groups,dc=example,dc=org"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    pytest.importorskip("ldap3")
    if directory.SLAPD is None:
        pytest.skip("slapd is not installed")
    with directory.running(tmp_path_factory.mktemp("ldap")) as made:
        yield made


def options(server: Directory) -> dict[str, Any]:
    return {
        "ldap_url": server.url,
        "ldap_base_dn": PEOPLE,
        "ldap_uid": "uid",
        "ldap_search_dn": "cn=reader,dc=example,dc=org",
        "ldap_timeout": 2,
    }


@pytest.fixture
def registry(settings: Settings, server: Directory) -> Registry:
    made = Registry(settings)
    made.configure(
        **options(server),
        ldap_search_password="reader-secret",
        ldap_group_base_dn=GROUPS,
        ldap_group_search_filter="objectClass=groupOfNames",
        ldap_group_admin_dn=f"CN=Admins, {GROUPS}",
    )
    return made


def test_people_of_the_directory_log_in_everywhere(registry: Registry) -> None:
    ann = registry.anonymous.basic("ann", "ann-secret")
    current = ann.get("/users/current").json()
    assert (current["username"], current["realname"], current["email"]) == ("ann", "Ann Smith", "ann@example.org")
    assert (current["sysadmin_flag"], current["admin_role_in_auth"]) == (False, True)
    assert ann.get("/users").status == 200
    assert ann.get("/v2/").status == 200
    assert ann.get("/service/token?scope=repository:library/app:pull").status == 200
    browser = registry.anonymous.session()
    assert log_in(browser, "ann", "ann-secret").status == 200
    assert browser.get("/users/current").json()["user_id"] == current["user_id"]


def test_sources_work_side_by_side(registry: Registry) -> None:
    registry.add("dan")
    assert registry.user("dan").get("/users/current").status == 200
    assert registry.anonymous.basic("bob", "böb-secret").get("/users/current").json()["username"] == "bob"
    for name, password in (
        ("ann", "wrong"), ("ann", ""), ("ann", PASSWORD), ("nobody", "ann-secret"), ("dan", "ann-secret"),
        ("twin", "twin-secret"), ("*", "ann-secret"), ("ann)(uid=*", "ann-secret"),
    ):  # fmt: skip
        assert registry.anonymous.basic(name, password).get("/users/current").status == 401, name


def test_user_of_the_registry_is_never_the_directorys(registry: Registry) -> None:
    registry.add("ann")
    assert registry.anonymous.basic("ann", "ann-secret").get("/users/current").status == 401
    assert registry.user("ann").get("/users/current").json()["admin_role_in_auth"] is False


def test_role_of_a_directorys_group_is_its_members(registry: Registry) -> None:
    registry.admin.post("/projects", json={"project_name": "team", "metadata": {"public": "false"}})
    body = {"role_id": 2, "member_group": {"ldap_group_dn": f"cn=devs,{GROUPS}"}}
    assert registry.admin.post("/projects/team/members", json=body).status == 201
    assert registry.anonymous.basic("bob", "böb-secret").get("/projects/team").status == 200
    groups = {group["ldap_group_dn"] for group in registry.admin.get("/usergroups").json()}
    assert f"cn=devs,{GROUPS}" in groups


def test_password_is_changed_in_the_directory(registry: Registry) -> None:
    bob = registry.anonymous.basic("bob", "böb-secret")
    user_id = bob.get("/users/current").json()["user_id"]
    sent = {"old_password": "böb-secret", "new_password": PASSWORD}
    for user in (bob, registry.admin):
        assert user.put(f"/users/{user_id}/password", json=sent).status == 403
    assert bob.put(f"/users/{user_id}/cli_secret", json={"secret": PASSWORD}).status == 412


def test_disabled_user_of_the_directory_stays_outside(registry: Registry) -> None:
    bob = registry.anonymous.basic("bob", "böb-secret")
    user_id = bob.get("/users/current").json()["user_id"]
    registry.admin.put(f"/users/{user_id}/enabled", json={"enabled": False})
    assert bob.get("/users/current").status == 401
    assert bob.get("/service/token").status == 401


def test_directory_that_is_down_keeps_nobody_else_out(registry: Registry) -> None:
    registry.add("dan")
    registry.configure(ldap_url="ldap://127.0.0.1:1", ldap_timeout=1)
    assert registry.anonymous.basic("ann", "ann-secret").get("/users/current").status == 401
    assert registry.user("dan").get("/users/current").status == 200
    answer = registry.admin.get("/ldap/users/search?username=ann")
    assert (answer.status, answer.error_code) == (400, "BAD_REQUEST")


def test_directory_is_pinged_with_the_written_settings_or_with_others(registry: Registry, server: Directory) -> None:
    def ping(**body: object) -> dict[str, Any]:
        answer = registry.admin.post("/ldap/ping", json=body)
        assert answer.status == 200
        found: dict[str, Any] = answer.json()
        return found

    assert ping() == {"success": True}
    assert ping(**{name: value for name, value in options(server).items() if name != "ldap_timeout"}) == {"success": True}
    for wrong in (
        {"ldap_search_password": "wrong"},
        {"ldap_url": "ldap://127.0.0.1:1"},
        {"ldap_search_dn": "cn=other,dc=example,dc=org"},
        {"ldap_url": ""},
    ):
        found = ping(**wrong)
        assert (found["success"], found["message"][:6]) == (False, "error:"), wrong
        assert "reader-secret" not in found["message"]
    assert registry.admin.post("/ldap/ping", json={"ldap_scope": 9}).status == 400
    assert registry.admin.post("/ldap/ping", json={"ldap_scope": "x"}).status == 422


def test_written_password_is_shown_to_no_other_server(registry: Registry) -> None:
    """Whoever may look at the settings must not learn the password by having it sent to themselves."""
    import socket  # noqa: PLC0415
    import threading  # noqa: PLC0415

    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def listen() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(2)
                seen.append(connection.recv(4096))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        url = f"ldap://127.0.0.1:{listening.getsockname()[1]}"
        registry.admin.post("/ldap/ping", json={"ldap_url": url, "ldap_connection_timeout": 1})
        thread.join(5)
    assert seen
    assert b"reader-secret" not in seen[0]


def test_people_and_groups_are_searched_and_imported(registry: Registry) -> None:
    found = registry.admin.get("/ldap/users/search?username=ann").json()
    assert found == [{"username": "ann", "realname": "Ann Smith", "email": "ann@example.org"}]
    assert {"ann", "bob"} <= {user["username"] for user in registry.admin.get("/ldap/users/search").json()}
    assert registry.admin.get("/ldap/users/search?username=nobody").json() == []
    groups = registry.admin.get("/ldap/groups/search?groupname=devs").json()
    assert groups == [{"group_name": "devs", "group_type": 1, "ldap_group_dn": f"cn=devs,{GROUPS}"}]
    assert registry.admin.get(f"/ldap/groups/search?groupdn=cn%3Ddevs,{GROUPS}").json() == groups
    assert registry.admin.get("/ldap/groups/search?groupname=none").json() == []
    assert registry.admin.post("/ldap/users/import", json={"ldap_uid_list": ["ann", "bob"]}).status == 200
    assert {user["username"] for user in registry.admin.get("/users").json()} == {"ann", "bob"}
    failed = registry.admin.post("/ldap/users/import", json={"ldap_uid_list": ["ann", "nobody", "", "*"]})
    assert failed.status == 404
    assert [entry["uid"] for entry in failed.json()] == ["nobody", "", "*"]
    many = [str(number) for number in range(101)]
    assert registry.admin.post("/ldap/users/import", json={"ldap_uid_list": many}).status == 400


def test_the_directory_is_for_administrators(registry: Registry) -> None:
    registry.add("dan")
    for method, path, sent in (
        ("POST", "/ldap/ping", {}),
        ("GET", "/ldap/users/search", None),
        ("GET", "/ldap/groups/search?groupname=x", None),
        ("POST", "/ldap/users/import", {"ldap_uid_list": []}),
    ):
        assert registry.anonymous.send(method, path, json=sent).status == 401
        assert registry.user("dan").send(method, path, json=sent).status == 403


def test_without_a_directory_there_is_nothing_to_ask(settings: Settings) -> None:
    registry = Registry(settings)
    assert registry.admin.get("/ldap/users/search").status == 400
    assert registry.admin.post("/ldap/ping", json={}).json()["success"] is False


def test_people_of_the_directory_get_no_token_that_outlives_their_password(registry: Registry) -> None:
    form = {"grant_type": "password", "username": "bob", "password": "böb-secret", "access_type": "offline"}
    answer = registry.anonymous.post("/service/token", body=urlencode(form).encode())
    assert answer.status == 200
    assert "refresh_token" not in answer.json()
