"""`make package`: the Lambda functions as `build/moorage-lambda-<architecture>.zip`, the same bytes from the same input.

The input is the lock file, `app.py`, `chalicelib/`, and the Python that compiles (its patch version too) with its zlib. Times,
modes and order in the zip are fixed, and so is bytecode (`scripts/bytecode.py`). Source: AWS, "Working with .zip file archives
for Python Lambda functions".
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scripts import cold_start
from scripts.package_contents import LEFT_OUT, SOURCE_KINDS, SOURCES, keeps
from scripts.wheelhouse import PackageError, Target, read_roots, wheels

ROOT = Path(__file__).resolve().parent.parent
LAMBDA_PYTHON = (3, 13)
ARCHITECTURES = ("arm64", "x86_64")
TASK_ROOT = "/var/task"
ZIP_LIMIT = 14_000_000
TREE_LIMIT = 40_000_000
"""Bytes. Lambda takes 50 MB as an upload and 250 MB unpacked, but a cold start fetches and mounts what is there. These bounds are
a quarter above what is in it, so a new package, or a rule that fits no more, is noticed; all of the lock would be
39.8 and 92 MB."""
_MOMENT = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Built:
    """A zip that was made. Sizes are bytes."""

    target: Target
    path: Path
    sha256: str
    zip_bytes: int
    tree_bytes: int
    import_ms: float | None
    """None where this machine cannot run it."""

    def faults(self) -> list[str]:
        """Say which bounds it is over."""
        found = []
        if self.zip_bytes > ZIP_LIMIT:
            found.append(f"{self.path.name} has {self.zip_bytes} bytes and may have {ZIP_LIMIT}")
        if self.tree_bytes > TREE_LIMIT:
            found.append(f"{self.path.name} unpacks to {self.tree_bytes} bytes and may have {TREE_LIMIT}")
        if self.import_ms is not None and self.import_ms > cold_start.LIMIT_MS:
            found.append(f"`import app` takes {self.import_ms:.0f} ms and may take {cold_start.LIMIT_MS:.0f}")
        return found

    def line(self) -> str:
        """Say what it is, for people."""
        start = "not run here" if self.import_ms is None else f"{self.import_ms:.0f} ms"
        sizes = f"{self.zip_bytes / 1e6:.1f} MB, unpacked {self.tree_bytes / 1e6:.1f} MB"
        return f"{self.path}: {sizes}; import app: {start}; sha256 {self.sha256}"


def main() -> int:
    """Make the zips that are asked for; 2 when one is over a bound, 1 when it cannot be made."""
    options = _options()
    try:
        made = [build(target, options.out, runs=options.runs) for target in options.targets]
    except PackageError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    for one in made:
        print(one.line())
    faults = [fault for one in made for fault in one.faults()]
    for fault in faults:
        print(f"package: {fault}", file=sys.stderr)
    return 2 if faults else 0


def build(target: Target, out: Path, *, runs: int = cold_start.RUNS, cache: Path = ROOT / "build" / "wheels") -> Built:
    """Make one zip in the folder `out`, and measure it. `runs=0` does not import it. Raises PackageError."""
    out.mkdir(parents=True, exist_ok=True)
    version = "" if target.python == LAMBDA_PYTHON else "-py{}{}".format(*target.python)
    path = out / f"moorage-lambda-{target.architecture}{version}.zip"
    python = interpreter(target.python)
    with tempfile.TemporaryDirectory(prefix="moorage-package-") as name:
        tree = Path(name)
        fill(tree, target, cache=cache)
        tree_bytes = sum(file.stat().st_size for file in _files(tree))
        import_ms = cold_start.best_ms(python, tree, runs) if runs and _runs_here(target) else None
        write_zip(tree, path)
    content = path.read_bytes()
    return Built(target, path, hashlib.sha256(content).hexdigest(), len(content), tree_bytes, import_ms)


def fill(tree: Path, target: Target, *, cache: Path = ROOT / "build" / "wheels") -> None:
    """Put what the zip holds into an empty folder, compiled. Raises PackageError."""
    for wheel in wheels(ROOT / "requirements.txt", read_roots(ROOT / "requirements.in"), target, cache, LEFT_OUT):
        unpack(wheel, tree)
    for name in SOURCES:
        copy_sources(ROOT / name, tree)
    compile_all(tree, interpreter(target.python), TASK_ROOT)


def unpack(wheel: Path, tree: Path) -> None:
    """Unpack what is kept of a wheel. Source: "Binary distribution format" (what `.data` is)."""
    package = wheel.name.partition("-")[0]
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = _place(PurePosixPath(name))
            if (
                name.endswith("/")
                or path is None
                or ".." in path.parts
                or path.is_absolute()
                or not keeps(package, path)
            ):
                continue
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))


def copy_sources(source: Path, tree: Path, *, skip: Container[str] = ()) -> None:
    """Copy a module or a package of ours. Raises PackageError for a file that is of no kind that belongs there, say a note."""
    if source.is_file():
        shutil.copyfile(source, tree / source.name)
        return
    for file in _files(source):
        if "__pycache__" in file.parts or file.name in skip:
            continue
        if file.suffix not in SOURCE_KINDS:
            shown, where = file.relative_to(source.parent), "SOURCE_KINDS in scripts/package_contents.py"
            raise PackageError(f"{shown} would be shipped; move it, or add its kind to {where}.")
        target = tree / file.relative_to(source.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def compile_all(tree: Path, python: Path, prefix: str) -> None:
    """Compile a tree for the place where it will be. Raises PackageError."""
    argv = [str(python), "-P", "-S", "-W", "ignore", str(ROOT / "scripts" / "bytecode.py"), str(tree), prefix]
    environ = {"PYTHONHASHSEED": "0", "PATH": os.environ.get("PATH", "")}
    ran = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise PackageError(f"What would be shipped does not compile: {ran.stderr.strip()[-300:]}")


def write_zip(tree: Path, path: Path) -> None:
    """Write a zip that depends on the names and bytes of the files only."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in _files(tree):
            entry = zipfile.ZipInfo(file.relative_to(tree).as_posix(), _MOMENT)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # Unix; readable by the function's user
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def interpreter(version: tuple[int, int]) -> Path:
    """Find a Python of this version: its bytecode is of no use to another. Raises PackageError."""
    if sys.version_info[:2] == version:
        return Path(sys.executable)
    name = "python{}.{}".format(*version)
    found = [shutil.which(name), *sorted(Path.home().glob(f".pyenv/versions/{name[6:]}*/bin/{name}"), reverse=True)]
    for one in (one for one in found if one):
        argv = [str(one), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        if ran.stdout.strip() == name[6:]:
            return Path(one)
    raise PackageError(
        f"Python {name[6:]} is needed to compile for it and was not found; install it (apt install {name}, pyenv install "
        f"{name[6:]}, or uv python install {name[6:]}), or build with --arch host what only an emulator here will run."
    )


def _runs_here(target: Target) -> bool:
    machine = {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    return target.architecture == "host" or (sys.platform == "linux" and target.architecture == machine)


def _place(path: PurePosixPath) -> PurePosixPath | None:
    if not path.parts[0].endswith(".data"):
        return path
    return PurePosixPath(*path.parts[2:]) if path.parts[1] in ("purelib", "platlib") else None


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(file for file in folder.rglob("*") if file.is_file()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.package", description="Make the zips of the Lambda functions."
    )
    machines = "for which machine, repeatable; both of Lambda's by default; host: this one, with this Python"
    parser.add_argument("--arch", action="append", choices=(*ARCHITECTURES, "host"), help=machines)
    parser.add_argument("--python", default="3.13", choices=("3.11", "3.12", "3.13", "3.14"), help="Lambda runs 3.13")
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="the folder for the zips")
    parser.add_argument(
        "--runs", type=int, default=cold_start.RUNS, help="how often `import app` is timed; 0: not at all"
    )
    options = parser.parse_args()
    version = (3, int(options.python.partition(".")[2]))
    host = Target("host", sys.version_info[:2])
    options.targets = [host if arch == "host" else Target(arch, version) for arch in options.arch or ARCHITECTURES]
    return options


if __name__ == "__main__":
    sys.exit(main())
