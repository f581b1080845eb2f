"""Scopes: what is read, what is passed over, and that nothing breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.rbac.model import ACTIONS
from chalicelib.rbac.scope import Scope, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("repository:team/app:pull", ("repository", "team/app", {"pull"})),
        ("repository:team/app:pull,push", ("repository", "team/app", {"pull", "push"})),
        ("repository:team/a/b/c:*", ("repository", "team/a/b/c", {"*"})),
        ("repository(plugin):team/app:pull", ("repository", "team/app", {"pull"})),
        ("repository:team/app:pull,fly", ("repository", "team/app", {"pull"})),
        ("repository:team/app:", ("repository", "team/app", set())),
        ("registry:catalog:*", ("registry", "catalog", {"*"})),
    ],
)
def test_scope_is_read(text: str, expected: tuple[str, str, set[str]]) -> None:
    kind, name, actions = expected
    assert Scope.parse(text) == Scope(kind, name, frozenset(actions))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "repository",
        "repository:team/app",
        "repository:team/app:pull:push",
        "repository:localhost:5000/team/app:pull",
        "repository:noproject:pull",
        "repository:*:pull",
        "repository:team/*:pull",
        "*:team/app:pull",
        "repository:Team/App:pull",
        "repository:team//app:pull",
        "repository:team/app\n:pull",
        "repository(:team/app:pull",
        "registry:other:*",
        "robot:team/app:pull",
        f"repository:team/{'a' * 255}:pull",
    ],
)
def test_scope_that_cannot_be_read_is_passed_over(text: str) -> None:
    assert Scope.parse(text) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([""], None),
        (["  "], None),
        (["nonsense"], []),
        (["repository:a/b:pull repository:c/d:push"], [("a/b", {"pull"}), ("c/d", {"push"})]),
        (["repository:a/b:pull", "repository:c/d:push"], [("a/b", {"pull"}), ("c/d", {"push"})]),
        (["repository:a/b:pull", "repository:a/b:push"], [("a/b", {"pull", "push"})]),
    ],
)
def test_scopes_come_in_one_parameter_or_several(
    values: list[str], expected: list[tuple[str, set[str]]] | None
) -> None:
    found = parse(values)
    assert (None if found is None else [(scope.name, set(scope.actions)) for scope in found]) == expected


@given(st.lists(st.text(max_size=80) | st.from_regex(r"[a-z()*]{0,12}:[a-z0-9/*._-]{0,40}:[a-z*,]{0,20}"), max_size=6))
def test_any_text_gives_scopes_without_wildcards_in_names(values: list[str]) -> None:
    for scope in parse(values) or []:
        assert "*" not in scope.name
        assert scope.actions <= ACTIONS | {"*"}
        assert scope.type == "registry" or "/" in scope.name
