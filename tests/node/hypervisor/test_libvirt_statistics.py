"""From libvirt's bulk statistics to rows: whose each device is, what is not known."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from node.domain_xml import DeviceIds

pytest.importorskip("libvirt", reason="needs libvirt-python")

from node.hypervisor.libvirt.statistics import statistics

VM = "cccccccc-0000-4000-8000-000000000001"
IDS = DeviceIds(nics={"vnet3": "nic-a", "vnet1": "nic-b"}, disks={"vda": "disk-a", "sda": "disk-b"})
NET = {
    "net.count": 3,
    "net.0.name": "vnet1", "net.0.rx.bytes": 10, "net.0.rx.errs": 1, "net.0.rx.drop": 2, "net.0.tx.bytes": 20,
    "net.0.tx.errs": 3, "net.0.tx.drop": 4,
    "net.1.name": "vnet3", "net.1.rx.bytes": 100, "net.1.tx.bytes": 200,
    "net.2.name": "vnet9", "net.2.rx.bytes": 1000, "net.2.tx.bytes": 2000,
}  # fmt: skip
BLOCK = {
    "block.count": 3,
    "block.0.name": "vda", "block.0.rd.reqs": 1, "block.0.rd.bytes": 512, "block.0.wr.reqs": 2, "block.0.wr.bytes": 1024,
    "block.1.name": "sdf", "block.1.rd.reqs": 9, "block.1.rd.bytes": 2048, "block.1.wr.reqs": 0, "block.1.wr.bytes": 0,
    "block.2.name": "sda", "block.2.rd.reqs": 3, "block.2.rd.bytes": 4096, "block.2.wr.reqs": 4, "block.2.wr.bytes": 1,
}  # fmt: skip


@attrs.frozen
class Domain:
    id: str

    def UUIDString(self) -> str:
        return self.id


@attrs.frozen
class Connection:
    """A libvirt that knows bulk statistics alone."""

    found: tuple[tuple[str, dict[str, Any]], ...]

    def getAllDomainStats(self, stats: int, flags: int) -> list[tuple[Domain, dict[str, Any]]]:
        return [(Domain(id), figures) for id, figures in self.found]


def of(*found: tuple[str, dict[str, Any]]) -> Any:
    return statistics(Connection(found), {VM: IDS})  # type: ignore[arg-type]


def test_a_device_is_known_by_the_name_of_the_hosts_side() -> None:
    counters = of((VM, {**NET, **BLOCK}))
    assert counters.nics == ((VM, "nic-b", 10, 20, 1, 3, 2, 4), (VM, "nic-a", 100, 200, 0, 0, 0, 0))
    assert counters.disks == ((VM, "disk-a", 512, 1024, 1, 2), (VM, "disk-b", 4096, 1, 3, 4))
    assert counters.domains[0][6:] == (1110, 2220, 6656, 1025), "of all devices, ours or not"


def test_a_busy_qemu_has_no_figures_of_its_disks() -> None:
    counters = of((VM, {**NET, "block.count": 2, "block.0.name": "vda", "block.1.name": "sda"}))
    assert len(counters.nics) == 2
    assert counters.disks == ()
    assert counters.domains[0][6:] == (1110, 2220, -1, -1), "nothing would be a counter that fell, and then leaps back"


def test_domains_of_others_are_left_out() -> None:
    counters = of(("eeeeeeee-0000-4000-8000-000000000001", {**NET, **BLOCK}))
    assert (counters.domains, counters.nics, counters.disks) == ((), (), ())
