"""The documentation tells the truth where a machine can tell: generated pages, links, settings, targets, file names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chalicelib.errors import ERRORS
from scripts import generate_reference, reference_text

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md"), *ROOT.glob("infra/**/*.md")]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
GATEWAY_RESPONSES = {"ACCESS_DENIED"}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_VARIABLE = re.compile(r"\b(?:MOORAGE|AWS)_[A-Z0-9_]+\b")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_ERROR = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)`")
_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:py|md|svg|toml|txt)|(?:app|pyproject|Makefile)\.(?:py|toml)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The names GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def shell_lines(page: Path) -> Iterator[str]:
    """What a page tells its reader to type: lines of `sh` blocks, and code in the text."""
    text = page.read_text()
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    yield from _CODE.findall(_FENCE.sub("", text))


@pytest.mark.parametrize("page", ["settings.md", "errors.md", "keys.md", "harbor-api.md", "terraform.md"])
def test_generated_page_is_current(page: str) -> None:
    wanted = generate_reference.pages()[page]
    assert (ROOT / "docs/reference" / page).read_text() == wanted, "run python -m scripts.generate_reference"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{name(page)} links to {target}"
        assert not anchor or anchor in anchors(file), f"{name(page)} links to {target}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_make_targets_exist(page: Path) -> None:
    for line in shell_lines(page):
        command = re.fullmatch(r"(?:[A-Z_]+=(?:'[^']*'|\S+) )*make ([a-z-]+)(?: .*)?", line.strip())
        assert command is None or command[1] in make_targets(), f"{name(page)}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_files_exist(page: Path) -> None:
    for code in _CODE.findall(_FENCE.sub("", page.read_text())):
        if _FILE.fullmatch(code) and not code.startswith("."):
            found = any((base / code).exists() for base in (ROOT, ROOT / "chalicelib", page.parent))
            assert found, f"{name(page)} names {code}"


def test_every_variable_the_code_reads_is_documented() -> None:
    documented = set(_VARIABLE.findall((ROOT / "docs/reference/settings.md").read_text()))
    sources = [
        ROOT / "chalicelib/config.py",
        *(ROOT / "upload_service").glob("*.py"),
        *(ROOT / "localstack").glob("*.py"),
    ]
    ours = {variable for source in sources for variable in _VARIABLE.findall(source.read_text())}
    config = set(_VARIABLE.findall((ROOT / "chalicelib/config.py").read_text()))
    missing = {variable for variable in ours if variable.startswith("MOORAGE_")} | config
    assert missing - documented == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_variables_exist(page: Path) -> None:
    text = "\n".join(path.read_text() for folder in ("chalicelib", "localstack", "upload_service", "tests", "bench")
                     for path in (ROOT / folder).rglob("*.py"))  # fmt: skip
    for variable in set(_VARIABLE.findall(page.read_text())):
        assert variable in text, f"{name(page)} names {variable}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_error_codes_exist(page: Path) -> None:
    for code in _ERROR.findall(_FENCE.sub("", page.read_text())):
        is_other = code in GATEWAY_RESPONSES or code.startswith(("MOORAGE_", "AWS_", "PIP_", "SSL_", "TF_"))
        assert is_other or code in ERRORS, f"{name(page)} names the error {code}"


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    described = set(re.findall(r"^([a-z][a-z-]*):.*## ", makefile, re.MULTILINE))
    assert described == make_targets()


def test_the_license_is_the_standard_text() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_no_page_is_an_orphan() -> None:
    """Every page under docs/ can be reached by links from the README."""
    seen: set[Path] = set()
    pending = [ROOT / "README.md"]
    while pending:
        page = pending.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        links = _LINK.findall(_FENCE.sub("", page.read_text()))
        pending += [
            (page.parent / link.partition("#")[0]).resolve() for link in links if not re.match(r"[a-z]+:", link)
        ]
    assert set(ROOT.glob("docs/**/*.md")) - seen == set()


def test_the_drawing_is_svg() -> None:
    root = ElementTree.parse(ROOT / "docs/architecture.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_generator_notices_a_missing_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(reference_text.ERRORS, "DENIED")
    with pytest.raises(generate_reference.IncompleteText, match="DENIED"):
        generate_reference.errors_page()


def test_every_folder_of_tests_is_explained() -> None:
    page = (ROOT / "docs/how-to/run-tests.md").read_text()
    folders = {name(path.parent) for path in (ROOT / "tests").glob("*/__init__.py")}
    assert folders == set(re.findall(r"`(tests/[a-z_]+)`", page))


def terraform(kind: str) -> set[str]:
    """Names of the root module's variables or outputs."""
    text = "\n".join(file.read_text() for file in (ROOT / "infra/terraform").glob("*.tf"))
    return set(re.findall(rf'^{kind} "(\w+)"', text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_terraform_examples_name_variables_that_exist(page: Path) -> None:
    for block in re.findall(r"^```hcl\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        if not block.startswith("terraform {"):
            assert set(re.findall(r"^(\w+) *= ", block, re.MULTILINE)) - terraform("variable") == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_terraform_outputs_exist(page: Path) -> None:
    named = set(re.findall(r"terraform output (?:-raw |-json )?([a-z]\w+)", page.read_text()))
    assert named - terraform("output") == set()
