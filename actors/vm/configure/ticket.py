"""Console tickets: a one-time password, set on the host, shown once and kept nowhere."""

from __future__ import annotations

from typing import Final

from actors.entity.decision import Decision, RunStep, joined, line_by, refuse
from actors.entity.messages import CommandRequest
from actors.entity.refusals import not_legal
from actors.vm import side_steps
from actors.vm.facts import VmDecisionFacts
from actors.vm.state import VmState
from protocol.api import Ticket
from protocol.live.engine import Accepted, TicketReply
from protocol.node.commands import SetTicket
from protocol.vm.commands import SetVmTicket

EXPIRY_SECONDS: Final = 120
TICKET_CHARACTERS: Final = 8  # all that VNC looks at
WITH_CONSOLE: Final = ("up", "powering_up", "paused", "powering_down", "reboot_in_progress")


def ticket(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Legal while the VM runs. The value comes from the caller, or is random."""
    command = request.command
    assert isinstance(command, SetVmTicket)
    if state.status not in WITH_CONSOLE:
        return refuse(not_legal(state, "set a console ticket of", "running"))
    wanted = command.ticket or Ticket()
    value = wanted.value or facts.fresh_secret[:TICKET_CHARACTERS]
    expiry = wanted.expiry or EXPIRY_SECONDS
    step = side_steps.side_step(state, side_steps.TICKET, request.command_id, state.host_id, None)
    reply = Accepted(
        kind="vm",
        id=state.id,
        command_id=request.command_id,
        result=TicketReply(ticket=Ticket(value=value, expiry=expiry)),
    )
    decision = Decision(
        audit=(line_by(request.principal, "console_ticket", vm=state.id, name=state.name),),
        effects=(RunStep(step=step.id, body=SetTicket(vm_id=state.id, value=value, expiry_seconds=expiry)),),
        reply=reply,
    )
    return joined(decision, side_steps.begun(state, step, facts))
