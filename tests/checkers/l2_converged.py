"""L2: desired = reported = actual. Checked at rest, when every host is back; nobody here is highly available."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs


@attrs.frozen(kw_only=True)
class VmFacts:
    """What is wanted of a VM and what is shown of it."""

    vm_id: str
    desired: str
    status: str
    host_id: str
    saved: str = ""  # path of its saved memory, when it is suspended


@attrs.frozen(kw_only=True)
class QemuFacts:
    """One QEMU of the world."""

    host_id: str
    paused: bool


RUNS = ("up", "paused")


def check_vm(vm: VmFacts, qemus: Sequence[QemuFacts], saved: Iterable[str]) -> Iterator[str]:
    """One VM beside its QEMUs and the saved states that exist."""
    name = f"VM {vm.vm_id}"
    if vm.desired == "up":
        if vm.status not in RUNS:
            yield f"{name} should be up and is shown as {vm.status}"
        elif len(qemus) != 1:
            yield f"{name} is shown as {vm.status} and has {len(qemus)} QEMUs"
        elif qemus[0].host_id != vm.host_id:
            yield f"{name} is shown on host {vm.host_id} and runs on {qemus[0].host_id}"
        elif qemus[0].paused != (vm.status == "paused"):
            yield f"{name} is shown as {vm.status} while its QEMU is {'paused' if qemus[0].paused else 'running'}"
        return
    if vm.status != vm.desired:
        yield f"{name} should be {vm.desired} and is shown as {vm.status}"
    if qemus:
        yield f"{name} is {vm.status} and has {len(qemus)} QEMUs"
    if vm.status == "suspended" and vm.saved not in saved:
        yield f"{name} is suspended and its memory is nowhere"


def check_strangers(known: Iterable[str], running: Mapping[str, Sequence[object]]) -> Iterator[str]:
    """Nothing runs that no VM stands for."""
    for vm_id in sorted(set(running) - set(known)):
        yield f"a QEMU of VM {vm_id} runs, and there is no such VM"


def check_hosts(statuses: Mapping[str, str], residents: Mapping[str, int]) -> Iterator[str]:
    """Every host came back, or is in maintenance, or waits for its VMs to be shut down by somebody."""
    for host_id, status in statuses.items():
        waits = status == "preparing_for_maintenance" and residents.get(host_id, 0) > 0
        if status not in ("up", "maintenance") and not waits:
            yield f"host {host_id} is shown as {status}"


def check_volumes(wanted: Iterable[str], found: Iterable[str], doubtful: Iterable[str]) -> Iterator[str]:
    """S7, S8: the volumes of disks are there and no others. `doubtful`: disks whose removal failed."""
    wanted, found, doubtful = set(wanted), set(found), set(doubtful)
    for path in sorted(wanted - found):
        yield f"the volume {path} of a disk is not there"
    for path in sorted(found - wanted - doubtful):
        yield f"the volume {path} belongs to no disk"
