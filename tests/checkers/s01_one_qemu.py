"""S1: one running QEMU per VM, anywhere. Ground truth is the world's list of processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol


class Running(Protocol):
    """What is looked at of a QEMU."""

    @property
    def host(self) -> str: ...

    @property
    def step_id(self) -> str: ...


def check(running: Mapping[str, Sequence[Running]]) -> Iterator[str]:
    """`running`: every VM that has a QEMU somewhere, with all of them."""
    for vm_id, qemus in running.items():
        if len(qemus) > 1:
            where = ", ".join(f"{qemu.host} (step {qemu.step_id})" for qemu in qemus)
            yield f"VM {vm_id} has {len(qemus)} QEMUs: {where}"
