"""Moving a host to maintenance and activating it again. Decides."""

from __future__ import annotations

from actors.entity.decision import NOTHING, Decision, Effect, RequestReport, SetTimer, accept, line_by, refuse
from actors.entity.messages import CommandRequest
from actors.entity.refusals import not_legal
from actors.host.facts import HostDecisionFacts, accepted_as
from actors.host.state import HostState
from protocol.activity.audit import line
from protocol.host import events
from protocol.host.commands import DeactivateHost

VM_GONE_CHECK_SECONDS = 2.0


def deactivate(state: HostState, request: CommandRequest, facts: HostDecisionFacts) -> Decision:
    """Takes no new VM from now on; in maintenance once the last one is gone."""
    assert isinstance(request.command, DeactivateHost)
    accepted = accepted_as(state.id, request)
    if state.status in ("maintenance", "preparing_for_maintenance"):
        return Decision(reply=accepted)
    running = facts.rows.referring("vm", "host", state.id)
    happened: list[events.HostEvent] = [events.HostMaintenanceRequested(at=facts.now, reason=request.command.reason)]
    effects: tuple[Effect, ...] = ()
    by = request.principal
    said = [
        line(
            "host_maintenance_requested", host=state.id, user=by.user_id, name=state.name, user_name=by.name,
            vm_count=len(running), reason=request.command.reason,
        )
    ]  # fmt: skip
    if running:
        effects = (SetTimer(name="emptied", seconds=VM_GONE_CHECK_SECONDS),)
    else:
        happened.append(events.HostEnteredMaintenance(at=facts.now))
        said.append(line("host_maintenance", host=state.id, name=state.name))
    return accept(accepted, Decision(events=tuple(happened), audit=tuple(said), effects=effects))


def emptied(state: HostState, facts: HostDecisionFacts) -> Decision:
    """Looks whether the last VM has left."""
    if state.status != "preparing_for_maintenance":
        return NOTHING
    if facts.rows.referring("vm", "host", state.id):
        return Decision(effects=(SetTimer(name="emptied", seconds=VM_GONE_CHECK_SECONDS),))
    return Decision(
        events=(events.HostEnteredMaintenance(at=facts.now),),
        audit=(line("host_maintenance", host=state.id, name=state.name),),
    )


def activate(state: HostState, request: CommandRequest, facts: HostDecisionFacts) -> Decision:
    """Legal in maintenance, or on the way there: the host takes VMs again once its node has reported."""
    if state.status not in ("maintenance", "preparing_for_maintenance"):
        return refuse(not_legal(state, "activate", "in maintenance"))
    happened: tuple[events.HostEvent, ...] = (events.HostActivated(at=facts.now),)
    effects: tuple[Effect, ...] = (SetTimer(name="silent", seconds=facts.silent_after_seconds),)
    if facts.linked:
        happened = (*happened, events.HostLinked(at=facts.now))
        effects = (RequestReport(host_id=state.id),)
    decision = Decision(
        events=happened,
        audit=(line_by(request.principal, "host_activated", host=state.id, name=state.name),),
        effects=effects,
    )
    return accept(accepted_as(state.id, request), decision)
