"""The exact calls to S3 and DynamoDB of every operation, with cold caches (a fresh process) and warm ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench import content
from bench.content import MANIFEST_TYPE, Image
from bench.meter import Sample
from bench.registries import Registry, client
from bench.scenario import Bench, Kind, Scenario

_REPOSITORY = "bench/calls"
_OTHER = "bench/mounted"
_PULL = f"repository:{_REPOSITORY}:pull"
_PUSH = f"repository:{_REPOSITORY}:pull,push"
_DELETE = f"repository:{_REPOSITORY}:delete"
_MOUNT = f"repository:{_OTHER}:pull,push"
_REDIRECTED = (200, 307)

PUSH_NEW = "push a new image of five layers"


class _Calls:
    """One registry's operations in order, each measured once."""

    def __init__(self, bench: Bench, registry: Registry, image: Image) -> None:
        self._bench = bench
        self._registry = registry
        self._image = image
        self._user = client(registry)
        for scope in (_PULL, _PUSH, _DELETE, _MOUNT):
            self._user.authorization(scope)
        self.samples: dict[str, Sample] = {}

    def warm(self, title: str, work: Callable[[], object]) -> None:
        self.samples[title] = self._bench.meter(self._registry).measure(work)

    def cold_and_warm(self, title: str, work: Callable[[], object]) -> None:
        self.restart()
        self.warm(f"{title}, cold", work)
        self.warm(f"{title}, warm", work)

    def restart(self) -> None:
        self._user.close()
        self._bench.restart(self._registry)

    def get(self, method: str, path: str, want: int | tuple[int, ...] = 200) -> Callable[[], object]:
        accept = {"Accept": MANIFEST_TYPE}
        return lambda: self._user.send(method, f"/v2/{path}", headers=accept, want=want, scope=_PULL)

    def run(self) -> None:
        image, user = self._image, self._user
        blob = f"{_REPOSITORY}/blobs/{image.layers[2].digest}"
        manifest = f"{_REPOSITORY}/manifests/latest"
        self.restart()
        self.warm(PUSH_NEW, lambda: user.push_image(_REPOSITORY, image, "latest"))
        self.cold_and_warm("push it again", lambda: user.push_image(_REPOSITORY, image, "latest"))
        self.cold_and_warm("pull it", lambda: user.pull_image(_REPOSITORY, "latest"))
        self.cold_and_warm("HEAD manifest by tag", self.get("HEAD", manifest))
        self.cold_and_warm("GET manifest by tag", self.get("GET", manifest))
        self.cold_and_warm("HEAD blob", self.get("HEAD", blob, _REDIRECTED))
        self.cold_and_warm("GET blob (redirect)", self.get("GET", blob, 307))
        if self._registry.credentials:
            url, basic = self._registry.credentials.url_for(_PULL), {"Authorization": self._registry.credentials.basic}
            self.cold_and_warm("GET token", lambda: user.send("GET", url, headers=basic, want=200))
        self.warm("PUT manifest, new tag", lambda: user.push_manifest(_REPOSITORY, image, "second"))
        mount = f"/v2/{_OTHER}/blobs/uploads/?mount={image.layers[2].digest}&from={_REPOSITORY}"
        self.warm("mount a blob", lambda: user.send("POST", mount, b"", want=201, scope=_MOUNT))
        self.warm("list tags", self.get("GET", f"{_REPOSITORY}/tags/list?n=100"))
        path = f"/v2/{_REPOSITORY}/manifests/{image.manifest.digest}"
        self.warm("delete a manifest with 2 tags", lambda: user.send("DELETE", path, want=202, scope=_DELETE))
        self._user.close()


def _calls(bench: Bench, registry: Registry) -> dict[str, Sample]:
    calls = _Calls(bench, registry, bench.shared("calls", partial(content.image, content.FIVE_LAYERS)))
    calls.run()
    return calls.samples


CALLS = Scenario("calls", Kind.SINGLE, _calls, once=True)
