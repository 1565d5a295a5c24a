"""A VM as transcripts play it, its inventory, and the points of its life that several begin with."""

from __future__ import annotations

from typing import Any

from actors.entity.decision import RunStep
from actors.entity.host_signals import GuestHeard, GuestLost, StepOutcome
from actors.entity.ids import derived_id
from actors.entity.rows import Rows
from actors.placement.messages import Place, Placed
from actors.reservations.messages import Reserved
from actors.storage.messages import ProvideDisk
from actors.vm.actor import VmActor
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.host.model import Host
from protocol.inventory.model import Cluster, DataCenter
from protocol.message import Message
from protocol.network.model import Mac, Network, Nic, VnicProfile
from protocol.node.commands import DestroyDomain, RestoreDomain, StartDomain
from protocol.node.domain import DomainNic, DomainObserved, DomainSpec, DomainStatus
from protocol.node.reports import DomainStarted, Done, GuestReport
from protocol.storage.model import Disk, DiskAttachment, StorageDomain
from protocol.template.model import Template
from protocol.vm.commands import AddVm, PauseVm, RebootVm, StartVm, SuspendVm
from protocol.vm.events import VmCopyGone, VmSideStepBegun, VmSideStepEnded
from protocol.vm.model import Vm
from tests.actors.backstage import NOW
from tests.actors.comparison import Expected
from tests.actors.expected import audit, cancel, event
from tests.actors.playbook import CORRELATION, Given, Play, answered, command_id, done, job_id, put

VM = "11111111-1111-4111-8111-111111111111"
HOST = "22222222-2222-4222-8222-222222222222"
CLUSTER = "33333333-3333-4333-8333-333333333333"
DISK = "44444444-4444-4444-8444-444444444444"
BLANK = "00000000-0000-0000-0000-000000000000"
GONE_DISK = "88888888-8888-4888-8888-888888888888"
TINY = "66666666-6666-4666-8666-666666666666"
SD = "sd"
NIC = derived_id(command_id(1), "nic0")
MAC = "56:6f:00:00:00:01"

WEB = Vm(name="web", cluster=Ref(id=CLUSTER), memory=1 << 28, nics=(Nic(name="nic1", vnic_profile=Ref(id="profile")),))
"""What is asked for when the VM of most transcripts is added."""

SPEC = DomainSpec(
    vm_id=VM, name="web", memory_bytes=1 << 28,
    nics=(DomainNic(nic_id=NIC, mac=MAC, bridge="ovirtmgmt"),),
)  # fmt: skip
"""What a host is told to run of it."""

FULL = Refusal(code="host_failed", reason="The disk is full.", status=500)
NO = Refusal(code="host_failed", reason="No.", status=500)
GONE = Refusal(code="not_found", reason="There is no saved state.", status=404)
GUEST = GuestReport(vm_id=VM, fqdn="web.lab")
SILENT = GuestLost(host_id=HOST, since=NOW)
OTHER_DISK = "77777777-7777-4777-8777-777777777777"
WEB_DISK = derived_id(command_id(1), "disk0")
WEB_DISK_2 = derived_id(command_id(1), "disk1")
"""The disks of a VM that was made from a template."""


class VmPlay(Play):
    """A VM's life so far."""

    shell = VmActor

    def __init__(self, *more: Any) -> None:
        super().__init__(VM, rows(*more))


def rows(*more: tuple[str, Any]) -> Rows:
    """An inventory of one data center, cluster, host, network, storage domain and disk, and what is named."""
    made = Rows()
    for kind, document in (
        ("data_center", DataCenter(id="dc", name="Default")),
        ("cluster", Cluster(id=CLUSTER, name="Default", data_center=Ref(id="dc"))),
        ("host", Host(id=HOST, name="one", address="one", status="up", cluster=Ref(id=CLUSTER))),
        ("template", Template(id=BLANK, name="Blank", status="ok")),
        ("network", Network(id="net", name="ovirtmgmt", vdsm_name="ovirtmgmt", data_center=Ref(id="dc"))),
        ("vnic_profile", VnicProfile(id="profile", name="ovirtmgmt", network=Ref(id="net"))),
        ("storage_domain", StorageDomain(id=SD, name="local", status="active", type="data", host=Ref(id=HOST))),
        ("disk", disk(DISK)),
        *more,
    ):
        put(made, kind, document)
    return made


def disk(id: str, **more: Any) -> Disk:
    """A disk that is ok."""
    given = {"name": "d", "status": "ok", "format": "cow", "image_id": "v", "provisioned_size": 1 << 30}
    where = {"storage_domain": Ref(id=SD), "storage_domains": (Ref(id=SD),)}
    return Disk(id=id, **(given | where | more))  # type: ignore[arg-type]


def place(command: str, **more: Any) -> Place:
    """What the scheduler is asked for the VM of most transcripts."""
    given = {"vm_name": "web", "cluster_id": CLUSTER, "memory_bytes": 1 << 28, "vcpus": 1} | more
    return Place(operation_id=command, vm_id=VM, **given)


def provide(id: str, name: str, backing: str = "", *, on: str = SD, **more: Any) -> ProvideDisk:
    """What the actor of a new disk is asked by the VM."""
    wanted = Disk(
        id=id, name=name, alias=name, format="cow", sparse=True, provisioned_size=1 << 30, storage_domain=Ref(id=on),
        storage_domains=(Ref(id=on),),
    )  # fmt: skip
    who = {"operation_id": job_id(1), "correlation_id": CORRELATION, "user_id": "u", "vm_id": VM}
    return ProvideDisk(disk=wanted, backing_disk_id=backing, **(who | more))


def domain(status: DomainStatus = DomainStatus.RUNNING, step: str = "", **more: Any) -> DomainObserved:
    return DomainObserved(vm_id=VM, status=status, started_step_id=step, **more)


def heard(report: GuestReport = GUEST, *, host: str = HOST) -> GuestHeard:
    """The agent reports."""
    return GuestHeard(host_id=host, report=report)


def started(status: DomainStatus = DomainStatus.RUNNING) -> Given:
    """The node's outcome of a start or restore."""

    def message(play: Play) -> Message:
        step = play.step_of(StartDomain, RestoreDomain)
        outcome = done(DomainStarted(domain=domain(status, str(step))), of=type(play.sent[step].body))
        assert callable(outcome)
        return outcome(play)

    return message


def end_of_start(play: Play) -> Message:
    """Ends the QEMU that the last start began, and no other."""
    return DestroyDomain(vm_id=VM, started_step_id=str(play.step_of(StartDomain, RestoreDomain)))


def side_begun(purpose: str, body: Message | None = None, *, later: bool = False) -> Expected:
    """A side step is durable: that which is sent now, or `later`."""

    def differs(play: Play, found: Any) -> str | None:
        if type(found) is not VmSideStepBegun:
            return "another event"
        step, sent = found.side_step, [each for each in play.decision.effects if isinstance(each, RunStep)]
        wrong = [
            *(["purpose"] if step.purpose != purpose else []),
            *(["body"] if step.body != body else []),
            *(["step"] if (step.id in [each.step for each in sent]) is later else []),
            *(["operation"] if found.operation is not None or found.ended is not None or found.desired else []),
        ]
        return f"differs in {', '.join(wrong)}" if wrong else None

    return Expected("events", f"side_begun({purpose!r})", differs)


def copy_gone(host: str = "elsewhere") -> tuple[Expected, Expected]:
    """It is proven that no copy of the VM is left there, and said."""
    return event(VmCopyGone, host_id=host), audit("vm_copy_gone", vm=VM, host=host)


def side_ended(purpose: str) -> Expected:
    """A side step is over: the one that a node has answered, when one has."""

    def differs(play: Play, found: Any) -> str | None:
        if type(found) is not VmSideStepEnded:
            return "another event"
        under_way = {each.id: each.purpose for each in play.before.side_steps}
        is_answered = not isinstance(play.message, StepOutcome) or play.message.step == found.step
        is_alone = found.operation is None and found.ended is None and not found.desired
        return None if under_way.get(found.step) == purpose and is_answered and is_alone else "another step"

    return Expected("events", f"side_ended({purpose!r})", differs)


def no_timers(operation: str = "") -> tuple[Expected, ...]:
    """Nothing is waited for any more, also not for the operation that was under way."""
    return (cancel("guest_up"), *((cancel(operation),) if operation else ()))


# --- lives --------------------------------------------------------------------------------------------------------


def unborn() -> VmPlay:
    return VmPlay()


def added(*more: Any) -> VmPlay:
    """Down, with one NIC, made from Blank."""
    return VmPlay(*more).given(AddVm(id=VM, document=WEB)).given(answered(Reserved(macs=(MAC,))))


def placing() -> VmPlay:
    """A host is being looked for."""
    return added().given(StartVm(id=VM))


def launching() -> VmPlay:
    return placing().given(answered(Placed(host_id=HOST)))


def booting() -> VmPlay:
    return launching().given(started())


def up() -> VmPlay:
    return booting().given(heard())


def rebooting() -> VmPlay:
    """The guest was asked, and has not started over yet."""
    return up().given(RebootVm(id=VM)).given(done(Done()))


def paused() -> VmPlay:
    return up().given(PauseVm(id=VM)).given(done(Done()))


def saving() -> VmPlay:
    return up().given(SuspendVm(id=VM))


def suspended() -> VmPlay:
    return saving().given(done(Done()))


def restoring() -> VmPlay:
    return suspended().given(StartVm(id=VM)).given(answered(Placed(host_id=HOST)))


def tiny(*disks: str) -> tuple[str, Template]:
    """A template with these disks."""
    attachments = tuple(DiskAttachment(id=each, bootable=each == DISK, interface="virtio") for each in disks)
    return "template", Template(id=TINY, name="tiny", status="ok", memory=1 << 28, disk_attachments=attachments)


FROM_TINY = Vm(name="web", cluster=Ref(id=CLUSTER), template=Ref(id=TINY))


def cloning(*disks: str) -> VmPlay:
    """Being made from a template whose disks are made first."""
    more = [("disk", disk(each)) for each in disks]
    return VmPlay(tiny(*disks), *more).given(AddVm(id=VM, document=FROM_TINY)).given(answered(Reserved()))


def from_tiny(*disks: str) -> VmPlay:
    """Down, with a disk for each of its template's."""
    play = cloning(*disks)
    for _ in disks:
        play.given(answered(Done()))
    return play


def mac(address: str) -> Mac:
    return Mac(address=address)
