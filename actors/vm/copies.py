"""A QEMU of a VM on a host where the run that counts is not: an alarm, and no start until it is proven to be gone or an
operator has said which one to keep.

What is found of a VM at rest is ended by itself, by a side step (`observe.py`). Of one that runs, nobody but an operator
knows which of the two has the data that matter.
"""

from __future__ import annotations

from actors.entity.decision import NOTHING, Decision, RequestReport, accept, joined, line_by, refuse
from actors.entity.ids import derived_id
from actors.entity.messages import CommandRequest
from actors.entity.refusals import busy
from actors.vm import side_steps
from actors.vm.facts import VmDecisionFacts
from actors.vm.state import VmState
from protocol.activity.audit import line
from protocol.activity.model import Job
from protocol.activity.operation import StepId
from protocol.document import id_of
from protocol.errors import Conflict, Refusal
from protocol.live.engine import Accepted
from protocol.node.commands import DestroyDomain
from protocol.node.domain import DomainObserved
from protocol.refusals import invalid
from protocol.vm import events
from protocol.vm.commands import DisregardVmRun, KeepVmRun
from protocol.vm.events import Copy


def copy_on(state: VmState, host_id: str) -> Copy | None:
    """The copy that a host reports."""
    return next((each for each in state.copies if each.host_id == host_id), None)


def _reported(state: VmState, host_id: str, domain: DomainObserved, facts: VmDecisionFacts) -> Copy:
    is_claimed = not _was_asked(state, host_id, domain.started_step_id, facts)
    return Copy(host_id=host_id, started_step_id=domain.started_step_id, is_claimed=is_claimed)


def _is_known(state: VmState, copy: Copy) -> bool:
    """Claims of one host are one, whatever it calls them: else it could raise an alert with every report."""
    known = copy_on(state, copy.host_id)
    if known is None:
        return False
    return known.started_step_id == copy.started_step_id or (known.is_claimed and copy.is_claimed)


def seen(state: VmState, host_id: str, domain: DomainObserved, facts: VmDecisionFacts) -> Decision:
    """A host reports a QEMU beside the run that counts: said once for each."""
    copy = _reported(state, host_id, domain, facts)
    if _is_known(state, copy):
        return NOTHING
    host, where = facts.rows.name_of("host", host_id), facts.rows.name_of("host", state.host_id)
    what = "vm_copy_claimed" if copy.is_claimed else "vm_copy_seen"
    said = line(what, vm=state.id, host=host_id, name=state.name, host_name=host, runs_on=where)
    return Decision(events=(events.VmCopySeen(at=facts.now, copy=copy),), audit=(said,))


def ended_at_rest(state: VmState, host_id: str, domain: DomainObserved, facts: VmDecisionFacts) -> Decision:
    """A QEMU of a VM that is to run nowhere: nobody wants it, so it is ended without a question."""
    copy, known = _reported(state, host_id, domain, facts), copy_on(state, host_id)
    if known is not None and known.is_disregarded and _is_known(state, copy):
        return NOTHING
    begun = ended(state, host_id, domain.started_step_id, facts)
    if not begun.events:
        return NOTHING  # it is being ended already
    host = facts.rows.name_of("host", host_id)
    said = line("stray_domain", vm=state.id, host=host_id, name=state.name, status=state.status, host_name=host)
    return joined(Decision(events=(events.VmCopySeen(at=facts.now, copy=copy),), audit=(said,)), begun)


def _was_asked(state: VmState, host_id: str, started_step_id: str, facts: VmDecisionFacts) -> bool:
    """Whether that host had that step of this VM, by the job that it was part of."""
    try:
        step = StepId.parse(started_step_id)
    except ValueError:
        return False
    job = facts.rows.get(Job, step.operation)
    steps = job.steps or () if job is not None else ()
    asked = any(each.number == step.number and id_of(each.execution_host) == host_id for each in steps)
    return asked and (step.owner, step.host) == (state.address, host_id)


def gone(state: VmState, host_id: str, facts: VmDecisionFacts) -> Decision:
    """Nothing of the VM runs on that host."""
    if copy_on(state, host_id) is None:
        return NOTHING
    host = facts.rows.name_of("host", host_id)
    said = line("vm_copy_gone", vm=state.id, host=host_id, name=state.name, host_name=host)
    return Decision(events=(events.VmCopyGone(at=facts.now, host_id=host_id),), audit=(said,))


def ended_there(state: VmState, host_id: str, started_step_id: str, facts: VmDecisionFacts) -> Decision:
    """One run of the VM on that host is over; another one of it there is not."""
    copy = copy_on(state, host_id)
    if copy is None or started_step_id not in ("", copy.started_step_id):
        return NOTHING
    return gone(state, host_id, facts)


def ended_by(state: VmState, step: StepId, facts: VmDecisionFacts) -> Decision:
    """The host has ended what a side step named."""
    body = next((each.body for each in state.side_steps if each.id == step), None)
    return ended_there(state, step.host, body.started_step_id, facts) if isinstance(body, DestroyDomain) else NOTHING


def noted(state: VmState, host_id: str, domain: DomainObserved, facts: VmDecisionFacts) -> Decision:
    """Found while an operation on the VM at rest goes on: it holds a start from now on, and is ended by a later report."""
    copy = _reported(state, host_id, domain, facts)
    if _is_known(state, copy):
        return NOTHING
    return Decision(events=(events.VmCopySeen(at=facts.now, copy=copy),))


def hindrance(state: VmState, verb: str, facts: VmDecisionFacts) -> Refusal | None:
    """Why the VM may not be started or removed: a QEMU of it runs, as far as anybody knows."""
    being_ended = [each.id.host for each in state.side_steps if each.purpose == side_steps.STRAY]
    reported = [each.host_id for each in state.copies if not each.is_disregarded]
    host_id = next(iter((*being_ended, *reported)), None)
    if host_id is None:
        return None
    return Conflict(
        f"Cannot {verb} VM {state.name}: a copy of it is still running on host {facts.rows.name_of('host', host_id)}.",
        remedy="Try again when the copy has been powered off. If that host is lost, reboot it and confirm that.",
        entity=state.address,
    ).refusal


def keep(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Every other one is ended, by a side step on its host."""
    command = request.command
    assert isinstance(command, KeepVmRun)
    host_id = id_of(command.host)
    copy = copy_on(state, host_id)
    if refusal := busy(state, "choose a run of") or _not_there(state, host_id, copy):
        return refuse(refusal)
    if copy is not None and copy.is_claimed:
        reason = f"Host {facts.rows.name_of('host', host_id)} was never asked to start VM {state.name}."
        return refuse(invalid("host", reason, "Keep another one, or stop the VM."))
    others = [each for each in state.copies if each.host_id != host_id]
    said = line_by(
        request.principal, "vm_copy_kept", vm=state.id, host=host_id, name=state.name,
        host_name=facts.rows.name_of("host", host_id),
    )  # fmt: skip
    decision = Decision(audit=(said,))
    if copy is not None:
        assert state.run is not None
        others.append(Copy(host_id=state.host_id, started_step_id=state.started_step))
        kept = events.VmCopyKept(at=facts.now, host_id=host_id)
        decision = Decision(events=(kept,), audit=(said,), effects=(RequestReport(host_id=host_id),))
    for other in others:
        decision = joined(decision, ended(state, other.host_id, other.started_step_id, facts))
    return accept(Accepted(kind="vm", id=state.id, command_id=request.command_id), decision)


def _not_there(state: VmState, host_id: str, copy: Copy | None) -> Refusal | None:
    if not state.copies or state.run is None:
        reason = f"Cannot choose a run of VM {state.name}: no two hosts report one."
        return Conflict(reason, remedy="Nothing is to be done.", entity=state.address).refusal
    if copy is None and host_id != state.host_id:
        return invalid("host", f"VM {state.name} is not reported by that host.", "Give the host of one that runs.")
    return None


def ended(state: VmState, host_id: str, started_step_id: str, facts: VmDecisionFacts) -> Decision:
    """The QEMU that was started as this is ended on that host, and no other."""
    body = DestroyDomain(vm_id=state.id, started_step_id=started_step_id)
    run = derived_id(state.id, started_step_id)
    return side_steps.begun(state, side_steps.side_step(state, side_steps.STRAY, run, host_id, body), facts)


def disregard(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """What the host claims holds nothing any more; it may go on to claim it."""
    command = request.command
    assert isinstance(command, DisregardVmRun)
    host_id = id_of(command.host)
    copy = copy_on(state, host_id)
    if copy is None or not copy.is_claimed:
        reason = f"VM {state.name} is not reported by that host, or was started there."
        remedy = "Give a host that was never asked to start it; confirm the reboot of any other."
        return refuse(invalid("host", reason, remedy))
    said = line_by(
        request.principal, "vm_copy_disregarded", vm=state.id, host=host_id, name=state.name,
        host_name=facts.rows.name_of("host", host_id),
    )  # fmt: skip
    happened = (
        events.VmCopyDisregarded(at=facts.now, host_id=host_id),
        *side_steps.proven_down(state, host_id, facts),
    )
    accepted = Accepted(kind="vm", id=state.id, command_id=request.command_id)
    return accept(accepted, Decision(events=happened, audit=(said,)))
