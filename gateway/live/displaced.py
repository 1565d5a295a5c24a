"""Finds out whose view of what lies below an object has changed, because the object moved or is gone.

What lies below has no change of its own then: readers of a part can only be given a new snapshot.
"""

from __future__ import annotations

from typing import Final

from gateway.live.shared_frames import ChangeFilter
from gateway.read_model.model import ReadModel, Record
from protocol.inventory.assignment import ASSIGNMENT
from protocol.parents import WITHIN
from protocol.registry import RESOURCES

_OWNED: Final = tuple(resource.kind for resource in RESOURCES if resource.owned)


class Displaced:
    """One object that moved or is gone, and the kinds of what lies directly below it."""

    def __init__(self, model: ReadModel, before: Record, after: Record | None) -> None:
        self._model = model
        self._before, self._after = before, after
        self._kinds: set[str] | None = None

    def concerns(self, wanted: ChangeFilter) -> bool:
        """Those who saw it and do not any more, or the other way round, and want something that lies below it."""
        visibility, before, after = wanted.visibility, self._before, self._after
        if visibility.within is None:
            return False
        saw = visibility.sees(before.kind, before.id, before.document, self._model.document)
        if after is None:
            sees = (before.kind, before.id) in visibility.within
        else:
            sees = visibility.sees(after.kind, after.id, after.document, self._model.document)
        return saw != sees and any(wanted.wants(kind) for kind in self._below())

    def _below(self) -> set[str]:
        if self._kinds is None:
            kind, id = self._before.kind, self._before.id
            members = [
                (below, attribute) for below, (attribute, above) in WITHIN.items() if above == kind and attribute
            ]
            sides = [(ASSIGNMENT, "left"), (ASSIGNMENT, "right")]
            found = {below for below, attribute in members + sides if self._model.referring(below, attribute, id)}
            found |= {
                below
                for below in _OWNED
                if any(record.document.object == f"{kind}/{id}" for record in self._model.all(below))
            }
            # What lies deeper is not looked for: whoever wants any of it gets a snapshot.
            self._kinds = set(WITHIN) if found & {below for below, _ in members} else found
        return self._kinds


def displaced(model: ReadModel, before: Record | None, after: Record | None) -> Displaced | None:
    """None for a change that leaves the object where it was."""
    if before is None or before.kind not in WITHIN:
        return None
    attribute, _ = WITHIN[before.kind]
    if after is None or (attribute and getattr(before.document, attribute) != getattr(after.document, attribute)):
        return Displaced(model, before, after)
    return None
