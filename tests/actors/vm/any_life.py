"""Any life of a VM: whatever may arrive next, in any order, drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from hypothesis import strategies as st

from actors.entity.decision import CancelTimer, Decision, RunStep, SetTimer, Tell
from actors.entity.host_signals import DomainSeen, HostConfirmedDown, HostLost, HostReturned, StepOutcome
from actors.entity.messages import Wake
from actors.kernel.envelope import Answer
from actors.placement.messages import Place, Placed
from actors.reservations.messages import Reserve, Reserved
from actors.storage.messages import DiskRecorded
from protocol.activity.operation import StepId
from protocol.document import Ref
from protocol.message import Message
from protocol.network.model import Nic
from protocol.node.commands import RestoreDomain, StartDomain
from protocol.node.domain import DomainStatus, StopReason
from protocol.node.reports import DomainStarted, Done
from protocol.storage.model import Disk, DiskAttachment
from protocol.template.model import Template
from protocol.vm import commands
from protocol.vm.model import Vm
from tests.actors.playbook import fired
from tests.actors.vm.lives import BLANK, CLUSTER, DISK, HOST, NIC, NO, SILENT, TINY, VM, VmPlay, domain, heard

running = (
    commands.StartVm(id=VM), commands.StartVm(id=VM, pause=True), commands.ShutdownVm(id=VM),
    commands.ShutdownVm(id=VM, force=True), commands.StopVm(id=VM), commands.RebootVm(id=VM), commands.ResetVm(id=VM),
    commands.SuspendVm(id=VM), commands.PauseVm(id=VM), commands.ResumeVm(id=VM), commands.SetVmTicket(id=VM),
    commands.FreezeVmFileSystems(id=VM), commands.ThawVmFileSystems(id=VM),
    commands.UpdateVm(id=VM, document=Vm(memory=1 << 29)), commands.UpdateVm(id=VM, document=Vm(name="other")),
)  # fmt: skip
at_rest = (
    commands.UpdateVm(id=VM, document=Vm(delete_protected=True)),
    commands.UpdateVm(id=VM, document=Vm(delete_protected=False)),
    commands.RemoveVm(id=VM), commands.RemoveVm(id=VM, detach_only=True),
    commands.AddNic(parent_id=VM, document=Nic(name="more")),
    commands.DeactivateNic(parent_id=VM, id=NIC), commands.ActivateNic(parent_id=VM, id=NIC),
    commands.AddDiskAttachment(parent_id=VM, document=DiskAttachment(disk=Disk(id=DISK), interface="virtio")),
    commands.AddDiskAttachment(
        parent_id=VM, document=DiskAttachment(disk=Disk(provisioned_size=1 << 30), interface="virtio")
    ),
    commands.RemoveDiskAttachment(parent_id=VM, id=DISK),
    commands.RemoveDiskAttachment(parent_id=VM, id=DISK, detach_only=True),
)  # fmt: skip


class Life(VmPlay):
    """A play that keeps what is on its way: questions, steps at nodes, timers."""

    def __init__(self, *more: Any) -> None:
        super().__init__(*more)
        self.questions: list[Tell] = []
        self.asked_of_disks: dict[str, Tell] = {}  # by the step that a disk carries out
        self.timers: set[str] = set()

    def carried_out(self, decision: Decision) -> None:
        super().carried_out(decision)
        if decision.question is not None:
            self.questions.append(decision.question.ask)
        for effect in decision.effects:
            match effect:
                case Tell(token=token) if token:
                    self.questions.append(effect)
                    self.asked_of_disks[token] = effect
                case SetTimer(name=name):
                    self.timers.add(name)
                case CancelTimer(name=name):
                    self.timers.discard(name)

    def answers(self, question: Tell, good: bool) -> Self:
        """What was asked is answered, the right way or with a refusal."""
        self.questions.remove(question)
        body: Message = Done() if good else NO
        if good and isinstance(question.message, Place):
            body = Placed(host_id=HOST)
        if good and isinstance(question.message, Reserve):
            body = Reserved(macs=tuple(mac or "56:6f:00:00:00:09" for mac in question.message.macs))
        return self.happens(Answer(token=question.token, body=body))

    def ends(self, step: StepId, result: Message, host_id: str) -> Self:
        return self.happens(StepOutcome(host_id=host_id, step=step, result=result))

    def fires(self, name: str) -> Self:
        self.timers.discard(name)
        return self.happens(fired(name))


def result_of(effect: RunStep, status: DomainStatus) -> Message:
    """What a node answers when all went well."""
    if isinstance(effect.body, StartDomain | RestoreDomain):
        return DomainStarted(domain=domain(status, str(effect.step)))
    return Done()


Moves = list[Callable[[], Any]]


def next_moves(life: Life) -> list[Moves]:
    """Everything that may arrive now, by kind. A kind that is pressing stands more than once: lives get somewhere."""
    pressing = [_answers(life), _outcomes(life, current=True)]
    usual = [_commands(life, running), _commands(life, running), _seen(life), _signals(life), _timers(life)]
    rare = [_commands(life, at_rest), _outcomes(life, current=False)]
    return [moves for moves in (*pressing * 3, *usual, *usual, *rare) if moves]


def _commands(life: Life, wanted: tuple[Message, ...]) -> Moves:
    return [partial(life.happens, command) for command in wanted]


def _answers(life: Life) -> Moves:
    return [partial(life.answers, question, good) for question in life.questions for good in (True, True, True, False)]


def _outcomes(life: Life, *, current: bool) -> Moves:
    """Of the step under way, or once more of one that is over."""
    operation = life.state.operation if life.state is not None else None
    under_way = {operation.steps[-1].id} if operation is not None else set()
    moves: Moves = []
    for step, effect in life.sent.items():
        if (step in under_way) == current:
            done = partial(life.ends, step, result_of(effect, DomainStatus.RUNNING), step.host)
            moves += [done, done, partial(life.ends, step, NO, step.host)]
            moves.append(partial(life.ends, step, result_of(effect, DomainStatus.PAUSED), step.host))
            if not current:  # a host that speaks of the steps of another one
                moves.append(partial(life.ends, step, result_of(effect, DomainStatus.RUNNING), "liar"))
    return moves


def _timers(life: Life) -> Moves:
    return [partial(life.fires, name) for name in sorted(life.timers)]


def _seen(life: Life) -> Moves:
    """What the host says of the domain: this run's, an earlier one's, its end."""
    step = life.state.started_step if life.state is not None else ""
    observed = (
        domain(DomainStatus.RUNNING, step), domain(DomainStatus.PAUSED, step, reason="io_error"),
        domain(DomainStatus.RUNNING, "vm/x:old:0"), domain(DomainStatus.ABSENT, step),
    )  # fmt: skip
    moves: Moves = [partial(life.happens, DomainSeen(host_id=HOST, domain=each)) for each in observed]
    for host_id in (HOST, "elsewhere"):
        moves += [partial(life.happens, HostReturned(host_id=host_id, domain=each)) for each in (*observed, None)]
    gone = domain(DomainStatus.ABSENT, step)
    moves.append(partial(life.happens, DomainSeen(host_id=HOST, domain=observed[0], rebooted=True)))
    return moves + [partial(life.happens, DomainSeen(host_id=HOST, domain=gone, stopped=why)) for why in StopReason]


def _signals(life: Life) -> Moves:
    signals = (
        HostReturned(host_id=HOST, domain=domain(DomainStatus.RUNNING, life.state.started_step if life.state else "")),
        HostReturned(host_id=HOST), HostReturned(host_id="elsewhere"), HostLost(host_id=HOST), HostLost(host_id=HOST),
        HostConfirmedDown(host_id=HOST), HostLost(host_id="elsewhere"), HostConfirmedDown(host_id="elsewhere"),
        heard(), heard(host="elsewhere"), SILENT, DiskRecorded(disk_id=DISK), Wake(),
        fired("nobody"),
    )  # fmt: skip
    return [partial(life.happens, signal) for signal in signals]


def born(stage: str) -> Life:
    """A VM at the beginning: on its way from Blank or from a template with two disks, down, up, or suspended."""
    disks = (DiskAttachment(id=DISK, bootable=True, interface="virtio"), DiskAttachment(id=DISK, interface="virtio"))
    tiny = Template(id=TINY, name="tiny", status="ok", disk_attachments=disks)
    template = Ref(id=tiny.id if stage == "from template" else BLANK)
    document = Vm(name="web", cluster=Ref(id=CLUSTER), template=template, nics=(Nic(name="nic1"), Nic(name="nic2")))
    life = Life(("template", tiny))
    life.happens(commands.AddVm(id=VM, document=document))
    if stage in ("down", "up", "suspended"):
        life.answers(life.questions[0], True)
    if stage in ("up", "suspended"):
        life.happens(commands.StartVm(id=VM))
        life.answers(life.questions[0], True)
        _outcomes(life, current=True)[0]()
        life.happens(heard())
    if stage == "suspended":
        life.happens(commands.SuspendVm(id=VM))
        _outcomes(life, current=True)[0]()
    return life


stages = ("new", "from template", "down", "up", "suspended")
plans = st.tuples(
    st.sampled_from(stages), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=10, max_size=50)
)
