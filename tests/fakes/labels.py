"""Labels and the insides of blobs in dictionaries. `tests/contracts/test_labels.py` holds the first to the port's promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.oci.digest import Digest
from chalicelib.oci.label import Label, LabelChanged, LabelRow, LabelText
from chalicelib.oci.reference import Repository


class FakeLabels:
    def __init__(self) -> None:
        self.labels: dict[int, Label] = {}
        self._last = 0

    def create(self, project_id: int, text: LabelText, *, now: int) -> Label | None:
        self._last += 1
        if self._is_taken(project_id, text.name):
            return None
        self.labels[self._last] = label = Label(self._last, project_id, text, now, now)
        return label

    def find(self, label_id: int) -> Label | None:
        return self.labels.get(label_id)

    def load(self, label_ids: Iterable[int]) -> Mapping[int, Label]:
        return {label_id: self.labels[label_id] for label_id in label_ids if label_id in self.labels}

    def change(self, label: Label, text: LabelText, *, now: int) -> bool:
        if self.labels.get(label.label_id) != label:
            raise LabelChanged
        if text.name != label.text.name and self._is_taken(label.project_id, text.name):
            return False
        self.labels[label.label_id] = label._replace(text=text, updated_at=now)
        return True

    def delete(self, label: Label) -> bool:
        known = self.labels.get(label.label_id)
        if known is None or known.text.name != label.text.name:
            return False
        del self.labels[label.label_id]
        return True

    def page(self, project_id: int, offset: int, limit: int, is_descending: bool) -> tuple[Sequence[LabelRow], int]:
        rows = list(self.rows(project_id))[:: -1 if is_descending else 1]
        return rows[offset : offset + limit], len(rows)

    def rows(self, project_id: int) -> Sequence[LabelRow]:
        return [
            LabelRow(label.label_id, label.text.name, label.created_at, label.updated_at)
            for label in sorted(self.labels.values())
            if label.project_id == project_id
        ]

    def _is_taken(self, project_id: int, name: str) -> bool:
        return any((label.project_id, label.text.name) == (project_id, name) for label in self.labels.values())


class FakeContents:
    """`oci.contents.ContentStore`."""

    def __init__(self) -> None:
        self.contents: dict[Digest, bytes] = {}
        self.reads: list[Digest] = []

    def add(self, content: bytes) -> Digest:
        digest = Digest.of(content)
        self.contents[digest] = content
        return digest

    def read(self, repository: Repository, digests: Iterable[Digest], *, at_most_bytes: int) -> Mapping[Digest, bytes]:
        wanted = list(digests)
        self.reads += wanted
        found = {digest: self.contents[digest] for digest in wanted if digest in self.contents}
        return {digest: content for digest, content in found.items() if len(content) <= at_most_bytes}

    def home(self, digest: Digest) -> Repository | None:
        return None
