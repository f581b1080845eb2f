"""Accounts of the management API: every change, or attempt that was refused, is an event."""

from __future__ import annotations

import json
from typing import NamedTuple, Protocol

from chalicelib.errors import RegistryError
from chalicelib.events import Event, Recorder
from chalicelib.harbor.call import Call, Handler
from chalicelib.harbor.changes import Change, Subject
from chalicelib.http import Response
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.model import ANONYMOUS

IDS = ("user_id", "robot_id", "group_id", "label_id", "role_id")
"""Parameters of paths that stand for something with a name."""
_REFUSALS = (403, 409, 412)
"""Of who may not, or of what cannot be; other refusals say nothing that an operator has to know."""


class Known(NamedTuple):
    """What an id stands for, and the project it belongs to (0: none)."""

    name: str
    project_id: int = 0


class Names(Protocol):
    """From ids to names."""

    def find(self, kind: str, number: int) -> Known | None:
        """Find what one of `IDS` stands for. One or two reads."""

    def member(self, project_id: int, member_id: int) -> str:
        """Find whom a member's id stands for; "" when there is none. Two reads."""


class Accounts:
    """Calls handlers and records what came of it."""

    def __init__(self, authority: Authority, names: Names, recorder: Recorder) -> None:
        self._authority, self._names, self._recorder = authority, names, recorder

    def call(self, handler: Handler, call: Call, change: Change) -> Response:
        """Call a handler that changes something. Up to three reads before it: what ids stand for while they do.
        Raises what the handler raises."""
        subject = self._subject(call)
        try:
            response = handler(call)
        except RegistryError as refusal:
            if refusal.status in _REFUSALS:
                self._record(call, change, subject, change.name(call, subject), is_success=False)
            raise
        if call.operation == "createProject":
            subject = self._project(str(call.body.get("project_name", "")), is_name=True)
        name = _robot_name(call, response) or change.name(call, subject)
        self._record(call, change, subject, name, is_success=response.status < 400)
        return response

    def _record(self, call: Call, change: Change, subject: Subject, name: str, *, is_success: bool) -> None:
        description = f"{change.operation} {change.resource_type}: {name}"
        if change.note:
            description += f", {change.note}"
        self._recorder.record(
            Event(
                change.operation,
                change.resource_type,
                name,
                call.caller.name,
                description,
                is_success,
                call.request.client_ip,
                subject.project_id,
            )
        )

    def _subject(self, call: Call) -> Subject:
        """Find out what a request is about, from its path, or from the body of what makes something."""
        if call.project:
            subject = self._project(call.project, is_name=call.is_by_name)
            if subject.project_id and isinstance(call.path.get("mid"), int):
                return subject._replace(name=self._names.member(subject.project_id, call.path["mid"]))
            return subject
        for kind in IDS:
            if isinstance(call.path.get(kind), int):
                known = self._names.find(kind, call.path[kind])
                return Subject(name=known.name, project_id=known.project_id) if known else Subject()
        return self._from_body(call)

    def _from_body(self, call: Call) -> Subject:
        if call.operation == "updateQuota":  # a quota has its project's id
            return self._project(str(call.path["id"]), is_name=False)
        if call.operation == "CreateRobot" and call.body.get("level") == "project":
            grants = call.body.get("permissions") or [{}]
            return self._project(str(grants[0].get("namespace", "")), is_name=True)
        if call.operation == "CreateLabel" and call.body.get("scope") == "p":
            return Subject(project_id=int(call.body.get("project_id") or 0))
        return Subject()

    def _project(self, name_or_id: str, *, is_name: bool) -> Subject:
        name = self._authority.name_of(name_or_id, is_name=is_name)
        project = self._authority.facts(ANONYMOUS, [name]).projects.get(name) if name else None
        return Subject(project.name, project.project_id) if project else Subject()


def _robot_name(call: Call, response: Response) -> str:
    """A new robot's whole name, with prefix and project, is in the answer only; so is its secret, which is not looked at."""
    if call.operation != "CreateRobot" or response.status != 201:
        return ""
    return str(json.loads(response.body).get("name", ""))
