"""Starting a VM: a host is found, the intent is durable, the node is told, its outcome taken; and what may fail."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from actors.entity.host_signals import DomainSeen, HostConfirmedDown, HostReturned, StepDeclined, StepOutcome
from actors.entity.messages import Wake
from actors.placement.messages import Placed
from protocol.activity.operation import StepId
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.inventory.model import Cpu, CpuTopology
from protocol.merge import given
from protocol.network.model import Nic
from protocol.node.commands import StartDomain
from protocol.node.domain import DomainDisk, DomainNic, DomainSpec, DomainStatus, StopReason, VolumeRef
from protocol.node.reports import DomainStarted, Done
from protocol.storage.model import Disk, DiskAttachment
from protocol.vm.commands import StartVm, UpdateDiskAttachment
from protocol.vm.events import (
    VmGuestReported,
    VmGuestUp,
    VmLost,
    VmOperationProgressed,
    VmPaused,
    VmStarted,
    VmStartFailed,
    VmStartRequested,
)
from protocol.vm.model import Bios, Boot, BootMenu, MemoryPolicy, OperatingSystem, TimeZone, Vm, VmPlacementPolicy
from tests.actors.expected import (
    accepted,
    ack,
    ack_stopped,
    audit,
    cancel,
    event,
    question,
    refused,
    release,
    status,
    stored,
    timer,
    to_node,
)
from tests.actors.playbook import answered, command_id, done, fired, job_id, step_under_way
from tests.actors.vm.lives import (
    DISK,
    FULL,
    GUEST,
    HOST,
    MAC,
    NIC,
    NO,
    SD,
    SPEC,
    VM,
    WEB_DISK,
    VmPlay,
    added,
    booting,
    disk,
    domain,
    end_of_start,
    from_tiny,
    heard,
    launching,
    paused,
    place,
    placing,
    started,
    suspended,
    unborn,
    up,
)


def test_a_start_asks_for_a_host_first() -> None:
    added().when(StartVm(id=VM)).then(question("scheduler/main", place(command_id(2))), release())


def test_a_host_is_found() -> None:
    placing().when(answered(Placed(host_id=HOST))).then(
        event(VmStartRequested, desired="up", host_id=HOST, begins="start", step="Starting on host one"),
        to_node(StartDomain(spec=SPEC)),
        accepted(job=True),
        stored,
        status("wait_for_launch"),
    )


def test_a_host_that_is_found_after_a_crash_is_for_nobody() -> None:
    """Whoever asked was told that the actor crashed; the scheduler's hold ends with its time."""
    play = placing().when_restarted().then()
    play.when(answered(Placed(host_id=HOST))).then()


def test_no_host_fits_is_the_answer_and_changes_nothing() -> None:
    none_fits = Refusal(code="no_host_fits", reason="No host fits.", reasons=("one: too little memory",))
    placing().when(answered(none_fits)).then(refused("no_host_fits"))


def test_a_host_that_is_gone_from_the_inventory_is_called_by_its_id() -> None:
    placing().without_row("host", HOST).when(answered(Placed(host_id=HOST))).then(
        event(VmStartRequested, desired="up", host_id=HOST, begins="start", step=f"Starting on host {HOST}"),
        to_node(StartDomain(spec=SPEC)),
        accepted(job=True),
        stored,
        status("wait_for_launch"),
    )


def test_a_vm_that_came_up_otherwise_lets_the_host_go() -> None:
    """The answer comes after the VM was forced into something else."""
    play = placing()
    play.standing = attrs.evolve(play.standing, state=attrs.evolve(play.state, status="up"))
    play.when(answered(Placed(host_id=HOST))).then(refused("not_legal", "status"))


def test_a_disk_that_is_locked_meanwhile_lets_the_host_go() -> None:
    play = from_tiny(DISK).with_row("disk", disk(WEB_DISK)).given(StartVm(id=VM))
    play.with_row("disk", disk(WEB_DISK, status="locked"))
    play.when(answered(Placed(host_id=HOST))).then(refused("busy", "disk_attachments"))


def test_a_vm_with_a_disk_starts_where_its_disk_is() -> None:
    play = from_tiny(DISK).with_row("disk", disk(WEB_DISK, name="web_Disk1"))
    play.when(StartVm(id=VM)).then(
        question("scheduler/main", place(command_id(2), required_host_ids=(HOST,))), release()
    )
    play.when(answered(Placed(host_id=HOST))).then(
        event(VmStartRequested, desired="up", host_id=HOST, begins="start", step="Starting on host one"),
        to_node(
            StartDomain(
                spec=DomainSpec(
                    vm_id=VM,
                    name="web",
                    memory_bytes=1 << 28,
                    disks=(
                        DomainDisk(
                            disk_id=WEB_DISK,
                            volume=VolumeRef(storage_domain_id=SD, image_id=WEB_DISK, volume_id="v", format="qcow2"),
                            bootable=True,
                            boot_order=1,
                            serial=WEB_DISK[:20],
                        ),
                    ),
                )
            )
        ),
        accepted(job=True),
        stored,
        status("wait_for_launch"),
    )


def test_a_disk_that_is_not_attached_for_now_is_left_out() -> None:
    play = from_tiny(DISK).given(UpdateDiskAttachment(parent_id=VM, id=WEB_DISK, document=DiskAttachment(active=False)))
    play.given(StartVm(id=VM)).when(answered(Placed(host_id=HOST))).then(
        event(VmStartRequested, desired="up", host_id=HOST, begins="start", step="Starting on host one"),
        to_node(StartDomain(spec=DomainSpec(vm_id=VM, name="web", memory_bytes=1 << 28))),
        accepted(job=True),
        stored,
        status("wait_for_launch"),
    )


@pytest.mark.parametrize(
    ("found", "code"), [(None, "not_legal"), (disk(WEB_DISK, status="locked"), "busy")], ids=["gone", "locked"]
)
def test_a_disk_that_is_not_there_is_no_start(found: Disk | None, code: str) -> None:
    play = from_tiny(DISK)
    if found is not None:
        play.with_row("disk", found)
    play.when(StartVm(id=VM)).then(refused(code, "disk_attachments"))


def test_a_second_start_is_refused() -> None:
    launching().when(StartVm(id=VM)).then(refused("busy"))
    up().when(StartVm(id=VM)).then(refused("not_legal", "status"))


def test_a_second_start_waits_until_the_first_is_decided() -> None:
    placing().when(StartVm(id=VM)).then()


def test_run_once_overrides_for_this_run_only() -> None:
    boot = OperatingSystem(boot=Boot(devices=("network", "hd")), kernel="/k", initrd="/i", cmdline="quiet")
    play = added().given(StartVm(id=VM, vm=Vm(os=boot)))
    play.when(answered(Placed(host_id=HOST))).then(
        event(VmStartRequested, desired="up", host_id=HOST, run_once=True, begins="start", step="Starting on host one"),
        to_node(
            StartDomain(
                spec=DomainSpec(
                    vm_id=VM,
                    name="web",
                    memory_bytes=1 << 28,
                    nics=(DomainNic(nic_id=NIC, mac=MAC, bridge="ovirtmgmt", boot_order=1),),
                    kernel="/k",
                    initrd="/i",
                    cmdline="quiet",
                    run_once=True,
                )
            )
        ),
        accepted(job=True),
        stored,
        status("wait_for_launch"),
    )
    assert play.state.run_once
    assert play.state.vm.os.boot == Boot(devices=("hd",))


def test_the_host_that_people_wish_and_the_firmware_are_asked_for() -> None:
    wish = Vm(
        placement_policy=VmPlacementPolicy(hosts=(Ref(id=HOST),)),
        bios=Bios(type="q35_ovmf", boot_menu=BootMenu(enabled=True)),
        memory_policy=MemoryPolicy(max=1 << 30, ballooning=False),
        cpu=Cpu(topology=CpuTopology(cores=2)),
        time_zone=TimeZone(name="Europe/Paris"),
    )
    play = added()
    play.when(StartVm(id=VM, vm=wish)).then(
        question("scheduler/main", place(command_id(2), vcpus=2, pinned_host_ids=(HOST,))), release()
    )
    play.when(answered(Placed(host_id=HOST))).then(
        event(VmStartRequested, desired="up", host_id=HOST, run_once=True, begins="start", step="Starting on host one"),
        to_node(
            StartDomain(
                spec=DomainSpec(
                    vm_id=VM,
                    name="web",
                    memory_bytes=1 << 28,
                    cores=2,
                    firmware="uefi",
                    nics=(DomainNic(nic_id=NIC, mac=MAC, bridge="ovirtmgmt"),),
                    boot_menu=True,
                    balloon=False,
                    time_zone="Europe/Paris",
                    run_once=True,
                )
            )
        ),
        accepted(job=True),
        stored,
        status("wait_for_launch"),
    )


def test_started_it_boots() -> None:
    launching().when(started()).then(
        event(VmStarted, ends="done"),
        audit("vm_started", text="VM web started on host one", user="u", vm=VM, host=HOST),
        ack(),
        timer("guest_up", 60),
        status("powering_up"),
    )


def test_started_paused_it_waits_for_nobody() -> None:
    added().given(StartVm(id=VM, pause=True)).given(answered(Placed(host_id=HOST))).when(
        started(DomainStatus.PAUSED)
    ).then(
        event(VmStarted, ends="done"),
        event(VmPaused),
        audit("vm_started", user="u", vm=VM, host=HOST),
        ack(),
        status("paused"),
    )


def test_up_when_the_guest_answers() -> None:
    booting().when(heard()).then(
        event(VmGuestReported, report=GUEST),
        event(VmGuestUp),
        audit("vm_guest_up", vm=VM, host=HOST),
        cancel("guest_up"),
        status("up"),
    )


def test_up_when_a_guest_without_agent_had_its_time() -> None:
    booting().when(fired("guest_up")).then(event(VmGuestUp), status("up"))


def test_the_time_of_a_guest_that_is_up_is_over_for_nothing() -> None:
    up().when(fired("guest_up")).then()


def test_a_start_that_fails_first_makes_sure_that_nothing_is_left() -> None:
    """A failure proves nothing: the answer may have got lost behind a QEMU that runs."""
    play = launching()
    play.when(done(FULL)).then(
        event(VmOperationProgressed, step="Checking that nothing is left", undoes="The disk is full."),
        ack(),
        to_node(end_of_start),
    )
    play.when_restarted().then(to_node(end_of_start))
    play.when(done(Done())).then(
        event(VmStartFailed, desired="down", reason="The disk is full.", ends="failed", why="The disk is full."),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        ack(),
        status("down"),
    )
    assert play.state.stop_reason == "The disk is full."


CHECKING = "Checking that nothing is left"


def not_undone() -> VmPlay:
    """A start failed, and its host could not end what is left of it."""
    return launching().given(done(FULL)).given(done(NO))


def test_a_start_that_cannot_be_undone_keeps_the_vm_and_is_tried_again() -> None:
    play = launching().given(done(FULL))
    play.when(done(NO)).then(
        event(VmLost, step=CHECKING, undoes="The disk is full."),
        audit("vm_start_not_undone", severity="error", text="is confirmed as rebooted: No.", vm=VM, host=HOST),
        ack(),
        timer("step", 10),
        status("unknown"),
    )
    play.when(fired("step")).then(to_node(end_of_start))
    play.when(done(NO)).then(
        event(VmOperationProgressed, step=CHECKING, undoes="The disk is full."), ack(), timer("step", 20)
    )
    play.when_restarted().then(to_node(end_of_start))
    play.when(StartVm(id=VM)).then(refused("busy"))
    play.when(done(Done())).then(
        event(VmStartFailed, desired="down", reason="The disk is full.", ends="failed", why="The disk is full."),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        ack(),
        status("down"),
    )


def test_the_attempts_grow_rarer_up_to_five_minutes() -> None:
    play = not_undone()
    for seconds in (20, 40, 80, 160, 300, 300):
        play.when(done(NO)).then(
            event(VmOperationProgressed, step=CHECKING, undoes="The disk is full."), ack(), timer("step", seconds)
        )


def test_a_start_that_cannot_be_undone_is_when_its_host_is_back_or_known_to_be_down() -> None:
    play = not_undone()
    play.when(HostReturned(host_id=HOST, domain=domain(step=play.state.started_step))).then(to_node(end_of_start))
    play.when(HostConfirmedDown(host_id=HOST)).then(
        event(
            VmStartFailed,
            desired="down",
            reason="Its host was confirmed as rebooted.",
            ends="failed",
            why="Its host was confirmed as rebooted.",
        ),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        status("down"),
    )


def test_a_qemu_that_dies_before_the_outcome_came_has_nothing_to_undo() -> None:
    play = launching()
    gone = domain(DomainStatus.ABSENT, play.state.started_step)
    play.when(DomainSeen(host_id=HOST, domain=gone, stopped=StopReason.CRASHED, detail="bad disk")).then(
        event(
            VmStartFailed,
            desired="down",
            reason="QEMU exited while starting. bad disk",
            ends="failed",
            why="QEMU exited while starting. bad disk",
        ),
        audit("vm_start_failed", severity="error", vm=VM, host=HOST),
        ack_stopped(),
        status("down"),
    )
    play.when(started()).then(ack())


def test_an_outcome_of_a_step_that_nobody_knows_is_only_acknowledged() -> None:
    unknown = StepId(owner=f"vm/{VM}", operation=job_id(9), number=0, host=HOST)
    up().when(StepOutcome(host_id=HOST, step=unknown, result=Done())).then(ack())
    unborn().when(StepOutcome(host_id=HOST, step=unknown, result=Done())).then()


def test_an_outcome_of_a_start_from_another_host_is_not_believed() -> None:
    play = launching()
    lie = DomainStarted(domain=domain(step=play.state.started_step))
    play.when(done(lie, host="elsewhere")).then(status("wait_for_launch"))
    play.when(done(FULL, host="elsewhere")).then(status("wait_for_launch"))


def test_the_step_is_sent_again_when_the_host_returns() -> None:
    launching().when(HostReturned(host_id=HOST)).then(to_node(StartDomain(spec=SPEC)))


def test_the_step_is_sent_again_after_a_crash() -> None:
    launching().when_restarted().then(to_node(StartDomain(spec=SPEC)))
    launching().when(Wake()).then(to_node(StartDomain(spec=SPEC)))
    booting().when_restarted().then(timer("guest_up", 60))


def test_a_start_that_its_host_has_not_tried_is_asked_again_in_a_moment() -> None:
    play = launching()
    step = step_under_way(play)
    play.when(StepDeclined(host_id="elsewhere", step=step)).then()
    play.when(StepDeclined(host_id=HOST, step=step)).then(timer("step", 2))
    play.when(fired("step")).then(to_node(StartDomain(spec=SPEC)))
    up().when(StepDeclined(host_id=HOST, step=step)).then()
    up().when(fired("step")).then()


def test_nothing_is_sent_again_when_nothing_is_under_way() -> None:
    up().when(Wake()).then()
    up().when_restarted().then()
    added().when(HostReturned(host_id=HOST)).then()


def test_another_host_that_returns_does_not_get_the_step() -> None:
    launching().when(HostReturned(host_id="elsewhere")).then()


def test_a_dry_run_asks_for_a_host_and_starts_nothing() -> None:
    play = added()
    play.when(StartVm(id=VM), dry_run=True).then(question("scheduler/main", place(command_id(2))), release())
    play.when(answered(Placed(host_id=HOST))).then(accepted(), status("down"))
    play.when(StartVm(id=VM), dry_run=True).then(question("scheduler/main", place(command_id(3))), release())
    play.when(answered(Refusal(code="no_host_fits", reason="No host fits."))).then(refused("no_host_fits"))


@pytest.mark.parametrize(
    "other",
    [
        Vm(id="another"),
        Vm(name="other"),
        Vm(comment="x"),
        Vm(template=Ref(id="t")),
        Vm(cluster=Ref(id="c2")),
        Vm(nics=(Nic(name="x"),)),
        Vm(disk_attachments=(DiskAttachment(id="d"),)),
    ],
    ids=lambda other: next(name for name, _, _ in given(other)),
)
def test_who_a_vm_is_and_what_it_is_made_of_never_differ_for_one_run(other: Vm) -> None:
    """A QEMU under another VM's id would be a second runner of it, and what this one stops would run on."""
    field = next(name for name, _, _ in given(other))
    added().when(StartVm(id=VM, vm=other)).then(refused("invalid", f"vm.{field}"))


def test_one_run_may_repeat_what_the_vm_is() -> None:
    play = added()
    play.given(StartVm(id=VM, vm=Vm(id=VM, name="web", memory=1 << 30)))
    assert play.decision.question is not None


@pytest.mark.parametrize("life", [paused, suspended])
def test_what_goes_on_where_it_stood_takes_nothing_for_one_run(life: Callable[[], VmPlay]) -> None:
    life().when(StartVm(id=VM, vm=Vm(memory=1 << 30))).then(refused("invalid", "vm"))


def test_a_paused_vm_is_not_paused_by_its_start() -> None:
    paused().when(StartVm(id=VM, pause=True)).then(refused("invalid", "pause"))
