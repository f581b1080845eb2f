"""What a scenario is: one piece of work that every registry does in turn, round after round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from bench.meter import Meter, Sample
from bench.programs import Tools
from bench.registries import CountedEndpoint, Registry

_T = TypeVar("_T")


class Kind(Enum):
    """How the table shows an operation."""

    TRANSFER = "transfer"  # MB/s, CPU seconds per GB, peak memory
    RATE = "rate"  # requests a second, latency, CPU per request
    SINGLE = "single"  # milliseconds, CPU, calls


@dataclass(frozen=True)
class Sizes:
    """How much work a run does."""

    large_bytes: int = 1 << 30
    rounds: int = 3
    tags: int = 10_000
    tags_deleted: int = 1_000
    parallel: int = 8
    connections: tuple[int, ...] = (1, 8, 32)
    load_s: float = 2.5


@dataclass
class Bench:
    """What scenarios share: the S3 stub, the tools, and content that all registries get alike in one round."""

    s3: CountedEndpoint
    tools: Tools
    sizes: Sizes
    round: int = 0
    _contents: dict[str, Any] = field(default_factory=dict)

    def shared(self, name: str, make: Callable[[], _T]) -> _T:
        """The same content for every registry in this round, made once, outside of any measurement."""
        if name not in self._contents:
            self._contents[name] = make()
        content: _T = self._contents[name]
        return content

    def next_round(self) -> None:
        """Forget the content and the stored bytes: the next round pushes something new."""
        self._contents.clear()
        self.s3.hollow()
        self.round += 1

    def meter(self, registry: Registry) -> Meter:
        return Meter(registry, self.s3)

    def restart(self, registry: Registry) -> None:
        """Empty the registry's caches and its memory."""
        registry.stop()
        registry.start()


@dataclass(frozen=True)
class Scenario:
    """`run` answers one sample per operation title. `once`: the counts are exact, more rounds would only repeat them."""

    name: str
    kind: Kind
    run: Callable[[Bench, Registry], dict[str, Sample]]
    once: bool = False
