"""Wheels of the locked packages for a machine that need not be this one, kept in `build/wheels`.

What is needed follows from the roots and each wheel's own METADATA; versions and hashes come from the lock file, which
`pip download --require-hashes` holds every new wheel to and `_kept` every old one. Nothing but wheels is taken: code of a source
distribution would run here and be compiled for this machine.
"""

from __future__ import annotations

import email.parser
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_GLIBCS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""Lambda's python3.13 runs on Amazon Linux 2023 with glibc 2.34, and so does every Debian from 12 on."""
_ENTRY = re.compile(
    r"^([A-Za-z0-9._-]+==[^\s\\]+(?: *;[^\\]*)?)((?:\s*\\\n\s+--hash=sha256:[0-9a-f]{64})+)", re.MULTILINE
)
_OFFLINE = re.compile(
    r"Retrying|ConnectionError|ConnectTimeout|ProxyError|SSLError|name resolution|Network is unreachable"
)


class PackageError(Exception):
    """The package cannot be made; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Target:
    """The machine that wheels are for: `arm64` or `x86_64` (Linux), or `host`, this one with the Python that runs this."""

    architecture: str
    python: tuple[int, int] = (3, 13)

    @property
    def name(self) -> str:
        """Name folders: `cp313-arm64`."""
        return "cp{}{}-{}".format(*self.python, self.architecture)

    @property
    def pip_options(self) -> list[str]:
        """Say to pip which wheels fit."""
        if self.architecture == "host":
            return []
        platforms = [f"--platform={glibc}_{_MACHINES[self.architecture]}" for glibc in _GLIBCS]
        return ["--implementation=cp", "--python-version={}.{}".format(*self.python), *platforms]

    @property
    def markers(self) -> dict[str, str]:
        """Answer what environment markers ask, as far as it differs from this interpreter."""
        if self.architecture == "host":
            return {}
        version = "{}.{}".format(*self.python)
        return {
            "python_version": version, "python_full_version": f"{version}.0", "implementation_version": f"{version}.0",
            "implementation_name": "cpython", "platform_python_implementation": "CPython", "os_name": "posix",
            "platform_machine": _MACHINES[self.architecture], "platform_system": "Linux", "sys_platform": "linux",
        }  # fmt: skip


@dataclass(frozen=True)
class Locked:
    """One package of a lock file: `name==version`, its marker, and the hashes its files may have."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def version(self) -> str:
        """The version, the only one there is."""
        return next(iter(self.requirement.specifier)).version

    def line(self) -> str:
        """Render for pip."""
        return " ".join(
            [f"{self.requirement.name}=={self.version}", *(f"--hash=sha256:{one}" for one in sorted(self.hashes))]
        )


def wheels(
    lock: Path, roots: Sequence[Requirement], target: Target, cache: Path, left_out: Mapping[str, str] = {}
) -> list[Path]:
    """Return the wheels of the roots and of all they need, sorted by name, from the cache or else from the index.

    `left_out` maps a package to why what needs it gets on without; a reason that starts with `alone:` keeps the package
    and leaves out what it needs. Raises PackageError when the lock lacks a package, or the index cannot be asked or has no wheel.
    """
    locked, folder = read_lock(lock), cache / target.name
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[NormalizedName, Path] = {}
    pending = {canonicalize_name(root.name): set(root.extras) for root in roots if _applies(root, target, "")}
    while pending:
        wanted = {name: extras for name, extras in pending.items() if not _is_out(name, left_out)}
        chosen = [_find(locked, name, lock) for name in wanted]
        fetched = _have([one for one in chosen if _applies(one.requirement, target, "")], target, folder)
        pending = {}
        for name, wheel in fetched.items():
            found[name] = wheel
            if left_out.get(name, "").startswith("alone:"):
                continue
            for extra in ("", *wanted[name]):
                for need in _needs(wheel):
                    if _applies(need, target, extra) and canonicalize_name(need.name) not in found:
                        pending.setdefault(canonicalize_name(need.name), set()).update(need.extras)
    return [found[name] for name in sorted(found)]


def read_lock(lock: Path) -> dict[NormalizedName, Locked]:
    """Parse a lock file of `uv pip compile --generate-hashes`."""
    entries = {}
    for line, hashes in _ENTRY.findall(lock.read_text()):
        requirement = Requirement(line.strip())
        entries[canonicalize_name(requirement.name)] = Locked(
            requirement, frozenset(re.findall(r"sha256:([0-9a-f]{64})", hashes))
        )
    return entries


def read_roots(file: Path) -> list[Requirement]:
    """Parse a `requirements.in`."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def _is_out(name: str, left_out: Mapping[str, str]) -> bool:
    return name in left_out and not left_out[name].startswith("alone:")


def _find(locked: Mapping[NormalizedName, Locked], name: NormalizedName, lock: Path) -> Locked:
    if name not in locked:
        raise PackageError(f"{lock.name} has no {name}, which a package in it needs; run `make lock`.")
    return locked[name]


def _applies(requirement: Requirement, target: Target, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**target.markers, "extra": extra})


def _needs(wheel: Path) -> Iterator[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = email.parser.HeaderParser().parsestr(archive.read(name).decode())
    yield from map(Requirement, metadata.get_all("Requires-Dist", []))


def _have(chosen: Sequence[Locked], target: Target, folder: Path) -> dict[NormalizedName, Path]:
    """Find the wheels in the folder, and get those that are missing."""
    missing = [one for one in chosen if _kept(one, folder) is None]
    if missing:
        _download(missing, target, folder)
    found = {}
    for one in chosen:
        wheel = _kept(one, folder)
        if wheel is None:
            raise PackageError(f"pip brought no wheel of {one.requirement.name}; empty {folder} and try again.")
        found[canonicalize_name(one.requirement.name)] = wheel
    return found


def _kept(locked: Locked, folder: Path) -> Path | None:
    """Find a wheel that is the locked one by its bytes, whatever its name says."""
    wanted = canonicalize_name(locked.requirement.name), locked.version
    for wheel in sorted(folder.glob("*.whl")):
        name, version, _, _ = parse_wheel_filename(wheel.name)
        if (name, str(version)) == wanted and hashlib.sha256(wheel.read_bytes()).hexdigest() in locked.hashes:
            return wheel
    return None


def _download(missing: Iterable[Locked], target: Target, folder: Path) -> None:
    lines = [one.line() for one in missing]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write("\n".join(lines))
        wanted.flush()
        argv = [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
            "--no-input", "--disable-pip-version-check", "--retries=2", "--timeout=30", f"--dest={folder}",
            *target.pip_options, f"--requirement={wanted.name}",
        ]  # fmt: skip
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise PackageError(_explain(ran.stderr, target, len(lines), folder))


def _explain(errors: str, target: Target, count: int, folder: Path) -> str:
    last = next((line for line in reversed(errors.splitlines()) if line.startswith("ERROR")), errors.strip()[-300:])
    if _OFFLINE.search(errors):
        return (
            f"The package index cannot be reached, and {folder} lacks {count} wheels; check the network or pip's index setting, "
            "or copy that folder from a machine that has it."
        )
    if "No matching distribution" in errors:
        return f"The index has no wheel for {target.name}: {last.removeprefix('ERROR: ')}"
    return f"pip cannot download the wheels of the lock file: {last.removeprefix('ERROR: ')}"
