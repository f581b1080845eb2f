"""Trust policies: which jobs of a CI system a project trusts, without any password, and what they may do for some minutes.

A CI system gives each job a token signed by its issuer (GitHub Actions, GitLab CI, any OpenID Connect provider). A policy names
the issuer, the audience, patterns of claims, and what is granted: actions on repositories and on *tags* of the project. Pure.
Source: OpenID Connect Core 1.0 (claims), RFC 8693 (token exchange), GitHub "OpenID Connect reference", GitLab "ID token payload".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.errors import RegistryError
from chalicelib.rbac.model import ACTIONS, DELETE, PULL, Caller
from chalicelib.rbac.pattern import ANY, literal_units, matches, problem

CI_PREFIX = "ci$"
"""Begins the name of every CI caller: `ci$<project>+<policy>`. No user may have such a name."""
MAX_POLICIES = 50
"""Policies of one project; reading them is one Query, judging them a few microseconds each."""
MAX_BYTES = 8192
EXPIRES_S, MIN_S, MAX_S = 900, 60, 3600
NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
NAME_MAX_CHARACTERS = 63
IDENTITY_UNITS: Mapping[str, int] = {"repository": 1, "project_path": 1, "sub": 2}
"""Claims that say whose job it is, and how many components of them a pattern must write out before its first wildcard: the owner
of a repository; of `sub` also the word before it (`repo:acme/*`)."""
IDENTITY_NUMBERS = frozenset({"repository_id", "project_id"})
"""The same as numbers that survive renames; they are written out whole."""
_ANY_TAG = frozenset({"*", ANY})
_CLAIM_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}", re.ASCII)
_CLAIM_MAX_CHARACTERS = 1024
_JUDGED_ANYWAY = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})
_MAX_ENTRIES = 20
_LEEWAY_S = 60
_ISSUER = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?(?:/[\w./~%+-]*)?", re.ASCII)
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_WHOSE = (
    "claims must say whose jobs are trusted: repository, project_path or sub, with the owner written out before the first * "
    "(acme/*, repo:acme/app:**), or repository_id or project_id written out whole"
)


class TrustGrant(NamedTuple):
    """Some actions on the repositories of the project (named without it) and on their tags, both by pattern."""

    repository: str
    tag: str
    actions: frozenset[str]


class TrustPolicy(NamedTuple):
    """Whom a project trusts, and with what. Of several patterns for one claim one must match; all claims must."""

    id: int
    name: str
    issuer: str
    audience: str
    claims: Mapping[str, tuple[str, ...]]
    grants: tuple[TrustGrant, ...]
    expires_s: int = EXPIRES_S
    """How long what was exchanged is good, from 60 to 3600 seconds."""
    description: str = ""


_FIELDS = TrustPolicy._fields
"""`id` may be in a document, as `view` renders it, and is not read from there."""


class Trusted(NamedTuple):
    """The policies that trust a token, in the order of their ids."""

    policies: tuple[TrustPolicy, ...]


class Refused(NamedTuple):
    """Nobody trusts the token. The sentence is for whoever holds it: it names claims, never what a policy wants of them."""

    reason: str


class Access(NamedTuple):
    """What one policy allows in one repository: actions, and for each writing action the patterns of tags it is limited to."""

    actions: frozenset[str]
    tags: Mapping[str, tuple[str, ...]]


def caller_name(project: str, policy: str) -> str:
    """Name the caller of a policy, as audit and history show it."""
    return f"{CI_PREFIX}{project}+{policy}"


def is_ci_name(name: str) -> bool:
    """Say whether a name belongs to CI callers, so that no user may be made with it and no user is looked up by it."""
    return name.startswith(CI_PREFIX)


def split_name(name: str) -> tuple[str, str]:
    """Take `ci$<project>` or `ci$<project>+<policy>` apart; the policy is "" when it is not named."""
    project, _, policy = name.removeprefix(CI_PREFIX).partition("+")
    return project, policy


def judge(policies: Iterable[TrustPolicy], claims: Mapping[str, Any], now: int) -> Trusted | Refused:
    """Decide which policies trust a token whose signature was found good.

    Issuer and audience must be the policy's, `exp` not over, and every claim the policy names must be there and match. Times
    beyond that (`iat`, `nbf`, age) are checked with the signature, in `id_token`.
    """
    expires_at = claims.get("exp")
    if not isinstance(expires_at, int | float) or isinstance(expires_at, bool) or not expires_at + _LEEWAY_S > now:
        return Refused("the token has expired")
    reason = "no policy of the project names this issuer and audience"
    trusted = []
    for policy in sorted(policies, key=lambda policy: policy.id):
        if claims.get("iss") != policy.issuer or policy.audience not in _values(claims.get("aud")):
            continue
        wrong = _unmatched(policy, claims)
        if wrong is None:
            trusted.append(policy)
        else:
            reason = f"no policy trusts a token with this {wrong}"
    return Trusted(tuple(trusted)) if trusted else Refused(reason)


def choose(policies: Sequence[TrustPolicy], asked: Mapping[str, frozenset[str]]) -> TrustPolicy:
    """Of the policies that trust a token choose the one it is used under: the first that allows most of what is asked (actions
    by repository, without the project). So a job never acts under two policies at once, and audit names the one it used."""
    return max(policies, key=lambda policy: sum(len(actions & access(policy, name).actions) for name, actions in asked.items()))


def access(policy: TrustPolicy, repository: str) -> Access:
    """What a policy allows in a repository of its project."""
    grants = [grant for grant in policy.grants if matches(grant.repository, repository)]
    actions = frozenset().union(*(grant.actions for grant in grants))
    tags = {
        action: tuple(dict.fromkeys(grant.tag for grant in grants if action in grant.actions))
        for action in sorted(actions - {PULL})
    }
    return Access(actions, tags)


def may_write_tag(caller: Caller, repository: str, tag: str, action: str) -> bool:
    """Say whether a caller who may push to or delete from `repository` (full name) may do so with this tag.

    A caller without tag rules may; one who has them only as they say. `tag` "" stands for all tags of a manifest, which go with
    it when it is deleted by digest, or break when a blob is: that takes a rule for any tag. A push by digest alone writes no tag
    and needs no rule.
    """
    if caller.tags is None:
        return True
    patterns = caller.tags.get(repository, {}).get(action, ())
    if not tag:
        return action != DELETE or any(pattern in _ANY_TAG for pattern in patterns)
    return any(matches(pattern, tag) for pattern in patterns)


def parse(document: object, *, id: int = 0) -> TrustPolicy:  # noqa: A002 - the field's name
    """Read a policy as the API takes it, in the form `view` renders. Raises BAD_REQUEST with a sentence for its author.

    A field nobody knows is refused: a misspelled one must not make a policy wider than its author thinks.
    """
    fields = _object(document, "the policy", _FIELDS)
    issuer = _text(fields, "issuer")
    if not _is_issuer(issuer):
        raise _bad("issuer is the https address of the CI system's issuer, as its tokens have it in iss")
    name = _text(fields, "name", most=NAME_MAX_CHARACTERS)
    if not NAME.fullmatch(name):
        raise _bad("name is made of a-z and 0-9 with single . _ - in between, at most 63 characters")
    expires_s = fields.get("expires_s", EXPIRES_S)
    if not isinstance(expires_s, int) or isinstance(expires_s, bool) or not MIN_S <= expires_s <= MAX_S:
        raise _bad(f"expires_s is a number of seconds from {MIN_S} to {MAX_S}")
    claims, grants, description = _claims(fields.get("claims")), _grants(fields), _text(fields, "description", least=0)
    policy = TrustPolicy(id, name, issuer, _text(fields, "audience"), claims, grants, expires_s, description)
    if len(json.dumps(view(policy))) > MAX_BYTES:
        raise _bad(f"a trust policy has at most {MAX_BYTES} bytes")
    return policy


def view(policy: TrustPolicy) -> dict[str, Any]:
    """Render a policy for the API; it holds no secret."""
    grants = [{**grant._asdict(), "actions": sorted(grant.actions)} for grant in policy.grants]
    claims = {name: list(patterns) for name, patterns in policy.claims.items()}
    return {**policy._asdict(), "claims": claims, "grants": grants}


def _claims(value: object) -> dict[str, tuple[str, ...]]:
    fields = _object(value, "claims")
    if not 1 <= len(fields) <= _MAX_ENTRIES:
        raise _bad(f"claims has 1 to {_MAX_ENTRIES} claims")
    claims = {}
    for name, given in fields.items():
        patterns = [given] if isinstance(given, str) else given
        if not _CLAIM_NAME.fullmatch(name) or name in _JUDGED_ANYWAY:
            raise _bad(f"claims: {name[:64]!r} is no claim a policy can name")
        if not isinstance(patterns, list) or not 1 <= len(patterns) <= _MAX_ENTRIES:
            raise _bad(f"claims: {name} is a pattern, or a list of 1 to {_MAX_ENTRIES} patterns")
        claims[name] = tuple(_pattern(pattern, f"claims: {name}") for pattern in patterns)
    if not any(_says_whose(name, patterns) for name, patterns in claims.items()):
        raise _bad(_WHOSE)
    return claims


def _says_whose(name: str, patterns: Sequence[str]) -> bool:
    units = IDENTITY_UNITS.get(name)
    if units is None:
        return name in IDENTITY_NUMBERS and all("*" not in pattern for pattern in patterns)
    return all("*" not in pattern or literal_units(pattern) >= units for pattern in patterns)


def _grants(fields: Mapping[str, Any]) -> tuple[TrustGrant, ...]:
    given = fields.get("grants")
    if not isinstance(given, list) or not 1 <= len(given) <= _MAX_ENTRIES:
        raise _bad(f"grants is a list of 1 to {_MAX_ENTRIES} grants")
    grants = []
    for entry in given:
        grant = _object(entry, "a grant", TrustGrant._fields)
        actions = grant.get("actions")
        if not isinstance(actions, list) or not actions or not all(isinstance(a, str) and a in ACTIONS for a in actions):
            raise _bad(f"grants: actions is a list of {', '.join(sorted(ACTIONS))}")
        tag = grant.get("tag", ANY if set(actions) == {PULL} else None)
        if tag is None:
            raise _bad("grants: tag says which tags may be written; ** stands for all")
        repository = _pattern(grant.get("repository"), "grants: repository")
        grants.append(TrustGrant(repository, _pattern(tag, "grants: tag"), frozenset(actions)))
    return tuple(grants)


def _pattern(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _bad(f"{where} is a pattern")
    if wrong := problem(value):
        raise _bad(f"{where}: {wrong}")
    return value


def _object(value: object, what: str, known: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(f"{what} is a JSON object")
    unknown = sorted(name for name in value if known and name not in known)
    if unknown:
        raise _bad(f"{what} has no field {unknown[0][:64]!r}; there are {', '.join(known)}")
    return value


def _text(fields: Mapping[str, Any], name: str, *, least: int = 1, most: int = 255) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or not least <= len(value) <= most or not value.isprintable():
        raise _bad(f"{name} is a text of {least} to {most} characters")
    return value


def _is_issuer(url: str) -> bool:
    """https; http on loopback is for local runs, and `upstream` decides whether it goes there at all."""
    match = _ISSUER.fullmatch(url)
    return match is not None and (match["scheme"] == "https" or match["host"] in _LOOPBACK)


def _bad(sentence: str) -> RegistryError:
    return RegistryError("BAD_REQUEST", message=sentence)


def _unmatched(policy: TrustPolicy, claims: Mapping[str, Any]) -> str | None:
    for name, patterns in policy.claims.items():
        found = [value for value in _values(claims.get(name)) if value and len(value) <= _CLAIM_MAX_CHARACTERS]
        if not any(matches(pattern, value) for pattern in patterns for value in found):
            return name
    return None


def _values(claim: object) -> list[str]:
    """A claim as texts: GitLab and GitHub send texts, others numbers, booleans and lists of texts."""
    if isinstance(claim, list):
        return [value for value in claim if isinstance(value, str)]
    if isinstance(claim, bool | int):
        return [json.dumps(claim)]
    return [claim] if isinstance(claim, str) else []
