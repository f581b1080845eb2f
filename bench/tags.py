"""Many tags: listing ten thousand of them, deleting a manifest that has a thousand."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial

from bench import content
from bench.client import Client
from bench.content import Image
from bench.meter import Sample, in_parallel
from bench.processes import BenchError
from bench.registries import Registry, client
from bench.scenario import Bench, Kind, Scenario, Sizes

_LISTED = "bench/tags"
_DELETED = "bench/deleted"
_SEEDING_THREADS = 4
_TAGS_PER_REQUEST = 10  # as many ?tag= as every registry that knows them must take

LIST_ALL = "list {count} tags, whole"
LIST_PAGE = "list one page (n=100) of {count} tags"


def delete_title(sizes: Sizes) -> str:
    """The operation's name in the table."""
    return f"delete a manifest with {sizes.tags_deleted} tags"


def _list(bench: Bench, registry: Registry) -> dict[str, Sample]:
    count = bench.sizes.tags
    if bench.round == 0:
        _seed(registry, _LISTED, count)
    user = client(registry)
    scope = f"repository:{_LISTED}:pull"
    user.authorization(scope)
    seen: list[str] = []
    meter = bench.meter(registry)
    whole = meter.measure(lambda: seen.extend(_all_tags(user, scope)))
    if len(seen) != count:
        raise BenchError(f"{registry.name} listed {len(seen)} tags of {count}")
    path = f"/v2/{_LISTED}/tags/list?n=100&last={seen[count // 2]}"
    page = meter.measure(lambda: user.send("GET", path, want=200, scope=scope))
    user.close()
    return {LIST_ALL.format(count=count): whole, LIST_PAGE.format(count=count): page}


def _delete(bench: Bench, registry: Registry) -> dict[str, Sample]:
    count = bench.sizes.tags_deleted
    image = _seed(registry, _DELETED, count)
    user = client(registry)
    scope = f"repository:{_DELETED}:delete"
    user.authorization(scope)
    path = f"/v2/{_DELETED}/manifests/{image.manifest.digest}"
    sample = bench.meter(registry).measure(lambda: user.send("DELETE", path, want=202, scope=scope))
    user.close()
    return {delete_title(bench.sizes): sample}


def _all_tags(user: Client, scope: str) -> list[str]:
    """Every tag, following `Link: <...>; rel="next"` where the registry pages."""
    tags: list[str] = []
    url: str | None = f"/v2/{_LISTED}/tags/list"
    while url:
        answer = user.send("GET", url, want=200, scope=scope)
        tags += json.loads(answer.body)["tags"] or []
        following = re.match(r"<([^>]+)>", answer.headers.get("link", ""))
        url = following[1] if following else None
    return tags


def _seed(registry: Registry, repository: str, count: int) -> Image:
    """Push a small image and give it `count` tags, several in one request where the registry can."""
    image = content.image((content.KB,))
    user = client(registry)
    user.push_image(repository, image, "t00000")
    query = "?tag=t00000&tag=t00001"
    batch = (
        _TAGS_PER_REQUEST
        if "oci-tag" in user.push_manifest(repository, image, image.manifest.digest, query).headers
        else 1
    )
    user.close()
    tags = [f"t{number:05d}" for number in range(count)]
    shares = [tags[first::_SEEDING_THREADS] for first in range(_SEEDING_THREADS)]
    in_parallel([partial(_tag, registry, repository, image, share, batch) for share in shares])
    return image


def _tag(registry: Registry, repository: str, image: Image, tags: Sequence[str], batch: int) -> None:
    user = client(registry)
    for first in range(0, len(tags), batch):
        if batch == 1:
            user.push_manifest(repository, image, tags[first])
            continue
        query = "?" + "&".join(f"tag={tag}" for tag in tags[first : first + batch])
        user.push_manifest(repository, image, image.manifest.digest, query)
    user.close()


TAGS = Scenario("tags", Kind.SINGLE, _list)
DELETED = Scenario("delete", Kind.SINGLE, _delete, once=True)
