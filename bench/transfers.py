"""Moving bytes: one huge layer, an image of five layers, eight images at once."""

from __future__ import annotations

from functools import partial

from bench import content
from bench.content import Image
from bench.meter import Sample, in_parallel
from bench.registries import Registry, client
from bench.scenario import Bench, Kind, Scenario, Sizes

PUSH_IMAGE = "push an image of five layers"
PULL_IMAGE = "pull an image of five layers"


def push_large_title(sizes: Sizes) -> str:
    """The operation's name in the table."""
    size = sizes.large_bytes
    return f"push {size >> 30} GB in one PATCH" if size >= content.GB else f"push {size >> 20} MB in one PATCH"


def push_parallel_title(sizes: Sizes) -> str:
    """The operation's name in the table."""
    return f"push {sizes.parallel} images of 127 MB at once"


def _large(bench: Bench, registry: Registry) -> dict[str, Sample]:
    blob = bench.shared("large", partial(content.random_blob, bench.sizes.large_bytes))
    bench.restart(registry)
    repository = f"bench/large{bench.round}"
    with_token = client(registry)
    with_token.push_blob(repository, content.random_blob(content.KB), look_first=False)  # what every first request pays
    meter = bench.meter(registry)
    sample = meter.measure(
        lambda: with_token.push_blob(repository, blob, look_first=False), size_bytes=len(blob.content)
    )
    with_token.close()
    bench.s3.hollow()
    return {push_large_title(bench.sizes): sample}


def _image(bench: Bench, registry: Registry) -> dict[str, Sample]:
    image = bench.shared("image", partial(content.image, content.FIVE_LAYERS))
    repository = f"bench/image{bench.round}"
    bench.restart(registry)
    user = client(registry)
    user.authorization(f"repository:{repository}:pull,push")
    user.authorization(f"repository:{repository}:pull")
    meter = bench.meter(registry)
    pushed = meter.measure(lambda: user.push_image(repository, image, "latest"), size_bytes=image.size_bytes)
    pulled = meter.measure(lambda: user.pull_image(repository, "latest"), size_bytes=image.size_bytes)
    user.close()
    bench.s3.hollow()
    return {PUSH_IMAGE: pushed, PULL_IMAGE: pulled}


def _parallel(bench: Bench, registry: Registry) -> dict[str, Sample]:
    count = bench.sizes.parallel
    images = bench.shared("parallel", lambda: [content.image(content.SMALL_IMAGE) for _ in range(count)])
    bench.restart(registry)
    repositories = [f"bench/parallel{bench.round}-{number}" for number in range(count)]

    def push(repository: str, image: Image) -> None:
        user = client(registry)
        user.push_image(repository, image, "latest")
        user.close()

    works = [partial(push, repository, image) for repository, image in zip(repositories, images, strict=True)]
    sample = bench.meter(registry).measure(
        lambda: in_parallel(list(works)), size_bytes=sum(image.size_bytes for image in images)
    )
    bench.s3.hollow()
    return {push_parallel_title(bench.sizes): sample}


LARGE = Scenario("large", Kind.TRANSFER, _large)
IMAGE = Scenario("image", Kind.TRANSFER, _image)
PARALLEL = Scenario("parallel", Kind.TRANSFER, _parallel)
