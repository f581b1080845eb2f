"""Puts into LocalStack's folder what it would otherwise download at its first request: DynamoDB Local and a Java for it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from shutil import which

from localstack.launch import ROOT

DYNAMODB_LOCAL = ROOT / ".clients" / "dynamodb-local"
"""Where `scripts/get_dynamodb_local` puts it."""
_JAVA_AT_LEAST = 17
_JAVA = """#!/bin/sh
# LocalStack asks for Java 21 with an agent for tables of more than 20 indexes; this Java does, and the agent is left out.
for argument do
    shift
    case $argument in -javaagent:*ddb-local-loader*) ;; *) set -- "$@" "$argument" ;; esac
done
exec '{java}' "$@"
"""


def java() -> str | None:
    """The Java to run it with, when there is one that is new enough."""
    found = which("java")
    if found is None:
        return None
    told = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    return found if version and int(version[1]) >= _JAVA_AT_LEAST else None


def plant(folder: Path) -> None:
    """Lay both where LocalStack 4.14 keeps what it installed below FILESYSTEM_ROOT. Idempotent."""
    library = folder / "var" / "lib" / "localstack" / "lib"
    database, program = library / "dynamodb-local" / "2", library / "java" / "21" / "bin" / "java"
    database.parent.mkdir(parents=True, exist_ok=True)
    if not database.exists():
        database.symlink_to(DYNAMODB_LOCAL)
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(_JAVA.format(java=java()))
    program.chmod(0o755)
