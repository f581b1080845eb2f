"""`make deploy-local`: Terraform's real deployment of the real package, on an emulator on this machine. Ctrl-C stops it.

Everything is kept in one folder, so that the next start has nothing to do but to start.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localstack.deployed import CREDENTIALS_PATH, NAMES_FILE, TOKEN_FILE
from localstack.folder import DataFolder, write_private
from localstack.lambda_process import function_python
from localstack.launch import ROOT, UNWANTED, Emulator, StartError, aws_environment
from localstack.run import HOST, listen
from localstack.secret import read_secret
from localstack.terraform import MODULE, Terraform
from localstack.upload_process import UploadProcess

CONSOLE_STAGES = ("service", "api", "c", "ui")
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asked for."""

    port: int
    data: Path
    package: Path
    architecture: str
    ready_file: Path | None
    end: str


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports that Terraform writes into the settings, and that stay the same for that reason."""

    emulator: int
    edge: int
    uploads: int


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped. Exit code 2 and one sentence when a person must put something right first."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return run(wishes(arguments))
    except StartError as error:
        print(f"moorage: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def wishes(arguments: list[str] | None) -> Wishes:
    """Read environment and command line. Raises `StartError`."""
    parser = argparse.ArgumentParser(prog="python -m localstack.deploy", description=__doc__)
    parser.add_argument("--ready-file", type=Path, help="write addresses and credentials here, as JSON, once it serves")
    parser.add_argument("--destroy", action="store_true", help="have Terraform take everything away, then the folder")
    parser.add_argument("--remove", action="store_true", help="take the folder away, with all that is in it")
    options = parser.parse_args(arguments)
    end = "destroy" if options.destroy else "remove" if options.remove else ""
    port = os.environ.get("MOORAGE_PORT") or "5000"
    if not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise StartError(f"MOORAGE_PORT must be a port number from 0 to 65535, not {port!r}.")
    architecture = _ARCHITECTURES.get(platform.machine().lower(), "")
    if sys.platform != "linux" or not architecture:
        raise StartError(
            "The package is for Linux on x86_64 or arm64, and its functions run on this machine: use Linux."
        )
    package = ROOT / "build" / f"moorage-lambda-{architecture}.zip"
    if not end and not package.is_file():
        raise StartError(f"{package.relative_to(ROOT)} is missing; `make package` makes it.")
    data = Path(os.environ.get("MOORAGE_DATA") or ".moorage-deploy").absolute()
    return Wishes(int(port), data, package, architecture, options.ready_file, end)


def run(wanted: Wishes) -> int:
    """Start everything, deploy what changed, serve, and stop everything. Raises `StartError`."""
    python, started = function_python(), time.monotonic()
    folder = DataFolder(wanted.data)
    if wanted.end != "remove":
        _forget_half_done(folder.path)
        ports = _ports(wanted, folder.path)
        write_private(folder.path / TOKEN_FILE, secrets.token_urlsafe(24))
        more = ("--lambda-python", str(python), "--edge-port", str(ports.edge))
        held = [folder.lock_descriptor]
        with Emulator.start(folder.path, port=ports.emulator, keep_open=held, more=more) as emulator:
            aws = aws_environment(emulator.url, emulator.public_s3_url)
            terraform = Terraform(folder.path, aws, _variables(wanted, ports))
            if not wanted.end:
                outputs = _deploy(terraform, wanted, folder.path, ports, started)
                return _serve(wanted, folder, ports, emulator, outputs, started)
            terraform.init()
            terraform.destroy()
    shutil.rmtree(folder.path)
    print("Nothing is left.")
    return 0


def _deploy(terraform: Terraform, wanted: Wishes, data: Path, ports: Ports, started: float) -> dict[str, Any]:
    """Apply when the package, the module or an address changed since the last time."""
    mark, applied = _fingerprint(wanted, ports), data / "applied"
    if not applied.exists() or applied.read_text() != mark:
        _say("terraform init", started)
        terraform.init()
        _say(f"terraform apply (some minutes; {_shown(data / 'terraform.log')} shows more)", started)
        applied.unlink(missing_ok=True)
        terraform.apply()
        write_private(data / "outputs.json", json.dumps(terraform.outputs()))
        applied.write_text(mark)
    outputs: dict[str, Any] = json.loads((data / "outputs.json").read_text())
    names = {"v2": outputs["registry_api_id"], **dict.fromkeys(CONSOLE_STAGES, outputs["console_api_id"])}
    write_private(data / NAMES_FILE, json.dumps(names))
    return outputs


def _serve(
    wanted: Wishes, folder: DataFolder, ports: Ports, emulator: Emulator, outputs: Mapping[str, Any], started: float
) -> int:
    password = read_secret(emulator.url, outputs["admin_password_secret"])
    folder.keep_password(password)
    environment = upload_environment(outputs, emulator, (folder.path / TOKEN_FILE).read_text())
    uploads = UploadProcess(environment, ports.uploads, folder.path / "uploads.log")
    try:
        uploads.wait_until_it_serves()
        _say("ready", started)
        print(welcome(outputs, folder), flush=True)
        if wanted.ready_file is not None:
            facts = {"url": outputs["registry_url"], "admin_user": "admin", "admin_password": password}
            facts |= {"s3_url": emulator.public_s3_url, "aws_url": emulator.url, "pid": os.getpid()}
            facts |= {"emulator_pid": emulator.pid, "outputs": dict(outputs), "data": str(folder.path)}
            facts["variables"] = _variables(wanted, ports)
            write_private(wanted.ready_file, json.dumps(facts))
        return _watch(emulator, uploads)
    except KeyboardInterrupt:
        print(f"\nStopped. What was deployed is in {_shown(folder.path)}.", flush=True)
        return 0
    finally:
        uploads.stop()


def _watch(emulator: Emulator, uploads: UploadProcess) -> int:
    while emulator.is_running:
        if uploads.restart_if_ended():
            print("moorage: The upload service ended; it was started again, as ECS would.", file=sys.stderr)
        time.sleep(0.2)
    print("moorage: The AWS emulator ended by itself; emulator.log in the data folder may say why.", file=sys.stderr)
    return 1


def upload_environment(outputs: Mapping[str, Any], emulator: Emulator, token: str) -> dict[str, str]:
    """What ECS gives the upload service: settings, and where its role's credentials are; no credentials of anybody."""
    aws = {
        name: value
        for name, value in aws_environment(emulator.url, emulator.public_s3_url).items()
        if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    return {
        **aws,
        "PATH": os.environ.get("PATH", ""),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{emulator.url}{CREDENTIALS_PATH}{outputs['task_roles']['uploads']}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token.strip(),
        "MOORAGE_TABLE": outputs["table"],
        "MOORAGE_BUCKET": outputs["bucket"],
        "MOORAGE_PUBLIC_URL": outputs["registry_url"],
        "MOORAGE_CONSOLE_URL": outputs["console_url"],
        "MOORAGE_UPLOAD_URL": outputs["upload_url"],
        "MOORAGE_LOG_LEVEL": "WARNING",
    }


def welcome(outputs: Mapping[str, Any], folder: DataFolder) -> str:
    """What a person needs to begin."""
    registry, kept = outputs["registry_host"], _shown(folder.password_file)
    return f"""
Moorage is deployed: {outputs["registry_url"]}

  admin name      admin
  admin password  in {kept}, from the secret {outputs["admin_password_secret"]}
  deployment      {_shown(folder.path)}

Try it:

  cat {kept} | docker login {registry} -u admin --password-stdin
  docker pull busybox
  docker tag busybox {registry}/library/busybox
  docker push {registry}/library/busybox
  docker pull {registry}/library/busybox

Ctrl-C stops it and keeps everything; `make deploy-local DOWN=1` takes it away."""


def _variables(wanted: Wishes, ports: Ports) -> dict[str, str]:
    edge = f"http://{HOST}:{ports.edge}"
    return {
        "package_path": str(wanted.package),
        "architecture": wanted.architecture,
        "public_url_override": edge,
        "console_url_override": edge,
        "upload_url": f"http://{HOST}:{ports.uploads}",
        # Another name than the registry's: clients drop their token there, as they do on AWS.
        "s3_public_url": f"http://localhost:{ports.emulator}",
    }


def _ports(wanted: Wishes, data: Path) -> Ports:
    """The ports of the last time while they are free, new ones otherwise: then Terraform changes the settings."""
    file = data / "ports.json"
    last = json.loads(file.read_text()) if file.exists() else {}
    edge = wanted.port or last.get("edge", 0)
    chosen = Ports(_free(last.get("emulator", 0)), _taken(edge), _free(last.get("uploads", 0)))
    file.write_text(json.dumps({"emulator": chosen.emulator, "edge": chosen.edge, "uploads": chosen.uploads}))
    return chosen


def _taken(port: int) -> int:
    """The person's port, which must be free. Raises `StartError`."""
    with listen(port) as listening:
        number: int = listening.getsockname()[1]
        return number


def _free(port: int) -> int:
    for candidate in (port, 0):
        try:
            with socket.create_server((HOST, candidate)) as listening:
                number: int = listening.getsockname()[1]
                return number
        except OSError:
            continue
    raise StartError("No port is free on 127.0.0.1.")


def _forget_half_done(data: Path) -> None:
    """Start anew where an apply did not come to its end: the emulator and Terraform's state may tell different things."""
    if (data / "terraform.tfstate").exists() and not (data / "applied").exists():
        for place in data.iterdir():
            if place.name not in ("lock", "terraform"):
                shutil.rmtree(place) if place.is_dir() else place.unlink()


def _fingerprint(wanted: Wishes, ports: Ports) -> str:
    found = hashlib.sha256(json.dumps(_variables(wanted, ports), sort_keys=True).encode())
    for file in (wanted.package, *sorted(MODULE.glob("*.tf")), MODULE / "emulator.tfvars"):
        found.update(file.read_bytes())
    return found.hexdigest()


def _say(what: str, started: float) -> None:
    print(f"[{time.monotonic() - started:5.1f} s] {what}", flush=True)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    for unwanted in UNWANTED:
        os.environ.pop(unwanted, None)
    sys.exit(main())
