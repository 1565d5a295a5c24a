"""S12: fold(journal) = tables, in the same transaction. Ground truth is the rows and the events as bytes.

Folding uses the production `evolve` of each kind, the code that would rebuild the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from actors.journal.port import EntityRow, JournalRow
from protocol.codec import decode, encode

Evolve = Callable[[Any, Any], Any]
Folded = Callable[[JournalRow, Any, Any], None]


@attrs.define
class Folder:
    """Folds the journal as it grows. `evolves` has the evolve of each kind; a kind without one is its document."""

    evolves: Mapping[str, Evolve]
    states: dict[tuple[str, str], Any] = attrs.field(factory=dict)
    versions: dict[tuple[str, str], int] = attrs.field(factory=dict)

    def take(
        self, rows: Iterable[JournalRow], tables: Mapping[tuple[str, str], EntityRow], folded: Folded
    ) -> Iterator[str]:
        """The rows of one group of transactions, and the tables right after it. `folded` sees each step."""
        touched: dict[tuple[str, str], None] = {}
        for row in rows:
            if row.kind == "event":
                continue
            key = (row.kind, row.id)
            touched[key] = None
            before = self.states.get(key)
            yield from self._fold(key, row)
            folded(row, before, self.states.get(key))
        for key in touched:
            yield from self._compare(key, tables.get(key))

    def _fold(self, key: tuple[str, str], row: JournalRow) -> Iterator[str]:
        version = self.versions.get(key, 0)
        if row.version != version + 1:
            yield f"{'/'.join(key)}: event {row.tag} makes version {row.version} of version {version}"
        evolve = self.evolves.get(row.kind)
        try:
            state = decode(row.document) if evolve is None and row.document else None
            if evolve is not None:
                state = evolve(self.states.get(key), decode(row.event))
        except Exception as error:  # noqa: BLE001 - whatever evolve raises, the journal cannot be folded
            yield f"{'/'.join(key)}: event {row.tag} cannot be folded: {error!r:.200}"
            return
        if row.removed or state is None:
            self.states.pop(key, None)
            self.versions.pop(key, None)
            if row.removed != (state is None) and evolve is not None:
                yield f"{'/'.join(key)}: event {row.tag} removes it in the journal or in the fold, not in both"
        else:
            self.states[key] = state
            self.versions[key] = row.version

    def had_disks(self, vm_id: str) -> bool:
        """Whether the VM, as folded so far, has disks."""
        state = self.states.get(("vm", vm_id))
        return state is not None and bool(state.vm.disk_attachments)

    def _compare(self, key: tuple[str, str], row: EntityRow | None) -> Iterator[str]:
        state = self.states.get(key)
        if (row is None) != (state is None):
            yield f"{'/'.join(key)} is in the {'fold' if row is None else 'tables'} only"
        elif row is not None:
            stored = row.state if key[0] in self.evolves else row.document
            if encode(state) != stored:
                yield f"{'/'.join(key)} at version {row.version}: the fold differs from the row"
            if self.versions.get(key) != row.version:
                yield f"{'/'.join(key)}: the fold is at version {self.versions.get(key)}, the row at {row.version}"
