"""Starting a VM: place, make the intent durable, tell the node, take its outcome. Decides; never performs."""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision, Effect, SetTimer, Tell, ToNode, refuse
from actors.entity.messages import CommandRequest
from actors.operations.operation import begin_for, with_step
from actors.placement.messages import Place, Placed, ReleasePlacement
from actors.vm import spec as domain_spec
from actors.vm.facts import VmDecisionFacts, busy, not_legal
from actors.vm.state import VmState
from protocol.audit import line
from protocol.commands.vm import StartVm
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events import vm as events
from protocol.events.operation import Outcome
from protocol.message import Message
from protocol.model.merge import merge
from protocol.model.vm import Vm
from protocol.node_messages import (
    DestroyDomain,
    DomainStarted,
    DomainStatus,
    ForgetSteps,
    NodeCommand,
    RestoreDomain,
    StartDomain,
    StepDone,
)

SCHEDULER = "scheduler/main"


def command(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while the VM is down or suspended: asks the scheduler for a host first; the answer decides."""
    assert isinstance(request.command, StartVm)
    refusal = busy(state, facts, "start")
    if refusal:
        return refuse(refusal)
    if state.status not in ("down", "suspended"):
        return refuse(not_legal(state, "start", "down, suspended or paused", "Stop it first, or leave it as it is."))
    vm = effective(state, request.command)
    built = domain_spec.build(vm, facts.rows, paused=request.command.pause, run_once=request.command.vm is not None)
    if isinstance(built, Refusal):
        return refuse(built)
    policy = vm.placement_policy
    place = Place(
        operation_id=request.command_id,
        vm_id=state.id,
        vm_name=state.name,
        cluster_id=(vm.cluster.id if vm.cluster else None) or "",
        memory_bytes=built.memory_bytes,
        vcpus=built.sockets * built.cores * built.threads,
        pinned_host_ids=tuple(host.id for host in (policy.hosts if policy else None) or () if host.id),
        required_host_ids=_hosts_that_can(state, vm, facts),
    )
    return Decision(effects=(Tell(address=SCHEDULER, message=place, token=f"place:{request.command_id}"),))


def _hosts_that_can(state: VmState, vm: Vm, facts: VmDecisionFacts) -> tuple[str, ...] | None:
    if state.saved_on:
        storage_domain = facts.rows.document("storage_domain", state.saved_on)
        return (storage_domain.host.id,) if storage_domain is not None and storage_domain.host is not None else None
    return domain_spec.storage_hosts(vm, facts.rows)


def effective(state: VmState, start: StartVm) -> Vm:
    """The configuration of this run: what waits for the next start, then the overrides of *run once*."""
    vm = state.next_run or state.vm
    return merge(vm, start.vm) if start.vm is not None else vm


def placed(state: VmState, request: CommandRequest, answer: Placed | Refusal, facts: VmDecisionFacts) -> Decision:
    """The scheduler's answer: refuse with its reasons, or make the start durable."""
    assert isinstance(request.command, StartVm)
    if isinstance(answer, Refusal):
        return refuse(answer)
    release = Tell(address=SCHEDULER, message=ReleasePlacement(operation_id=request.command_id))
    vm = effective(state, request.command)
    built = domain_spec.build(vm, facts.rows, paused=request.command.pause, run_once=request.command.vm is not None)
    if isinstance(built, Refusal) or state.operation is not None or state.status not in ("down", "suspended"):
        late = built if isinstance(built, Refusal) else not_legal(state, "start", "down or suspended")
        return Decision(reply=late, effects=(release,))
    host = facts.rows.document("host", answer.host_id)
    host_name = host.name if host is not None else answer.host_id
    restoring = state.status == "suspended"
    operation = begin_for(
        request,
        "restore" if restoring else "start",
        f"{'Resuming' if restoring else 'Launching'} VM {state.name}",
        facts.now,
        answer.host_id,
    )
    operation = with_step(operation, state.address, f"Start on host {host_name}", facts.now, answer.host_id)
    accepted = Accepted(kind="vm", id=state.id, job_id=operation.id, command_id=request.command_id)
    event = (
        events.VmRestoreRequested(at=facts.now, operation=operation, host_id=answer.host_id, spec=built)
        if restoring
        else events.VmStartRequested(
            at=facts.now, operation=operation, host_id=answer.host_id, spec=built,
            run_once=request.command.vm is not None,
        )
    )  # fmt: skip
    step = operation.steps[-1].id
    body = RestoreDomain(spec=built, storage_domain_id=state.saved_on) if restoring else StartDomain(spec=built)
    command_to_node = NodeCommand(epoch=0, step_id=step, body=body, correlation_id=request.correlation_id)
    return Decision(
        events=(event,),
        reply=accepted,
        store_outcome=True,
        effects=(ToNode(host_id=answer.host_id, message=command_to_node), release),
    )


def done(state: VmState, outcome: StepDone, facts: VmDecisionFacts) -> Decision:
    """The node's outcome of the start, or of making sure that a failed one left nothing."""
    operation = state.operation
    assert operation is not None
    forget = ToNode(host_id=state.host_id, message=ForgetSteps(epoch=0, step_ids=(outcome.step_id,)))
    if operation.rolling_back:
        left = f" What it left could not be ended: {outcome.failed}" if outcome.failed is not None else ""
        return _failed(state, operation.rolling_back + left, facts, forget)
    if outcome.failed is not None:
        # A failure proves nothing: the answer may have got lost behind a QEMU that runs.
        undoing = attrs.evolve(operation, rolling_back=str(outcome.failed), data=outcome.failed)
        undoing = with_step(undoing, state.address, "Make sure that nothing was left", facts.now, state.host_id)
        command_to_node = NodeCommand(
            epoch=0, step_id=undoing.steps[-1].id, body=undo(state), correlation_id=operation.correlation_id
        )
        return Decision(
            events=(events.VmOperationProgressed(at=facts.now, operation=undoing),),
            effects=(forget, ToNode(host_id=state.host_id, message=command_to_node)),
        )
    host_name = _host_name(state, facts)
    restoring = operation.kind == "restore"
    ended = Outcome(outcome="done")
    happened: list[events.VmEvent] = []
    effects: list[Effect] = [forget]
    if restoring:
        happened.append(events.VmRestored(at=facts.now, ended=ended))
    else:
        happened.append(events.VmStarted(at=facts.now, ended=ended))
        if _is_paused(outcome):
            happened.append(events.VmPaused(at=facts.now, reason="user"))
        else:
            effects.append(SetTimer(name="guest_up", seconds=facts.guest_up_timeout_seconds))
    text = f"VM {state.name} {'was restored' if restoring else 'started'} on Host {host_name}"
    return Decision(
        events=tuple(happened),
        audit=(line("vm_started", text, vm=state.id, host=state.host_id, user=operation.user_id),),
        effects=tuple(effects),
    )


def _is_paused(outcome: StepDone) -> bool:
    return isinstance(outcome.result, DomainStarted) and outcome.result.domain.status is DomainStatus.PAUSED


def undo(state: VmState) -> DestroyDomain:
    """Ends what this start may have left, and nothing that another one started."""
    return DestroyDomain(vm_id=state.id, started_step_id=state.start_step_id)


def _failed(state: VmState, reason: str, facts: VmDecisionFacts, *effects: Effect) -> Decision:
    text = f"Failed to run VM {state.name} on Host {_host_name(state, facts)}: {reason}"
    return Decision(
        events=(failed(state, reason, facts),),
        audit=(line("vm_start_failed", text, severity="error", vm=state.id, host=state.host_id),),
        effects=effects,
    )


def failed(state: VmState, reason: str, facts: VmDecisionFacts) -> events.VmEvent:
    """No QEMU runs. What was being restored is suspended still, also when its host was away meanwhile."""
    ended = Outcome(outcome="failed", reason=reason)
    why = state.operation.data if state.operation is not None else None
    if state.operation is not None and state.operation.kind == "restore" and _lost(why):
        return events.VmWentDown(
            at=facts.now, cause="failed", reason=f"Its saved memory is gone. {reason}", ended=ended
        )
    if state.status == "unknown" and state.operation is not None and state.operation.kind == "restore":
        return events.VmSuspended(at=facts.now, ended=ended)
    return events.VmStartFailed(at=facts.now, reason=reason, ended=ended)


def _lost(why: Message | None) -> bool:
    """The host says that there is no saved memory: suspended it would stay for ever."""
    return isinstance(why, Refusal) and why.code == "not_found"


def _host_name(state: VmState, facts: VmDecisionFacts) -> str:
    host = facts.rows.document("host", state.host_id)
    return str(host.name) if host is not None else state.host_id


def died_while_starting(state: VmState, reason: str, facts: VmDecisionFacts) -> Decision:
    """QEMU ended before the node reported the start: proven, so there is nothing to undo."""
    return _failed(state, f"QEMU ended while it started. {reason}".strip(), facts)


def guest_up(state: VmState, facts: VmDecisionFacts) -> Decision:
    """The guest answered, or had its time."""
    if state.status != "powering_up":
        return Decision()
    return Decision(events=(events.VmGuestUp(at=facts.now),))
