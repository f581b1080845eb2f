"""Runs Terraform on `infra/terraform` with its state in a folder of the stack, against an emulator."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localstack.launch import ROOT, StartError

MODULE = ROOT / "infra" / "terraform"
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "SYSTEMROOT", "TF_CLI_CONFIG_FILE", "MOORAGE_TF_MIRROR", "MOORAGE_TERRAFORM")
_PARALLEL = "-parallelism=30"
"""Most of an apply is waiting: the provider lets 25 seconds pass for each queue."""


class Terraform:
    """One state of the root module."""

    def __init__(self, folder: Path, aws: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self._folder, self._state = folder, folder / "terraform.tfstate"
        self._log = folder / "terraform.log"
        inherited = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment = {
            **inherited,
            **aws,
            "TF_DATA_DIR": str(folder / "terraform"),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }
        self._variables = ["-var-file=emulator.tfvars", *(f"-var={name}={value}" for name, value in variables.items())]

    def init(self) -> None:
        """Fetch the provider, unless it is there."""
        self._run("init", "-input=false")

    def apply(self) -> None:
        """Make everything. Raises `StartError` with the end of Terraform's words."""
        self._run("apply", "-auto-approve", "-input=false", _PARALLEL, f"-state={self._state}", *self._variables)

    def destroy(self) -> None:
        """Take everything away."""
        self._run("destroy", "-auto-approve", "-input=false", _PARALLEL, f"-state={self._state}", *self._variables)

    def outputs(self) -> dict[str, Any]:
        """What the module tells, by name."""
        told = json.loads(self._run("output", "-json", f"-state={self._state}"))
        return {name: output["value"] for name, output in told.items()}

    def plan(self) -> dict[str, Any]:
        """What another apply would do, as `terraform show -json` tells it."""
        file = self._folder / "again.tfplan"
        self._run("plan", "-input=false", _PARALLEL, f"-state={self._state}", f"-out={file}", *self._variables)
        plan: dict[str, Any] = json.loads(self._run("show", "-json", str(file)))
        return plan

    def _run(self, command: str, *options: str) -> str:
        words = ["sh", str(ROOT / "scripts" / "terraform"), f"-chdir={MODULE}", command, "-no-color", *options]
        if command == "show":
            words.remove("-no-color")
        is_asked = command in ("output", "show")
        with self._log.open("a") as log:
            log.write(f"\n$ terraform {command}\n")
            log.flush()
            done = subprocess.run(
                words, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if is_asked else log,
                stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
            log.write(done.stderr)
        if done.returncode != 0:
            raise StartError(f"terraform {command} failed; {self._log} has it all.\n{done.stderr[-3000:]}")
        return done.stdout or ""
