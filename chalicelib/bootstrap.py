"""Wiring, once per process: only this file and `wiring` know both the areas and their adapters."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib import telemetry
from chalicelib.api import Api, Routes
from chalicelib.aws.audit import DynamoAuditWriter
from chalicelib.aws.blobs import DynamoBlobs
from chalicelib.aws.configuration import DynamoConfiguration
from chalicelib.aws.groups import DynamoGroups
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.objects import S3Objects
from chalicelib.aws.principals import DynamoPrincipals
from chalicelib.aws.projects import DynamoProjects
from chalicelib.aws.pulls import DynamoPulls
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.secrets import RegistryKeys, Secrets, TokenKeys, rotate_when_due
from chalicelib.aws.sessions import DynamoSessions
from chalicelib.aws.table import Table
from chalicelib.aws.trust import DynamoTrust
from chalicelib.aws.users import DynamoUsers
from chalicelib.config import Settings
from chalicelib.events import UNRECORDED, Event, Recorder
from chalicelib.furnishing import ADMIN, PUBLIC_PROJECT, Furnishing
from chalicelib.notify.journal import Journal
from chalicelib.notify.quota_watch import QuotaWatch
from chalicelib.oci.blobs import Blobs
from chalicelib.oci.catalog import Catalog
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.referrers import Referrers
from chalicelib.oci.routes import RegistryRoutes
from chalicelib.oci.tags import Tags
from chalicelib.oci.uploads import Uploads
from chalicelib.rbac.access import Access
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.exchange import Exchange
from chalicelib.rbac.login import Login, Others
from chalicelib.rbac.onboarding import Onboarding
from chalicelib.rbac.projects import Projects
from chalicelib.rbac.routes import TokenService
from chalicelib.rbac.users import Users
from chalicelib.upstream.fetch import Fetch, Reach
from chalicelib.upstream.issuers import Issuers
from chalicelib.upstream.sources import ConfiguredSources

if TYPE_CHECKING:
    from chalicelib.harbor.routes import Resource
    from chalicelib.notify.purge import Purge
    from chalicelib.rbac.project_records import ProjectRecords

__all__ = ["ADMIN", "PUBLIC_PROJECT"]


@dataclass(frozen=True)
class Wired:
    """The parts of one process, made once."""

    settings: Settings
    table: Table
    objects: S3Objects
    principals: DynamoPrincipals
    secrets: Secrets
    registry_keys: RegistryKeys
    configurations: Configurations


@functools.cache
def observe(settings: Settings) -> None:
    """Choose what this process tells about itself, and load what that takes."""
    telemetry.configure(
        telemetry.Plan(
            settings.service,
            settings.duty,
            settings.log_level,
            settings.metrics,
            settings.tracing,
            settings.xray_daemon,
            settings.region,
        )
    )


@functools.cache
def wire(settings: Settings) -> Wired:
    """Make the adapters. Cheap: nothing is called before the first request needs it."""
    observe(settings)
    table = Table(settings)
    secrets = Secrets(settings)
    return Wired(
        settings,
        table,
        S3Objects(settings, time.time),  # noqa: TID251 - signatures carry the time of sending
        DynamoPrincipals(table),
        secrets,
        RegistryKeys(settings, secrets),
        Configurations(settings, DynamoConfiguration(settings, table, secrets)),
    )


@functools.cache
def login(settings: Settings) -> Login:
    """Names and passwords, for whoever takes them."""
    return Login(wire(settings).principals, Others(sources(settings), onboarding(settings)))


@functools.cache
def sources(settings: Settings) -> ConfiguredSources:
    """Where users come from beside the registry itself."""
    return ConfiguredSources(settings, wire(settings).configurations)


def onboarding(settings: Settings) -> Onboarding:
    """What makes users of those who come from elsewhere."""
    table = wire(settings).table
    return Onboarding(users(settings), DynamoUsers(table), DynamoGroups(table), journal(settings))


@functools.cache
def access(settings: Settings) -> Access:
    """Who may do what: for the registry and its authorizer."""
    wired = wire(settings)
    made = projects(settings, journal(settings))
    return Access(settings, wired.principals, wired.registry_keys, login(settings), wired.configurations, made)


@functools.cache
def uploads(settings: Settings) -> Uploads:
    """Upload sessions: for the registry (start) and the upload service (everything after)."""
    wired = wire(settings)
    return Uploads(
        settings,
        blobs=DynamoBlobs(wired.table),
        sessions=DynamoSessions(wired.table),
        objects=wired.objects,
        state_keys=wired.registry_keys.state_keys,
    )


@functools.cache
def manifests(settings: Settings) -> DynamoManifests:
    """The storage of manifests: for the registry, and for the schedule that finishes deletions."""
    wired = wire(settings)
    return DynamoManifests(wired.table, wired.objects)


@functools.cache
def journal(settings: Settings) -> Journal:
    """The recorder of this process's events."""
    configurations = wire(settings).configurations
    return Journal(
        DynamoAuditWriter(settings, _now_us),
        lambda now: configurations.current(now=now),
        _now_us,
        statistics=DynamoPulls(settings),
        quotas=QuotaWatch(Quotas(wire(settings).table)),
    )


def _now_us() -> int:
    return time.time_ns() // 1000


@functools.cache
def registry(settings: Settings) -> Api:
    """The registry as one function of a request."""
    return assemble(settings, journal(settings))


def assemble(settings: Settings, recorder: Recorder) -> Api:
    """The registry with a recorder of events."""
    wired = wire(settings)
    stored = manifests(settings)
    routes = RegistryRoutes(
        access(settings),
        Blobs(DynamoBlobs(wired.table), wired.objects, url_s=settings.download_url_s),
        Manifests(stored),
        Tags(stored),
        Referrers(stored),
        Catalog(stored),
        uploads(settings),
        recorder,
    )
    management = functools.cache(functools.partial(console, settings, recorder))
    return Api(routes, token_service(settings, recorder), management, recorder)


def token_service(settings: Settings, recorder: Recorder) -> TokenService:
    """Who gives tokens, also to the CI jobs that projects trust."""
    wired, keys = wire(settings), TokenKeys(settings, wire(settings).secrets)
    issuers = Issuers(Fetch(Reach.named(settings.upstream_reach)))
    ci = Exchange(settings, wired.principals, DynamoTrust(wired.table), issuers, keys)
    return TokenService(settings, wired.principals, keys, login(settings), wired.configurations, ci, recorder)


def console(settings: Settings, recorder: Recorder = UNRECORDED) -> Routes:
    """The management API. Its modules are loaded here, since the registry's function never needs them."""
    from chalicelib.aws.audit_log import DynamoAuditLog  # noqa: PLC0415
    from chalicelib.aws.labels import DynamoLabels  # noqa: PLC0415
    from chalicelib.aws.members import DynamoMembers  # noqa: PLC0415
    from chalicelib.aws.names import DynamoNames  # noqa: PLC0415
    from chalicelib.harbor.accounts import Accounts  # noqa: PLC0415
    from chalicelib.harbor.audit import AuditResource  # noqa: PLC0415
    from chalicelib.harbor.documentation import Documentation  # noqa: PLC0415
    from chalicelib.harbor.labels import LabelResource  # noqa: PLC0415
    from chalicelib.harbor.purge import PurgeResource  # noqa: PLC0415
    from chalicelib.harbor.routes import Console  # noqa: PLC0415
    from chalicelib.harbor.system import System  # noqa: PLC0415
    from chalicelib.notify.trail import Trail  # noqa: PLC0415
    from chalicelib.oci.labels import Labels  # noqa: PLC0415
    from chalicelib.rbac.authority import Authority  # noqa: PLC0415
    from chalicelib.reception import Reception  # noqa: PLC0415
    from chalicelib.wiring import artifact_resources, project_resources  # noqa: PLC0415

    wired = wire(settings)
    labels, member_store = DynamoLabels(wired.table), DynamoMembers(wired.table)
    records = project_records(settings)
    reception = Reception(
        settings,
        wired.table,
        wired.principals,
        wired.registry_keys,
        wired.configurations,
        users=users(settings),
        login=login(settings),
        sources=sources(settings),
        onboarding=onboarding(settings),
        recorder=recorder,
    )
    authority = Authority(
        settings,
        wired.principals,
        wired.principals,
        wired.registry_keys,
        login(settings),
        reception.authenticators,
    )
    resources: list[Resource] = [
        Documentation(),
        System(settings, authority, wired.configurations, _probes(wired)),
        LabelResource(authority, Labels(labels), labels),
        *project_resources(wired.table, wired.principals, authority, records, wired.configurations),
        PurgeResource(authority, purge(settings)),
        AuditResource(authority, Trail(DynamoAuditLog(wired.table)), wired.configurations, member_store),
        *artifact_resources(settings, wired.table, wired.objects, authority, records, labels),
    ]
    resources += reception.resources(authority)
    accounts = Accounts(authority, DynamoNames(wired.table), recorder)
    return reception.doors(authority, Console(authority, resources, accounts, recorder))


def purge(settings: Settings) -> Purge:
    """The purge of the audit log: for the management API and the schedule."""
    from chalicelib.aws.audit_keeper import DynamoAuditKeeper  # noqa: PLC0415
    from chalicelib.aws.audit_log import DynamoAuditLog  # noqa: PLC0415
    from chalicelib.aws.purges import DynamoPurges  # noqa: PLC0415
    from chalicelib.notify.purge import Purge  # noqa: PLC0415

    table = wire(settings).table
    return Purge(DynamoPurges(table), DynamoAuditLog(table), DynamoAuditKeeper(table))


def _probes(wired: Wired) -> Mapping[str, Callable[[], object]]:
    """One cheap use of each component: a read of an item and a look at an object that are not there, the keys that verify."""
    return {
        "database": lambda: wired.table.get("health", "-"),
        # Below the keys that the role may read: S3 answers 403, not 404, elsewhere.
        "storage": lambda: wired.objects.size("blobs/health"),
        "keys": wired.registry_keys.state_keys,
    }


def users(settings: Settings) -> Users:
    """Users and their grants: for the administrator's command line."""
    wired = wire(settings)
    return Users(DynamoUsers(wired.table), wired.principals, wired.configurations)


def project_records(settings: Settings) -> ProjectRecords:
    """Projects: for the management API, and for the schedule that clears what removed ones left."""
    from chalicelib.aws.members import DynamoMembers  # noqa: PLC0415
    from chalicelib.rbac.project_records import ProjectRecords  # noqa: PLC0415

    table = wire(settings).table
    return ProjectRecords(DynamoProjects(table), DynamoMembers(table))


def projects(settings: Settings, recorder: Recorder = UNRECORDED) -> Projects:
    """Projects: for who pushes, and for the administrator's command line."""
    wired = wire(settings)
    return Projects(wired.principals, DynamoProjects(wired.table), recorder)


def provision(settings: Settings, admin_password: str | None, *, now: int) -> str | None:
    """Make whatever a registry needs and does not have, where no Terraform makes table and bucket. Idempotent. Returns the
    administrator's password when it was made here, else None."""
    from chalicelib.aws import provision as tables  # noqa: PLC0415 - loads botocore, which no request needs

    tables.create_table(settings)
    tables.create_bucket(settings)
    return furnishing(settings).furnish(admin_password, now=now)


def furnishing(settings: Settings) -> Furnishing:
    """The first keys, user and project."""
    return Furnishing(settings, wire(settings).secrets, users(settings), projects(settings))


def rotate_keys(settings: Settings, *, now: int) -> str | None:
    """Rotate the keys unless that was done within a day. Returns the new token key's id, None when there is none."""
    kid = rotate_when_due(settings, wire(settings).secrets, now=now)
    if kid is not None:
        recorder = journal(settings)
        recorder.record(Event("update", "token-keys", kid, "schedule", f"update token-keys: {kid}, on schedule"))
        recorder.settle()
    return kid
