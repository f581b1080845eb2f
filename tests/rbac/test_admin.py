"""The administrator's command line, run against DynamoDB and Secrets Manager as an operator runs it."""

from __future__ import annotations

import io
import runpy
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.aws.audit_log import DynamoAuditLog
from chalicelib.aws.secrets import ensure_keys
from chalicelib.aws.table import Table
from chalicelib.config import Settings
from chalicelib.rbac import password_rules

SCRIPT = Path(__file__).parents[2] / "scripts" / "moorage_admin.py"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def environ(aws_endpoint: str, table: Table) -> dict[str, str]:
    """The environment of a registry with secrets of its own."""
    name = uuid.uuid4().hex
    return {
        "AWS_ENDPOINT_URL": aws_endpoint,
        "MOORAGE_TABLE": table.name,
        "MOORAGE_TOKEN_KEYS_SECRET": f"{name}/token-keys",
        "MOORAGE_REGISTRY_KEYS_SECRET": f"{name}/registry-keys",
    }


@pytest.fixture
def run(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    main = runpy.run_path(str(SCRIPT))["main"]

    def run_(*arguments: str, typed: str = "") -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        status: int = main(arguments)
        captured = capsys.readouterr()
        assert "Word-of" not in captured.out + captured.err
        return status, captured.out + captured.err

    return run_


@pytest.fixture
def name() -> str:
    return f"u{uuid.uuid4().hex}"


def test_user_grant_and_project(run: Run, environ: dict[str, str], name: str) -> None:
    assert run("project", "create", name)[1].startswith(f"private project {name} has id ")
    assert run("user", "add", name, typed="Word-of-1\n") == (0, f"user {name} was made\n")
    assert run("grant", name, name, "developer") == (0, f"{name} is developer of {name}\n")
    store = bootstrap.wire(Settings.from_environ(environ)).principals
    facts = store.facts(name, [name])
    assert facts.user is not None
    assert not facts.user.is_admin
    assert facts.grants[name].role == "developer"
    run("user", "password", name, typed="Word-of-2\n")
    run("user", "disable", name)
    run("revoke", name, name)
    changed = store.facts(name, [name])
    assert changed.user is not None
    assert changed.user.password_hash != facts.user.password_hash
    assert (changed.user.is_enabled, changed.grants) == (False, {})
    assert run("user", "enable", name) == (0, f"user {name} is enabled\n")


def test_what_cannot_be_done_is_one_sentence_and_status_1(run: Run, name: str) -> None:
    run("user", "add", name, "--admin", typed="Word-of-3\n")
    assert run("user", "add", name, typed="Word-of-3\n") == (1, f"there is a user {name} already\n")
    assert run("user", "password", "nobody", typed="Word-of-3\n") == (1, "there is no user nobody\n")
    assert run("user", "add", "other", typed="\n") == (1, f"{password_rules.RULE}\n")
    assert run("grant", "missing", name, "guest") == (1, "there is no project missing\n")
    assert run("project", "create", "Not-A-Name")[0] == 1


@pytest.mark.parametrize("more", [(), ("--emergency",)])
def test_keys_that_are_not_there_are_not_rotated(run: Run, environ: dict[str, str], more: tuple[str, ...]) -> None:
    """In another region or with another name an emergency would seem over, with the old keys in use."""
    status, text = run("keys", "rotate", *more)
    assert (status, "us-east-1" in text, text.count("\n")) == (1, True, 1)
    settings = Settings.from_environ(environ)
    assert bootstrap.wire(settings).secrets.read(settings.token_keys_secret) is None


def test_keys_are_rotated(run: Run, environ: dict[str, str]) -> None:
    made = Settings.from_environ(environ)
    ensure_keys(made, bootstrap.wire(made).secrets, now=int(time.time()))
    for arguments, effect in ((["rotate"], "in five minutes"), (["rotate", "--emergency"], "now; all older tokens")):
        status, text = run("keys", *arguments)
        assert status == 0
        assert effect in text
    stored = bootstrap.wire(made).secrets.read(made.token_keys_secret)
    assert stored is not None
    assert [key["kid"] for key in stored["keys"]] == [text.split()[2]]


def test_what_was_done_is_in_the_audit_log(run: Run, environ: dict[str, str], name: str) -> None:
    run("project", "create", name)
    run("user", "add", name, typed="Word-of-1\n")
    run("user", "disable", name)
    run("grant", name, name, "developer")
    run("revoke", name, name)
    log = DynamoAuditLog(bootstrap.wire(Settings.from_environ(environ)).table)
    events = [e.event for e in log.rows(["*"], "0", "9", is_newest_first=False) if e.event.resource == name]
    done = ["create_project", "create_user", "update_user", "create_member", "delete_member"]
    assert [(event.type, event.operator) for event in events] == [(type_, "moorage_admin") for type_ in done]
    assert len({event.project_id for event in events if event.resource_type in ("project", "member")} - {0}) == 1
