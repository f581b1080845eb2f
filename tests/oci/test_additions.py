"""What is read from the inside of blobs, which anybody may have pushed."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import RegistryError
from chalicelib.oci import additions
from chalicelib.oci.artifact import CHART, IMAGE, UNKNOWN
from tests.harbor.pushes import archive

VALUES = b"replicas: 2\n"


def test_a_charts_files_are_found_whatever_their_case() -> None:
    packed = archive({"app/Chart.yaml": b"name: app", "app/values.yaml": VALUES, "app/README.md": b"# App"})
    assert additions.chart_file(packed, additions.VALUES) == VALUES
    assert additions.chart_file(packed, additions.README) == b"# App"


@pytest.mark.parametrize(
    "name",
    [
        "values.yaml",
        "/values.yaml",
        "/etc/values.yaml",
        "../values.yaml",
        "./values.yaml",
        "app/../values.yaml",
        "app/charts/db/values.yaml",
        "app/values.yaml/values.yaml",
        "app/my-values.yaml",
        "app//values.yaml",
    ],
)
def test_a_file_elsewhere_is_not_the_charts(name: str) -> None:
    assert additions.chart_file(archive({name: b"evil"}), additions.VALUES) == b""


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_plain_file_is_not_followed(kind: bytes) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        member = tarfile.TarInfo("app/values.yaml")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    assert additions.chart_file(gzip.compress(target.getvalue()), additions.VALUES) == b""


def test_a_bomb_is_given_up_with_little_memory_and_time() -> None:
    bomb = gzip.compress(_member("app/big", 0) + bytes(200 * 1024 * 1024), 9)
    large = _packed([("app/big", 10 * additions.UNPACKED_BYTES)])
    nested = gzip.compress(gzip.compress(bytes(100 * 1024 * 1024), 9), 9)
    for packed in (bomb, large, nested):
        tracemalloc.start()
        began = time.process_time()
        try:
            additions.chart_file(packed, additions.VALUES)
        except RegistryError as error:
            assert error.code == "BAD_REQUEST"
        assert time.process_time() - began < 5
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
        tracemalloc.stop()


def test_a_file_behind_too_much_is_refused() -> None:
    filler = archive({"app/big": bytes(additions.UNPACKED_BYTES), "app/values.yaml": VALUES})
    with pytest.raises(RegistryError, match="BAD_REQUEST"):
        additions.chart_file(filler, additions.VALUES)


def test_a_file_that_fits_into_no_answer_is_refused() -> None:
    fits = archive({"app/values.yaml": bytes(additions.FILE_BYTES)})
    assert len(additions.chart_file(fits, additions.VALUES)) == additions.FILE_BYTES
    with pytest.raises(RegistryError, match="larger than"):
        additions.chart_file(archive({"app/values.yaml": bytes(additions.FILE_BYTES + 1)}), additions.VALUES)


def test_only_so_many_files_are_looked_at() -> None:
    many = {f"app/f{number}": b"" for number in range(additions.MEMBERS)}
    assert additions.chart_file(archive({**many, "app/values.yaml": VALUES}), additions.VALUES) == b""


@pytest.mark.parametrize("packed", [b"", b"no archive", gzip.compress(b""), gzip.compress(b"no tar" * 200)])
def test_what_is_no_archive_is_refused_or_empty(packed: bytes) -> None:
    _ask(packed)


def test_an_archive_cut_short_is_refused() -> None:
    packed = archive({"app/a": os.urandom(5000), "app/values.yaml": VALUES})
    with pytest.raises(RegistryError, match="BAD_REQUEST"):
        additions.chart_file(packed[: len(packed) // 2], additions.VALUES)


@given(st.binary(max_size=2000))
def test_no_bytes_make_it_fail_otherwise(content: bytes) -> None:
    for packed in (content, gzip.compress(content)):
        _ask(packed)


@given(st.data())
def test_no_changed_archive_makes_it_fail_otherwise(data: st.DataObject) -> None:
    plain = bytearray(gzip.decompress(archive({"app/x": b"1", "app/values.yaml": VALUES})))
    for _ in range(data.draw(st.integers(1, 8))):
        plain[data.draw(st.integers(0, 1600))] = data.draw(st.integers(0, 255))
    _ask(gzip.compress(bytes(plain)))


def test_a_long_chain_of_headers_does_not_end_the_process() -> None:
    header = _member("././@LongLink", 512, b"L") + bytes(512)
    _ask(gzip.compress(header * 20_000))
    pax = _member("pax", 512, b"x") + b"11 path=a\n\n".ljust(512, b"\0")
    _ask(gzip.compress(pax * 20_000))


def test_an_images_attributes_are_harbors() -> None:
    config = {"architecture": "arm64", "os": "linux", "created": "2024-01-01T00:00:00Z", "config": {"Cmd": ["x"]}, "rootfs": {}}
    assert additions.attributes(IMAGE, json.dumps(config).encode()) == {
        "architecture": "arm64",
        "author": "",
        "config": {"Cmd": ["x"]},
        "created": "2024-01-01T00:00:00Z",
        "os": "linux",
    }


@pytest.mark.parametrize(
    ("config", "author"),
    [
        ({"author": "Ann"}, "Ann"),
        ({"config": {"Labels": {"maintainer": "Bob"}}}, "Bob"),
        ({"author": "", "config": {"Labels": {"maintainer": "Bob", "org.opencontainers.image.authors": "Cy"}}}, "Cy"),
        ({"author": 7, "config": {"Labels": ["maintainer"]}}, ""),
        ({"config": "x"}, ""),
    ],
)
def test_the_author_is_named_or_labelled(config: dict[str, object], author: str) -> None:
    assert additions.attributes(IMAGE, json.dumps(config).encode())["author"] == author


def test_everything_else_tells_its_whole_config() -> None:
    assert additions.attributes(CHART, b'{"name": "app", "version": "1"}') == {"name": "app", "version": "1"}
    for content in (b"", b"[]", b"\xff", b"[" * 100_000, b"1"):
        assert additions.attributes(UNKNOWN, content) == {}


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), lambda c: st.dictionaries(st.text(), c)))
def test_any_config_has_attributes_and_additions(document: object) -> None:
    content = json.dumps(document).encode()
    json.dumps(additions.attributes(IMAGE, content))
    json.loads(additions.build_history(content))
    assert isinstance(json.loads(additions.dependencies(content)), list)


def _ask(packed: bytes) -> None:
    try:
        additions.chart_file(packed, additions.VALUES)
    except RegistryError as error:
        assert error.code == "BAD_REQUEST"


def _member(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


def _packed(members: list[tuple[str, int]]) -> bytes:
    """An archive whose headers promise more than there is."""
    return gzip.compress(b"".join(_member(name, size) for name, size in members) + bytes(1024))
