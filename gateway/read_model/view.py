"""The read model as one visibility shows it: what is hidden is not there."""

from __future__ import annotations

from gateway.read_model.model import ReadModel, Record
from gateway.visibility import Visibility
from protocol.parents import WITHIN


class View:
    """The reads of a `ReadModel`, each without what must not be seen."""

    def __init__(self, model: ReadModel, visibility: Visibility) -> None:
        self.whole = model
        self._visibility = visibility

    def sees(self, record: Record) -> bool:
        return self._visibility.sees(record.kind, record.id, record.document, self.whole.document)

    def get(self, kind: str, id: str) -> Record | None:
        record = self.whole.get(kind, id)
        return record if record is not None and self.sees(record) else None

    def all(self, kind: str) -> list[Record]:
        """From above, by the indexes: who sees a tenth pays for a tenth. Asking each of 10,000 VMs took 34 ms."""
        attribute, above = WITHIN.get(kind, ("", ""))
        if not above or above == kind:
            return self._seen(self.whole.all(kind))
        found = {
            id: record for of, id in self._visibility.within or () if of == kind and (record := self.get(kind, id))
        }
        for owner in self.all(above):
            found.update((record.id, record) for record in self.whole.referring(kind, attribute, owner.id))
        return sorted(found.values(), key=lambda record: record.ordinal)

    def kinds(self) -> list[str]:
        return self.whole.kinds()

    def named(self, kind: str, name: str) -> list[Record]:
        return self._seen(self.whole.named(kind, name))

    def named_any_case(self, kind: str, name: str) -> list[Record]:
        return self._seen(self.whole.named_any_case(kind, name))

    def referring(self, kind: str, attribute: str, target_id: str) -> list[Record]:
        return self._seen(self.whole.referring(kind, attribute, target_id))

    def assignments(self, holder: str, id: str, relation: str) -> list[Record]:
        return self._seen(self.whole.assignments(holder, id, relation))

    def assigned(self, holder: str, id: str, relation: str) -> list[Record]:
        return self._seen(self.whole.assigned(holder, id, relation))

    def holders(self, holder: str, relation: str, id: str) -> list[Record]:
        return self._seen(self.whole.holders(holder, relation, id))

    def _seen(self, records: list[Record]) -> list[Record]:
        return [record for record in records if self.sees(record)]


Reads = ReadModel | View
"""What readers ask. Of *all* it is the read model itself, so that nothing is asked for each row."""


def view_of(model: ReadModel, visibility: Visibility) -> Reads:
    return model if visibility.is_all else View(model, visibility)
