"""What the host says of the VM, laid beside what is wanted: down, found, lost, paused, guest facts.

Decides; it must not take silence for proof of anything.
"""

from __future__ import annotations

import attrs

from actors.entity.decision import CancelTimer, Decision, Effect, ToNode
from actors.host.signals import DomainSeen, HostConfirmedDown, HostLost, HostReturned
from actors.operations.operation import current_step
from actors.vm import power_done, start
from actors.vm.facts import VmDecisionFacts
from actors.vm.resend import resend
from actors.vm.state import RUNNING_STATUSES, VmState
from protocol.audit import line
from protocol.events import vm as events
from protocol.events.operation import Outcome
from protocol.message import Message
from protocol.node_messages import (
    DestroyDomain,
    DomainChanged,
    DomainObserved,
    DomainStatus,
    ForgetSteps,
    GuestReport,
    GuestSilent,
    NodeCommand,
    StopReason,
)
from protocol.receipts import stopped_receipt

STARTING = ("start", "restore")
PASSING = frozenset({"migration", "save", "starting_up", "snapshot", "from_snapshot", "dump", "shutting_down"})
"""Pauses that libvirt makes by itself and ends by itself."""


def domain_seen(state: VmState, seen: DomainSeen, facts: VmDecisionFacts) -> Decision:
    """A change of the domain on a host; the end of a run is acknowledged, or its node would say it for ever."""
    decision = _seen(state, seen, facts)
    if seen.stopped is None:
        return decision
    receipt = stopped_receipt(DomainChanged(domain=seen.domain, stopped=seen.stopped))
    forget = ToNode(host_id=seen.host_id, message=ForgetSteps(epoch=0, step_ids=(receipt,)))
    return attrs.evolve(decision, effects=(*decision.effects, forget))


def _seen(state: VmState, seen: DomainSeen, facts: VmDecisionFacts) -> Decision:
    """One of an earlier host or run is late news: the next report has the truth."""
    if seen.host_id != state.host_id or state.status not in RUNNING_STATUSES:
        return Decision()
    if seen.domain.started_step_id and seen.domain.started_step_id != state.start_step_id:
        return Decision()  # the last words of an earlier run
    if seen.stopped is not None or seen.domain.status is DomainStatus.ABSENT:
        return _gone(state, seen.stopped or StopReason.UNKNOWN, seen.detail, facts)
    if seen.rebooted:
        return power_done.started_over(state, facts)
    return _still_there(state, seen.domain, facts)


def _stray(state: VmState, host_id: str, domain: DomainObserved) -> Decision:
    """A QEMU that nobody wants: it is ended, or a second one could be started beside it."""
    alive = domain.status in (DomainStatus.RUNNING, DomainStatus.PAUSED)
    if not alive or state.status not in ("down", "suspended") or state.operation is not None:
        return Decision()
    body = DestroyDomain(vm_id=state.id, started_step_id=domain.started_step_id)
    step = f"{state.address}:stray:{host_id}:{domain.started_step_id.replace(':', '-')}"
    command = NodeCommand(epoch=0, step_id=step, body=body)
    text = f"VM {state.name} is {state.status}, but a QEMU of it runs on host {host_id}: it is ended."
    return Decision(
        audit=(line("stray_domain", text, severity="warning", vm=state.id, host=host_id),),
        effects=(ToNode(host_id=host_id, message=command),),
    )


def _gone(state: VmState, why: StopReason, detail: str, facts: VmDecisionFacts) -> Decision:
    operation = state.operation
    if operation is not None and operation.kind in STARTING and current_step(operation) is not None:
        return start.died_while_starting(state, detail or f"({why.value})", facts)
    if operation is not None and operation.kind == "suspend" and why is StopReason.SAVED:
        return Decision()  # the node's outcome says so too, and ends the operation
    wanted = operation is not None and operation.kind in ("shutdown", "stop")
    ended = None
    if operation is not None:
        ended = Outcome(outcome="done") if wanted else Outcome(outcome="failed", reason=f"QEMU ended ({why.value}).")
    clean = wanted or why in (StopReason.SHUTDOWN, StopReason.DESTROYED)
    reason = state.stop_reason if wanted else _reason(why, detail)
    text = f"VM {state.name} is down." + (f" {reason}" if reason else "")
    return Decision(
        events=(events.VmWentDown(at=facts.now, cause=why.value, reason=reason, ended=ended),),
        audit=(
            line("vm_down" if clean else "vm_down_error", text, severity="normal" if clean else "error",
                 vm=state.id, host=state.host_id),
        ),
        effects=(
            *(CancelTimer(name=name) for name in ("guest_up", "shutdown", "reboot")),
            *power_done.discarded_memory(state),
        ),
    )  # fmt: skip


def _reason(why: StopReason, detail: str) -> str:
    texts = {
        StopReason.SHUTDOWN: "The guest powered off.",
        StopReason.DESTROYED: "QEMU was ended on the host.",
        StopReason.CRASHED: "QEMU ended unexpectedly.",
        StopReason.FAILED: "QEMU failed.",
        StopReason.UNKNOWN: "It was found not running on its host.",
    }
    return " ".join(part for part in (texts.get(why, why.value), detail) if part)


def _still_there(state: VmState, domain: DomainObserved, facts: VmDecisionFacts) -> Decision:
    if state.operation is not None and state.operation.kind != "stop" and not power_done.is_waiting_for_guest(state):
        return Decision()  # its outcome says what the VM is
    if state.status == "unknown":
        return _found(state, domain, facts)
    if domain.status is DomainStatus.PAUSED and state.status in ("up", "powering_up") and domain.reason not in PASSING:
        reason = domain.reason or "unknown"
        text = f"VM {state.name} is paused: {reason}."
        code = "vm_io_error" if reason == "io_error" else "vm_paused"
        return Decision(
            events=(events.VmPaused(at=facts.now, reason=reason),),
            audit=(line(code, text, severity="warning", vm=state.id, host=state.host_id),),
        )
    if domain.status is DomainStatus.RUNNING and state.status == "paused":
        return Decision(events=(events.VmResumed(at=facts.now),))
    return Decision()


def _found(state: VmState, domain: DomainObserved, facts: VmDecisionFacts) -> Decision:
    status = "paused" if domain.status is DomainStatus.PAUSED else "up"
    effects: tuple[Effect, ...] = ()
    if power_done.is_waiting_for_guest(state):
        status, effects = power_done.waiting_status(state), (power_done.waiting_timer(state, facts),)
    elif state.operation is not None and state.operation.kind == "stop":
        status = "powering_down"
    text = f"VM {state.name} is seen again on its host."
    return Decision(
        events=(events.VmFound(at=facts.now, status=status),),
        audit=(line("vm_found", text, vm=state.id, host=state.host_id),),
        effects=effects,
    )


def host_returned(state: VmState, signal: HostReturned, facts: VmDecisionFacts) -> Decision:
    """The host reports all it has: go on where we were."""
    if signal.host_id != state.host_id or state.status not in RUNNING_STATUSES:
        if signal.domain is not None:
            return _stray(state, signal.host_id, signal.domain)
        return resend(state, signal.host_id)
    step = current_step(state.operation) if state.operation is not None else None
    again = resend(state, signal.host_id)
    if step is not None and again.effects:
        return again
    if signal.domain is None or signal.domain.status is DomainStatus.ABSENT:
        return _gone(state, StopReason.UNKNOWN, "", facts)
    return _still_there(state, signal.domain, facts)


def host_lost(state: VmState, signal: HostLost, facts: VmDecisionFacts) -> Decision:
    """Silence proves nothing: the VM is unknown, never down."""
    if signal.host_id != state.host_id or state.status not in RUNNING_STATUSES or state.status == "unknown":
        return Decision()
    return Decision(
        events=(events.VmLost(at=facts.now),),
        audit=(line("vm_unknown", f"VM {state.name} is unknown: its host does not answer.", severity="warning",
                    vm=state.id, host=state.host_id),),
    )  # fmt: skip


def host_confirmed_down(state: VmState, signal: HostConfirmedDown, facts: VmDecisionFacts) -> Decision:
    """Somebody proved that nothing runs there any more."""
    if signal.host_id != state.host_id or state.status not in RUNNING_STATUSES:
        return Decision()
    ended = Outcome(outcome="failed", reason="Its host was rebooted.") if state.operation is not None else None
    reason = "Its host was confirmed as rebooted."
    if state.operation is not None and state.operation.kind in STARTING:
        return Decision(events=(start.failed(state, reason, facts),))
    return Decision(
        events=(events.VmWentDown(at=facts.now, cause="host_down", reason=reason, ended=ended),),
        audit=(line("vm_down_error", f"VM {state.name} is down. {reason}", severity="error", vm=state.id,
                    host=state.host_id),),
    )  # fmt: skip


def guest_report(state: VmState, report: GuestReport, facts: VmDecisionFacts) -> Decision:
    """What the agent says; only what changed is journaled, figures that move all the time are samples."""
    if state.status not in RUNNING_STATUSES or _is_of_before(state, report):
        return Decision()
    kept = attrs.evolve(report, memory_total_bytes=0, memory_available_bytes=0, disks=())
    # The event of the guest's start over may be lost with a link; that another boot speaks proves it as well.
    another_boot = state.boot_id and report.boot_id and report.boot_id != state.boot_id
    over = power_done.started_over(state, facts) if another_boot and state.operation is not None else Decision()
    happened: list[Message] = list(over.events)
    audit = list(over.audit)
    effects: list[Effect] = list(over.effects)
    if kept != state.guest or over.events:
        happened.append(events.VmGuestReported(at=facts.now, report=kept))
    if state.status == "powering_up" or over.events:
        happened.append(events.VmGuestUp(at=facts.now))
        audit.append(line("vm_guest_up", f"VM {state.name} is up: its agent reports.", vm=state.id, host=state.host_id))
        effects.append(CancelTimer(name="guest_up"))
    return Decision(events=tuple(happened), audit=tuple(audit), effects=tuple(effects))


def _is_of_before(state: VmState, report: GuestReport) -> bool:
    """Reports are passed by what matters more: one from before a reboot may come after the news of it."""
    is_booting = state.status == "powering_up" and state.guest is None
    return is_booting and report.boot_id != "" and report.boot_id == state.boot_id


def guest_silent(state: VmState, silent: GuestSilent, facts: VmDecisionFacts) -> Decision:
    """The agent is gone: what it said is no longer shown."""
    if state.guest is None or state.status not in RUNNING_STATUSES:
        return Decision()
    text = f"The guest agent of VM {state.name} is silent: what it reported is no longer shown."
    return Decision(
        events=(events.VmGuestSilent(at=facts.now, since=silent.since),),
        audit=(line("vm_guest_silent", text, severity="warning", vm=state.id, host=state.host_id),),
    )
