"""Administer a registry from the command line: users, grants, projects, keys.

    python scripts/moorage_admin.py user add ann
    python scripts/moorage_admin.py grant team ann developer

The settings are the registry's own environment variables (MOORAGE_TABLE, AWS_ENDPOINT_URL, ...). A password is asked for, or read
from standard input where that is not a terminal; it is never an argument, which other users of the machine could see.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chalicelib import bootstrap
from chalicelib.aws.secrets import rotate_keys
from chalicelib.config import Settings, SettingsError
from chalicelib.errors import RegistryError
from chalicelib.events import Event
from chalicelib.rbac.model import PrincipalError, User
from chalicelib.rbac.roles import ROLES
from chalicelib.rbac.users import Profile, Users

BY = "moorage_admin"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it was done, 1 with a sentence on standard error when it could not be."""
    parsed = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environ(os.environ)
        print(_run(parsed, settings, int(time.time())))
        bootstrap.journal(settings).settle()
    except (PrincipalError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    except RegistryError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


def _run(parsed: argparse.Namespace, settings: Settings, now: int) -> str:
    command = f"{parsed.area} {getattr(parsed, 'command', '')}".strip()
    recorder = bootstrap.journal(settings)
    if command == "project create":
        project = bootstrap.projects(settings, recorder).create(parsed.name, is_public=parsed.public, by=BY, now=now)
        return f"{'public' if project.is_public else 'private'} project {project.name} has id {project.project_id}"
    if command == "keys rotate":
        kid = rotate_keys(settings, bootstrap.wire(settings).secrets, now=now, is_emergency=parsed.emergency)
        recorder.record(_event("update", "token-keys", kid, command))
        effect = "now; all older tokens are void within five minutes" if parsed.emergency else "in five minutes"
        return f"token key {kid} signs {effect}"
    done = _run_on_user(command, parsed, settings, now)
    recorder.record(_event_of(command, parsed, settings))
    return done


def _event_of(command: str, parsed: argparse.Namespace, settings: Settings) -> Event:
    """What the audit log says about a command on a user."""
    if parsed.area == "user":
        return _event("create" if command == "user add" else "update", "user", parsed.name, command)
    project = bootstrap.projects(settings).find(parsed.project)
    event = _event("create" if command == "grant" else "delete", "member", parsed.user, f"{command} in {parsed.project}")
    return event._replace(project_id=project.project_id if project else 0)


def _event(operation: str, resource_type: str, resource: str, command: str) -> Event:
    description = f"{operation} {resource_type}: {resource}, {command}"
    return Event(operation, resource_type, resource, BY, description)


def _run_on_user(command: str, parsed: argparse.Namespace, settings: Settings, now: int) -> str:
    users = bootstrap.users(settings)
    if command == "user add":
        profile = Profile(parsed.email, parsed.name) if parsed.email else None
        users.create(parsed.name, _password(parsed.name), profile=profile, is_admin=parsed.admin, now=now)
        return f"user {parsed.name} was made"
    if command == "user password":
        users.change_password(_known(users, parsed.name), _password(parsed.name), now=now)
        return f"the password of {parsed.name} was changed; refresh tokens are void"
    if command in ("user enable", "user disable"):
        users.enable(_known(users, parsed.name), is_enabled=command == "user enable", now=now)
        return f"user {parsed.name} is {parsed.command}d"
    if command == "grant":
        users.grant(parsed.project, parsed.user, parsed.role)
        return f"{parsed.user} is {parsed.role} of {parsed.project}"
    users.revoke(parsed.project, parsed.user)
    return f"{parsed.user} has no role in {parsed.project}"


def _known(users: Users, name: str) -> User:
    user = users.find(name)
    if user is None:
        raise PrincipalError(f"there is no user {name}")
    return user


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"Password for {name}: ")
    if getpass.getpass("Once more: ") != password:
        raise PrincipalError("the two passwords differ")
    return password


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moorage_admin", description="Administer a Moorage registry.")
    areas = parser.add_subparsers(dest="area", required=True)
    user = areas.add_parser("user", help="users and their passwords").add_subparsers(dest="command", required=True)
    for name, help_ in {
        "add": "make a user",
        "password": "change a password",
        "enable": "let a user in again",
        "disable": "lock a user out",
    }.items():
        user.add_parser(name, help=help_).add_argument("name")
    user.choices["add"].add_argument("--admin", action="store_true", help="may do everything")
    user.choices["add"].add_argument("--email", default="", help="an address nobody else has")
    grant = areas.add_parser("grant", help="give a user a role in a project")
    revoke = areas.add_parser("revoke", help="take it away")
    for command in (grant, revoke):
        command.add_argument("project")
        command.add_argument("user")
    grant.add_argument("role", choices=list(ROLES))
    project = areas.add_parser("project", help="projects").add_subparsers(dest="command", required=True)
    create = project.add_parser("create", help="make a project")
    create.add_argument("name")
    create.add_argument("--public", action="store_true", help="anybody may pull from it")
    keys = areas.add_parser("keys", help="keys of tokens and uploads").add_subparsers(dest="command", required=True)
    rotate = keys.add_parser("rotate", help="make new keys; the old ones retire")
    rotate.add_argument("--emergency", action="store_true", help="drop the old keys at once: all tokens are void")
    return parser


if __name__ == "__main__":
    sys.exit(main())
