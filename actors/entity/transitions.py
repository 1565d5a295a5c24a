"""The legal transitions of an entity's status, as a table that its room writes down: from a status, by an event, to
a status.

An event in a status that no line allows is a bug, and `status_after` raises. `STAY` keeps the status. Where several
statuses may follow, the event's `status` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from protocol.activity.operation import EntityEvent

STAY: Final = "="
ABSENT: Final = ""

TransitionLine = tuple[str | frozenset[str], type[EntityEvent], str | tuple[str, ...]]
Transitions = Mapping[tuple[str, type[EntityEvent]], str | tuple[str, ...]]


class IllegalTransition(AssertionError):
    """An event that its entity's table does not allow."""


def transitions(*lines: TransitionLine) -> Transitions:
    """The table of these lines. Raises `ValueError` when two lines say something of the same status and event."""
    table: dict[tuple[str, type[EntityEvent]], str | tuple[str, ...]] = {}
    for before, event, after in lines:
        for status in (before,) if isinstance(before, str) else sorted(before):
            if (status, event) in table:
                raise ValueError(f"two lines for {event.__name__} while {status!r}")
            table[status, event] = after
    return table


def status_after(table: Transitions, status: str, event: EntityEvent) -> str:
    """The status after `event`. Raises `IllegalTransition`."""
    after = table.get((status, type(event)))
    if after is None:
        raise IllegalTransition(f"{type(event).__name__} while {status or 'absent'}")
    if isinstance(after, tuple):
        said: str = getattr(event, "status", "")
        if said not in after:
            raise IllegalTransition(f"{type(event).__name__} to {said} while {status or 'absent'}")
        return said
    return status if after == STAY else after


def statuses_before(table: Transitions, event: type[EntityEvent]) -> tuple[str, ...]:
    """From which statuses an event is legal, in the order of the table."""
    return tuple(status for status, each in table if each is event)


def statuses(table: Transitions) -> Iterable[str]:
    """Every status that the table names."""
    named = {status for status, _ in table}
    for after in table.values():
        named.update((after,) if isinstance(after, str) else after)
    return sorted(named - {STAY, ABSENT})
