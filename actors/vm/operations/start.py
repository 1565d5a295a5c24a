"""Operations *start* and *restore*: a host is chosen, the intent made durable, and QEMU started there.

start    place -> start on the host -> powering up
restore  place -> restore on the host -> up
either   the host failed -> make sure that nothing was left -> down, or still suspended
         the host cannot say so -> unknown, and asked again
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from actors.entity.decision import Decision, Effect, Question, SetTimer, Tell, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation import with_another_attempt, with_step
from actors.entity.operation_record import RETRY, again_after
from actors.entity.refusals import busy, not_legal
from actors.placement.columns import reserved_bytes
from actors.placement.messages import Place, Placed, ReleasePlacement
from actors.vm import copies, domain_spec
from actors.vm.configure import checks, memory, one_run
from actors.vm.desired import desired_after_end
from actors.vm.facts import VmDecisionFacts, guest_up_timer
from actors.vm.operations.pause import request_resume
from actors.vm.operations.record import DONE, VmOperation, one_step, progressed, requested
from actors.vm.run_end import RunEnd
from actors.vm.state import VmState
from protocol.activity.audit import line
from protocol.activity.operation import Operation, Outcome
from protocol.document import id_of
from protocol.errors import NotFound, Refusal
from protocol.message import Message
from protocol.node.commands import DestroyDomain, RestoreDomain, StartDomain
from protocol.node.domain import DomainSpec, DomainStatus
from protocol.node.reports import DomainStarted
from protocol.storage.model import StorageDomain
from protocol.vm import events
from protocol.vm.commands import StartVm
from protocol.vm.model import Vm

SCHEDULER: Final = "scheduler/main"


@attrs.frozen(kw_only=True)
class _Launch(VmOperation):
    """One of the two ways to a run. `begins`: the event in which it is requested, with the host and the domain to run.
    `comes_to_nothing`: the event in which it has failed, and no QEMU runs.
    """

    description: str
    begins: Callable[[Operation, str, DomainSpec, StartVm, VmDecisionFacts], events.VmEvent]
    comes_to_nothing: Callable[[VmState, str, Outcome, VmDecisionFacts], events.VmEvent]


def request(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while the VM is down or suspended: asks the scheduler for a host; a paused one is resumed."""
    command = request.command
    assert isinstance(command, StartVm)
    if refusal := one_run.refusal_of(state, command):
        return refuse(refusal)
    if state.status == "paused":
        return request_resume(state, request, facts)
    if refusal := busy(state, "start") or copies.hindrance(state, "start", facts):
        return refuse(refusal)
    if state.status not in LAUNCHES:
        return refuse(not_legal(state, "start", "down, suspended or paused", "Stop it first, or leave it as it is."))
    vm = one_run.configuration(state, command)
    if refusal := checks.vm(command.vm or Vm(), adding=False) or memory.refusal(vm) or checks.cpu(vm):
        return refuse(refusal)
    spec = one_run.domain(state, vm, command, facts)
    if isinstance(spec, Refusal):
        return refuse(spec)
    policy = vm.placement_policy
    place = Place(
        operation_id=request.command_id,
        vm_id=state.id,
        vm_name=state.name,
        cluster_id=id_of(vm.cluster),
        memory_bytes=reserved_bytes(spec.memory_bytes, vm.memory_policy),
        vcpus=spec.sockets * spec.cores * spec.threads,
        pinned_host_ids=tuple(host.id for host in (policy.hosts if policy else None) or () if host.id),
        required_host_ids=_hosts_that_can(state, vm, facts),
    )
    ask = Tell(address=SCHEDULER, message=place, token=f"place:{request.command_id}")
    release = Tell(address=SCHEDULER, message=ReleasePlacement(operation_id=request.command_id))
    return Decision(question=Question(ask=ask, release=release))


def _hosts_that_can(state: VmState, vm: Vm, facts: VmDecisionFacts) -> tuple[str, ...] | None:
    if state.saved_on:
        storage_domain = facts.rows.get(StorageDomain, state.saved_on)
        host_id = id_of(storage_domain.host) if storage_domain is not None else ""
        return (host_id,) if host_id else None
    return domain_spec.storage_hosts(vm, facts.rows)


def placed(state: VmState, request: CommandRequest, answer: Message, facts: VmDecisionFacts) -> Decision:
    """The scheduler's answer: its reasons against every host, or the host to start on."""
    command = request.command
    assert isinstance(command, StartVm)
    if isinstance(answer, Refusal):
        return refuse(answer)
    assert isinstance(answer, Placed)
    spec = one_run.domain(state, one_run.configuration(state, command), command, facts)
    if isinstance(spec, Refusal):
        return refuse(spec)
    launch = LAUNCHES.get(state.status)
    if state.operation is not None or launch is None:
        return refuse(busy(state, "start") or not_legal(state, "start", "down or suspended"))
    if refusal := copies.hindrance(state, "start", facts):
        return refuse(refusal)
    step = f"Starting on host {facts.rows.name_of('host', answer.host_id)}"
    text = f"{launch.description} VM {state.name}"
    operation = one_step(state, request, launch.kind, text, step, facts, answer.host_id)
    event = launch.begins(operation, answer.host_id, spec, command, facts)
    return requested(launch, state, request, event)


def _begins_start(
    operation: Operation, host_id: str, spec: DomainSpec, command: StartVm, facts: VmDecisionFacts
) -> events.VmEvent:
    run_once = command.vm is not None
    return events.VmStartRequested(
        at=facts.now, operation=operation, host_id=host_id, spec=spec, run_once=run_once, desired="up"
    )


def _begins_restore(
    operation: Operation, host_id: str, spec: DomainSpec, command: StartVm, facts: VmDecisionFacts
) -> events.VmEvent:
    return events.VmRestoreRequested(at=facts.now, operation=operation, host_id=host_id, spec=spec, desired="up")


def sends_start(state: VmState) -> StartDomain | DestroyDomain:
    assert state.spec is not None
    return _undo(state) or StartDomain(spec=state.spec)


def sends_restore(state: VmState) -> RestoreDomain | DestroyDomain:
    assert state.spec is not None
    return _undo(state) or RestoreDomain(spec=state.spec, storage_domain_id=state.saved_on)


def _undo(state: VmState) -> DestroyDomain | None:
    """Ends what this start may have left, and nothing that another one started; None while it goes forward."""
    assert state.operation is not None
    if not state.operation.rolling_back:
        return None
    return DestroyDomain(vm_id=state.id, started_step_id=state.started_step)


def started(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    """QEMU runs, or nothing of it was left."""
    if _is_undone(state):
        return failed_for_good(state, _undone_reason(state), facts)
    happened: tuple[events.VmEvent, ...] = (events.VmStarted(at=facts.now, ended=DONE),)
    effects: tuple[Effect, ...] = (guest_up_timer(facts),)
    if isinstance(result, DomainStarted) and result.domain.status is DomainStatus.PAUSED:
        happened, effects = (*happened, events.VmPaused(at=facts.now, reason="user")), ()
    return _succeeded(state, happened, "vm_started", facts, *effects)


def restored(state: VmState, result: Message, facts: VmDecisionFacts) -> Decision:
    if _is_undone(state):
        return failed_for_good(state, _undone_reason(state), facts)
    return _succeeded(state, (events.VmRestored(at=facts.now, ended=DONE),), "vm_restored", facts)


def _succeeded(
    state: VmState, happened: tuple[events.VmEvent, ...], what: str, facts: VmDecisionFacts, *effects: Effect
) -> Decision:
    assert state.operation is not None
    host = facts.rows.name_of("host", state.host_id)
    by = state.operation.user_id
    said = line(what, vm=state.id, host=state.host_id, user=by, name=state.name, host_name=host)
    return Decision(events=happened, audit=(said,), effects=effects)


def failed(state: VmState, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """A failure proves nothing: the answer may have got lost behind a QEMU that runs. So it is undone first."""
    operation = state.operation
    assert operation is not None
    if _is_undone(state):
        return _unproven(state, operation, refusal, facts)
    undoing = attrs.evolve(operation, rolling_back=str(refusal), data=refusal)
    undoing = with_step(undoing, state.address, "Checking that nothing is left", facts.now, state.host_id)
    return progressed(_under_way(operation), state, undoing, facts)


def _unproven(state: VmState, operation: Operation, refusal: Refusal, facts: VmDecisionFacts) -> Decision:
    """Its host cannot end what the start may have left, so a QEMU may run there: nobody may start the VM elsewhere. The
    operation stays, and the host is asked again, until it has succeeded or somebody proves that it is down."""
    again = with_another_attempt(operation)
    attempt = again.steps[-1].id.attempt
    what = events.VmOperationProgressed if state.status == "unknown" else events.VmLost
    host = facts.rows.name_of("host", state.host_id)
    said = line(
        "vm_start_not_undone", vm=state.id, host=state.host_id, name=state.name, host_name=host, reason=str(refusal)
    )
    return Decision(
        events=(what(at=facts.now, operation=again),),
        audit=(said,) if attempt == 2 else (),  # every further attempt would say the same
        effects=(SetTimer(name=RETRY, seconds=again_after(attempt)),),
    )


def _is_undone(state: VmState) -> bool:
    return state.operation is not None and bool(state.operation.rolling_back)


def _undone_reason(state: VmState) -> str:
    assert state.operation is not None
    return state.operation.rolling_back


def run_ended(state: VmState, end: RunEnd, facts: VmDecisionFacts) -> Decision:
    """QEMU ended before its node reported the start: proven, so there is nothing to undo."""
    if end.host_down:
        return failed_for_good(state, end.reason, facts)
    detail = end.detail or f"({end.why.value})"
    return failed_for_good(state, f"QEMU exited while starting. {detail}", facts)


def failed_for_good(state: VmState, reason: str, facts: VmDecisionFacts) -> Decision:
    """No QEMU runs: the VM is what it was before."""
    operation = state.operation
    assert operation is not None
    event = _under_way(operation).comes_to_nothing(state, reason, Outcome(outcome="failed", reason=reason), facts)
    host = facts.rows.name_of("host", state.host_id)
    said = line("vm_start_failed", vm=state.id, host=state.host_id, name=state.name, host_name=host, reason=reason)
    return Decision(events=(event,), audit=(said,))


def _start_failed(state: VmState, reason: str, ended: Outcome, facts: VmDecisionFacts) -> events.VmEvent:
    wanted = desired_after_end(state, "start_failed")
    return events.VmStartFailed(at=facts.now, reason=reason, ended=ended, desired=wanted)


def _restore_failed(state: VmState, reason: str, ended: Outcome, facts: VmDecisionFacts) -> events.VmEvent:
    """It is suspended still, also when its host was away meanwhile; but down when its saved memory is lost."""
    assert state.operation is not None
    if _lost(state.operation.data):
        lost = f"Its saved memory was lost. {reason}"
        wanted = desired_after_end(state, "start_failed")
        return events.VmWentDown(at=facts.now, cause="failed", reason=lost, ended=ended, desired=wanted)
    wanted = desired_after_end(state, "restore_failed")
    if state.status == "unknown":
        return events.VmSuspended(at=facts.now, ended=ended, desired=wanted)
    return events.VmStartFailed(at=facts.now, reason=reason, ended=ended, desired=wanted)


def _lost(why: Message | None) -> bool:
    """The host says that there is no saved memory: suspended it would stay for ever."""
    return isinstance(why, Refusal) and why.code == NotFound.code


def _under_way(operation: Operation) -> _Launch:
    return next(each for each in LAUNCHES.values() if each.kind == operation.kind)


START = _Launch(
    kind="start",
    begun_by=StartVm,
    description="Launching",
    request=request,
    answered=placed,
    begins=_begins_start,
    sends=sends_start,
    done=started,
    failed=failed,
    comes_to_nothing=_start_failed,
    run_ended=run_ended,
)
RESTORE = attrs.evolve(
    START,
    kind="restore",
    begun_by=None,
    ends_by_outcome=True,  # only its node knows whether the saved memory was used up before QEMU ended
    description="Resuming",
    begins=_begins_restore,
    sends=sends_restore,
    done=restored,
    comes_to_nothing=_restore_failed,
)
LAUNCHES: Final[Mapping[str, _Launch]] = {"down": START, "suspended": RESTORE}
"""By the status in which it is legal."""
