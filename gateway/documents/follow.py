"""The tree of links to follow: `follow=nics,disk_attachments.disk`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from protocol.errors import BadInput

_paths_max: Final = 50
_depth_max: Final = 6
_documents_max: Final = 20_000


def squeezed(name: str) -> str:
    """Names of links fit with and without underscores."""
    return name.replace("_", "")


class FollowBudget:
    """How many documents one answer may still embed. A path may go there and back: 40 networks, three times, are 64,000."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _documents_max

    def spend(self, documents: int) -> None:
        """Raises `BadInput` when nothing is left."""
        self._left -= documents
        if self._left < 0:
            raise BadInput(
                f"The links to follow lead to more than {_documents_max} objects.",
                remedy="Follow fewer links, or ask for fewer objects with max.",
                field="follow",
            )


class Follow:
    """Names of links, each with the links to follow behind it. Names fit with and without underscores."""

    __slots__ = ("_below", "budget")

    def __init__(self, budget: FollowBudget | None = None) -> None:
        self._below: dict[str, Follow] = {}
        self.budget = budget or FollowBudget()  # of the whole answer

    def __bool__(self) -> bool:
        return bool(self._below)

    def into(self, name: str) -> Follow | None:
        """What to follow behind a link; None when the link itself is not followed."""
        return self._below.get(squeezed(name))

    def paths(self) -> Iterator[tuple[str, Follow]]:
        """The names of the links to follow, and what to follow behind each."""
        yield from self._below.items()

    def add(self, path: str) -> None:
        at = self
        names = [squeezed(name.strip().lower()) for name in path.split(".")]
        if len(names) > _depth_max or not all(names):
            raise BadInput(
                f"The path {path!r} cannot be followed.", remedy=f"Use at most {_depth_max} names separated by dots."
            )
        for name in names:
            at = at._below.setdefault(name, Follow(self.budget))


class _Everything(Follow):
    """Embeds all that is nested in a document itself; references stay references."""

    __slots__ = ()

    def into(self, name: str) -> Follow | None:
        return self

    def __bool__(self) -> bool:
        return True


EVERYTHING: Final = _Everything()


def parse_follow(text: str) -> Follow:
    """Raises `BadInput` for a path that is too long or has an empty name."""
    follow = Follow()
    paths = [path.strip() for path in text.split(",") if path.strip()]
    if len(paths) > _paths_max:
        raise BadInput("Too many links to follow.", remedy=f"Follow at most {_paths_max} links.")
    for path in paths:
        follow.add(path)
    return follow
