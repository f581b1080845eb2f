"""Events: what happened, as a value, for whoever keeps account of it. Data only; `notify` keeps the audit log of them.

An event never holds a credential: it is made of names, not of bodies. Words are Harbor's (`src/pkg/auditext/model/model.go`): an
event's type is `<operation>_<resource type>`, as `create_artifact`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

PULL = "pull"


class Artifact(NamedTuple):
    """A manifest that was asked for: the repository's full name, the digest, and the tag or ""."""

    repository: str
    digest: str
    tag: str = ""

    @property
    def resource(self) -> str:
        """How the log names it: by the tag it was asked for with, else by its digest."""
        return f"{self.repository}:{self.tag}" if self.tag else f"{self.repository}@{self.digest}"


class Who(NamedTuple):
    """Who did it, from where, and in which project."""

    operator: str
    client_ip: str
    project_id: int


class Event(NamedTuple):
    """Somebody did something to a resource, or was refused."""

    operation: str
    resource_type: str
    resource: str
    operator: str
    """A user or robot by name; "" is anonymous."""
    description: str = ""
    is_success: bool = True
    client_ip: str = ""
    project_id: int = 0
    """The project whose log shows the event too; 0: none."""
    artifact: Artifact | None = None
    """Of a pull: what the statistics of pulls count."""

    @property
    def type(self) -> str:
        """As `/auditlog-exts/events` lists it."""
        return f"{self.operation}_{self.resource_type}"


class Recorder(Protocol):
    """Takes events. Never raises, whatever is wrong with the log."""

    def record(self, event: Event) -> None:
        """Take an event; it is written while the request goes on. Costs the caller no call and no wait."""

    def settle(self) -> None:
        """Wait until what was taken is written, for a time that depends on what it is. At the end of a request."""


class Unrecorded:
    """Keeps nothing: for programs that answer no requests, and for tests of something else."""

    def record(self, event: Event) -> None:
        """Forget the event."""

    def settle(self) -> None:
        """Nothing to wait for."""


UNRECORDED = Unrecorded()


def pulled(artifact: Artifact, who: Who) -> Event:
    """Make the event of a manifest that was given to somebody."""
    description = f"pull artifact: {artifact.repository}@{artifact.digest}"
    return _event(PULL, "artifact", artifact.resource, description, who, artifact)


def pushed(artifact: Artifact, who: Who) -> Event:
    """Make the event of a manifest that was stored."""
    description = f"push artifact: {artifact.repository}@{artifact.digest}"
    return _event("create", "artifact", artifact.resource, description, who)


def deleted(resource_type: str, resource: str, who: Who) -> Event:
    """Make the event of something that is gone: an artifact, a tag, a blob."""
    return _event("delete", resource_type, resource, f"delete {resource_type}: {resource}", who)


def _event(
    operation: str, resource_type: str, resource: str, description: str, who: Who, artifact: Artifact | None = None
) -> Event:
    operator, client_ip, project_id = who
    return Event(operation, resource_type, resource, operator, description, True, client_ip, project_id, artifact)
