"""What a user may see. Every read asks it: look-ups, lists, searches, followed links, statistics, live frames."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, Final

import attrs

from protocol.inventory.assignment import ASSIGNMENT
from protocol.live.engine import Principal
from protocol.parents import Key, parents_of


@attrs.frozen
class Visibility:
    """Everything (None), or these objects and all that lies in them. A value: who sees the same shares encoded frames.

    A job and an event are seen with the object that they tell of, an assignment with both its sides.
    """

    within: frozenset[Key] | None = None

    @property
    def is_all(self) -> bool:
        return self.within is None

    @property
    def digest(self) -> str:
        """The same for the same sight on every gateway; "" of everything."""
        return "" if self.within is None else _digest_of(self.within)

    def sees(self, kind: str, id: str, document: Any, document_of: Callable[[str, str], Any]) -> bool:
        """`document_of` looks up what it lies in."""
        if self.within is None:
            return True
        if kind == ASSIGNMENT:
            return all(self.sees(of, side, document_of(of, side), document_of) for of, side in document.sides)
        return (kind, id) in self.within or any(
            above in self.within for above in parents_of(kind, document, document_of)
        )


@functools.lru_cache(1_024)
def _digest_of(within: frozenset[Key]) -> str:
    return hashlib.sha256(repr(sorted(within)).encode()).hexdigest()[:32]


ALL: Final = Visibility()
VisibilityOf = Callable[[Principal], Visibility]


def everything(_: Principal) -> Visibility:
    """Everybody who may log in sees all: nobody but administrators has a permit yet."""
    return ALL
