"""Wiring of projects, robots, repositories and artifacts: part of `bootstrap`, loaded when the management API is asked for."""

from __future__ import annotations

from chalicelib.aws.allowlist import DynamoAllowlist
from chalicelib.aws.artifacts import DynamoArtifacts
from chalicelib.aws.blobs import DynamoBlobs
from chalicelib.aws.contents import S3Contents
from chalicelib.aws.groups import DynamoGroups
from chalicelib.aws.manifests import DynamoManifests
from chalicelib.aws.members import DynamoMembers
from chalicelib.aws.objects import S3Objects
from chalicelib.aws.principals import DynamoPrincipals
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.robots import DynamoRobots
from chalicelib.aws.roles import DynamoRoles
from chalicelib.aws.table import Table
from chalicelib.aws.trust import DynamoTrust
from chalicelib.config import Settings
from chalicelib.harbor.accessories import AccessoryResource
from chalicelib.harbor.additions import AdditionResource
from chalicelib.harbor.allowlist import AllowlistResource
from chalicelib.harbor.artifacts import ArtifactResource
from chalicelib.harbor.copying import CopyResource
from chalicelib.harbor.icons import Icons
from chalicelib.harbor.members import MemberResource
from chalicelib.harbor.metadata import MetadataResource
from chalicelib.harbor.permissions import PermissionsResource
from chalicelib.harbor.projects import ProjectResource
from chalicelib.harbor.quotas import QuotaResource
from chalicelib.harbor.repositories import RepositoryResource
from chalicelib.harbor.robots import RobotResource
from chalicelib.harbor.roles import RoleResource
from chalicelib.harbor.routes import Resource
from chalicelib.harbor.search import Search
from chalicelib.harbor.statistics import Statistics
from chalicelib.harbor.tags import TagResource
from chalicelib.harbor.trust_policies import TrustResource
from chalicelib.harbor.visible import Visible
from chalicelib.oci.artifacts import Artifacts
from chalicelib.oci.blobs import Blobs
from chalicelib.oci.contents import Contents
from chalicelib.oci.copying import Copying
from chalicelib.oci.label import LabelStore
from chalicelib.oci.manifests import Manifests
from chalicelib.oci.removal import Removal
from chalicelib.rbac.authority import Authority
from chalicelib.rbac.configuration import Configurations
from chalicelib.rbac.custom_roles import CustomRoles
from chalicelib.rbac.groups import Groups
from chalicelib.rbac.members import Members
from chalicelib.rbac.project_records import ProjectRecords
from chalicelib.rbac.robots import Robots


def project_resources(
    table: Table,
    principals: DynamoPrincipals,
    authority: Authority,
    records: ProjectRecords,
    configurations: Configurations,
) -> list[Resource]:
    """Projects and what belongs to them, robots, quotas."""
    quotas, roles = Quotas(table), CustomRoles(DynamoRoles(table))
    members = Members(DynamoMembers(table), principals, principals, roles)
    return [
        ProjectResource(authority, records, members, quotas, configurations),
        MetadataResource(authority, records),
        MemberResource(authority, members, Groups(DynamoGroups(table))),
        QuotaResource(authority, records, quotas),
        AllowlistResource(authority, DynamoAllowlist(table)),
        RobotResource(authority, Robots(DynamoRobots(table), principals), configurations),
        PermissionsResource(authority, members),
        RoleResource(authority, roles),
        TrustResource(authority, DynamoTrust(table)),
    ]


def artifact_resources(
    settings: Settings,
    table: Table,
    objects: S3Objects,
    authority: Authority,
    records: ProjectRecords,
    labels: LabelStore,
) -> list[Resource]:
    """Repositories, artifacts and what belongs to them."""
    manifest_store, store, inside = DynamoManifests(table, objects), DynamoArtifacts(table), S3Contents(table, objects)
    manifests, contents = Manifests(manifest_store), Contents(inside)
    artifacts = Artifacts(store, manifest_store, contents, labels)
    blobs = Blobs(DynamoBlobs(table), objects, url_s=settings.download_url_s)
    visible = Visible(authority, records)
    return [
        RepositoryResource(authority, store, manifest_store, inside, visible),
        Search(authority, visible, records, store),
        Statistics(visible, store, Quotas(table).stored),
        ArtifactResource(authority, artifacts, store, Removal(store, manifests)),
        CopyResource(authority, artifacts, Copying(store, manifest_store, manifests, blobs)),
        TagResource(authority, artifacts, store, manifests),
        AccessoryResource(authority, artifacts, store),
        AdditionResource(authority, artifacts, contents),
        Icons(),
    ]
