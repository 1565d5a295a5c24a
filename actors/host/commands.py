"""Commands of users on a host: add, update, remove, confirm its reboot. Decides."""

from __future__ import annotations

import attrs

from actors.entity.checks import plain_name, required, values
from actors.entity.decision import Decision, Tell, accept, line_by, refuse
from actors.entity.host_signals import HostConfirmedDown
from actors.entity.messages import CommandRequest
from actors.entity.references import in_use, missing_reference
from actors.entity.refusals import not_legal
from actors.host.facts import HostDecisionFacts, accepted_as
from actors.host.messages import IssueToken
from actors.host.state import HostState
from protocol.document import Ref, id_of
from protocol.errors import Refusal
from protocol.host import events
from protocol.host.commands import AddHost, FenceHost, UpdateHost
from protocol.host.model import Host
from protocol.inventory.model import Cluster
from protocol.merge import merge, writable
from protocol.refusals import invalid, missing, name_taken
from protocol.vm.model import Vm


def add(host_id: str, state: HostState | None, request: CommandRequest, facts: HostDecisionFacts) -> Decision:
    """Announces a host; its node enrols with a token of its own."""
    accepted = accepted_as(host_id, request)
    if state is not None:
        return Decision(reply=accepted)
    assert isinstance(request.command, AddHost)
    document = request.command.document
    assert isinstance(document, Host)
    default = next((Ref(id=cluster.id) for cluster in facts.rows.named(Cluster, "Default")), None)
    document = attrs.evolve(writable(document), id=host_id, cluster=document.cluster or default)
    refusal = required(document, "host") or _check(host_id, document, facts)
    if refusal is None and document.cluster is None:
        refusal = missing("cluster", "host")
    if refusal:
        return refuse(refusal)
    decision = Decision(
        events=(events.HostAdded(at=facts.now, host=document),),
        audit=(line_by(request.principal, "host_added", host=host_id, name=document.name or ""),),
    )
    return accept(accepted, decision)


def update(state: HostState, request: CommandRequest, facts: HostDecisionFacts) -> Decision:
    document = request.command.document if isinstance(request.command, UpdateHost) else None
    assert isinstance(document, Host)
    refusal = _check(state.id, document, facts)
    moved = (
        document.cluster is not None and state.host.cluster is not None and document.cluster.id != state.host.cluster.id
    )
    if refusal is None and moved and state.status != "maintenance":
        refusal = not_legal(state, "move", "in maintenance")
    if refusal:
        return refuse(refusal)
    accepted = accepted_as(state.id, request)
    host = merge(state.host, attrs.evolve(document, id=None))
    if host == state.host:
        return Decision(reply=accepted)
    decision = Decision(
        events=(events.HostUpdated(at=facts.now, host=host),),
        audit=(line_by(request.principal, "host_updated", host=state.id, name=host.name or ""),),
    )
    return accept(accepted, decision)


def remove(state: HostState, request: CommandRequest, facts: HostDecisionFacts) -> Decision:
    if state.status not in ("maintenance", "installing"):
        return refuse(not_legal(state, "remove", "in maintenance"))
    if refusal := in_use(facts.rows, "host", state.id, f"Host {state.name}"):
        return refuse(refusal)
    decision = Decision(
        events=(events.HostRemoved(at=facts.now),),
        audit=(line_by(request.principal, "host_removed", name=state.name),),
    )
    return accept(accepted_as(state.id, request), decision)


def fence(state: HostState, request: CommandRequest, facts: HostDecisionFacts) -> Decision:
    """The operator confirms that the machine was rebooted; other kinds need a fence agent, which comes later."""
    assert isinstance(request.command, FenceHost)
    if request.command.fence_type != "manual":
        reason = f"Fence type {request.command.fence_type!r} is not part of this release."
        return refuse(invalid("fence_type", reason, "Use manual after you rebooted the machine yourself."))
    if state.status != "non_responsive" or facts.linked:
        return refuse(not_legal(state, "confirm the reboot of", "non responsive"))
    down = HostConfirmedDown(host_id=state.id)
    decision = Decision(
        events=(events.HostConfirmedRebooted(at=facts.now),),
        audit=(line_by(request.principal, "host_reboot_confirmed", host=state.id, name=state.name),),
        effects=tuple(Tell(address=f"vm/{vm_id}", message=down) for vm_id in _may_run_there(state, facts)),
    )
    return accept(accepted_as(state.id, request), decision)


def _may_run_there(state: HostState, facts: HostDecisionFacts) -> list[str]:
    """The VMs whose host this is, and those that a host was asked something beside their operation: to end a copy."""
    beside = (id_of(vm) for vm in facts.rows.all(Vm) if vm.pending_steps)
    rows = facts.rows
    here = (*rows.referring("vm", "host", state.id), *rows.referring("vm", "copies", state.id))
    return list(dict.fromkeys((*here, *beside)))


def issue_token(state: HostState, request: CommandRequest, facts: HostDecisionFacts) -> Decision:
    """Legal always: a new one-time token, with which the host's node enrols. It is given once and stored hashed."""
    token = IssueToken(command_id=request.command_id)
    # Nothing is written, so no outcome is stored: it is the answer to a dry run, without a token.
    return Decision(keep=request.command_id, effects=(token,), outcome=accepted_as(state.id, request))


def _check(host_id: str, document: Host, facts: HostDecisionFacts) -> Refusal | None:
    """What is set is sane, its name free and its cluster there."""
    if document.name is not None and (refusal := plain_name("host", document.name)):
        return refusal
    if refusal := values(document):
        return refusal
    if any(other.id != host_id for other in facts.rows.named(Host, document.name or "")):
        return name_taken("host", document.name or "")
    return missing_reference(facts.rows, document)
