"""Terraform for tests: found or skipped by name, run without an account, its answers as JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.terraform_source import MODULE

ROOT = MODULE.parent.parent
needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


def run(folder: Path, *words: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`terraform WORDS` in a folder; `data` keeps what `init` fetches out of the sources."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
    environment |= {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1",
        "GOGC": "400",  # a third less time for half a gigabyte more
    }  # fmt: skip
    if data is not None:
        environment["TF_DATA_DIR"] = str(data)
    command = ["sh", str(ROOT / "scripts" / "terraform"), f"-chdir={folder}", *words]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Told:
    """What `terraform test -json` said: each run's status, the errors of each file, and each run's planned changes."""

    statuses: dict[tuple[str, str], str]
    errors: dict[str, list[str]]
    plans: dict[tuple[str, str], list[dict[str, Any]]]


def test_module(folder: Path, *words: str, data: Path | None = None) -> Told:
    """Run `terraform test` and read its messages, a line of JSON each."""
    done = run(folder, "test", "-json", *words, data=data)
    told = Told({}, {}, {})
    for line in done.stdout.splitlines():
        message = json.loads(_without_schemas(line))
        file, step = message.get("@testfile", ""), message.get("@testrun", "")
        kind = message["type"]
        if kind == "test_run" and message["test_run"]["progress"] == "complete":
            told.statuses[file, step] = message["test_run"]["status"]
        elif kind == "diagnostic" and message["diagnostic"]["severity"] == "error":
            detail = message["diagnostic"]["detail"] or message["diagnostic"]["summary"]
            told.errors.setdefault(file, []).append(detail)
        elif kind == "test_plan":
            told.plans[file, step] = message["test_plan"].get("resource_changes", [])
    assert told.statuses, done.stdout + done.stderr
    return told


def _without_schemas(line: str) -> str:
    """Cut the description of the whole provider, 14 MB with each plan, off the end of the message."""
    start = line.find(',"provider_schemas":')
    if start < 0 or not line.endswith('"type":"test_plan"}'):
        return line
    return line[:start] + '},"type":"test_plan"}'


test_module.__test__ = False  # type: ignore[attr-defined]
