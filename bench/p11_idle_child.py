"""P11, the part of supervision: memory of an idle child of a dynamic supervisor, against an idle task with its channel.

Each measurement is a process of its own, because memory that was freed is not given back.
"""

from __future__ import annotations

import gc
import subprocess
import sys

import psutil
import trio
import trio.testing

from actors.kernel import Actor, Directory, Ports
from bench import Grown, Row
from supervisors.observe import Observed
from supervisors.spec import DynamicSupervisorSpec, SupervisorSpec
from supervisors.tree import running


def _resident_bytes() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


async def tasks(count: int) -> float:
    """The floor: bytes for each idle task that waits on a memory channel of its own."""
    channels = []
    async with trio.open_nursery() as nursery:
        before = _resident_bytes()
        for _ in range(count):
            send, receive = trio.open_memory_channel[object](16)
            channels.append(send)
            nursery.start_soon(receive.receive)
        await trio.testing.wait_all_tasks_blocked()
        used = (_resident_bytes() - before) / count
        nursery.cancel_scope.cancel()
    return used


async def children(count: int) -> float:
    """Ours: bytes for each idle child, with mailbox, ref, address, registration and wrapper."""
    dynamic_supervisor = DynamicSupervisorSpec("vms", lambda context, key: Actor(context))
    spec = SupervisorSpec("bench", children=(dynamic_supervisor,))
    async with running(spec, Ports.system(), Directory(), observer=_unseen):
        before = _resident_bytes()
        for number in range(count):
            dynamic_supervisor.handle.ensure(f"{number:08x}-0000-4000-8000-000000000000")
        await trio.testing.wait_all_tasks_blocked()
        return (_resident_bytes() - before) / count


def _unseen(_: Observed) -> None:
    """Starts and stops are not what is measured."""


def _measured(which: str, count: int) -> float:
    command = [sys.executable, "-m", "bench.p11_idle_child", which, str(count)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(full: bool) -> Row:
    smallest = 10_000 if full else 2_500
    growth = tuple(
        Grown(times, _measured("tasks", times * smallest), _measured("children", times * smallest))
        for times in (1, 4, 16)
    )
    last = growth[1]
    return Row(
        id="P11a",
        what=f"memory of an idle supervised child, {4 * smallest:,} of them",
        unit="bytes",
        floor=last.floor,
        ours=last.ours,
        goal="a part of P11's 12 kB",
        is_met=last.ours <= 12_000,
        growth=growth,
    )


if __name__ == "__main__":
    print(trio.run(tasks if sys.argv[1] == "tasks" else children, int(sys.argv[2])))
