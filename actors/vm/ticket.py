"""Console tickets: a one-time password, set on the host, shown once. Decides; never keeps the password."""

from __future__ import annotations

from actors.entity.decision import Decision, ToNode, refuse
from actors.entity.messages import CommandRequest
from actors.vm.facts import VmDecisionFacts, not_legal
from actors.vm.state import VmState
from protocol.audit import line
from protocol.commands import vm as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.message import Message, message
from protocol.model.document import Ticket
from protocol.node_messages import ForgetSteps, NodeCommand, SetTicket, StepDone

import attrs  # isort: skip

EXPIRY_SECONDS = 120
TICKET_CHARACTERS = 8  # all that VNC looks at


@message("vm.ticket_reply")
@attrs.frozen(kw_only=True)
class TicketReply(Message):
    """What the action shows: the password and for how many seconds it is good."""

    ticket: Ticket


def ticket(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while the VM runs. The value comes from the caller, or is random."""
    command = request.command
    assert isinstance(command, commands.SetVmTicket)
    if state.status not in ("up", "powering_up", "paused", "powering_down", "reboot_in_progress"):
        return refuse(not_legal(state, "set a console ticket of", "running"))
    wanted = command.ticket or Ticket()
    value = wanted.value or facts.fresh_secret[:TICKET_CHARACTERS]
    expiry = wanted.expiry or EXPIRY_SECONDS
    step = f"{state.address}:ticket:{state.host_id}:{request.command_id}"
    body = SetTicket(vm_id=state.id, value=value, expiry_seconds=expiry)
    text = f"{request.principal.name} got a console ticket for VM {state.name}."
    return Decision(
        audit=(line("console_ticket", text, vm=state.id, user=request.principal.user_id),),
        effects=(ToNode(host_id=state.host_id, message=NodeCommand(epoch=0, step_id=step, body=body)),),
        reply=Accepted(
            kind="vm",
            id=state.id,
            command_id=request.command_id,
            result=TicketReply(ticket=Ticket(value=value, expiry=expiry)),
        ),
    )


def ticket_done(state: VmState, outcome: StepDone) -> Decision:
    """Acknowledged, also when the VM has left the host by now; a failure is said in the trail."""
    forget = ToNode(host_id=outcome.step_id.split(":")[2], message=ForgetSteps(epoch=0, step_ids=(outcome.step_id,)))
    audit = ()
    if isinstance(outcome.result, Refusal):
        audit = (
            line(
                "vm_operation_failed",
                f"Console ticket of VM {state.name}: {outcome.result}",
                severity="warning",
                vm=state.id,
            ),
        )  # type: ignore[assignment]
    return Decision(audit=audit, effects=(forget,))
