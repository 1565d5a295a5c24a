"""How a whole branch fails: what a supervisor raises to its parent and, at the root, to whoever runs the tree.

It must not hold what an actor may see: those errors are in `actors.kernel.failures`.
"""

from __future__ import annotations


class BranchFailed(Exception):
    """A supervisor or crowd failed; `__cause__` is what its child raised."""

    def __init__(self, address: str, why: str, cause: BaseException | None) -> None:
        super().__init__(f"{address}: {why}")
        self.address = address
        self.__cause__ = cause


class StartFailed(BranchFailed):
    """A child did not come up, so its supervisor did not."""


class Escalated(BranchFailed):
    """More restarts than the budget of a supervisor or crowd allows."""
