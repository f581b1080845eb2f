"""Names, tags, digests, descriptors, manifests: what is accepted, and that nothing else breaks the parser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import RegistryError
from chalicelib.oci.digest import Digest
from chalicelib.oci.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, parse_manifest
from chalicelib.oci.reference import Name, Tag, parse_reference
from tests import builders

DIGEST = Digest.of(b"x")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def code_of(call: Any, *arguments: Any) -> str | None:
    try:
        call(*arguments)
    except RegistryError as error:
        return error.code
    return None


@pytest.mark.parametrize("text", ["library/app", "a/b/c/d", "a-b.c_d__e/f---g", "0/0", "team/blobs/uploads"])
def test_a_name_of_the_grammar_with_a_project_is_accepted(text: str) -> None:
    assert str(Name.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "App", "A/b", "a/", "/a", "a//b", "a/b_", "a/_b", "a/b___c", "a/b..c", "a/b c", "a/\u00e9", "a/b\n", "a/" + "b" * 254],
)
def test_any_other_name_is_refused(text: str) -> None:
    assert code_of(Name.parse, text) == "NAME_INVALID"


def test_a_name_without_a_project_is_unknown_and_the_message_says_what_to_write() -> None:
    with pytest.raises(RegistryError, match="library/app") as caught:
        Name.parse("app")
    assert (caught.value.code, caught.value.status) == ("NAME_UNKNOWN", 404)


@pytest.mark.parametrize("text", ["latest", "v1.0-rc_2", "_x", "A" * 128])
def test_a_tag_of_the_grammar_is_accepted(text: str) -> None:
    assert parse_reference(text) == Tag(text)


@pytest.mark.parametrize("text", ["", "-x", ".x", "a" * 129, "a b", "a/b", "\u00e9", "a\n"])
def test_any_other_tag_is_refused(text: str) -> None:
    assert code_of(Tag.parse, text) == "TAG_INVALID"


@pytest.mark.parametrize(
    "text",
    ["sha256:bad", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "md5:" + "a" * 32, "sha512:" + "a" * 64, ":", "sha256:"],
)
def test_anything_but_a_whole_digest_is_refused(text: str) -> None:
    assert code_of(parse_reference, text) == "DIGEST_INVALID"


@given(st.text())
def test_any_text_is_a_value_or_a_client_error(text: str) -> None:
    assert code_of(Name.parse, text) in (None, "NAME_INVALID", "NAME_UNKNOWN")
    assert code_of(Digest.parse, text) in (None, "DIGEST_INVALID")
    assert code_of(parse_reference, text) in (None, "DIGEST_INVALID", "TAG_INVALID")


@given(st.binary(), st.sampled_from(["sha256", "sha512"]))
def test_a_digest_survives_its_text(content: bytes, algorithm: str) -> None:
    digest = Digest.of(content, algorithm)
    assert Digest.parse(str(digest)) == digest


@given(JSON, st.none() | st.sampled_from([OCI_MANIFEST, OCI_INDEX, DOCKER_LIST, "text/plain", "a;b=c"]))
def test_any_json_is_a_manifest_or_invalid(document: Any, content_type: str | None) -> None:
    content = json.dumps(document).encode()
    assert code_of(parse_manifest, content, content_type, DIGEST) in (None, "MANIFEST_INVALID")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_invalid(content: bytes) -> None:
    assert code_of(parse_manifest, content, None, DIGEST) in (None, "MANIFEST_INVALID")


@given(st.sampled_from(["config", "layers", "subject", "manifests", "annotations", "artifactType", "mediaType"]), JSON)
def test_a_manifest_with_one_member_replaced_is_parsed_or_invalid(member: str, value: Any) -> None:
    document = json.loads(builders.image())
    document[member] = value
    content = json.dumps(document).encode()
    assert code_of(parse_manifest, content, None, DIGEST) in (None, "MANIFEST_INVALID")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"[" * 200_000, None),
        (b'{"schemaVersion": 2, "config": ' + b"[" * 100_000, None),
        (b'{"schemaVersion": ' + b"9" * 5000 + b"}", None),
        (b'{"schemaVersion": 1, "name": "old"}', "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        (b'{"schemaVersion": true}', None),
        (builders.image(), OCI_INDEX),
        (builders.image(mediaType="application/vnd.example.thing+json"), None),
        (json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX}).encode(), None),
        (builders.image(config=b"").replace(b'"size": 0', b'"size": -1'), None),
        (builders.image(config=b"").replace(b'"size": 0', b'"size": true'), None),
        (b"\xff\xfe", None),
    ],
)
def test_a_broken_manifest_is_invalid(content: bytes, content_type: str | None) -> None:
    assert code_of(parse_manifest, content, content_type, DIGEST) == "MANIFEST_INVALID"


def test_a_manifest_above_four_mib_is_too_large_and_one_below_is_not() -> None:
    def padded(size: int) -> bytes:
        return builders.image() + b" " * (size - len(builders.image()))

    assert code_of(parse_manifest, padded(4 * 1024 * 1024 + 1), None, DIGEST) == "TOO_LARGE"
    assert code_of(parse_manifest, padded(4 * 1024 * 1024), None, DIGEST) is None


@pytest.mark.parametrize(
    ("document", "content_type", "media_type"),
    [
        ({}, f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST),
        ({}, None, OCI_MANIFEST),
        ({}, "application/json", OCI_MANIFEST),
        ({"mediaType": DOCKER_MANIFEST}, None, DOCKER_MANIFEST),
        ({"mediaType": DOCKER_MANIFEST}, DOCKER_MANIFEST.upper(), DOCKER_MANIFEST),
    ],
)
def test_the_media_type_comes_from_the_body_the_header_or_the_shape(
    document: dict[str, Any], content_type: str | None, media_type: str
) -> None:
    content = json.loads(builders.image())
    del content["mediaType"]
    parsed = parse_manifest(json.dumps({**content, **document}).encode(), content_type, DIGEST)
    assert parsed.media_type == media_type


def test_the_artifact_type_is_the_configs_when_the_manifest_names_none_and_an_index_has_none() -> None:
    assert parse_manifest(builders.image(), None, DIGEST).artifact_type == builders.CONFIG_TYPE
    assert parse_manifest(builders.image(artifactType="a/b"), None, DIGEST).artifact_type == "a/b"
    assert parse_manifest(builders.index(), None, DIGEST).artifact_type is None


def test_foreign_layers_need_not_be_here() -> None:
    foreign = builders.descriptor(b"far", urls=["https://example.com/far"])
    windows = builders.descriptor(b"win", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    layers = json.dumps([foreign, windows]).encode()
    content = builders.image(layers=()).replace(b'"layers": []', b'"layers": ' + layers)
    parsed = parse_manifest(content, None, DIGEST)
    assert [str(blob.digest) for blob in parsed.required_blobs] == [str(Digest.of(b"{}"))]
