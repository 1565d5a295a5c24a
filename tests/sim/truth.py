"""What really happened in one run, as the world, the wires and the database saw it, handed to the checkers at once.

It must not ask an engine or a node anything: both are under test.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from actors.kernel.ports import Clock
from protocol.activity.operation import StepId
from protocol.codec import encode
from protocol.errors import Refusal
from protocol.live.engine import Accepted
from protocol.message import Message, message_type
from protocol.node.commands import CancelStep, ForgetSteps, NodeCommand
from protocol.node.link import LinkRefused
from protocol.node.reports import StepDone, StepNotTried
from tests.checkers import s04_epochs, s05_acknowledged, s06_effects, s17_guests

SOMETIMES = (
    "operation finished under a later epoch than it began",
    "operation rolled back",
    "operation failed",
    "copy cancelled on its way",
    "stale command refused by a node",
    "engine of an old epoch turned a node away",
    "step not tried for want of room",
    "step repeated and answered from the step log",
    "step begun by an earlier incarnation of the node and carried on",
    "commit outcome unknown, committed",
    "commit outcome unknown, lost",
    "write of a deposed engine refused",
    "two engines led at the same time",
    "engine killed while an operation ran",
    "node killed while a QEMU ran",
    "node killed between acting and noting it",
    "host lost power under a QEMU",
    "operator confirmed that a host is down",
    "operator confirmed that a host is down, which was not so",
    "copy of a VM noticed beside its run",
    "QEMU crashed",
    "VM unknown, then found",
    "VM unknown, then down",
    "start failed",
    "shutdown ignored by the guest",
    "reboot ignored by the guest",
    "guest started over as asked",
    "suspended VM restored",
    "command retried after its reply was lost",
    "command refused while the database was away",
    "reader reset because its cursor was lost",
    "reader caught up after a lost connection",
    "guest shut out for flooding",
    "guest talked in another VM's name",
    "stray QEMU ended",
    "VM removed with its disks",
    "file systems frozen",
    "outcome from the wrong host refused",
    "assignment went with its VM",
)


@attrs.frozen
class Violation:
    name: str
    at: float
    text: str

    def __str__(self) -> str:
        return f"{self.name} at {self.at:.3f}: {self.text}"


@attrs.define
class Reply:
    """One reply that left the gateway."""

    command_id: str
    command: Message
    reply: Accepted | Refusal


@attrs.define(eq=False)
class Truth:
    """Collects; `found` takes what a checker says. `on_violation` is told of the first one."""

    clock: Clock
    note: Callable[[str], None]
    on_violation: Callable[[], None]
    violations: list[Violation] = attrs.field(factory=list)
    sometimes: Counter[str] = attrs.field(factory=Counter)
    replies: dict[str, Reply] = attrs.field(factory=dict)
    log: list[str] = attrs.field(factory=list)
    epochs_told: defaultdict[tuple[str, str], set[int]] = attrs.field(
        factory=lambda: defaultdict(set)
    )  # epochs by host, step
    asked: defaultdict[tuple[str, str], set[str]] = attrs.field(factory=lambda: defaultdict(set))  # steps by VM, tag
    effects: Counter[tuple[str, str]] = attrs.field(factory=Counter)  # by VM, step
    outcomes: dict[tuple[str, str], Any] = attrs.field(factory=dict)  # by host, step
    operator_lied: bool = False  # then two QEMUs of a VM may run, until it is noticed and somebody chooses
    proven: set[tuple[str, int]] = attrs.field(factory=set)  # steps, by operation and number, that their host answered

    def found(self, name: str, sentences: Iterable[str]) -> None:
        for text in sentences:
            violation = Violation(name, self.clock.monotonic(), text)
            self.say(f"VIOLATION {violation}")
            self.violations.append(violation)
            if len(self.violations) == 1:
                self.on_violation()

    def once(self, name: str) -> None:
        """An interesting state was reached."""
        assert name in SOMETIMES, name
        self.sometimes[name] += 1

    def say(self, text: str) -> None:
        """A line of the run's log, and part of its trace hash."""
        line = f"{self.clock.monotonic():10.3f} {text}"
        self.log.append(line)
        self.note(line)

    # --- wires ----------------------------------------------------------------------------------------------------

    def heard_by_node(self, host: str, message: Message) -> None:
        """A frame that a node's process has read."""
        match message:
            case NodeCommand(epoch=epoch, step_id=step_id, body=body):
                tag = message_type(body).tag
                self.epochs_told[host, step_id].add(epoch)
                self.asked[getattr(body, "vm_id", ""), tag].add(step_id)
                self.say(f"{host} <- {tag} {step_id} epoch {epoch}")
            case LinkRefused(refusal=refusal) if refusal.code == "stale_epoch":
                self.once("engine of an old epoch turned a node away")
            case CancelStep(epoch=epoch, step_id=step_id):
                self.say(f"{host} <- cancel {step_id} epoch {epoch}")
            case ForgetSteps(epoch=epoch, step_ids=step_ids):
                self.say(f"{host} <- forget {' '.join(step_ids)} epoch {epoch}")

    def reported_by_node(self, host: str, host_id: str, message: Message) -> None:
        """A frame that a node's process has written."""
        tag = message_type(message).tag
        vm_id = getattr(message, "vm_id", "") or getattr(getattr(message, "domain", None), "vm_id", "")
        self.found("S17", s17_guests.check_message(tag, vm_id, encode(message)))
        if isinstance(message, StepNotTried):
            self.say(f"{host} -> {message.step_id} not tried: {message.reason.reason:.90}")
            if message.reason.code == "stale_epoch":
                self.once("stale command refused by a node")
        if not isinstance(message, StepDone):
            return
        key, result = (host, message.step_id), message.result
        shown = f"{result.code}: {result.reason:.90}" if isinstance(result, Refusal) else type(result).__name__
        self.say(f"{host} -> {message.step_id} {shown}")
        if isinstance(result, Refusal) and result.code == "cancelled":
            self.once("copy cancelled on its way")
        step = StepId.parse(message.step_id)
        if step.host == host_id:
            self.proven.add((step.operation, step.number))
        first = self.outcomes.setdefault(key, result)
        self.found("S6", s06_effects.check_outcome(host, message.step_id, first, result))

    def step_begun(self, host: str, step_id: str, stored_epoch: int) -> None:
        """A node's disk took the note that it begins a step."""
        self.found("S4", s04_epochs.check_step(host, step_id, self.epochs_told[host, step_id], stored_epoch))

    def effect(self, vm_id: str, tag: str, begun: Iterable[str]) -> None:
        """Something happened to a QEMU that must happen once for each step. `begun`: by the disk of its host, now."""
        steps = [step_id for step_id in begun if step_id in self.asked[vm_id, tag]]
        self.found("S6", s06_effects.check_asked_for(vm_id, tag, steps))
        for step_id in steps[-1:]:
            self.effects[vm_id, step_id] += 1
            self.found("S6", s06_effects.check_effects(vm_id, tag, step_id, self.effects[vm_id, step_id]))

    # --- the gateway ----------------------------------------------------------------------------------------------

    def replied(self, command_id: str, command: Message, reply: Accepted | Refusal, head: int, jobs: Any) -> None:
        """A reply reached the gateway of a living engine."""
        shown = (
            f"accepted job {reply.job_id or '-'}"
            if isinstance(reply, Accepted)
            else f"{reply.code}: {reply.reason:.90}"
        )
        self.say(f"{type(command).__name__} {command_id[:8]} -> {shown}")
        if isinstance(reply, Accepted):
            self.found(
                "S5",
                s05_acknowledged.check_reply(command_id, reply.sequence, reply.job_id, head=head, known_jobs=jobs),
            )
        before = self.replies.setdefault(command_id, Reply(command_id, command, reply))
        if isinstance(before.reply, Accepted):
            self.found("S6", s06_effects.check_retry(command_id, before.reply, reply))
        else:
            before.reply = reply


class Crashes(logging.Handler):
    """Exceptions that production code caught and logged: each is a bug, and so a violation."""

    def __init__(self, truth: Truth) -> None:
        super().__init__(logging.ERROR)
        self._truth = truth

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self._truth.found("crash", [f"{record.getMessage()}: {record.exc_info[1]!r}"])
