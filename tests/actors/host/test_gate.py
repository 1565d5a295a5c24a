"""What passes from a node into the engine: of what runs there alone, cut to its most, and no more than can be kept."""

from __future__ import annotations

import attrs

from actors.entity.rows import Rows
from actors.host import gate
from protocol.document import Ref
from protocol.message import Message
from protocol.node.domain import DomainObserved, DomainStatus
from protocol.node.reports import (
    DomainsSnapshot,
    Done,
    GuestAddress,
    GuestReport,
    HostFacts,
    StatisticsBatch,
    StepDone,
    StorageFacts,
)
from protocol.storage.model import StorageDomain
from protocol.vm.model import Vm
from tests.actors.backstage import NOW
from tests.actors.playbook import put

HERE, ELSEWHERE = "here", "elsewhere"
FACTS = HostFacts(
    hostname="one", hardware_uuid="u", os_name="Debian", os_version="12", kernel="6", node_version="1", libvirt_version="9",
    qemu_version="7", hypervisor="libvirt", virtualization="kvm",
)  # fmt: skip


def rows() -> Rows:
    made = Rows()
    for id, host in (("mine", HERE), ("other", ELSEWHERE), ("down", None)):
        put(made, "vm", Vm(id=id, name=id, host=Ref(id=host) if host else None))
    for id, host in (("sd-mine", HERE), ("sd-other", ELSEWHERE)):
        put(made, "storage_domain", StorageDomain(id=id, name=id, host=Ref(id=host)))
    return made


def test_what_is_as_it_should_be_passes_as_it_is() -> None:
    for message in (
        FACTS,
        GuestReport(vm_id="v", addresses=(GuestAddress(interface="e", mac="m", addresses=("::1",)),)),
    ):
        assert gate.bounded(message) is message


def test_texts_are_cut_and_cleaned_wherever_they_stand() -> None:
    seven_mebibytes = attrs.evolve(FACTS, hostname="x" * (7 << 20), kernel="\x1b]0;title\x07red\n\tblue\u202e")
    assert gate.bounded(seven_mebibytes) == attrs.evolve(
        FACTS, hostname="x" * gate.text_characters_max, kernel="]0;titlered  blue"
    )
    nested = GuestReport(vm_id="v", addresses=(GuestAddress(interface="\x1b[2J", mac="m", addresses=("::1", "\x00a")),))
    assert gate.bounded(nested) == GuestReport(
        vm_id="v", addresses=(GuestAddress(interface="[2J", mac="m", addresses=("::1", "a")),)
    )


def test_lists_are_cut() -> None:
    domain = DomainObserved(vm_id="v", status=DomainStatus.RUNNING)
    many = DomainsSnapshot(domains=(domain,) * (gate.items_max + 7))
    assert gate.bounded(many) == DomainsSnapshot(domains=(domain,) * gate.items_max)


def test_of_what_is_elsewhere_a_host_says_nothing() -> None:
    def of(message: Message) -> str:
        return gate.misplaced(message, HERE, rows())

    def storage(id: str) -> StorageFacts:
        return StorageFacts(storage_domain_id=id, available_bytes=1, used_bytes=1)

    assert of(GuestReport(vm_id="mine")) == of(GuestReport(vm_id="never heard of")) == of(FACTS) == ""
    assert of(GuestReport(vm_id="other")) == "vm/other"
    assert of(GuestReport(vm_id="down")) == "vm/down"
    assert (of(storage("sd-mine")), of(storage("never heard of"))) == ("", "")
    assert of(storage("sd-other")) == "storage_domain/sd-other"


def test_figures_of_vms_elsewhere_are_left_out() -> None:
    def row(vm_id: str) -> tuple[str, int, int, int, int, int, int, int, int, int]:
        return vm_id, 1, 1, 1, 1, 1, 1, 1, 1, 1

    own = StatisticsBatch(
        at=NOW, period_seconds=5, cpu_percent=1, memory_free_bytes=1, memory_used_bytes=1, load_average=0,
        domains=(row("mine"),), nics=(("mine", "n", 1, 1, 1, 1, 1, 1),), disks=(("mine", "d", 1, 1, 1, 1),),
    )  # fmt: skip
    assert gate.own_statistics(own, HERE, rows()) is own
    more = attrs.evolve(
        own,
        domains=(row("other"), *own.domains),
        nics=(*own.nics, ("other", "n", 1, 1, 1, 1, 1, 1)),
        disks=(("down", "d", 1, 1, 1, 1), *own.disks),
    )
    assert gate.own_statistics(more, HERE, rows()) == own


def test_the_pace_of_what_is_journaled() -> None:
    pace = gate.Pace(left=2.0)
    assert [pace.allows(FACTS, 0.0) for _ in range(3)] == [True, True, False]
    assert pace.allows(StepDone(step_id="s", result=Done()), 0.0), "it is journaled once for each step that was given"
    assert [pace.allows(FACTS, 0.01) for _ in range(3)] == [True, True, False]
    assert pace.allows(FACTS, 1_000_000.0)
    assert pace.left == gate.journaled_burst_max - 1
    assert pace.allows(FACTS, 5.0), "a clock that runs back fills nothing and takes nothing"
