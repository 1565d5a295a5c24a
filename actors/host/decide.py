"""What a host does next: liveness, maintenance, and who has to hear of it. Pure; it must not speak to the node itself."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import attrs

from actors.entity.decision import CancelTimer, Decision, Effect, SetTimer, Tell, ToNode, refuse
from actors.entity.messages import Commanded, TimerFired
from actors.entity.rows import Rows
from actors.host.messages import NodeLinked, NodeUnlinked
from actors.host.signals import HostConfirmedDown, HostLost, HostReturned
from actors.host.state import HostState
from actors.lifecycle.host_table import ACTIVE
from actors.vm import checks
from actors.vm.facts import bad_input, not_found
from protocol.audit import line
from protocol.commands import host as commands
from protocol.engine_messages import Accepted
from protocol.errors import Refusal
from protocol.events import host as events
from protocol.model.host import Host
from protocol.model.merge import merge, writable
from protocol.model.types import Ref
from protocol.node_messages import DomainsSnapshot, HostFacts, ReportNow
from protocol.words import Tagged

VM_GONE_CHECK_SECONDS = 2.0
LINK_CHECK_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class Facts:
    """`linked`: the node is connected now."""

    now: datetime.datetime
    rows: Rows
    linked: bool
    silent_after_seconds: float


def decide(host_id: str, state: HostState | None, message: Tagged, facts: Facts) -> Decision:
    """What follows from `message`."""
    if isinstance(message, Commanded):
        return command(host_id, state, message, facts)
    if state is None:
        return Decision()
    match message:
        case NodeLinked():
            return linked(state, facts)
        case NodeUnlinked():
            return unlinked(state, message, facts)
        case HostFacts():
            return described(state, message, facts)
        case DomainsSnapshot():
            return reported(state, message, facts)
        case TimerFired(name="silent"):
            return silent(state, facts)
        case TimerFired(name="linked"):
            return still_linked(state, facts)
        case TimerFired(name="emptied"):
            return emptied(state, facts)
    return Decision()


# --- liveness -----------------------------------------------------------------------------------------------------


def linked(state: HostState, facts: Facts) -> Decision:
    """The node is there: ask for everything it has; it is up once it has said so."""
    happened = (events.HostLinked(at=facts.now),) if state.status in ACTIVE else ()
    return Decision(
        events=happened,
        effects=(CancelTimer(name="silent"), ToNode(host_id=state.id, message=ReportNow(epoch=0))),
    )


def still_linked(state: HostState, facts: Facts) -> Decision:
    """A while after what was decided did not become durable: the node's coming may have been part of it."""
    if not facts.linked:
        return Decision()
    if state.status in ACTIVE - {"up"}:
        return linked(state, facts)
    return Decision(effects=(ToNode(host_id=state.id, message=ReportNow(epoch=0)),))


def unlinked(state: HostState, message: NodeUnlinked, facts: Facts) -> Decision:
    """It may be a broken connection only: wait for the silent period before saying anything of its VMs."""
    timer = SetTimer(name="silent", seconds=facts.silent_after_seconds)
    if state.status not in ACTIVE:
        return Decision(effects=(timer,))
    text = f"The link to Host {state.name} ended: {message.reason}"
    return Decision(
        events=(events.HostLinkLost(at=facts.now, reason=message.reason),),
        audit=(line("host_link_lost", text, severity="warning", host=state.id),),
        effects=(timer,),
    )


def silent(state: HostState, facts: Facts) -> Decision:
    """Silence proves nothing of the VMs: they become unknown."""
    if facts.linked:
        return Decision()
    lost = HostLost(host_id=state.id)
    effects = tuple(_tell_residents(state, facts, lambda _: lost))
    if state.status not in ACTIVE or state.status == "non_responsive":
        return Decision(effects=effects)
    text = f"Host {state.name} is non responsive: no link for {facts.silent_after_seconds:g} s. What runs there is unknown."
    return Decision(
        events=(events.HostFellSilent(at=facts.now),),
        audit=(line("host_silent", text, severity="error", host=state.id),),
        effects=effects,
    )


def described(state: HostState, told: HostFacts, facts: Facts) -> Decision:
    """What the host is."""
    if told == state.facts:
        return Decision()
    return Decision(events=(events.HostFactsChanged(at=facts.now, facts=told),))


def reported(state: HostState, snapshot: DomainsSnapshot, facts: Facts) -> Decision:
    """Everything that runs there: each VM that belongs there hears what became of it; a stranger's VM too."""
    by_vm = {domain.vm_id: domain for domain in snapshot.domains}
    residents = facts.rows.referring("vm", "host", state.id)
    effects: list[Effect] = _tell_residents(
        state, facts, lambda vm_id: HostReturned(host_id=state.id, domain=by_vm.get(vm_id))
    )
    for vm_id, domain in by_vm.items():
        if vm_id not in residents and facts.rows.document("vm", vm_id) is not None:
            effects.append(Tell(address=f"vm/{vm_id}", message=HostReturned(host_id=state.id, domain=domain)))
    if state.status != "initializing":
        return Decision(effects=tuple(effects))
    told = state.facts
    how = (
        f" Guests run by {told.virtualization}: {told.virtualization_reason.rstrip('.')}."
        if told and told.virtualization != "kvm"
        else ""
    )
    text = f"Host {state.name} is up.{how}"
    return Decision(
        events=(events.HostCameUp(at=facts.now),),
        audit=(line("host_up", text, host=state.id),),
        effects=tuple(effects),
    )


def _tell_residents(state: HostState, facts: Facts, signal_for: Callable[[str], Tagged]) -> list[Effect]:
    """VMs on the host, its storage domains, and the disks on those that an operation works on."""
    rows = facts.rows
    effects: list[Effect] = [
        Tell(address=f"vm/{vm_id}", message=signal_for(vm_id)) for vm_id in rows.referring("vm", "host", state.id)
    ]
    for domain_id in rows.referring("storage_domain", "host", state.id):
        effects.append(Tell(address=f"storage_domain/{domain_id}", message=signal_for("")))
        for disk_id in rows.referring("disk", "storage_domain", domain_id):
            disk = rows.document("disk", disk_id)
            if disk is not None and disk.status == "locked":
                effects.append(Tell(address=f"disk/{disk_id}", message=signal_for("")))
    return effects


# --- commands -----------------------------------------------------------------------------------------------------


def command(host_id: str, state: HostState | None, asked: Commanded, facts: Facts) -> Decision:
    """A user's command."""
    wanted = asked.command
    if isinstance(wanted, commands.AddHost):
        return add(host_id, state, asked, facts)
    if state is None:
        return refuse(bad_input(f"There is no host with id {host_id!r}.", "id", status=404, code="not_found"))
    accepted = Accepted(kind="host", id=state.id, command_id=asked.command_id)
    match wanted:
        case commands.UpdateHost():
            return update(state, asked, facts)
        case commands.RemoveHost():
            return remove(state, asked, facts)
        case commands.DeactivateHost():
            return deactivate(state, asked, facts)
        case commands.ActivateHost():
            if state.status not in ("maintenance", "preparing_for_maintenance"):
                return refuse(_illegal(state, "activate", "in maintenance"))
            effects: tuple[Effect, ...] = (SetTimer(name="silent", seconds=facts.silent_after_seconds),)
            happened: tuple[Tagged, ...] = (events.HostActivated(at=facts.now),)
            if facts.linked:
                happened = (*happened, events.HostLinked(at=facts.now))
                effects = (ToNode(host_id=state.id, message=ReportNow(epoch=0)),)
            text = f"Host {state.name} was activated by {asked.principal.name}."
            return Decision(
                events=happened,
                audit=(line("host_activated", text, host=state.id, user=asked.principal.user_id),),
                reply=accepted,
                store_outcome=True,
                effects=effects,
            )
        case commands.FenceHost():
            return fence(state, asked, facts)
        case commands.ApproveHost():
            return refuse(_illegal(state, "approve", "pending approval"))
    return refuse(bad_input(f"A host does not understand {type(wanted).__name__}.", "command"))


def add(host_id: str, state: HostState | None, asked: Commanded, facts: Facts) -> Decision:
    """Announces a host; its node enrols with a token of its own."""
    accepted = Accepted(kind="host", id=host_id, command_id=asked.command_id)
    if state is not None:
        return Decision(reply=accepted)
    assert isinstance(asked.command, commands.AddHost)
    document = asked.command.document
    assert isinstance(document, Host)
    refusal = _check(document, adding=True) or _cluster_refusal(document, facts)
    if refusal is None and any(other.id != host_id for other in facts.rows.named("host", document.name or "")):
        refusal = bad_input(f"There is a host named {document.name} already.", "name", "Choose another name.", status=409,
                            code="name_taken")  # fmt: skip
    if refusal:
        return refuse(refusal)
    cluster = document.cluster or Ref(id=next((c.id for c in facts.rows.named("cluster", "Default")), None))
    host = attrs.evolve(writable(document), id=host_id, cluster=cluster)
    text = f"Host {host.name} was added by {asked.principal.name}. It comes up when its node has enrolled."
    return Decision(
        events=(events.HostAdded(at=facts.now, host=host),),
        audit=(line("host_added", text, host=host_id, user=asked.principal.user_id),),
        reply=accepted,
        store_outcome=True,
    )


def update(state: HostState, asked: Commanded, facts: Facts) -> Decision:
    document = asked.command.document if isinstance(asked.command, commands.UpdateHost) else None
    assert isinstance(document, Host)
    refusal = _check(document, adding=False) or _cluster_refusal(document, facts)
    moved = (
        document.cluster is not None and state.host.cluster is not None and document.cluster.id != state.host.cluster.id
    )
    if refusal is None and moved and state.status != "maintenance":
        refusal = _illegal(state, "move", "in maintenance")
    if refusal:
        return refuse(refusal)
    host = merge(state.host, attrs.evolve(document, id=None))
    return Decision(
        events=(events.HostUpdated(at=facts.now, host=host),) if host != state.host else (),
        reply=Accepted(kind="host", id=state.id, command_id=asked.command_id),
        store_outcome=host != state.host,
    )


def deactivate(state: HostState, asked: Commanded, facts: Facts) -> Decision:
    """Takes no new VM from now on; in maintenance once the last one is gone."""
    assert isinstance(asked.command, commands.DeactivateHost)
    accepted = Accepted(kind="host", id=state.id, command_id=asked.command_id)
    if state.status in ("maintenance", "preparing_for_maintenance"):
        return Decision(reply=accepted)
    running = facts.rows.referring("vm", "host", state.id)
    happened: list[Tagged] = [events.HostMaintenanceRequested(at=facts.now, reason=asked.command.reason)]
    effects: tuple[Effect, ...] = ()
    text = f"Host {state.name} is prepared for maintenance by {asked.principal.name}."
    if running:
        text += f" {len(running)} VMs run on it: shut them down."
        effects = (SetTimer(name="emptied", seconds=VM_GONE_CHECK_SECONDS),)
    else:
        happened.append(events.HostEnteredMaintenance(at=facts.now))
    return Decision(
        events=tuple(happened),
        audit=(line("host_maintenance", text, host=state.id, user=asked.principal.user_id),),
        reply=accepted,
        store_outcome=True,
        effects=effects,
    )


def emptied(state: HostState, facts: Facts) -> Decision:
    """Looks whether the last VM has left."""
    if state.status != "preparing_for_maintenance":
        return Decision()
    if facts.rows.referring("vm", "host", state.id):
        return Decision(effects=(SetTimer(name="emptied", seconds=VM_GONE_CHECK_SECONDS),))
    return Decision(
        events=(events.HostEnteredMaintenance(at=facts.now),),
        audit=(line("host_maintenance", f"Host {state.name} is in maintenance.", host=state.id),),
    )


def remove(state: HostState, asked: Commanded, facts: Facts) -> Decision:
    if state.status not in ("maintenance", "installing"):
        return refuse(_illegal(state, "remove", "in maintenance"))
    uses = [f"VM {vm_id}" for vm_id in facts.rows.referring("vm", "host", state.id)]
    uses += [f"storage domain {id}" for id in facts.rows.referring("storage_domain", "host", state.id)]
    if uses:
        return refuse(
            Refusal(code="conflict", reason=f"Host {state.name} is in use.", reasons=tuple(uses), entity=state.address,
                    remedy="Remove these first.")
        )  # fmt: skip
    text = f"Host {state.name} was removed by {asked.principal.name}."
    return Decision(
        events=(events.HostRemoved(at=facts.now),),
        audit=(line("host_removed", text, user=asked.principal.user_id),),
        reply=Accepted(kind="host", id=state.id, command_id=asked.command_id),
        store_outcome=True,
    )


def fence(state: HostState, asked: Commanded, facts: Facts) -> Decision:
    """The operator's word that the machine was rebooted; other kinds need a fence agent, which comes later."""
    assert isinstance(asked.command, commands.FenceHost)
    if asked.command.fence_type != "manual":
        return refuse(bad_input(f"Fence type {asked.command.fence_type!r} is not part of this release.", "fence_type",
                                "Use manual after you rebooted the machine yourself."))  # fmt: skip
    if state.status != "non_responsive" or facts.linked:
        return refuse(_illegal(state, "confirm the reboot of", "non responsive"))
    down = HostConfirmedDown(host_id=state.id)
    text = f"{asked.principal.name} confirmed that Host {state.name} was rebooted: its VMs are down."
    return Decision(
        events=(events.HostConfirmedRebooted(at=facts.now),),
        audit=(line("host_silent", text, severity="warning", host=state.id, user=asked.principal.user_id),),
        reply=Accepted(kind="host", id=state.id, command_id=asked.command_id),
        store_outcome=True,
        effects=tuple(
            Tell(address=f"vm/{vm_id}", message=down) for vm_id in facts.rows.referring("vm", "host", state.id)
        ),
    )


def _check(document: Host, *, adding: bool) -> Refusal | None:
    for field in ("name", "address"):
        if adding and not getattr(document, field):
            return bad_input(f"A host needs a {field}.", field, f"Give `{field}`.", code="missing_attribute")
    if document.name is not None and (refusal := checks.name("host", document.name)):
        return refusal
    return checks.values(document)


def _cluster_refusal(document: Host, facts: Facts) -> Refusal | None:
    if document.cluster is not None and facts.rows.document("cluster", document.cluster.id or "") is None:
        return not_found("cluster", document.cluster.id or "", "cluster")
    return None


def _illegal(state: HostState, asked: str, legal: str) -> Refusal:
    return Refusal(
        code="not_legal",
        reason=f"Cannot {asked} Host {state.name}: it is {state.status.replace('_', ' ')}; it must be {legal}.",
        entity=state.address,
        field="status",
    )
