"""What a month costs: `make cost`, or `python -m scripts.cost --pulls 1000000 --stored-gb 500 --door http`.

Without numbers of a month it prints the tables of docs/explanation/cost.md; `--write` puts them into that page, `--check` fails
when the page has others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from scripts.cost import moorage, page
from scripts.cost.bill import Bill
from scripts.cost.moorage import Shape, Use
from scripts.cost.prices import load_counts, load_prices

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "cost.md"
_CHOICES = {
    "door": ("rest", "http", "alb"),
    "upload_service": ("fargate", "off"),
    "task_network": ("endpoints", "public"),
    "architecture": ("arm64", "x86_64"),
    "encryption": ("customer", "aws"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print, write or check."""
    options = _parser().parse_args(arguments)
    prices, counts = load_prices(), load_counts()
    use = Use(**{field.name: getattr(options, field.name) for field in fields(Use)})
    if options.pulls or options.pushes or options.stored_gb:
        shape = Shape(**{field.name: getattr(options, field.name) for field in fields(Shape)})
        if shape.door == "alb" and not shape.has_containers:
            print("cost: the door alb needs --upload-service fargate", file=sys.stderr)
            return 2
        bills = {
            "idle": (1, moorage.idle(prices, shape, metrics=moorage.METRICS_IN_USE)),
            "pulls": (options.pulls, moorage.pull(prices, counts, shape, use)),
            "pushes": (options.pushes, moorage.push(prices, counts, shape, use)),
            "storage": (1, moorage.month(prices, options.stored_gb)),
        }
        print(_month(bills))
        return 0
    made = page.tables(prices, counts, use)
    if not options.write and not options.check:
        print("\n".join(f"## {name}\n\n{text}" for name, text in made.items() if name != "prices"))
        return 0
    current = PAGE.read_text()
    wanted = page.fill(current, made)
    if options.check and current != wanted:
        print("cost: the tables of docs/explanation/cost.md are old: python -m scripts.cost --write", file=sys.stderr)
        return 1
    PAGE.write_text(wanted)
    return 0


def _month(bills: dict[str, tuple[float, Bill]]) -> str:
    lines, total = [], 0.0
    for title, (times, bill) in bills.items():
        for component, cost in bill.by_component().items():
            lines.append(f"{title:9}{component:22}{times * cost:12,.2f}")
            total += times * cost
    return "\n".join([*lines, f"{'total':31}{total:12,.2f}"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.cost", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/explanation/cost.md")
    parser.add_argument("--check", action="store_true", help="fail when that page has other tables")
    parser.add_argument("--pulls", type=float, default=0, help="pulls a month")
    parser.add_argument("--pushes", type=float, default=0, help="pushes a month")
    parser.add_argument("--stored-gb", type=float, default=0, help="GB of layers")
    for group, kind in (("the deployment", Shape), ("assumptions", Use)):
        arguments = parser.add_argument_group(group)
        for field in fields(kind):
            name, default = f"--{field.name.replace('_', '-')}", field.default
            if isinstance(default, bool):
                arguments.add_argument(name, action=argparse.BooleanOptionalAction, default=default)
            else:
                choices = _CHOICES.get(field.name)
                arguments.add_argument(name, type=type(default), default=default, choices=choices, help=f"({default})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
