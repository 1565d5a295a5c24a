"""The breaks themselves: what of production code is replaced, by what, and which check has to notice.

Each is a mistake that somebody could make in an afternoon.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import attrs

from actors.engine_port import EnginePortInProcess
from actors.entity import commits, durable, timers
from actors.entity.commits import Decided
from actors.entity.decision import Decision, RunStep
from actors.entity.rows import Rows
from actors.host import gate
from actors.host.actor import HostActor
from actors.host.link import session as link_session
from actors.journal.memory.journal import MemoryJournal
from actors.journal.memory.tables import MemoryTables
from actors.journal.writer import Durable, JournalWriter
from actors.storage.disk import decide as disk_decide
from actors.vm import actor as vm_actor
from actors.vm import copies, observe
from actors.vm import decide as vm_decide
from actors.vm import evolve as vm_evolve
from actors.vm.operations import guest_wait, start
from gateway.read_model.model import ReadModel
from node import commands as node_commands
from node.domain.actor import DomainActor
from node.guest import lines as guest_lines
from node.link.uplink import LinkActor
from node.steps import once as steps
from protocol.activity.audit import line
from protocol.activity.operation import Outcome, StepId
from protocol.node.commands import DestroyDomain, NodeCommand
from protocol.node.reports import Done, StepDone
from protocol.vm import events
from tests.sim.rates import ON_HOSTS

Make = Callable[[Any], Any]


def always(value: Any) -> Make:
    return lambda _: lambda *args, **kwargs: value


def returning(value: Any) -> Make:
    """An async function that returns a value."""

    async def made(*args: Any, **kwargs: Any) -> Any:
        return value

    return lambda _: made


# --- S1


def silence_means_down(_: Any) -> Any:
    def host_lost(state: Any, signal: Any, facts: Any) -> Decision:
        if signal.host_id != state.host_id or state.operation is not None or state.status not in ("up", "powering_up"):
            return Decision()
        return Decision(events=(events.VmWentDown(at=facts.now, cause="silence"),))

    return host_lost


def no_answer_is_a_failure(_: Any) -> Any:
    async def carry_out(self: DomainActor, command: NodeCommand, repeated: bool) -> Any:
        return await self._act(command, repeated)

    return carry_out


def undone_by_word(_: Any) -> Any:
    def unproven(state: Any, operation: Any, refusal: Any, facts: Any) -> Decision:
        return start.failed_for_good(state, str(refusal), facts)

    return unproven


# --- S4


def blind_to_epochs(_: Any) -> Any:
    async def obey(self: Any, epoch: int) -> bool:
        if epoch > self.step_log.store.highest_epoch:
            await self.step_log.write(["epoch", epoch])
        return True

    return obey


# --- S5


def stale_epoch_is_success(_: Any) -> Any:
    def depose(self: JournalWriter, error: Exception) -> None:
        group, self._in_flight = self._in_flight, []
        for pending in group:
            pending.answer(Durable(1, 0, ()))

    return depose


def reply_before_durable(original: Any) -> Any:
    def carry_out(self: Any, decision: Decision, envelope: Any, release: Any = None) -> None:
        if decision.reply is not None and decision.events:
            self.reply(Decided(decision, envelope), 0)
            decision = attrs.evolve(decision, reply=None)
        original(self, decision, envelope, release)

    return carry_out


def unknown_means_committed(_: Any) -> Any:
    async def settle(self: JournalWriter) -> None:
        group, self._in_flight = self._in_flight, []
        for pending in group:
            pending.answer(Durable(1, 0, ()))
        self._end_outage()

    return settle


def not_tried_is_failed(_: Any) -> Any:
    def declined(self: HostActor, text: str, reason: Any) -> None:
        self._outcome(text, reason)

    return declined


# --- S6


def stale_is_an_outcome(_: Any) -> Any:
    return lambda step_id, reason: StepDone(step_id=step_id, result=reason)


def outcome_only_sent(_: Any) -> Any:
    async def finish(self: steps.Steps, step_id: str, result: Any) -> None:
        self.step_log.store._begun.pop(step_id, None)
        self.uplink.send(StepDone(step_id=step_id, result=result))

    return finish


def new_ids(original: Any) -> Any:
    numbers = itertools.count()

    def sent_again(*args: Any, **kwargs: Any) -> Any:
        return tuple(map(_renumbered, original(*args, **kwargs)))

    def _renumbered(effect: Any) -> Any:
        if isinstance(effect, RunStep):
            return attrs.evolve(effect, step=attrs.evolve(effect.step, attempt=2 + next(numbers)))
        return effect

    return sent_again


# --- S11


def skips_one(original: Any) -> Any:
    async def changes_after(self: Any, sequence: int, limit: int) -> Any:
        return await original(self, sequence + 1, limit)

    return changes_after


def takes_everything(original: Any) -> Any:
    def apply(self: ReadModel, change: Any, before: Any) -> bool:
        if change.sequence <= self.sequence:
            return bool(self.sequence - change.sequence < 3)
        return bool(original(self, change, before))

    return apply


# --- S12


def skips_guest_up(original: Any) -> Any:
    def evolve(state: Any, event: Any) -> Any:
        return state if isinstance(event, events.VmGuestReported) else original(state, event)

    return evolve


def loses_an_entry(original: Any) -> Any:
    def transaction(room: Any, before: Any, decision: Decision, *more: Any) -> Any:
        made, after = original(room, before, decision, *more)
        return (attrs.evolve(made, entries=made.entries[1:]) if len(decision.events) > 1 else made), after

    return transaction


# --- S15


def up_at_once(original: Any) -> Any:
    def status_after(table: Any, status: str, event: Any) -> str:
        return "up" if isinstance(event, events.VmStarted) else original(table, status, event)

    return status_after


def without_timers(original: Any) -> Any:
    def recovered(self: Any, state: Any) -> Decision:
        decision: Decision = original(self, state)
        return attrs.evolve(decision, effects=tuple(e for e in decision.effects if isinstance(e, RunStep)))

    return recovered


# --- S16


def one_task_more(original: Any) -> Any:
    def set_timer(self: Any, timer: Any) -> None:
        original(self, timer)
        for _ in range(30):
            self._context.spawn(self._context.ports.clock.sleep, 1e6)

    return set_timer


def leaves_a_reader(original: Any) -> Any:
    def listen(self: Any, *args: Any) -> None:
        original(self, *args)
        for _ in range(30):
            self.context.spawn(self.context.ports.clock.sleep, 1e6)

    return listen


# --- S17


def by_the_name_in_it(original: Any) -> Any:
    def report(vm_id: str, value: dict[str, Any]) -> Any:
        named = value.get("vm_id")
        return original(named if isinstance(named, str) else vm_id, value)

    return report


def guest_text_in_the_trail(original: Any) -> Any:
    def guest_report(state: Any, heard: Any, facts: Any) -> Decision:
        decision: Decision = original(state, heard, facts)
        audit = line("vm_guest_up", vm=state.id, name=heard.report.fqdn)
        return attrs.evolve(decision, audit=(*decision.audit, audit)) if decision.events else decision

    return guest_report


def any_host(original: Any) -> Any:
    def step_ended(table: Any, state: Any, step: Any, result: Any, facts: Any, *, host_id: str = "") -> Decision:
        decision: Decision = original(table, state, step, result, facts, host_id=step.host)
        return decision

    return step_ended


def any_step(_: Any) -> Any:
    return lambda self, text: StepId.parse(text)


# --- L1, L2


def reboots_go_on(original: Any) -> Any:
    def operation(before: Any, event: Any) -> Any:
        return before if isinstance(event, events.VmRebooted | events.VmResumed) else original(before, event)

    return operation


def destroys_nothing(original: Any) -> Any:
    async def act(self: DomainActor, command: NodeCommand, repeated: bool) -> Any:
        return Done() if isinstance(command.body, DestroyDomain) else await original(self, command, repeated)

    return act


def deaf_to_ends(original: Any) -> Any:
    def gone(state: Any, *args: Any) -> Decision:
        return original(state, *args) if state.operation is not None else Decision()

    return gone


def waits_for_ever(original: Any) -> Any:
    def timer(state: Any, name: str, facts: Any) -> Decision:
        return Decision() if name == "reboot" else original(state, name, facts)

    return timer


def shutdown_is_done_when_asked(original: Any) -> Any:
    def asked(record: Any, state: Any, step: str, facts: Any) -> Decision:
        if record.kind != "shutdown":
            return original(record, state, step, facts)
        down = events.VmWentDown(at=facts.now, cause="shutdown", ended=Outcome(outcome="done"), desired="down")
        return Decision(events=(down,))

    return asked


UNREST = {"duplicate": 0.1, "kill_node": 4.0, "cut_both": 2.0}
FAILOVER = {"kill_engine": 1.0, "pause_engine": 4.0, "cut_journal": 3.0, "cut_both": 4.0, "call_seconds": 2.0}
SLOW_FAILOVER = {**dict.fromkeys(ON_HOSTS, 0.0), "kill_engine": 6.0, "cut_both": 6.0, "call_seconds": 30.0}
# Nodes that dial again while an engine cut off from the journal still listens.
DIALLING = {**FAILOVER, "cut_journal": 10.0, "cut_both": 0.0, "kill_node": 12.0}
DATABASE = {"append_unknown": 0.3, "journal_away": 1.0}
DYING = {"die_at_call": 0.2}
LYING = {"node_lies": 0.3, "call_seconds": 3.0}
BROKEN = {"fails_after": 0.4, "lasting_failure": 12.0}
GUESTS = {"guest_garbage": 0.5}
FULL = {**dict.fromkeys(ON_HOSTS, 0.0), "no_room": 0.2}

BREAKS: tuple[dict[str, Any], ...] = (
    {"name": "S1: a silent host's VMs are down", "found_by": ("S1",), "rates": {"cut_both": 6.0},
     "patches": ((observe, "host_lost", silence_means_down),)},
    {"name": "S1: a start without answer has failed", "found_by": ("S1", "L2"), "rates": {"reply_lost": 0.4},
     "patches": ((DomainActor, "_carry_out", no_answer_is_a_failure),)},
    {"name": "S1: a start that was not undone is down", "found_by": ("S1",), "rates": BROKEN,
     "patches": ((start, "_unproven", undone_by_word),)},
    {"name": "S1: a copy beside a run is no news", "found_by": ("S1", "L2"), "rates": {"operator_lies": 5.0, "cut_both": 1.0},
     "patches": ((copies, "seen", always(Decision())),)},
    {"name": "S4: the node does not check the epoch", "found_by": ("S4",), "rates": DIALLING,
     "patches": ((steps.Steps, "obey", blind_to_epochs), (LinkActor, "_obey", returning(None)),
                 (link_session, "_judge", always(None)))},
    {"name": "S4: the database takes any epoch", "found_by": ("S4",), "rates": FAILOVER,
     "patches": ((MemoryTables, "check", always(None)),)},
    {"name": "S5: the writer ignores a stale epoch", "found_by": ("S5",), "rates": FAILOVER,
     "patches": ((JournalWriter, "_depose", stale_epoch_is_success),)},
    {"name": "S5: an actor replies before it is durable", "found_by": ("S5",),
     "patches": ((durable.DurableActor, "carry_out", reply_before_durable),)},
    {"name": "S5: an unknown outcome counts as committed", "found_by": ("S5", "S12"), "rates": DATABASE,
     "patches": ((JournalWriter, "_settle", unknown_means_committed),)},
    {"name": "S5: a step that was not tried has failed", "found_by": ("S5",), "rates": FULL,
     "patches": ((HostActor, "_declined", not_tried_is_failed),)},
    {"name": "S6: a stale epoch is the outcome of a step", "found_by": ("S5", "S6"), "rates": SLOW_FAILOVER,
     "patches": ((steps, "StepNotTried", stale_is_an_outcome),)},
    {"name": "S6: a step begun before a crash is done again", "found_by": ("S6",), "rates": DYING,
     "patches": ((steps, "never_twice", lambda _: ()),)},
    {"name": "S6: the node sends an outcome and does not note it", "found_by": ("S6",), "rates": UNREST,
     "patches": ((steps.Steps, "_finish", outcome_only_sent),)},
    {"name": "S6: a retried command is decided anew", "found_by": ("S6",), "rates": {"client_loses_reply": 0.5},
     "patches": ((MemoryJournal, "command_outcome", returning(None)),)},
    {"name": "S6: a step sent again gets a new id", "found_by": ("S6", "L1", "L2", "S1"), "rates": UNREST,
     "patches": ((vm_decide, "sent_again", new_ids), (observe, "sent_again", new_ids))},
    {"name": "S11: a reconnecting reader misses a row", "found_by": ("S11",),
     "patches": ((EnginePortInProcess, "changes_after", skips_one),)},
    {"name": "S11: a reader takes a row twice", "found_by": ("S11",),
     "patches": ((ReadModel, "apply", takes_everything),)},
    {"name": "S12: the actor evolves otherwise than the journal", "found_by": ("S12",),
     "patches": ((vm_actor, "evolve", skips_guest_up),)},
    {"name": "S12: an event is not journaled", "found_by": ("S12",),
     "patches": ((commits, "transaction_of", loses_an_entry),)},
    {"name": "S15: a started VM is up at once", "found_by": ("S15",),
     "patches": ((vm_evolve, "status_after", up_at_once),)},
    {"name": "S15: timers are forgotten in a crash", "found_by": ("S15", "L2"), "rates": {"kill_engine": 6.0},
     "patches": ((vm_actor.VmActor, "recovered", without_timers),)},
    {"name": "S16: a timer leaves tasks behind", "found_by": ("S16",),
     "patches": ((timers.Timers, "set", one_task_more),)},
    {"name": "S16: a report leaves tasks behind", "found_by": ("S16",),
     "patches": ((node_commands.Dispatcher, "_report", leaves_a_reader),)},
    {"name": "S17: guest facts go to the VM they name", "found_by": ("S17",), "rates": GUESTS,
     "patches": ((guest_lines, "_report", by_the_name_in_it),)},
    {"name": "S17: the audit trail quotes the guest", "found_by": ("S17",),
     "patches": ((observe, "guest_report", guest_text_in_the_trail),)},
    {"name": "S17: an outcome is believed from any host", "found_by": ("S17",), "rates": LYING,
     "patches": ((HostActor, "_own_step", any_step), (disk_decide, "step_ended", any_host))},
    {"name": "S17: a guest report is believed from any host", "found_by": ("S17",), "rates": LYING,
     "patches": ((gate, "misplaced", always("")), (observe, "runs_on", always(True)))},
    {"name": "S17: what a node says is not cleaned", "found_by": ("S17",), "rates": LYING,
     "patches": ((gate, "bounded", lambda _: lambda message: message),)},
    {"name": "S18: an object goes without its assignments", "found_by": ("S18",),
     "patches": ((MemoryTables, "_lacks_side", always(False)), (Rows, "assignments_of", always([])))},
    {"name": "L1: an operation does not end", "found_by": ("L1",),
     "patches": ((vm_evolve, "_operation", reboots_go_on),)},
    {"name": "L1: the node never forgets", "found_by": ("L1", "S16"),
     "patches": ((node_commands, "forget_record", lambda original: lambda names: original(())),)},
    {"name": "L1: a reboot that is ignored is waited for", "found_by": ("L1",), "rates": {"guests_stubborn": 1.0},
     "patches": ((vm_decide, "timer", waits_for_ever),)},
    {"name": "L2: QEMU is not ended", "found_by": ("L2", "S1"),
     "patches": ((DomainActor, "_act", destroys_nothing),)},
    {"name": "L2: the end of a QEMU is not heard", "found_by": ("L2",), "rates": {"kill_qemu": 4.0},
     "patches": ((observe, "_gone", deaf_to_ends),)},
    {"name": "L2: a shutdown is done when asked for", "found_by": ("L2", "S1"), "rates": {"guests_stubborn": 1.0},
     "patches": ((guest_wait, "asked", shutdown_is_done_when_asked),)},
)  # fmt: skip
