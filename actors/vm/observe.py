"""What the host says of the VM, laid beside what is wanted: down, found, lost, paused, guest facts.

Silence is no proof of anything.
"""

from __future__ import annotations

import attrs

from actors.entity.decision import NOTHING, AcknowledgeStopped, CancelTimer, Decision, joined
from actors.entity.host_signals import DomainSeen, GuestHeard, GuestLost, HostConfirmedDown, HostLost, HostReturned
from actors.entity.operation_record import sent_again
from actors.vm import copies, side_steps
from actors.vm.facts import GUEST_UP, VmDecisionFacts, guest_up_timer
from actors.vm.operations import OPERATIONS
from actors.vm.operations.record import VmOperation
from actors.vm.run_end import RunEnd, went_down
from actors.vm.state import VmState
from actors.vm.transitions import LIVE
from protocol.activity.audit import line
from protocol.node.domain import DomainObserved, DomainStatus, StopReason
from protocol.node.receipts import stopped_receipt
from protocol.node.reports import DomainChanged, GuestReport
from protocol.vm import events

PASSING = frozenset({"migration", "save", "starting_up", "snapshot", "from_snapshot", "dump", "shutting_down"})
"""Pauses that libvirt makes by itself and ends by itself."""


def record_of(state: VmState) -> VmOperation | None:
    """The operation under way."""
    return OPERATIONS[state.operation.kind] if state.operation is not None else None


def runs_on(state: VmState, host_id: str) -> bool:
    """Whether the run that counts is there, as far as is known: only that host is believed about it."""
    return state.status in LIVE and state.host_id == host_id


def domain_seen(state: VmState, seen: DomainSeen, facts: VmDecisionFacts) -> Decision:
    """A change of the domain on a host; the end of a run is acknowledged, or its node would report it for ever."""
    record = record_of(state)
    if record is not None and record.ends_by_outcome and _is_end_of_run(state, seen):
        return Decision(effects=sent_again(OPERATIONS, state))  # its node reports the end again, and is heard then
    decision = _seen(state, seen, facts)
    if seen.stopped is None:
        return decision
    receipt = stopped_receipt(DomainChanged(domain=seen.domain, stopped=seen.stopped))
    acknowledged = AcknowledgeStopped(host_id=seen.host_id, receipt=receipt)
    return attrs.evolve(decision, effects=(*decision.effects, acknowledged))


def _is_end_of_run(state: VmState, seen: DomainSeen) -> bool:
    is_over = seen.stopped is not None or seen.domain.status is DomainStatus.ABSENT
    return is_over and runs_on(state, seen.host_id) and seen.domain.started_step_id in ("", state.started_step)


def _seen(state: VmState, seen: DomainSeen, facts: VmDecisionFacts) -> Decision:
    """One of an earlier host or run is late news: the next report has the truth."""
    if not runs_on(state, seen.host_id):
        is_over = seen.stopped is not None or seen.domain.status is DomainStatus.ABSENT
        return copies.ended_there(state, seen.host_id, seen.domain.started_step_id, facts) if is_over else NOTHING
    if seen.domain.started_step_id and seen.domain.started_step_id != state.started_step:
        return NOTHING  # the last words of an earlier run
    if seen.stopped is not None or seen.domain.status is DomainStatus.ABSENT:
        return _gone(state, RunEnd(why=seen.stopped or StopReason.UNKNOWN, detail=seen.detail), facts)
    if seen.rebooted:
        return _started_over(state, facts)
    return _still_there(state, seen.domain, facts)


def _gone(state: VmState, end: RunEnd, facts: VmDecisionFacts) -> Decision:
    record = record_of(state)
    return record.run_ended(state, end, facts) if record is not None else went_down(state, end, facts, None)


def _started_over(state: VmState, facts: VmDecisionFacts) -> Decision:
    """The guest runs its firmware anew: asked by an operation, or by somebody inside."""
    record = record_of(state)
    if record is not None:
        return record.started_over(state, facts)
    if state.status != "up":
        return NOTHING
    return Decision(
        events=(events.VmRebooted(at=facts.now),),
        audit=(line("vm_rebooted_inside", vm=state.id, host=state.host_id, name=state.name),),
        effects=(guest_up_timer(facts),),
    )


def _elsewhere(state: VmState, host_id: str, domain: DomainObserved | None, facts: VmDecisionFacts) -> Decision:
    """What a host has of the VM where the run that counts is not."""
    if domain is None or domain.status is DomainStatus.ABSENT:  # what crashed or hangs may still hold its disks
        return copies.gone(state, host_id, facts)
    if state.status in LIVE:
        return copies.seen(state, host_id, domain, facts)
    if state.status not in ("down", "suspended") or state.operation is not None:
        return copies.noted(state, host_id, domain, facts)
    return copies.ended_at_rest(state, host_id, domain, facts)


def _still_there(state: VmState, domain: DomainObserved, facts: VmDecisionFacts) -> Decision:
    record = record_of(state)
    if record is not None and not record.seen_as:
        return NOTHING  # its outcome says what the VM is
    if state.status == "unknown":
        return _found(state, domain, facts)
    if domain.status is DomainStatus.PAUSED and state.status in ("up", "powering_up") and domain.reason not in PASSING:
        reason = domain.reason or "unknown"
        said = line("vm_found_paused", vm=state.id, host=state.host_id, name=state.name, reason=reason)
        if reason == "io_error":
            said = line("vm_io_error", vm=state.id, host=state.host_id, name=state.name)
        return Decision(events=(events.VmPaused(at=facts.now, reason=reason),), audit=(said,))
    if domain.status is DomainStatus.RUNNING and state.status == "paused":
        return Decision(events=(events.VmResumed(at=facts.now),))
    return NOTHING


def _found(state: VmState, domain: DomainObserved, facts: VmDecisionFacts) -> Decision:
    record = record_of(state)
    status = "paused" if domain.status is DomainStatus.PAUSED else "up"
    if record is not None and record.seen_as:
        status = record.seen_as
    return Decision(
        events=(events.VmFound(at=facts.now, status=status),),
        audit=(line("vm_found", vm=state.id, host=state.host_id, name=state.name, status=status),),
        effects=record.timers(state, facts) if record is not None else (),
    )


def host_returned(state: VmState, signal: HostReturned, facts: VmDecisionFacts) -> Decision:
    """The host reports all it has: go on where we were."""
    again = Decision(effects=sent_again(OPERATIONS, state, signal.host_id))
    if again.effects:
        return again
    if not runs_on(state, signal.host_id):
        return _elsewhere(state, signal.host_id, signal.domain, facts)
    if signal.domain is None or signal.domain.status is DomainStatus.ABSENT:
        return _gone(state, RunEnd(why=StopReason.UNKNOWN), facts)
    return _still_there(state, signal.domain, facts)


def host_lost(state: VmState, signal: HostLost, facts: VmDecisionFacts) -> Decision:
    """Silence proves nothing: the VM is unknown, never down."""
    if not runs_on(state, signal.host_id) or state.status == "unknown":
        return NOTHING
    host = facts.rows.name_of("host", state.host_id)
    said = line("vm_unknown", vm=state.id, host=state.host_id, name=state.name, host_name=host)
    return Decision(events=(events.VmLost(at=facts.now),), audit=(said,))


def host_confirmed_down(state: VmState, signal: HostConfirmedDown, facts: VmDecisionFacts) -> Decision:
    """Somebody proved that nothing runs there any more."""
    beside = Decision(events=side_steps.proven_down(state, signal.host_id, facts))
    beside = joined(beside, copies.gone(state, signal.host_id, facts))
    if not runs_on(state, signal.host_id):
        return beside
    return joined(beside, _gone(state, RunEnd(why=StopReason.UNKNOWN, host_down=True), facts))


def guest_up(state: VmState, facts: VmDecisionFacts) -> Decision:
    """The guest had its time to answer."""
    return Decision(events=(events.VmGuestUp(at=facts.now),)) if state.status == "powering_up" else NOTHING


def guest_report(state: VmState, heard: GuestHeard, facts: VmDecisionFacts) -> Decision:
    """What the agent says; only what changed is journaled, figures that move all the time are samples."""
    report = heard.report
    if not runs_on(state, heard.host_id) or _is_of_before(state, report):
        return NOTHING
    kept = attrs.evolve(report, memory_total_bytes=0, memory_available_bytes=0, disks=())
    # The event of the guest's start over may be lost with a link; that another boot speaks proves it as well.
    another_boot = state.boot_id and report.boot_id and report.boot_id != state.boot_id
    over = _started_over(state, facts) if another_boot and state.operation is not None else NOTHING
    report_changes = kept != state.guest or bool(over.events)
    heard_first = state.status == "powering_up" or bool(over.events)
    reported = events.VmGuestReported(at=facts.now, report=kept)
    decision = Decision(events=(reported,)) if report_changes else NOTHING
    if heard_first:
        up = Decision(
            events=(events.VmGuestUp(at=facts.now),),
            audit=(line("vm_guest_up", vm=state.id, host=state.host_id, name=state.name),),
            effects=(CancelTimer(name=GUEST_UP),),
        )
        decision = joined(decision, up)
    return joined(over, decision)


def _is_of_before(state: VmState, report: GuestReport) -> bool:
    """Reports are passed by what matters more: one from before a reboot may come after the news of it."""
    is_booting = state.status == "powering_up" and state.guest is None
    return is_booting and report.boot_id != "" and report.boot_id == state.boot_id


def guest_silent(state: VmState, lost: GuestLost, facts: VmDecisionFacts) -> Decision:
    """The agent is gone: what it said is no longer shown."""
    if state.guest is None or not runs_on(state, lost.host_id):
        return NOTHING
    return Decision(
        events=(events.VmGuestSilent(at=facts.now, since=lost.since),),
        audit=(line("vm_guest_silent", vm=state.id, host=state.host_id, name=state.name),),
    )
