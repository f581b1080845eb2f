"""What counts as conformance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import verdict

REPORT = """<testsuites><testsuite name="OCI Conformance Test">
<testcase name="OCI Conformance Test/ping" status="passed"></testcase>
<testcase name="OCI Conformance Test/sha256 blobs/post cancel/blob-post-cancel" status="skipped"></testcase>
{more}
</testsuite></testsuites>"""


def report(folder: Path, more: str = "") -> list[verdict.Check]:
    path = folder / "junit.xml"
    path.write_text(REPORT.format(more=more))
    return verdict.read(path)


def test_what_the_version_does_not_ask_is_no_problem(tmp_path: Path) -> None:
    checks = report(tmp_path)

    assert verdict.problems(checks) == []
    assert verdict.summary(checks) == "1 disabled, 1 passed"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("failure", "ping"),
        ("error", "ping"),
        ("skipped", "sha256 blobs/post only/blob-post-only"),
        ("skipped", "sha512 blobs/post cancel/blob-post-cancel"),
        ("", "ping"),
    ],
)
def test_a_failure_an_error_and_a_skip_are_problems(tmp_path: Path, status: str, name: str) -> None:
    case = f'<testcase name="OCI Conformance Test/{name}" status="{status}"><system-out>no\nway</system-out></testcase>'

    assert verdict.problems(report(tmp_path, case)) == [f"{status}: {name}: no way"]


def test_a_report_without_checks_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").write_text("<testsuites></testsuites>")

    with pytest.raises(ValueError, match="no checks"):
        verdict.read(tmp_path / "junit.xml")
