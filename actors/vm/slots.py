"""Slots of a VM's devices: numbers that stay with a device, so that the guest finds it at the same address."""

from __future__ import annotations

from collections.abc import Iterable


def free_slot(taken: Iterable[int | None], slots_max: int) -> int | None:
    """The lowest slot that nobody has, None when all `slots_max` are taken."""
    known = set(taken)
    return next((slot for slot in range(slots_max) if slot not in known), None)
