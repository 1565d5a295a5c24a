"""Hands each message of a host to the file that decides it: command, link, report, timer."""

from __future__ import annotations

from actors.entity.decision import NOTHING, Decision, refuse
from actors.entity.messages import CommandRequest, TimerFired
from actors.entity.refusals import not_legal
from actors.host import commands, liveness, maintenance
from actors.host.facts import HostDecisionFacts
from actors.host.messages import NodeLinked, NodeUnlinked
from actors.host.state import HostState
from protocol.host import commands as host_commands
from protocol.message import Message
from protocol.node.reports import DomainsSnapshot, HostFacts
from protocol.refusals import not_found, not_understood


def decide(host_id: str, state: HostState | None, message: Message, facts: HostDecisionFacts) -> Decision:
    """What follows from `message`."""
    if isinstance(message, CommandRequest):
        return command(host_id, state, message, facts)
    if state is None:
        return NOTHING
    match message:
        case NodeLinked():
            return liveness.linked(state, facts)
        case NodeUnlinked():
            return liveness.unlinked(state, message, facts)
        case HostFacts():
            return liveness.described(state, message, facts)
        case DomainsSnapshot():
            return liveness.reported(state, message, facts)
        case TimerFired(name="silent"):
            return liveness.silent(state, facts)
        case TimerFired(name="linked"):
            return liveness.still_linked(state, facts)
        case TimerFired(name="emptied"):
            return maintenance.emptied(state, facts)
    raise NotImplementedError(f"host/{host_id} got {type(message).__name__}")


def command(host_id: str, state: HostState | None, request: CommandRequest, facts: HostDecisionFacts) -> Decision:
    """A user's command."""
    wanted = request.command
    if isinstance(wanted, host_commands.AddHost):
        return commands.add(host_id, state, request, facts)
    if state is None:
        return refuse(not_found("host", host_id))
    match wanted:
        case host_commands.UpdateHost():
            return commands.update(state, request, facts)
        case host_commands.RemoveHost():
            return commands.remove(state, request, facts)
        case host_commands.DeactivateHost():
            return maintenance.deactivate(state, request, facts)
        case host_commands.ActivateHost():
            return maintenance.activate(state, request, facts)
        case host_commands.FenceHost():
            return commands.fence(state, request, facts)
        case host_commands.IssueEnrolmentToken():
            return commands.issue_token(state, request, facts)
        case host_commands.ApproveHost():
            return refuse(not_legal(state, "approve", "pending approval"))
    return refuse(not_understood("host", wanted))
