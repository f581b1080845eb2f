"""The Lambda zips: the same bytes each time, whole, and nothing else in them."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from chalicelib.aws import provision as tables
from chalicelib.config import Settings
from scripts import cold_start, package
from scripts.package_contents import AWS_SERVICES, keeps
from scripts.wheelhouse import PackageError, Target, read_lock, read_roots, wheels

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent
MACHINES = {"arm64": 183, "x86_64": 62}
"""ELF's e_machine: EM_AARCH64 and EM_X86_64."""
ENTRYPOINTS = {
    "app", "authorize", "dispatch_scans", "provision", "purge_audit", "rotate_keys", "sweep_projects", "sweep_releases",
    "sweep_uploads",
}  # fmt: skip
SECRET = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{60,}|\b(?:AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[A-Z0-9]{16}\b"
)


@dataclass(frozen=True)
class Made:
    built: package.Built
    again: package.Built

    def names(self) -> list[str]:
        with zipfile.ZipFile(self.built.path) as archive:
            return archive.namelist()

    def read(self, name: str) -> bytes:
        with zipfile.ZipFile(self.built.path) as archive:
            return archive.read(name)


def built(target: Target, out: Path) -> package.Built:
    try:
        return package.build(target, out, runs=0)
    except PackageError as error:
        if os.environ.get("CI") or not re.search("cannot be reached|was not found", str(error)):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=package.ARCHITECTURES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One zip made twice: in two folders, at two times, by a person with another umask."""
    target = Target(request.param)
    first = built(target, tmp_path_factory.mktemp("one"))
    time.sleep(2.1)  # a zip counts in steps of two seconds
    before = os.umask(0o077)
    try:
        return Made(first, built(target, tmp_path_factory.mktemp("another-one")))
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the zip holds, for the Python that runs the tests."""
    out, folder = tmp_path_factory.mktemp("host"), tmp_path_factory.mktemp("task")
    zipfile.ZipFile(built(Target("host", sys.version_info[:2]), out).path).extractall(folder)
    return folder


def test_the_same_input_makes_the_same_bytes(made: Made) -> None:
    assert made.built.sha256 == made.again.sha256
    assert made.built.sha256 == hashlib.sha256(made.built.path.read_bytes()).hexdigest()
    assert made.built.path != made.again.path


def test_libraries_are_of_the_right_machine_and_python(made: Made) -> None:
    libraries = [name for name in made.names() if ".so" in PurePosixPath(name).name]
    assert len(libraries) >= 3, libraries
    for name in libraries:
        head = made.read(name)[:20]
        assert head[:5] == b"\x7fELF\x02", name
        assert struct.unpack_from("<H", head, 18)[0] == MACHINES[made.built.target.architecture], name
        assert ".abi3." in name or ".cpython-313-" in name, name


def test_every_module_is_compiled_for_python_3_13_and_never_looks_at_its_source(made: Made) -> None:
    names = set(made.names())
    sources = {name for name in names if name.endswith(".py")}
    compiled = {name for name in names if name.endswith(".pyc")}
    wanted = {
        str(PurePosixPath(one).parent / "__pycache__" / f"{PurePosixPath(one).stem}.cpython-313.pyc") for one in sources
    }
    assert compiled == wanted
    assert all(struct.unpack_from("<I", made.read(name), 4)[0] == 0b01 for name in sorted(compiled)[::50]), (
        "unchecked hash"
    )


def test_names_are_sorted_and_times_and_modes_are_fixed(made: Made) -> None:
    with zipfile.ZipFile(made.built.path) as archive:
        entries = archive.infolist()
    assert [one.filename for one in entries] == sorted({one.filename for one in entries}, key=PurePosixPath)
    assert {(one.date_time, one.external_attr >> 16, one.create_system) for one in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644, 3)
    }


def test_what_no_function_needs_is_not_in_it(made: Made) -> None:
    for name in made.names():
        parts = PurePosixPath(name).parts
        assert not {"tests", "test", ".git", ".env", "scripts", "localstack", "upload_service"} & set(parts), name
        assert not name.endswith((".pyi", ".c", ".h", "RECORD", "WHEEL", "INSTALLER", ".env", ".orig")), name
        assert parts[0] not in ("boto3", "pip", "setuptools", "pycparser", "s3transfer", "yaml", "click"), name


def test_models_of_other_services_are_not_in_it(made: Made) -> None:
    folders = {name.split("/")[2] for name in made.names() if name.startswith("botocore/data/") and name.count("/") > 2}
    assert folders == set(AWS_SERVICES)


def test_every_package_brings_its_metadata_and_licence(made: Made) -> None:
    """Scanners of vulnerabilities read METADATA; licences ask to be passed on. ldap3's wheel has none."""
    names = made.names()
    notes = {name.split("/")[0] for name in names if ".dist-info/" in name}
    assert len(notes) >= 15
    for folder in notes:
        assert f"{folder}/METADATA" in names
        has_one = any(name.startswith(f"{folder}/") and not name.endswith("METADATA") for name in names)
        assert has_one or folder.startswith("ldap3-"), folder


def test_nothing_secret_is_in_it(made: Made) -> None:
    with zipfile.ZipFile(made.built.path) as archive:
        found = [name for name in archive.namelist() if not name.endswith(".pyc") and SECRET.search(archive.read(name))]
    assert found == []


def test_what_looks_for_secrets_finds_one() -> None:
    assert SECRET.search(b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 64 + b"\n")
    assert SECRET.search(b'key = "AKIA' + b"QWERTYUIOPASDFGH" + b'"')


def test_sizes_are_bounded(made: Made) -> None:
    assert made.built.faults() == []
    assert made.built.zip_bytes > package.ZIP_LIMIT / 2, "a bound this far away notices nothing"
    assert len(replace(made.built, zip_bytes=package.ZIP_LIMIT + 1, tree_bytes=package.TREE_LIMIT + 1).faults()) == 2
    assert "400 ms" in replace(made.built, import_ms=400.0).faults()[0]


def test_the_function_starts_fast_with_the_zip_alone(alone: Path) -> None:
    assert cold_start.best_ms(Path(sys.executable), alone, 5) <= cold_start.LIMIT_MS


@pytest.fixture
def environ(settings: Settings) -> Iterator[dict[str, str]]:
    """The environment of a function, and the table and bucket that Terraform makes."""
    name = f"zip-{uuid.uuid4().hex[:12]}"
    own = replace(settings, table=name, bucket=name)
    tables.create_table(own)
    tables.create_bucket(own)
    kinds = ("TOKEN_KEYS", "REGISTRY_KEYS", "ADMIN")
    yield {
        **{f"MOORAGE_{kind}_SECRET": f"{name}/{kind.lower()}" for kind in kinds},
        "MOORAGE_TABLE": name, "MOORAGE_BUCKET": name, "MOORAGE_SERVICE": "moorage",
        "MOORAGE_SCAN_JOBS_URL": f"{settings.s3_endpoint_url}/000000000000/{name}",
        "AWS_ENDPOINT_URL": settings.s3_endpoint_url, "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "PATH": "/nowhere",
    }  # fmt: skip


@pytest.fixture
def told(alone: Path, environ: dict[str, str]) -> dict[str, Any]:
    argv = [sys.executable, "-I", "-S", "-B", str(ROOT / "tests" / "infra" / "lambda_alone.py"), str(alone)]
    ran = subprocess.run(argv, env=environ, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_every_entrypoint_works_with_the_zip_alone(told: dict[str, Any]) -> None:
    assert told.pop("modules") > 100
    assert told.pop("botocore") == sorted(AWS_SERVICES)
    assert told.pop("from_elsewhere") == []
    assert told == {
        "provision": {"made_admin": True}, "push": 201, "pull": True, "upload": 202, "console": 200, "documentation": 200,
        "authorize": "Allow", "sweep_uploads": {"freed": 0}, "sweep_releases": {"finished": 0},
        "sweep_projects": {"cleared": 0}, "purge_audit": {"purged": 0}, "rotate_keys": {"kid": None},
        "dispatch_scans": {"batchItemFailures": []},
    }  # fmt: skip


def test_the_entrypoints_that_were_run_are_all_there_are() -> None:
    """A new handler in app.py fails here until `lambda_alone` calls it."""
    exported = next(
        ast.literal_eval(node.value)
        for node in ast.parse((ROOT / "app.py").read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    )
    assert set(exported) - {"answer"} == ENTRYPOINTS
    script = (ROOT / "tests" / "infra" / "lambda_alone.py").read_text()
    assert [name for name in ENTRYPOINTS if f"app.{name}" not in script] == []


def test_a_client_of_a_service_without_a_model_would_be_noticed() -> None:
    """Only `aws/provision.py`, which no function reaches, may ask botocore for a client; a new place must name it here."""
    asks = [
        (path.relative_to(ROOT).as_posix(), node.func.attr)
        for path in sorted((ROOT / "chalicelib").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("create_client", "client")
    ]
    assert asks == [("chalicelib/aws/provision.py", "create_client")]


def test_botocores_code_is_kept_though_a_folder_of_it_is_called_docs() -> None:
    assert keeps("botocore", PurePosixPath("botocore/docs/docstring.py"))
    assert keeps("botocore", PurePosixPath("botocore/data/endpoints.json"))
    assert not keeps("botocore", PurePosixPath("botocore/data/ec2/2016-11-15/service-2.json.gz"))
    assert not keeps("chalice", PurePosixPath("chalice/cli/__init__.py"))


def test_a_machine_without_the_index_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(PackageError, match=r"index cannot be reached, and .* lacks 8 wheels"):
        package.build(Target("arm64"), tmp_path, runs=0, cache=tmp_path / "empty")


def test_wheels_that_are_not_the_locked_ones_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    folder = tmp_path / Target("arm64").name
    folder.mkdir()
    (folder / "six-1.17.0-py2.py3-none-any.whl").write_bytes(b"not what was locked")
    roots = [one for one in read_roots(ROOT / "requirements.in") if one.name == "pynamodb"]
    roots[0].name = "six"
    with pytest.raises(PackageError, match="lacks 1 wheels"):
        wheels(ROOT / "requirements.txt", roots, Target("arm64"), tmp_path)


def test_a_lock_file_that_is_behind_is_told_so(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("six==1.17.0 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(PackageError, match=r"has no chalice, .* run `make lock`"):
        wheels(lock, read_roots(ROOT / "requirements.in"), Target("arm64"), tmp_path)


def test_every_root_is_locked_with_hashes() -> None:
    locked = read_lock(ROOT / "requirements.txt")
    assert {str(root.name).lower() for root in read_roots(ROOT / "requirements.in")} <= set(locked)
    assert all(one.hashes for one in locked.values())


def test_a_python_that_is_missing_is_asked_for() -> None:
    with pytest.raises(PackageError, match=r"Python 3\.99 is needed .*apt install python3\.99"):
        package.interpreter((3, 99))


def test_a_stray_file_among_the_sources_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "chalicelib"
    source.mkdir()
    (source / "notes.txt").write_text("the password is")
    with pytest.raises(PackageError, match=r"chalicelib/notes\.txt would be shipped"):
        package.copy_sources(source, tmp_path / "tree")
