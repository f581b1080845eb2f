"""harborapi from PyPI, unchanged and over HTTP, does what its users do. Every answer is compared with the description."""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import harborapi.models as m
import pytest
from harborapi.exceptions import Conflict, Forbidden, NotFound, PreconditionFailed, StatusError, Unauthorized

from tests import builders
from tests.harbor.methods import COVERED, LATER, NOT
from tests.harbor.tour import Client, call_somehow, client_of, id_of, public_methods, unique
from tests.running import Running, running_registry
from tests.wire import MANIFEST, Wire, digest_of

pytestmark = pytest.mark.clients
PASSWORD = "Tour-Secret-1"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_registry(tmp_path_factory.mktemp("tour")) as running:
        yield running


@pytest.fixture(scope="module")
def visitors(registry: Running) -> Iterator[Callable[..., Client]]:
    """Makes clients of other users."""
    made: list[Client] = []

    def enter(user: str | None = None, secret: str | None = None) -> Client:
        made.append(client_of(registry, user, secret))
        return made[-1]

    yield enter
    for client in made:
        client.close()


@pytest.fixture(scope="module")
def tour(visitors: Callable[..., Client]) -> Client:
    return visitors()


@pytest.fixture
def project(tour: Client) -> Iterator[str]:
    name = unique("project")
    tour.create_project(m.ProjectReq(project_name=name, metadata=m.ProjectMetadata(public="false")))
    yield name
    for repository in tour.get_repositories(name):
        tour.delete_repository(name, repository.name.partition("/")[2])
    tour.delete_project(name)


@pytest.fixture
def person(tour: Client) -> Iterator[tuple[str, int]]:
    name = unique("user")
    location = tour.create_user(
        m.UserCreationReq(username=name, password=PASSWORD, email=f"{name}@example.org", realname="On Tour")
    )
    yield name, id_of(location)
    tour.delete_user(id_of(location))


def push(registry: Running, reference: str, layer: bytes = b"layer") -> str:
    """Push an image with a history; return its digest."""
    name, _, tag = reference.rpartition(":")
    history = [{"created": "2026-11-24T10:00:00Z", "created_by": "COPY app /app"}]
    config = json.dumps({"architecture": "amd64", "os": "linux", "created": "2026-11-24T10:00:00Z", "history": history})
    content = builders.image(config.encode(), (layer,))
    with Wire(registry.url, (registry.user, registry.password)) as wire:
        for blob in (config.encode(), layer):
            wire.push_blob(name, blob)
        wire.push_manifest(name, tag, content, MANIFEST)
    return digest_of(content)


def test_the_table_lists_every_method_once() -> None:
    assert set(public_methods()) == COVERED | LATER | set(NOT)
    assert len(public_methods()) == len(COVERED) + len(LATER) + len(NOT)


def test_the_tour_calls_what_the_table_says_it_covers() -> None:
    tree = ast.parse(Path(__file__).read_text())
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & set(public_methods())
    assert called - {"get"} == COVERED


@pytest.mark.parametrize("method", sorted(LATER))
def test_a_later_feature_is_501(tour: Client, method: str) -> None:
    with contextlib.suppress(StatusError):  # download_scan_export does not look at the status
        call_somehow(tour, method)
    assert tour.last_status == 501


def test_the_system(tour: Client) -> None:
    assert tour.ping() == "Pong"
    health = tour.health_check()
    assert health.status == "healthy"
    assert {component.status for component in health.components} == {"healthy"}
    info = tour.get_system_info()
    assert info.auth_mode == "db_auth"
    assert info.harbor_version
    assert tour.get_system_volume_info().storage is not None


def test_search_and_statistics(tour: Client, registry: Running, project: str) -> None:
    push(registry, f"{project}/deep/app:1")
    found = tour.search(project)
    assert [entry.name for entry in found.project] == [project]
    assert [entry.repository_name for entry in found.repository] == [f"{project}/deep/app"]
    assert tour.get_statistics().private_project_count >= 1


def test_users(tour: Client, visitors: Callable[..., Client], person: tuple[str, int]) -> None:
    name, number = person
    assert tour.get_user(number).username == name
    assert tour.get_user_by_username(name).user_id == number
    assert [user.username for user in tour.search_users_by_username(name)] == [name]
    assert [user.user_id for user in tour.get_users(query=f"username={name}")] == [number]
    tour.update_user(number, m.UserProfile(email=f"new-{name}@example.org", realname="Still on Tour", comment="hello"))
    assert tour.get_user(number).comment == "hello"
    tour.set_user_admin(number, True)
    assert tour.get_user(number).sysadmin_flag is True
    tour.set_user_admin(number, False)
    themselves = visitors(name, PASSWORD)
    assert themselves.get_current_user().user_id == number
    assert isinstance(themselves.get_current_user_permissions(), list)
    themselves.set_user_password(number, "Tour-Secret-2", PASSWORD)
    with pytest.raises(Unauthorized):
        themselves.get_current_user()
    with pytest.raises(PreconditionFailed):
        tour.set_user_cli_secret(number, "Tour-Secret-3")
    with pytest.raises(Conflict):
        tour.create_user(m.UserCreationReq(username=name, password=PASSWORD, email="x@example.org", realname="x"))


def test_user_groups(tour: Client) -> None:
    name = unique("group")
    number = id_of(tour.create_usergroup(m.UserGroup(group_name=name, group_type=3)))
    assert tour.get_usergroup(number).group_name == name
    assert [group.id for group in tour.get_usergroups(group_name=name)] == [number]
    assert [group.id for group in tour.search_usergroups(name)] == [number]
    tour.update_usergroup(number, m.UserGroup(group_name=f"{name}-new"))
    assert tour.get_usergroup(number).group_name == f"{name}-new"
    tour.delete_usergroup(number)
    with pytest.raises(NotFound):
        tour.get_usergroup(number)


def test_configuration(tour: Client) -> None:
    before = tour.get_config().token_expiration.value
    tour.update_config(m.Configurations(token_expiration=before + 1))
    assert tour.get_config().token_expiration.value == before + 1
    tour.update_config(m.Configurations(token_expiration=before))


def test_projects(tour: Client, project: str) -> None:
    assert tour.project_exists(project)
    assert not tour.project_exists(unique("absent"))
    made = tour.get_project(project)
    assert tour.get_project(made.project_id).name == project
    assert [found.project_id for found in tour.get_projects(name=project)] == [made.project_id]
    tour.update_project(project, m.ProjectReq(metadata=m.ProjectMetadata(public="true")))
    assert tour.get_project(project).metadata.public == "true"
    assert tour.get_project_deletable(project).deletable is True
    assert tour.get_project_summary(project).repo_count == 0
    with pytest.raises(NotFound):
        tour.get_project_retention_id(project)
    with pytest.raises(Conflict):
        tour.create_project(m.ProjectReq(project_name=project))


def test_members(tour: Client, visitors: Callable[..., Client], project: str, person: tuple[str, int]) -> None:
    name, number = person
    member = id_of(tour.add_project_member_user(project, name, 3))
    assert tour.get_project_member(project, member).entity_name == name
    themselves = visitors(name, PASSWORD)
    assert [found.name for found in themselves.get_projects(name=project)] == [project]
    tour.update_project_member_role(project, member, 2)
    assert tour.get_project_member(project, member).role_id == 2
    assert member in [found.id for found in tour.get_project_members(project)]
    tour.remove_project_member(project, member)
    with pytest.raises(Forbidden):
        themselves.get_project(project)
    again = tour.add_project_member(project, m.ProjectMember(role_id=3, member_user=m.UserEntity(user_id=number)))
    tour.remove_project_member(project, id_of(again))
    group = id_of(tour.create_usergroup(m.UserGroup(group_name=unique("group"), group_type=3)))
    tour.remove_project_member(project, id_of(tour.add_project_member_group(project, group, 2)))
    tour.delete_usergroup(group)


def test_metadata(tour: Client, project: str) -> None:
    tour.set_project_metadata(project, m.ProjectMetadata(prevent_vul="true"))
    assert tour.get_project_metadata(project).prevent_vul == "true"
    tour.update_project_metadata_entry(project, "prevent_vul", {"prevent_vul": "false"})
    assert tour.get_project_metadata_entry(project, "prevent_vul") == {"prevent_vul": "false"}
    tour.delete_project_metadata_entry(project, "prevent_vul")
    assert tour.get_project_metadata(project).prevent_vul is None


def test_quotas(tour: Client, project: str) -> None:
    number = tour.get_project(project).project_id
    [quota] = tour.get_quotas(reference="project", reference_id=str(number))
    tour.update_quota(quota.id, m.QuotaUpdateReq(hard=m.ResourceList(root={"storage": 10_000_000})))
    assert tour.get_quota(quota.id).hard.root["storage"] == 10_000_000


def test_cve_allowlist(tour: Client) -> None:
    tour.update_cve_allowlist(m.CVEAllowlist(items=[m.CVEAllowlistItem(cve_id="CVE-2026-1")]))
    assert [item.cve_id for item in tour.get_cve_allowlist().items] == ["CVE-2026-1"]
    tour.update_cve_allowlist(m.CVEAllowlist(items=[]))


def test_robots(tour: Client, visitors: Callable[..., Client], project: str) -> None:
    assert tour.get_permissions().project
    access = [m.Access(resource="repository", action="pull"), m.Access(resource="project", action="read")]
    wanted = m.RobotPermission(kind="project", namespace=project, access=access)
    made = tour.create_robot(m.RobotCreate(name=unique("ci"), level="project", duration=30, permissions=[wanted]))
    assert visitors(made.name, made.secret).get_project(project).name == project
    robot = tour.get_robot(made.id)
    assert robot.name == made.name
    number = tour.get_project(project).project_id
    assert [r.id for r in tour.get_robots(query=f"Level=project,ProjectID={number}")] == [made.id]
    tour.refresh_robot_secret(made.id, "Another-Secret-1")
    assert visitors(made.name, "Another-Secret-1").get_project(project).name == project
    tour.update_robot(made.id, robot.model_copy(update={"disable": True}))
    with pytest.raises(Unauthorized):
        visitors(made.name, "Another-Secret-1").get_project(project)
    tour.delete_robot(made.id)
    with pytest.raises(NotFound):
        tour.get_robot(made.id)


def test_labels_and_pages(tour: Client) -> None:
    prefix = unique("label")
    made = [id_of(tour.create_label(m.Label(name=f"{prefix}-{n}", color="#FF0000", scope="g"))) for n in range(3)]
    assert tour.get_label(made[0]).name == f"{prefix}-0"
    tour.update_label(made[0], m.Label(name=f"{prefix}-0", description="changed", color="#00FF00", scope="g"))
    assert tour.get_label(made[0]).description == "changed"
    every = tour.get_labels(query=f"name=~{prefix}", scope="g", sort="name", page_size=1)
    assert [label.id for label in every] == made, "harborapi follows the links to the pages"
    for number in made:
        tour.delete_label(number)
    with pytest.raises(NotFound):
        tour.get_label(made[0])


def test_repositories(tour: Client, registry: Running, project: str) -> None:
    push(registry, f"{project}/deep/er/app:1")
    assert [found.name for found in tour.get_repositories(project)] == [f"{project}/deep/er/app"]
    assert f"{project}/deep/er/app" in [found.name for found in tour.get_repositories()]
    tour.update_repository(project, "deep/er/app", m.Repository(description="an app"))
    found = tour.get_repository(project, "deep/er/app")
    assert (found.description, found.artifact_count) == ("an app", 1)
    tour.delete_repository(project, "deep/er/app")
    with pytest.raises(NotFound):
        tour.get_repository(project, "deep/er/app")


def test_artifacts(tour: Client, registry: Running, project: str) -> None:
    digest = push(registry, f"{project}/a/b:1")
    [artifact] = tour.get_artifacts(project, "a/b")
    assert (artifact.digest, [tag.name for tag in artifact.tags]) == (digest, ["1"])
    assert tour.get_artifact(project, "a/b", "1").digest == digest
    assert tour.get_artifact_accessories(project, "a/b", digest) == []
    assert [entry.created_by for entry in tour.get_artifact_build_history(project, "a/b", "1")] == ["COPY app /app"]
    assert tour.get_artifact_vulnerability_reports(project, "a/b", "1") == {}, "it was never scanned"
    with pytest.raises(NotFound):
        tour.get_artifact_vulnerabilities(project, "a/b", "1")
    if artifact.icon:
        assert tour.get_icon(artifact.icon).content
    tour.copy_artifact(project, "copy", f"{project}/a/b@{digest}")
    assert tour.get_artifact(project, "copy", digest).digest == digest
    tour.delete_artifact(project, "copy", digest)
    with pytest.raises(NotFound):
        tour.get_artifact(project, "copy", digest)


def test_tags(tour: Client, registry: Running, project: str) -> None:
    digest = push(registry, f"{project}/a/b:1")
    tour.create_artifact_tag(project, "a/b", digest, m.Tag(name="2"))
    assert {tag.name for tag in tour.get_artifact_tags(project, "a/b", digest)} == {"1", "2"}
    tour.delete_artifact_tag(project, "a/b", digest, "1")
    assert [tag.name for tag in tour.get_artifact_tags(project, "a/b", "2")] == ["2"]
    with pytest.raises(Conflict):
        tour.create_artifact_tag(project, "a/b", digest, m.Tag(name="2"))


def test_labels_of_artifacts(tour: Client, registry: Running, project: str) -> None:
    push(registry, f"{project}/a/b:1")
    number = id_of(tour.create_label(m.Label(name=unique("label"), color="#FF0000", scope="g")))
    tour.add_artifact_label(project, "a/b", "1", m.Label(id=number))
    assert [label.id for label in tour.get_artifact(project, "a/b", "1", with_label=True).labels] == [number]
    tour.delete_artifact_label(project, "a/b", "1", number)
    assert not tour.get_artifact(project, "a/b", "1", with_label=True).labels
    tour.delete_label(number)


def test_the_audit_log(tour: Client, project: str) -> None:
    assert any(entry.resource == project for entry in tour.get_audit_logs(page_size=100, limit=100))
    assert {entry.resource for entry in tour.get_project_logs(project)} == {project}
    parameters = {"audit_retention_hour": 720, "include_event_types": "create_artifact", "dry_run": True}
    manual = m.ScheduleObj(type="Manual", cron="")
    job = id_of(tour.create_purge_job_schedule(m.Schedule(schedule=manual, parameters=parameters)))
    assert tour.get_purge_job(job).id == job
    assert job in [found.id for found in tour.get_purge_job_history()]
    assert isinstance(tour.get_purge_job_log(job), str)
    tour.stop_purge_job(job)
    daily = m.ScheduleObj(type="Daily", cron="0 0 0 * * *")
    tour.update_purge_job_schedule(m.Schedule(schedule=daily, parameters=parameters))
    assert tour.get_purge_job_schedule().schedule.type.value == "Daily"
    tour.update_purge_job_schedule(m.Schedule(schedule=m.ScheduleObj(type="None", cron=""), parameters=parameters))
