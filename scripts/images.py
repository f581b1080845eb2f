"""`make images BASE=...`: the upload service and the scan worker as container images, built without a network.

All that goes onto the base is laid out in `build/images/<image>-<architecture>/` first: wheels that the lock files allow by hash,
trimmed and compiled like the Lambda zip, and our sources. The Dockerfiles only copy: an image for arm64 is built on x86_64
without emulation, and nothing of pip or a compiler is in it. The base must be pinned by its digest,
or be known on this machine only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.package import ARCHITECTURES, ROOT, compile_all, copy_sources, interpreter, unpack
from scripts.package_contents import LEFT_OUT
from scripts.wheelhouse import PackageError, Target, read_roots, wheels

PLACE = "/opt/moorage"
_MOMENT = 315532800
"""1980-01-01: what the zip says too. Docker keeps the times of what it copies, so they are the same in every build."""
_NOT_SHIPPED = ("Dockerfile", "README.md", "requirements.in", "requirements.txt")
_PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
_NEEDS_BASE = (
    "Name the base image: make images BASE=python:3.13-slim@sha256:<digest>. It must have Python 3.13 as python3 and root "
    "certificates; `docker buildx imagetools inspect python:3.13-slim` prints its digest."
)


@dataclass(frozen=True)
class Service:
    """A container: its package with the Dockerfile, the image's name, and the lock that its requirements.in is looked up in."""

    folder: str
    image: str
    lock: str


SERVICES = {
    "uploads": Service("upload_service", "moorage-uploads", "upload_service/requirements.txt"),
    "scans": Service("scan_worker", "moorage-scans", "requirements.txt"),
}


def main() -> int:
    """Build the images that are asked for; 1 and a sentence when that cannot be."""
    options = _options()
    try:
        for name in options.service or SERVICES:
            service = SERVICES[name]
            context = lay_out(service, Target(options.arch), options.out)
            if options.layout_only:
                print(context)
                continue
            tag = f"{service.image}:{options.tag}"
            print(f"{tag} {build(service, context, options.arch, options.base, tag, os.environ)}")
    except PackageError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


def lay_out(service: Service, target: Target, out: Path, *, cache: Path = ROOT / "build" / "wheels") -> Path:
    """Make the folder that Docker builds from, afresh. Raises PackageError."""
    context = out / f"{service.image}-{target.architecture}"
    shutil.rmtree(context, ignore_errors=True)
    tree = context / "root" / PLACE[1:]
    tree.mkdir(parents=True)
    roots = read_roots(ROOT / service.folder / "requirements.in")
    for wheel in wheels(ROOT / service.lock, roots, target, cache, LEFT_OUT):
        unpack(wheel, tree)
    for name in ("chalicelib", service.folder):
        copy_sources(ROOT / name, tree, skip=_NOT_SHIPPED)
    compile_all(tree, interpreter(target.python), PLACE)
    for path in (context / "root").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (_MOMENT, _MOMENT))
    return context


def build(service: Service, context: Path, arch: str, base: str, tag: str, environ: Mapping[str, str]) -> str:
    """Build with the Docker engine that `environ` names, offline; returns the image's id. Raises PackageError."""
    _check_base(base, environ)
    argv = [
        "docker", "build", "--quiet", "--network=none", f"--platform={_PLATFORMS[arch]}", f"--tag={tag}",
        f"--build-arg=BASE={base}", f"--build-arg=REVISION={_revision()}",
        f"--file={ROOT / service.folder / 'Dockerfile'}", str(context),
    ]  # fmt: skip
    return _docker(argv, environ)


def _check_base(base: str, environ: Mapping[str, str]) -> None:
    """Moving tags make other images of the same input."""
    if not base:
        raise PackageError(_NEEDS_BASE)
    if "@sha256:" in base or base.startswith("sha256:"):
        return
    digests = _docker(["docker", "image", "inspect", "--format={{json .RepoDigests}}", base], environ)
    if digests not in ("[]", "null"):
        raise PackageError(f"{base} is a tag that can move; name it by digest, one of {digests}.")


def _docker(argv: list[str], environ: Mapping[str, str]) -> str:
    if shutil.which("docker", path=environ.get("PATH")) is None:
        raise PackageError("docker is not installed; install it, or use --layout-only and another builder.")
    ran = subprocess.run(argv, env=dict(environ), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise PackageError(f"docker says: {ran.stderr.strip()[-500:]}")
    return ran.stdout.strip()


def _revision() -> str:
    ran = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return ran.stdout.strip() or "unknown"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.images", description="Build the container images, offline."
    )
    parser.add_argument("--service", action="append", choices=[*SERVICES], help="which, repeatable; all by default")
    parser.add_argument("--base", default="", help="the image with Python 3.13 that they are built on, by digest")
    parser.add_argument("--arch", default="arm64", choices=ARCHITECTURES, help="for which machine")
    parser.add_argument("--tag", default="latest", help="the tag of the images")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "images", help="where the files are laid out")
    parser.add_argument("--layout-only", action="store_true", help="lay the files out and do not call docker")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
