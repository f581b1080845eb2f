"""Reads the Terraform sources as far as documents and tests need it: blocks, and the source of their attributes.

It relies on `terraform fmt`, which `tests/infra` demands: a block's content is indented by two spaces more than its head, and an
expression goes on over lines only within brackets. A full parser of the language needs ten seconds for these files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MODULE = Path(__file__).resolve().parent.parent / "infra" / "terraform"

_HEAD = re.compile(r'([a-z_]+)((?: "[^"]*")*) \{(\})?')
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w-]*|\"[^\"]*\")\s*= (.*)")
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"')
_COMMENT = re.compile(r"\s#.*")


@dataclass(frozen=True, slots=True)
class Block:
    """One block: `resource "aws_s3_bucket" "registry"` has the kind `resource` and two labels. `file` is its file's name."""

    kind: str
    labels: tuple[str, ...]
    attributes: dict[str, str]
    blocks: tuple[Block, ...]
    file: str = ""

    def text(self, attribute: str) -> str:
        """An attribute that is a plain string, without its quotes; "" if it is absent."""
        return re.sub(r"\\(.)", r"\1", self.attributes.get(attribute, '""')[1:-1])


def module() -> list[Block]:
    """Every block of the root module, in the order of the files' names."""
    return [block for path in sorted(MODULE.glob("*.tf")) for block in parse(path.read_text(), path.name)]


def variables() -> list[Block]:
    """The module's variables."""
    return [block for block in module() if block.kind == "variable"]


def outputs() -> list[Block]:
    """The module's outputs."""
    return [block for block in module() if block.kind == "output"]


def local_values(files: Iterable[Path]) -> dict[str, str]:
    """The source of each local value of some files, by name."""
    blocks = [block for path in files for block in parse(path.read_text(), path.name) if block.kind == "locals"]
    return {name: value for block in blocks for name, value in block.attributes.items()}


def parse(source: str, file: str = "") -> list[Block]:
    """The blocks of one file."""
    return list(_blocks([line for line in source.splitlines() if not line.lstrip().startswith("#")], "", file))


def _blocks(lines: list[str], pad: str, file: str) -> Iterator[Block]:
    position = 0
    while position < len(lines):
        head = _HEAD.fullmatch(lines[position].removeprefix(pad))
        position += 1
        if head is None:
            continue
        end = position if head[3] else next(i for i in range(position, len(lines)) if lines[i] == pad + "}")
        inner = lines[position:end]
        yield Block(
            head[1], tuple(re.findall(r'"([^"]*)"', head[2])), dict(_attributes(inner, pad + "  ")),
            tuple(_blocks(inner, pad + "  ", file)), file,
        )  # fmt: skip
        position = end if head[3] else end + 1


def _attributes(lines: list[str], pad: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(lines):
        found = _ATTRIBUTE.fullmatch(lines[position].removeprefix(pad)) if lines[position].startswith(pad) else None
        position += 1
        if found is None or lines[position - 1][len(pad)] == " ":
            continue
        value = [found[2]]
        while sum(map(_opened, value)) > 0:
            value.append(lines[position].removeprefix(pad))
            position += 1
        yield found[1].strip('"'), "\n".join(value)


def _opened(line: str) -> int:
    bare = _COMMENT.sub("", _TEXT.sub("", line))
    return sum(bare.count(bracket) for bracket in "([{") - sum(bare.count(bracket) for bracket in ")]}")
