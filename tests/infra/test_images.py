"""The container images: laid out like the zip, built without a network, run as nobody on a file system that cannot be written."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import platform
import re
import struct
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import botocore.session
import pytest

from chalicelib import bootstrap
from chalicelib.aws.queue import SqsQueue
from chalicelib.config import Settings
from chalicelib.oci.digest import Digest
from chalicelib.oci.reference import Name
from chalicelib.scan.job import Job
from scripts import images, package
from scripts.wheelhouse import PackageError, Target
from tests.client import Client, basic
from tests.clients.commands import SEARCH_PATH
from tests.clients.daemons import dockerd
from tests.conftest import free_port
from tests.infra.base_image import import_base, write_base

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent
HERE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
BASE = "moorage-base:test"


def laid_out(service: images.Service, target: Target, out: Path) -> Path:
    try:
        return images.lay_out(service, target, out)
    except PackageError as error:
        if os.environ.get("CI") or not re.search("cannot be reached|was not found", str(error)):
            raise
        pytest.skip(str(error))


@dataclass(frozen=True)
class Engine:
    """A Docker engine with a base of Python and nothing else."""

    environ: dict[str, str]

    def docker(self, *arguments: str | Path, wanted: int = 0) -> str:
        ran = subprocess.run(
            ["docker", *map(str, arguments)], env=self.environ, capture_output=True, text=True, timeout=300, check=False
        )
        assert ran.returncode == wanted, f"{arguments}: {ran.returncode} {ran.stdout} {ran.stderr}"
        return ran.stdout.strip()

    def inspect(self, what: str) -> dict[str, object]:
        found: list[dict[str, object]] = json.loads(self.docker("inspect", what))
        return found[0]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if HERE not in package.ARCHITECTURES:
        pytest.skip(f"no image is made for {HERE}")
    out = tmp_path_factory.mktemp("base")
    tree = laid_out(images.SERVICES["uploads"], Target(HERE), out)
    write_base(package.interpreter((3, 13)), tree.rglob("*.so"), out / "base.tar")
    with dockerd() as address:
        made = Engine({"DOCKER_HOST": address, "PATH": SEARCH_PATH, "HOME": str(out), "DOCKER_BUILDKIT": "0"})
        import_base(out / "base.tar", BASE, made.environ)
        yield made


@pytest.fixture(scope="module", params=[*images.SERVICES])
def image(request: pytest.FixtureRequest, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image, by name; the service's name is its last part."""
    service, tag = images.SERVICES[request.param], f"test/{request.param}"
    context = laid_out(service, Target(HERE), tmp_path_factory.mktemp("context"))
    images.build(service, context, HERE, BASE, tag, engine.environ)
    yield tag


@pytest.fixture
def run(engine: Engine) -> Iterator[Callable[..., str]]:
    """Start a container as hard as one can: nothing to write to, no capability. Returns its id; it is removed afterwards."""
    started: list[str] = []

    def start(image: str, environ: dict[str, str], *arguments: str) -> str:
        options: Sequence[str] = (
            "--network=host", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
            *(f"--env={name}={value}" for name, value in environ.items()),
        )  # fmt: skip
        started.append(engine.docker("run", "--detach", *options, image, *arguments))
        return started[-1]

    yield start
    for container in started:
        engine.docker("rm", "--force", container)


def environ_of(settings: Settings) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": settings.s3_endpoint_url, "AWS_REGION": settings.region, "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "MOORAGE_TABLE": settings.table, "MOORAGE_BUCKET": settings.bucket,
    }  # fmt: skip


@pytest.mark.parametrize("architecture", package.ARCHITECTURES)
def test_the_layout_is_the_same_each_time_and_for_that_machine(architecture: str, tmp_path: Path) -> None:
    shown = []
    for place in ("one", "another"):
        root = laid_out(images.SERVICES["uploads"], Target(architecture), tmp_path / place) / "root/opt/moorage"
        files = sorted(path for path in root.rglob("*"))
        shown.append(
            [(str(path.relative_to(root)), path.stat().st_mode, path.stat().st_mtime, _digest(path)) for path in files]
        )
    assert shown[0] == shown[1]
    libraries = [path for path in files if ".so" in path.name]
    machines = {struct.unpack_from("<H", path.read_bytes()[:20], 18)[0] for path in libraries}
    assert (len(libraries) >= 6, machines) == (True, {{"arm64": 183, "x86_64": 62}[architecture]})
    assert {path.name for path in root.iterdir()} >= {"upload_service", "chalicelib", "uvicorn", "ldap3"}
    assert not {path.name for path in files} & {"Dockerfile", "requirements.txt", "boto3", "chalice", "pip"}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def test_a_build_without_a_base_says_which_to_name(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"BASE=python:3.13-slim@sha256:"):
        images.build(images.SERVICES["scans"], tmp_path, "arm64", "", "any", {})


@pytest.mark.clients
def test_a_base_that_is_not_there_is_no_reason_to_ask_the_internet(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"docker says: .*[Nn]o such image"):
        images.build(images.SERVICES["scans"], tmp_path, "arm64", "python:3.13-slim", "any", engine.environ)


@pytest.mark.clients
def test_an_image_says_what_it_is_and_runs_as_nobody(engine: Engine, image: str) -> None:
    config = engine.inspect(image)["Config"]
    assert isinstance(config, dict)
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Entrypoint"] == ["python3", "-m", {"uploads": "upload_service", "scans": "scan_worker"}[image[5:]]]
    assert config["Labels"]["org.opencontainers.image.title"] == f"moorage-{image[5:]}"
    assert re.fullmatch("[0-9a-f]{40}|unknown", config["Labels"]["org.opencontainers.image.revision"])
    assert config["Healthcheck"]["Test"][0] == {"uploads": "CMD", "scans": "NONE"}[image[5:]]


@pytest.mark.clients
def test_a_second_build_has_the_same_layers(engine: Engine, image: str, tmp_path: Path) -> None:
    service = images.SERVICES[image[5:]]
    context = laid_out(service, Target(HERE), tmp_path)
    engine.docker("build", "--quiet", "--no-cache", "--network=none", f"--build-arg=BASE={BASE}", "--tag=again",
                  f"--file={ROOT / service.folder / 'Dockerfile'}", context)  # fmt: skip
    assert engine.inspect("again")["RootFS"] == engine.inspect(image)["RootFS"]


@pytest.mark.clients
@pytest.mark.parametrize("image", ["uploads"], indirect=True)
def test_the_upload_service_takes_a_layer_and_a_manifest(
    engine: Engine, image: str, run: Callable[..., str], settings: Settings
) -> None:
    """Behind a load balancer this container is the whole registry; a layer of 12 MiB goes through it to S3, in parts."""
    name, port = f"image-{uuid.uuid4().hex[:12]}", free_port()
    own = replace(settings, table=name, bucket=name, upload_url=f"http://127.0.0.1:{port}")
    bootstrap.provision(own, "admin-secret", now=int(time.time()))
    address = f"http://127.0.0.1:{port}"
    container = run(image, {
        **environ_of(own), "MOORAGE_UPLOAD_PORT": str(port), "MOORAGE_UPLOAD_HOST": "127.0.0.1",
        "MOORAGE_SERVE_REGISTRY": "on", "MOORAGE_UPLOAD_URL": address,
    })  # fmt: skip
    _wait(lambda: ask(address, "GET", "/healthz")[0] == 200, engine, container)
    client, layer = Client(bootstrap.registry(own), basic("admin", "admin-secret")), os.urandom(12 * 1024 * 1024)
    location = client.send("POST", "/v2/library/app/blobs/uploads/").headers["location"]
    assert ask(location, "PATCH", body=layer)[0] == 202
    digest = Digest.of(layer)
    assert ask(f"{location}&digest={digest}", "PUT")[0] == 201
    assert client.send("HEAD", f"/v2/library/app/blobs/{digest}").status == 307
    assert ask(address, "GET", "/v2/")[0] == 401
    assert ask(address, "GET", "/v2/", authorization=basic("admin", "admin-secret"))[0] == 200
    assert (
        engine.docker("exec", container, "python3", "-c", "import os; print(os.getuid(), os.access('/opt', os.W_OK))")
        == "10001 False"
    )
    _wait(lambda: _health(engine, container) == "healthy", engine, container)
    engine.docker("stop", "--time=10", container)
    assert engine.docker("inspect", "--format={{.State.ExitCode}}", container) in ("0", "143")


def _health(engine: Engine, container: str) -> str:
    return engine.docker("inspect", "--format={{.State.Health.Status}}", container)


@pytest.mark.clients
@pytest.mark.parametrize("image", ["scans"], indirect=True)
def test_the_scan_worker_drains_its_queue_and_stops_when_told(
    engine: Engine, image: str, run: Callable[..., str], settings: Settings
) -> None:
    sqs = botocore.session.get_session().create_client(
        "sqs", region_name="us-east-1", endpoint_url=settings.s3_endpoint_url
    )
    url = sqs.create_queue(QueueName=f"image-{uuid.uuid4().hex[:12]}")["QueueUrl"]
    content = b'{"schemaVersion":2}'
    job = Job(Name.parse("library/app"), Digest.of(content), len(content))
    objects = bootstrap.wire(settings).objects
    objects.put(job.manifest_key, content)
    SqsQueue(replace(settings, sqs_endpoint_url=settings.s3_endpoint_url), url).send([job.render()])
    container = run(image, {**environ_of(settings), "MOORAGE_SCAN_JOBS_URL": url})
    _wait(lambda: objects.size(job.result_key) is not None, engine, container)
    engine.docker("stop", "--time=30", container)
    assert engine.docker("inspect", "--format={{.State.ExitCode}}", container) == "0"


@pytest.mark.clients
@pytest.mark.parametrize("image", ["scans"], indirect=True)
def test_a_worker_without_a_queue_ends_and_names_the_setting(
    engine: Engine, image: str, run: Callable[..., str]
) -> None:
    container = run(image, {})
    _wait(lambda: engine.docker("inspect", "--format={{.State.Running}}", container) == "false", engine, container)
    ran = subprocess.run(["docker", "logs", container], env=engine.environ, capture_output=True, text=True, check=True)
    assert "MOORAGE_SCAN_JOBS_URL" in ran.stderr
    assert engine.docker("inspect", "--format={{.State.ExitCode}}", container) == "2"


@pytest.mark.clients
def test_there_is_nothing_to_break_out_with(engine: Engine, image: str) -> None:
    """The image needs no shell, no pip and no compiler, so none comes with it."""
    programs = {Path(line).name for line in _files(engine, image)}
    assert not programs & {"sh", "bash", "busybox", "pip", "pip3", "gcc", "curl"}
    assert "python3" in programs


def _files(engine: Engine, image: str) -> list[str]:
    container = engine.docker("create", image)
    try:
        export = subprocess.Popen(["docker", "export", container], env=engine.environ, stdout=subprocess.PIPE)
        ran = subprocess.run(["tar", "-t"], stdin=export.stdout, capture_output=True, text=True, check=True)
        assert export.wait() == 0
        return ran.stdout.splitlines()
    finally:
        engine.docker("rm", container)


def _wait(holds: Callable[[], bool], engine: Engine, container: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.2)
    ran = subprocess.run(["docker", "logs", container], env=engine.environ, capture_output=True, text=True, check=False)
    pytest.fail(f"not in time; the container says:\n{ran.stdout}{ran.stderr}")


def ask(url: str, method: str, path: str = "", body: bytes = b"", authorization: str = "") -> tuple[int, bytes]:
    """One HTTP request; status 0 when nobody listens yet."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        target = path or f"{parts.path}?{parts.query}"
        connection.request(method, target, body, {"Authorization": authorization} if authorization else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionError:
        return 0, b""
    finally:
        connection.close()
