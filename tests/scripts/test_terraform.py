"""`scripts/terraform`: where it finds the program and the provider, and its sentences when it does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from localstack.launch import ROOT

SCRIPT = ROOT / "scripts" / "terraform"
PROVIDER = "registry.terraform.io/hashicorp/aws"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A Terraform that says what it was called with."""
    made = tmp_path / "bin" / "terraform"
    made.parent.mkdir()
    made.write_text(
        '#!/bin/sh\necho "args: $*"\necho "init: ${TF_CLI_ARGS_init:-}"\necho "file: ${TF_CLI_CONFIG_FILE:-}"\n'
    )
    made.chmod(0o755)
    return made


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    made = tmp_path / "mirror"
    (made / PROVIDER).mkdir(parents=True)
    return made


def run(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "HOME": str(folder), **environ}
    command = ["sh", str(SCRIPT), *words]
    return subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=30)


def test_without_terraform_it_says_what_to_install(tmp_path: Path) -> None:
    done = run(tmp_path, "plan", MOORAGE_TERRAFORM="terraform-of-nobody")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Install Terraform 1.9 or newer" in done.stderr
    assert "terraform-of-nobody" in done.stderr


@pytest.mark.usefixtures("program")
def test_a_named_mirror_is_where_init_looks(tmp_path: Path, mirror: Path) -> None:
    assert f"init: -plugin-dir={mirror} " in run(tmp_path, "init", MOORAGE_TF_MIRROR=str(mirror)).stdout


@pytest.mark.usefixtures("program")
def test_a_named_mirror_without_the_provider_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "init", MOORAGE_TF_MIRROR=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"has no {PROVIDER} in it" in done.stderr


@pytest.mark.usefixtures("program")
def test_the_home_folders_mirror_is_found(tmp_path: Path, mirror: Path) -> None:
    (tmp_path / ".terraform.d").mkdir()
    (tmp_path / ".terraform.d" / "plugins").symlink_to(mirror)
    assert f"init: -plugin-dir={tmp_path}/.terraform.d/plugins " in run(tmp_path, "init").stdout


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("named", ["by variable", "in the home folder"])
def test_an_own_configuration_decides(tmp_path: Path, mirror: Path, named: str) -> None:
    own = tmp_path / ".terraformrc"
    own.touch()
    (tmp_path / ".terraform.d").mkdir()
    (tmp_path / ".terraform.d" / "plugins").symlink_to(mirror)
    file = str(own) if named == "by variable" else ""
    said = run(tmp_path, "init", TF_CLI_CONFIG_FILE=file).stdout.splitlines()
    assert said[1:] == ["init: ", f"file: {file}"]


@pytest.mark.usefixtures("program")
def test_a_configuration_that_is_not_there_is_forgotten(tmp_path: Path) -> None:
    assert "file: \n" in run(tmp_path, "plan", TF_CLI_CONFIG_FILE=str(tmp_path / "gone")).stdout


@pytest.mark.usefixtures("program")
def test_it_runs_where_there_is_a_configuration(tmp_path: Path) -> None:
    assert f"args: -chdir={ROOT}/infra/terraform plan -out=x" in run(tmp_path, "plan", "-out=x").stdout
    assert "args: -chdir=elsewhere plan" in run(tmp_path, "-chdir=elsewhere", "plan").stdout
    (tmp_path / "main.tf").touch()
    assert "args: plan\n" in run(tmp_path, "plan").stdout
