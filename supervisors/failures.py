"""How a supervisor fails: what it raises to its parent and, at the root, to the caller that runs the tree."""

from __future__ import annotations


class SupervisorFailed(Exception):
    """A supervisor or dynamic supervisor failed; `__cause__` is what its child raised."""

    def __init__(self, address: str, why: str, cause: BaseException | None) -> None:
        super().__init__(f"{address}: {why}")
        self.address = address
        self.__cause__ = cause


class StartFailed(SupervisorFailed):
    """A child did not come up, so its supervisor did not."""


class Escalated(SupervisorFailed):
    """More restarts than the budget of a supervisor or dynamic supervisor allows."""
