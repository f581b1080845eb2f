"""Every example of `terraform.tfvars` in the documentation plans: no variable is misspelt, none contradicts another."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/deploy-aws.md"
EXAMPLES = [
    block
    for block in re.findall(r"^```hcl\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    if not block.startswith(("terraform {", "pinned_versions"))
]
MOCK = """
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["a", "b", "c"] }
  }
}
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the root module, initialized; skipped by name where there is no terraform or no provider."""
    if not shutil.which("terraform"):
        pytest.skip("terraform is not here")
    folder = tmp_path_factory.mktemp("shapes")
    copy = folder / "infra/terraform"
    shutil.copytree(
        ROOT / "infra/terraform",
        copy,
        ignore=shutil.ignore_patterns(".terraform*", "tests", "backend.tf", "*.auto.tfvars"),
    )
    (folder / "package.zip").write_bytes(b"zip")
    started = terraform(copy, "init", "-input=false", "-backend=false")
    if started.returncode:
        pytest.skip(f"the provider is not here: {started.stderr.strip()[-200:]}")
    return copy


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = ["sh", str(ROOT / "scripts/terraform"), f"-chdir={folder}", *arguments]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)


def test_every_example_plans(module: Path) -> None:
    runs = [
        f'run "example_{number}" {{\n  command = plan\n  variables {{\n'
        f'package_path = "{module.parents[1] / "package.zip"}"\n{example}\n  }}\n}}\n'
        for number, example in enumerate(EXAMPLES)
    ]
    (module / "tests").mkdir()
    (module / "tests/examples.tftest.hcl").write_text(MOCK + "".join(runs))
    done = terraform(module, "test", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(EXAMPLES) == 4
    assert f"{len(EXAMPLES)} passed, 0 failed" in done.stdout
