"""The embedded metric format as its specification says it, for lines that claim to be in it.

Source: Amazon CloudWatch user guide, "Specification: Embedded metric format", with its JSON schema, and "CloudWatch concepts".
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs

from chalicelib.telemetry import metrics

_UNITS = [
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits",
    "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second", "Megabytes/Second",
    "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second",
    "Terabits/Second", "Count/Second", "None",
]  # fmt: skip
_METRIC = {
    "type": "object",
    "required": ["Name"],
    "additionalProperties": False,
    "properties": {
        "Name": {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": r"^(.*)$"},
        "Unit": {"enum": _UNITS},
        "StorageResolution": {"enum": [1, 60]},
    },
}
_DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "additionalProperties": False,
    "properties": {
        "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "array",
                "minItems": 1,
                "maxItems": 30,
                "items": {"type": "string", "minLength": 1, "maxLength": 250},
            },
        },
        "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": _METRIC},
    },
}
_SCHEMA = jsonschema_rs.validator_for({
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 1_600_000_000_000},
                "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": _DIRECTIVE},
            },
        }
    },
})
_LARGEST_BYTES = 256 * 1024


def checked(line: str) -> dict[str, Any]:
    """Parse a line and demand that CloudWatch would take every metric in it, and that they are ours."""
    assert "\n" not in line
    assert len(line.encode()) <= _LARGEST_BYTES
    document: dict[str, Any] = json.loads(line)
    _SCHEMA.validate(document)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == "Moorage"
        for names in directive["Dimensions"]:
            for name in names:
                value = document[name]
                assert isinstance(value, str), f"the dimension {name} is no text"
                assert 1 <= len(value) <= 1024
                assert value.isascii()
        for metric in directive["Metrics"]:
            value = document[metric["Name"]]
            assert isinstance(value, (int, float)), f"{metric['Name']} is no number"
            assert not isinstance(value, bool)
            assert metrics.UNITS[metric["Name"]] == metric["Unit"]
    return document


def combinations(document: dict[str, Any]) -> set[tuple[str, ...]]:
    """What CloudWatch takes money for: a metric's name with the values of its dimensions."""
    return {
        (metric["Name"], *(f"{name}={document[name]}" for name in names))
        for directive in document["_aws"]["CloudWatchMetrics"]
        for names in directive["Dimensions"]
        for metric in directive["Metrics"]
    }
