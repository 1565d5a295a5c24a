"""Adding a VM: its name and addresses are claimed, it is recorded, its template's disks are made or all taken back."""

from __future__ import annotations

from typing import Any

import pytest

from actors.entity.transaction import Standing
from actors.kernel.envelope import Answer
from actors.placement.messages import Placed
from actors.reservations.messages import NameClaim, Reserve, Reserved
from actors.storage.messages import DiscardDisk
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.host.commands import AddHost
from protocol.host.model import Host
from protocol.inventory.model import Cpu, CpuTopology
from protocol.network.model import Nic
from protocol.node.reports import Done
from protocol.template.model import Template
from protocol.vm.commands import AddVm, StartVm, StopVm
from protocol.vm.events import VmAdded, VmCreated, VmOperationProgressed, VmRemoved
from protocol.vm.model import MemoryPolicy, OperatingSystem, TimeZone, Vm, limits
from tests.actors.expected import accepted, ask, audit, event, question, refused, release_claim, status, stored, timer
from tests.actors.playbook import answered, command_id, fired, job_id
from tests.actors.vm.lives import (
    CLUSTER,
    DISK,
    FROM_TINY,
    FULL,
    GONE_DISK,
    HOST,
    MAC,
    NO,
    OTHER_DISK,
    TINY,
    VM,
    WEB,
    WEB_DISK,
    WEB_DISK_2,
    VmPlay,
    added,
    cloning,
    launching,
    mac,
    placing,
    provide,
    tiny,
    unborn,
    up,
)


def asked(**more: Any) -> AddVm:
    given = {"name": "web", "cluster": Ref(id=CLUSTER)} | more
    return AddVm(id=VM, document=Vm(**given))


def test_an_add_claims_its_name_and_addresses_first() -> None:
    unborn().when(AddVm(id=VM, document=WEB)).then(
        question(
            "reservations/main",
            Reserve(holder=command_id(1), owner_id=VM, names=(NameClaim(kind="vm", name="web"),), macs=("",)),
        ),
        release_claim(),
    )


def test_added_it_is_down() -> None:
    play = unborn().given(AddVm(id=VM, document=WEB))
    play.when(answered(Reserved(macs=(MAC,)))).then(
        event(VmAdded),
        audit("vm_added", user="u", vm=VM, cluster=CLUSTER),
        accepted(),
        stored,
        status("down"),
    )
    vm = play.state.vm
    assert (vm.type, vm.cpu.topology, vm.nics[0].mac) == (
        "server",
        CpuTopology(sockets=1, cores=1, threads=1),
        mac(MAC),
    )


def test_an_address_that_was_asked_for_is_claimed() -> None:
    nics = (Nic(name="nic1", mac=mac("56:6f:00:00:00:77"), network=Ref(id="net")), Nic(name="nic2"))
    unborn().when(asked(nics=nics)).then(
        question(
            "reservations/main",
            Reserve(
                holder=command_id(1),
                owner_id=VM,
                names=(NameClaim(kind="vm", name="web"),),
                macs=("56:6f:00:00:00:77", ""),
            ),
        ),
        release_claim(),
    )


def test_a_name_that_is_taken_is_refused() -> None:
    taken = Refusal(code="name_taken", reason="There is a VM named web already.", field="name")
    unborn().given(AddVm(id=VM, document=WEB)).when(answered(taken)).then(refused("name_taken", "name"))


def test_a_cluster_that_goes_meanwhile_lets_the_claim_go() -> None:
    play = unborn().given(AddVm(id=VM, document=WEB)).without_row("cluster", CLUSTER)
    play.when(answered(Reserved(macs=(MAC,)))).then(refused("not_found", "cluster"))


def test_the_same_add_again_gets_the_same_answer() -> None:
    added().when(AddVm(id=VM, document=WEB), again=True).then(accepted())


def test_a_dry_run_asks_whether_the_name_is_free_and_records_nothing() -> None:
    claimed = Reserve(holder=command_id(1), owner_id=VM, names=(NameClaim(kind="vm", name="web"),), macs=("",))
    play = unborn()
    play.when(AddVm(id=VM, document=WEB), dry_run=True).then(question("reservations/main", claimed), release_claim())
    play.when(answered(Reserved(macs=(MAC,)))).then(accepted(), status("gone"))
    play = VmPlay(tiny(DISK)).given(AddVm(id=VM, document=FROM_TINY), dry_run=True)
    play.when(answered(Reserved())).then(accepted(), status("gone"))
    unborn().when(asked(name=None), dry_run=True).then(refused("missing_attribute", "name"))


def test_a_dry_run_of_what_would_begin_at_once_names_no_job() -> None:
    up().when(StopVm(id=VM), dry_run=True).then(accepted())


def test_from_a_template_its_disk_is_made_first() -> None:
    play = VmPlay(tiny(DISK)).given(AddVm(id=VM, document=FROM_TINY))
    play.when(answered(Reserved())).then(
        event(VmAdded, begins="add", step="Creating disk web_Disk1"),
        audit("vm_add_started", user="u", vm=VM, cluster=CLUSTER),
        ask(f"disk/{WEB_DISK}", provide(WEB_DISK, "web_Disk1", DISK)),
        accepted(job=True),
        stored,
        status("image_locked"),
    )
    play.when_restarted().then(ask(f"disk/{WEB_DISK}", provide(WEB_DISK, "web_Disk1", DISK)))
    play.when(answered(Done())).then(
        event(VmCreated, ends="done"), audit("vm_add_finished", user="u", vm=VM), status("down")
    )


def test_a_clone_asks_for_full_copies() -> None:
    VmPlay(tiny(DISK)).given(AddVm(id=VM, document=FROM_TINY, clone=True)).when(answered(Reserved())).then(
        event(VmAdded, begins="add", step="Creating disk web_Disk1"),
        audit("vm_add_started", user="u", vm=VM, cluster=CLUSTER),
        ask(f"disk/{WEB_DISK}", provide(WEB_DISK, "web_Disk1", DISK, clone=True)),
        accepted(job=True),
        stored,
        status("image_locked"),
    )


def test_two_disks_are_made_one_after_the_other() -> None:
    play = cloning(DISK, OTHER_DISK)
    play.when(answered(Done())).then(
        event(VmOperationProgressed, step="Creating disk web_Disk2"),
        ask(f"disk/{WEB_DISK_2}", provide(WEB_DISK_2, "web_Disk2", OTHER_DISK)),
    )
    play.when(answered(Done())).then(
        event(VmCreated, ends="done"), audit("vm_add_finished", user="u", vm=VM), status("down")
    )


def test_a_disk_of_the_template_that_is_gone_is_left_out() -> None:
    VmPlay(tiny(GONE_DISK)).given(AddVm(id=VM, document=FROM_TINY)).when(answered(Reserved())).then(
        event(VmAdded),
        audit("vm_added", user="u", vm=VM, cluster=CLUSTER),
        accepted(),
        stored,
        status("down"),
    )


@pytest.mark.parametrize("code", ["unavailable", "overtaken", "internal"])
def test_a_disk_that_could_not_be_asked_is_asked_again(code: str) -> None:
    play = cloning(DISK)
    play.when(answered(Refusal(code=code, reason="The database is away."))).then(timer("step", 2))
    play.when(fired("step")).then(ask(f"disk/{WEB_DISK}", provide(WEB_DISK, "web_Disk1", DISK)))


def test_a_disk_that_fails_takes_all_of_it_back() -> None:
    play = cloning(DISK, OTHER_DISK).given(answered(Done()))
    play.when(answered(FULL)).then(
        event(VmOperationProgressed, step="Removing what was created", undoes="The disk is full."),
        ask(
            f"disk/{WEB_DISK_2}",
            DiscardDisk(operation_id=job_id(1), vm_id=VM, correlation_id="corr"),
        ),
    )
    play.when_restarted().then(
        ask(
            f"disk/{WEB_DISK_2}",
            DiscardDisk(operation_id=job_id(1), vm_id=VM, correlation_id="corr"),
        )
    )
    play.when(answered(Done())).then(
        event(VmOperationProgressed, step="Removing the next disk", undoes="The disk is full."),
        ask(
            f"disk/{WEB_DISK}",
            DiscardDisk(operation_id=job_id(1), vm_id=VM, correlation_id="corr"),
        ),
    )
    play.when(answered(Done())).then(
        event(VmRemoved, ends="rolled_back", why="The disk is full."),
        audit("vm_add_failed", severity="error", vm=VM),
        status("gone"),
    )


def test_what_was_made_and_cannot_be_removed_is_said() -> None:
    cloning(DISK).given(answered(FULL)).when(answered(NO)).then(
        event(VmRemoved, ends="rolled_back", why="The disk is full. What was created could not be removed: No."),
        audit("vm_add_failed", severity="error", vm=VM),
        status("gone"),
    )


def test_an_answer_twice_is_heard_once() -> None:
    play = cloning(DISK)
    play.given(answered(Done())).when(answered(Done())).then()


def test_an_answer_that_no_disk_gives_is_nothing() -> None:
    cloning(DISK).when(Answer(token="disk:another", body=Done())).then()
    launching().when(Answer(token="disk:another", body=Done())).then()


def test_what_is_not_there_is_not_found() -> None:
    unborn().when(StartVm(id=VM)).then(refused("not_found"))
    unborn().when(StopVm(id=VM)).then(refused("not_found"))


def test_what_a_vm_does_not_understand_is_refused() -> None:
    up().when(AddHost(document=Host())).then(refused("invalid", "command"))


def test_one_that_is_gone_before_the_answer_is_not_found() -> None:
    play = placing()
    play.standing = Standing()
    play.when(answered(Placed(host_id=HOST))).then(refused("not_found"))


def test_sizes_in_refusals_are_as_people_read_them() -> None:
    little = asked(memory=1 << 20)
    VmPlay().when(little).then(refused("invalid", "memory", reason="memory is 1 MiB.", status=400))
    guaranteed = asked(memory=1 << 28, memory_policy=MemoryPolicy(guaranteed=1 << 30))
    reason = "1 GiB of memory cannot be guaranteed: the VM has 256 MiB."
    VmPlay().when(guaranteed).then(refused("invalid", "memory_policy.guaranteed", reason=reason, status=400))


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (asked(name=None), "missing_attribute", "name"),
        (AddVm(id=VM, document=Vm(name="web")), "missing_attribute", "cluster"),
        (asked(cluster=Ref(id="nowhere")), "not_found", "cluster"),
        (asked(template=Ref(id="none")), "not_found", "template"),
        (asked(template=Ref(id=TINY)), "not_legal", "template"),
        (asked(memory=5), "invalid", "memory"),
        (asked(memory=-1), "invalid", "memory"),
        (asked(memory=1 << 60), "invalid", "memory"),
        (asked(memory=1 << 28, memory_policy=MemoryPolicy(guaranteed=1 << 29)), "invalid", "memory_policy.guaranteed"),
        (asked(cpu=Cpu(topology=CpuTopology(sockets=64, cores=64))), "invalid", "cpu.topology"),
        (asked(type="mainframe"), "invalid", "type"),
        (asked(os=OperatingSystem(type="cp_m")), "invalid", "os.type"),
        (asked(time_zone=TimeZone(name="Europe/Berlni")), "invalid", "time_zone.name"),
        (asked(time_zone=TimeZone(name="over there")), "invalid", "time_zone.name"),
        (asked(name="a/b"), "invalid", "name"),
        (asked(name="x" * 300), "invalid", "name"),
        (asked(nics=(Nic(),)), "missing_attribute", "name"),
        (asked(nics=(Nic(name="n", mac=mac("zz")),)), "invalid", "mac.address"),
        (asked(nics=(Nic(name="n", mac=mac("01:00:00:00:00:00")),)), "invalid", "mac.address"),
    ],
)
def test_wrong_input_is_refused_with_its_field(command: AddVm, code: str, field: str) -> None:
    making = Template(id=TINY, name="tiny", status="locked")
    status_ = {"not_found": 404, "not_legal": 409}.get(code, 400)
    VmPlay(("template", making)).when(command).then(refused(code, field, status=status_))


@pytest.mark.parametrize(
    ("nics", "code", "field"),
    [
        ((Nic(name="n"), Nic(name="n")), "name_taken", "name"),
        ((Nic(name="a", mac=mac(MAC)), Nic(name="b", mac=mac(MAC))), "conflict", "mac"),
        ((Nic(name="n", vnic_profile=Ref(id="none")),), "not_found", "nics.vnic_profile"),
        (tuple(Nic(name=f"nic{n}") for n in range(limits.vm_nics_max + 1)), "conflict", "nics"),
    ],
)
def test_nics_that_do_not_fit_are_refused(nics: tuple[Nic, ...], code: str, field: str) -> None:
    unborn().when(asked(nics=nics)).then(refused(code, field))


def test_a_template_that_is_not_there_is_refused() -> None:
    unborn().when(asked(template=Ref(id="none"))).then(refused("not_found", "template"))


def test_a_cpu_without_its_model_is_refused() -> None:
    unborn().when(asked(cpu=Cpu(mode="custom"))).then(refused("invalid", "cpu.type"))
