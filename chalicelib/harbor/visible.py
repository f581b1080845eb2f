"""What somebody sees of the whole registry: the public projects and their own, or everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.harbor.call import Call
from chalicelib.rbac import grants
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.model import Facts
from chalicelib.rbac.permissions import Permission
from chalicelib.rbac.project import ProjectRow
from chalicelib.rbac.project_records import ProjectRecords, Seen
from chalicelib.rbac.robot import EVERYWHERE, PROJECT

_LIST = Permission("repository", "list")


class View(NamedTuple):
    """A caller in front of the registry."""

    facts: Facts
    seen: Seen

    @property
    def is_everything(self) -> bool:
        """The caller sees all projects, and may list what is in them."""
        robot = self.facts.robot
        given = (grant.permissions for grant in robot.grants if grant.namespace == EVERYWHERE) if robot else ()
        return self.seen.is_everything and (robot is None or any(_LIST in permissions for permissions in given))


class Visible:
    """Finds out what callers see."""

    def __init__(self, authority: Authority, projects: ProjectRecords) -> None:
        self._authority, self._projects = authority, projects

    def view(self, call: Call) -> View:
        """Who is nobody sees what is public. Raises UNAUTHORIZED for who does not work any more. Up to four reads."""
        facts = self._authority.require_login(call.caller, now=call.now) if call.caller.name else Facts()
        return View(facts, self._projects.seen_by(facts, now=call.now))

    def rows(self, call: Call, view: View) -> Sequence[ProjectRow]:
        """The projects whose repositories the caller may list: all that are seen but for those where a role or a robot has not
        that permission. One read per 5,000 projects, one batch read per 50 private ones of the caller's own."""
        rows = view.seen.every()
        robot = view.facts.robot
        if robot is not None and not view.is_everything:
            listed = {grant.project_id for grant in robot.grants if grant.kind == PROJECT and _LIST in grant.permissions}
            return [row for row in rows if row.is_public or row.project_id in listed]
        private = [row.name for row in rows if not row.is_public]
        if view.is_everything or not private:
            return rows
        facts = self._authority.facts(call.caller, private)
        allowed = {name for name in private if _LIST in grants.in_project(facts, name, now=call.now)}
        return [row for row in rows if row.is_public or row.name in allowed]

    def ids(self, call: Call) -> frozenset[int] | None:
        """The same by id; None: all of them, which costs nothing to say."""
        view = self.view(call)
        return None if view.is_everything else frozenset(row.project_id for row in self.rows(call, view))
