"""Trust policies: who is trusted, with what, and which documents say so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import RegistryError
from chalicelib.rbac import trust
from chalicelib.rbac.model import ANONYMOUS, Caller
from chalicelib.rbac.trust import Refused, Trusted, TrustGrant, TrustPolicy

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://ci.example.com", "https://registry.example.com"
PULL_PUSH = frozenset({"pull", "push"})


def policy(id_: int = 1, *, grants: tuple[TrustGrant, ...] = (), **claims: Any) -> TrustPolicy:
    patterns = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in claims.items()}
    return TrustPolicy(id_, f"p{id_}", ISSUER, AUDIENCE, patterns, grants or (TrustGrant("**", "**", PULL_PUSH),))


def claims(**changes: Any) -> dict[str, Any]:
    github = {
        "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "sub": "repo:acme/app:ref:refs/heads/main",
        "repository": "acme/app", "repository_owner": "acme", "ref": "refs/heads/main", "run_attempt": "1",
        "project_id": 7, "ref_protected": True, "groups_direct": ["acme", "ops"],
    }  # fmt: skip
    return {name: value for name, value in {**github, **changes}.items() if value is not None}


def document(**changes: Any) -> dict[str, Any]:
    full = {
        "name": "main", "issuer": ISSUER, "audience": AUDIENCE, "expires_s": 600, "description": "",
        "claims": {"repository": "acme/app", "ref": ["refs/heads/main", "refs/tags/v*"]},
        "grants": [{"repository": "app", "tag": "v*", "actions": ["pull", "push"]}],
    }  # fmt: skip
    return {name: value for name, value in {**full, **changes}.items() if value is not ...}


def is_trusted(asked: TrustPolicy, **changes: Any) -> bool:
    return isinstance(trust.judge([asked], claims(**changes), NOW), Trusted)


def test_a_token_that_says_what_the_policy_wants_is_trusted() -> None:
    asked = policy(repository="acme/app", ref=("refs/heads/main", "refs/tags/v*"))
    assert trust.judge([asked], claims(), NOW) == Trusted((asked,))


@pytest.mark.parametrize(
    "wanted",
    [{"project_id": "7"}, {"ref_protected": "true"}, {"groups_direct": "ops"}, {"ref": ["no", "refs/heads/*"]}],
)
def test_numbers_booleans_and_lists_match_as_texts(wanted: dict[str, Any]) -> None:
    assert is_trusted(policy(repository="acme/*", **wanted))


@pytest.mark.parametrize(
    "changes",
    [
        {"repository": "acme/app2"},
        {"repository": "evil/app"},
        {"repository": None},
        {"repository": ""},
        {"repository": ["evil/app"]},
        {"repository": {"acme/app": 1}},
        {"repository": 1.5},
        {"ref": "refs/heads/feature"},
        {"iss": "https://evil.example.com"},
        {"aud": "https://other.example.com"},
        {"aud": None},
        {"exp": NOW - 60},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": float("nan")},
    ],
)
def test_a_token_that_says_anything_else_is_refused(changes: dict[str, Any]) -> None:
    assert not is_trusted(policy(repository="acme/app", ref="refs/heads/main"), **changes)


def test_all_claims_must_match_and_the_reason_names_the_claim_but_not_the_pattern() -> None:
    verdict = trust.judge([policy(repository="acme/app", ref="refs/heads/secret-plan")], claims(), NOW)
    assert isinstance(verdict, Refused)
    assert "ref" in verdict.reason
    assert "secret-plan" not in verdict.reason


def test_an_empty_claim_matches_no_wildcard() -> None:
    assert not is_trusted(policy(repository="acme/*", environment="*"), environment="")


def test_all_policies_that_trust_are_found() -> None:
    first, second, other = policy(2, repository="acme/*"), policy(1, ref="refs/heads/*"), policy(3, repository="evil/*")
    assert trust.judge([first, second, other], claims(), NOW) == Trusted((second, first))
    assert isinstance(trust.judge([], claims(), NOW), Refused)


def test_the_policy_that_allows_most_of_what_is_asked_is_used() -> None:
    reader = policy(1, grants=(TrustGrant("**", "**", frozenset({"pull"})),))
    writer = policy(2, grants=(TrustGrant("app", "v*", PULL_PUSH),))
    assert trust.choose([reader, writer], {"app": PULL_PUSH}) == writer
    assert trust.choose([reader, writer], {"app": frozenset({"pull"})}) == reader
    assert trust.choose([reader, writer], {"other": PULL_PUSH}) == reader
    assert trust.choose([reader, writer], {}) == reader


def test_access_is_the_union_of_the_grants_with_tags_for_each_writing_action() -> None:
    grants = (
        TrustGrant("app", "v*", PULL_PUSH),
        TrustGrant("*", "tmp-*", frozenset({"push", "delete"})),
        TrustGrant("lib/**", "**", frozenset({"pull"})),
    )
    assert trust.access(policy(grants=grants), "app") == trust.Access(
        frozenset({"pull", "push", "delete"}), {"push": ("v*", "tmp-*"), "delete": ("tmp-*",)}
    )
    assert trust.access(policy(grants=grants), "lib/x") == trust.Access(frozenset({"pull"}), {})
    assert trust.access(policy(grants=grants), "other/x").actions == frozenset()


@pytest.mark.parametrize(
    ("repository", "tag", "action", "expected"),
    [
        ("team/app", "v1", "push", True),
        ("team/app", "main", "push", False),
        ("team/app", "v1", "delete", False),
        ("team/app", "", "push", True),
        ("team/app", "", "delete", False),
        ("team/lib", "anything", "delete", True),
        ("team/lib", "", "delete", True),
        ("team/other", "v1", "push", False),
        ("team/other", "", "delete", False),
    ],
)
def test_may_write_tag(repository: str, tag: str, action: str, expected: bool) -> None:
    rules = {"team/app": {"push": ("v*",)}, "team/lib": {"push": ("*",), "delete": ("**",)}}
    caller = Caller("ci$team+main", False, {}, {}, rules)
    assert trust.may_write_tag(caller, repository, tag, action) is expected


def test_callers_without_tag_rules_may_write_any_tag() -> None:
    assert trust.may_write_tag(Caller("ann", False, None, {}), "team/app", "v1", "push")
    assert trust.may_write_tag(ANONYMOUS, "team/app", "", "delete")


def test_a_document_is_read_and_shown_the_same() -> None:
    shown = trust.view(trust.parse(document(), id=5))
    assert shown == document(id=5) | {"claims": {"repository": ["acme/app"], "ref": ["refs/heads/main", "refs/tags/v*"]}}
    assert trust.parse(shown, id=5) == trust.parse(document(), id=5)


def test_a_grant_of_pulls_alone_needs_no_tag() -> None:
    parsed = trust.parse(document(grants=[{"repository": "**", "actions": ["pull"]}], expires_s=...))
    assert parsed.grants == (TrustGrant("**", "**", frozenset({"pull"})),)
    assert parsed.expires_s == 900


@pytest.mark.parametrize(
    "good",
    [
        {"repository": "acme/*"},
        {"project_path": "group/sub/project"},
        {"sub": "repo:acme/*"},
        {"sub": "repo:acme/app:**"},
        {"sub": "anything-written-out"},
        {"repository_id": "1234", "repository": "**"},
        {"project_id": ["1", "2"]},
    ],
)
def test_claims_that_say_whose_jobs_are_meant(good: dict[str, Any]) -> None:
    assert trust.parse(document(claims=good))


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"ref": "refs/heads/main"},
        {"repository": "*"},
        {"repository": "**"},
        {"repository": "*/app"},
        {"repository": "**/app"},
        {"repository": "acme*/app"},
        {"repository": ["acme/app", "*"]},
        {"repository": []},
        {"sub": "**"},
        {"sub": "repo:*"},
        {"sub": "repo:**"},
        {"sub": "repo:acme*/app"},
        {"repository_id": "12*"},
        {"repository": "acme/{a,b}"},
        {"repository": 7},
        {"repository": None},
        {"repository": "acme/app", "exp": "1"},
        {"repository": "acme/app", "a b": "1"},
        "repository",
        None,
    ],
)
def test_claims_that_would_trust_too_many_are_refused(bad: Any) -> None:
    with pytest.raises(RegistryError) as caught:
        trust.parse(document(claims=bad))
    assert (caught.value.status, caught.value.code) == (400, "BAD_REQUEST")
    assert len(caught.value.message) > 15


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""}, {"name": "Main"}, {"name": "a+b"}, {"name": "a" * 64}, {"name": ...}, {"name": 7},
        {"issuer": "http://ci.example.com"}, {"issuer": "ci.example.com"}, {"issuer": "https://u:p@ci.example.com"},
        {"issuer": "https://ci.example.com?x=1"}, {"issuer": "https://ci.example.com/#x"}, {"issuer": ...},
        {"issuer": "https://"}, {"audience": ""}, {"audience": ...}, {"audience": "a\nb"},
        {"expires_s": 59}, {"expires_s": 3601}, {"expires_s": True}, {"expires_s": "600"}, {"expires_s": None},
        {"grants": []}, {"grants": ...}, {"grants": {}}, {"grants": ["app"]},
        {"grants": [{"repository": "app", "actions": ["push"]}]},
        {"grants": [{"repository": "app", "tag": "v*", "actions": []}]},
        {"grants": [{"repository": "app", "tag": "v*", "actions": ["*"]}]},
        {"grants": [{"repository": "app", "tag": "v*", "actions": [["pull"]]}]},
        {"grants": [{"repository": "app", "tags": "v*", "actions": ["pull"]}]},
        {"grants": [{"tag": "v*", "actions": ["pull"]}]},
        {"grants": [{"repository": "app", "tag": "v?", "actions": ["pull"]}]},
        {"claim": {"repository": "acme/app"}}, {"description": "x" * 256},
        {"claims": {"repository": [f"acme/{'x' * 240}{n}" for n in range(20)], "ref": ["x" * 250] * 20}},
    ],
)  # fmt: skip
def test_a_document_that_is_wrong_is_refused_with_a_sentence(changes: dict[str, Any]) -> None:
    with pytest.raises(RegistryError) as caught:
        trust.parse(document(**changes))
    assert caught.value.code == "BAD_REQUEST"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TrustPolicy._fields, "x"]), inner, max_size=4),
    max_leaves=12,
)


@given(JSON | st.fixed_dictionaries({name: st.just(value) | JSON for name, value in document().items()}))
def test_any_document_is_a_policy_or_a_bad_request(value: Any) -> None:
    try:
        trust.parse(value)
    except RegistryError as error:
        assert error.code == "BAD_REQUEST"


@given(st.dictionaries(st.sampled_from(["iss", "aud", "exp", "sub", "repository", "ref"]), JSON))
def test_any_claims_are_judged(value: dict[str, Any]) -> None:
    assert isinstance(trust.judge([policy(repository="acme/app")], value, NOW), Refused)


@pytest.mark.parametrize("name", ["ci$team", "ci$team+main"])
def test_names_of_ci_callers(name: str) -> None:
    assert trust.is_ci_name(name)
    assert not trust.is_ci_name("cis$team")
    assert trust.split_name("ci$team+main") == ("team", "main")
    assert trust.split_name("ci$team") == ("team", "")
    assert trust.caller_name("team", "main") == "ci$team+main"
