"""Where the decisions of the transcript that runs lie, for the comparison and for the dropping."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from actors.entity.decision import Decision


@attrs.frozen
class Desk:
    """Where the decisions of a running transcript lie until `then` has looked at them, and where a test may alter one.

    `alter` gets the number of a decision in the transcript, counted from 0, and the decision.
    """

    open: dict[int, str] = attrs.field(factory=dict)  # by play: the message that no `then` has followed
    alter: list[Callable[[int, Decision], Decision]] = attrs.field(factory=list)
    made: list[Decision] = attrs.field(factory=list)

    def clear(self) -> None:
        self.open.clear()
        self.made.clear()

    def check(self) -> None:
        """Called at the end of each test: every `when` was followed by its `then`."""
        unseen = list(self.open.values())
        self.clear()
        assert not unseen, f"no `then` follows when({', '.join(unseen)})"


desk = Desk()
