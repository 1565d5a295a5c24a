"""Which message the step under way sends: the same one after a crash, with the same step id.

It must not decide anew: what was decided is in the operation.
"""

from __future__ import annotations

from actors.entity.decision import Decision, SetTimer, Tell, ToNode
from actors.operations.operation import current_step
from actors.vm import power, power_done, start
from actors.vm.disk_answers import current_message
from actors.vm.disk_step import KINDS
from actors.vm.facts import VmDecisionFacts
from actors.vm.state import VmState
from protocol.node_messages import Body, NodeCommand, RestoreDomain, StartDomain


def resend(state: VmState, host_id: str | None = None) -> Decision:
    """The current step once more; nothing when there is none, or when it is another host's."""
    operation = state.operation
    if operation is None:
        return Decision()
    if operation.kind in KINDS:
        tell = current_message(state) if host_id is None else None
        return Decision(effects=(tell,)) if isinstance(tell, Tell) else Decision()
    step = current_step(operation)
    if step is None or (host_id is not None and step.host_id != host_id):
        return Decision()
    body: Body | None
    match operation.kind:
        case "start" | "restore" if operation.rolling_back:
            body = start.undo(state)
        case "start":
            assert state.run is not None
            body = StartDomain(spec=state.run)
        case "restore":
            assert state.run is not None
            body = RestoreDomain(spec=state.run, storage_domain_id=state.saved_on)
        case _:
            body = power.body_of(state)
    if body is None:
        return Decision()
    command = NodeCommand(epoch=0, step_id=step.id, body=body, correlation_id=operation.correlation_id)
    return Decision(effects=(ToNode(host_id=step.host_id, message=command),))


def recovered(state: VmState, facts: VmDecisionFacts) -> Decision:
    """After a crash: the operation under way goes on, and the timers of transient statuses are set anew."""
    timers: tuple[SetTimer, ...] = ()
    if state.status == "powering_up":
        timers = (power_done.guest_up_timer(facts),)
    elif power.works_elsewhere(state):
        timers = (power.resend_timer(),)
    elif power_done.is_waiting_for_guest(state):
        timers = (power_done.waiting_timer(state, facts),)
    return Decision(effects=(*resend(state).effects, *timers))
