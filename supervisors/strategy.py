"""Which siblings go down with a child, and which children come back. Pure."""

from __future__ import annotations

import enum

from actors.kernel.incarnation import How


class Restart(enum.Enum):
    """When a child that ended by itself is started again."""

    PERMANENT = "permanent"  # always
    TRANSIENT = "transient"  # when it crashed
    TEMPORARY = "temporary"  # never, not even when a sibling's crash took it down


class Strategy(enum.Enum):
    """Who restarts with a child that crashed."""

    ONE_FOR_ONE = "one_for_one"  # it alone
    ONE_FOR_ALL = "one_for_all"  # all of them
    REST_FOR_ONE = "rest_for_one"  # it and those started after it


def wants_restart(restart: Restart, how: How) -> bool:
    """Whether a child that ended like this comes back."""
    if restart is Restart.PERMANENT:
        return True
    return restart is Restart.TRANSIENT and how is not How.FINISHED


def affected(strategy: Strategy, crashed: int, children: int) -> range:
    """Positions, in start order, of the children that restart when the one at `crashed` did."""
    if strategy is Strategy.ONE_FOR_ONE:
        return range(crashed, crashed + 1)
    if strategy is Strategy.ONE_FOR_ALL:
        return range(children)
    return range(crashed, children)
