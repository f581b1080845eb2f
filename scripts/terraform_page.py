"""`docs/reference/terraform.md`: the variables and outputs of the Terraform module, from its sources."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.terraform_source import Block, outputs, variables

SECTIONS = {
    "variables.tf": "Name, place and addresses",
    "variables_functions.tf": "Functions and doors",
    "variables_storage.tf": "Storage, keys and what is kept",
    "variables_network.tf": "Containers and their network",
    "variables_edge.tf": "Domains, load balancer, CloudFront and WAF",
    "variables_observability.tf": "Logs, metrics, traces",
    "variables_alarms.tf": "Alarms",
}
"""The heading of each file of variables, in the order of the page."""

_HEAD = """# Terraform variables and outputs

What `infra/terraform` takes and tells. Set variables in a file `terraform.tfvars` beside it, or with `-var`. A value that cannot
work fails at plan, before anything is made, with the sentence that is here below *Refused unless*.
"""


class UnknownFile(Exception):
    """A file of variables has no heading in `SECTIONS`, or a heading has no file."""


def page() -> str:
    """Render the page. Raises `UnknownFile` when a file of variables has no heading."""
    found = variables()
    files = {variable.file for variable in found}
    if files != set(SECTIONS):
        raise UnknownFile(f"scripts/terraform_page.py: SECTIONS and the files differ in {sorted(files ^ set(SECTIONS))}")
    parts = [_HEAD]
    for file, heading in SECTIONS.items():
        parts.append(f"## {heading}\n")
        parts += [_variable(variable) for variable in found if variable.file == file]
    rows = "\n".join(f"| `{output.labels[0]}` | {_cell(output.text('description'))} |" for output in outputs())
    return "\n".join([*parts, "## Outputs\n", "| Output | What it is |\n| --- | --- |\n" + rows + "\n"])


def _variable(variable: Block) -> str:
    default = _source(variable.attributes["default"]) if "default" in variable.attributes else ""
    lines = [f"### `{variable.labels[0]}`\n", variable.text("description"), ""]
    lines.append(f"Type `{_source(variable.attributes['type'])}`, " + (f"default `{default}`." if default else "required."))
    lines += _fields(variable)
    rules = [rule.text("error_message") for rule in variable.blocks if rule.kind == "validation"]
    if rules:
        lines += ["\nRefused unless:\n", *(f"- {rule}" for rule in rules)]
    return "\n".join(lines) + "\n"


def _fields(variable: Block) -> Iterator[str]:
    """The fields of an object with their defaults, a line each."""
    fields = re.findall(r"^\s+(\w+)\s*= optional\((\w+)(?:, (.*))?\)$", variable.attributes["type"], re.MULTILINE)
    if fields:
        yield "Its fields, each of which may be left out:\n"
    for name, kind, default in fields:
        yield f"- `{name}` ({kind}): " + (f"`{default}`" if default else "absent")


def _source(expression: str) -> str:
    return "object" if expression.startswith("object(") else " ".join(expression.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
