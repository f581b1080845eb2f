"""The price table and the measured counts, read from the data files beside this module."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
HOURS = 730
"""Hours of a month, as AWS reckons."""
MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """A list price: dollars per `per`, AWS's page, and where the figure was last read."""

    usd: float
    per: str
    page: str
    seen: str


@dataclass(frozen=True)
class Prices:
    """All prices of one region and day."""

    region: str
    checked: str
    table: Mapping[str, Price]

    def __call__(self, name: str) -> float:
        """Dollars for one unit."""
        return self.table[name].usd


@dataclass(frozen=True)
class Counts:
    """What one operation costs in calls: units of DynamoDB, requests to S3."""

    read_units: float
    write_units: float
    s3_writes: float
    s3_reads: float

    def mixed(self, other: Counts, share: float) -> Counts:
        """`share` of the other, the rest of this."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Counts(*(mine + share * (theirs - mine) for mine, theirs in pairs))


def load_prices(path: Path = FOLDER / "prices.toml") -> Prices:
    """Read the price table."""
    found = tomllib.loads(path.read_text())
    region, checked = found.pop("region"), found.pop("checked")
    return Prices(region, checked, {name: Price(**row) for name, row in found.items()})


def load_counts(path: Path = FOLDER / "counts.json") -> dict[str, Counts]:
    """Read what `python -m bench.units --write` measured: push and pull, warm and cold."""
    wanted = ("read_units", "write_units", "s3_writes", "s3_reads")
    return {name: Counts(*(row[key] for key in wanted)) for name, row in json.loads(path.read_text()).items()}
