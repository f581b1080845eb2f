"""A bounded cache with an age limit, for what is immutable or may be stale for a stated time. Safe under threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps the `size` most recently used values, each for at most `keep_s` seconds (None: until pushed out)."""

    def __init__(self, size: int, keep_s: int | None = None) -> None:
        self._size, self._keep_s = size, keep_s
        self._values: OrderedDict[K, tuple[int, V]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K, now: int) -> V | None:
        """Return a value that is young enough, or None."""
        with self._lock:
            entry = self._values.get(key)
            if entry is None:
                return None
            if self._keep_s is not None and now - entry[0] >= self._keep_s:
                del self._values[key]
                return None
            self._values.move_to_end(key)
            return entry[1]

    def put(self, key: K, value: V, now: int) -> None:
        """Remember a value."""
        with self._lock:
            self._values[key] = (now, value)
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a value."""
        with self._lock:
            self._values.pop(key, None)

    def drop_where(self, is_outdated: Callable[[V], bool]) -> None:
        """Forget the values of which this holds. Looks at every value."""
        with self._lock:
            for key in [key for key, (_, value) in self._values.items() if is_outdated(value)]:
                del self._values[key]
