"""Whether a host is there: its link, its silence, what it reports, and who has to hear of it.

Pure. It must not speak to the node itself, nor take silence for proof of anything.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.entity.decision import CancelTimer, Decision, Effect, SetTimer, Tell, ToNode
from actors.host.facts import HostDecisionFacts
from actors.host.messages import NodeUnlinked
from actors.host.signals import HostLost, HostReturned
from actors.host.state import HostState
from actors.lifecycle.host_table import ACTIVE
from protocol.audit import line
from protocol.events import host as events
from protocol.message import Message
from protocol.model.activity import Event
from protocol.node_messages import DomainsSnapshot, HostFacts, ReportNow

LINK_CHECK_SECONDS = 1.0


def linked(state: HostState, facts: HostDecisionFacts) -> Decision:
    """The node is there: ask for everything it has; it is up once it has said so."""
    happened = (events.HostLinked(at=facts.now),) if state.status in ACTIVE else ()
    return Decision(
        events=happened,
        effects=(CancelTimer(name="silent"), ToNode(host_id=state.id, message=ReportNow(epoch=0))),
    )


def still_linked(state: HostState, facts: HostDecisionFacts) -> Decision:
    """A while after what was decided did not become durable: the node's coming may have been part of it."""
    if not facts.linked:
        return Decision()
    if state.status in ACTIVE - {"up"}:
        return linked(state, facts)
    return Decision(effects=(ToNode(host_id=state.id, message=ReportNow(epoch=0)),))


def unlinked(state: HostState, message: NodeUnlinked, facts: HostDecisionFacts) -> Decision:
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


def silent(state: HostState, facts: HostDecisionFacts) -> Decision:
    """Silence proves nothing of the VMs: they become unknown."""
    if facts.linked or state.status == "installing":  # a node that never came has not fallen silent
        return Decision()
    lost = HostLost(host_id=state.id)
    effects = tuple(notify_residents(state, facts, lambda _: lost))
    if state.status not in ACTIVE or state.status == "non_responsive":
        return Decision(effects=effects)
    text = f"Host {state.name} is non responsive: no link for {facts.silent_after_seconds:g} s. What runs there is unknown."
    return Decision(
        events=(events.HostFellSilent(at=facts.now),),
        audit=(line("host_silent", text, severity="error", host=state.id),),
        effects=effects,
    )


def described(state: HostState, host_facts: HostFacts, facts: HostDecisionFacts) -> Decision:
    """What the host is."""
    if host_facts == state.facts:
        return Decision()
    return Decision(events=(events.HostFactsChanged(at=facts.now, facts=host_facts),))


def reported(state: HostState, snapshot: DomainsSnapshot, facts: HostDecisionFacts) -> Decision:
    """Everything that runs there: each VM that belongs there hears what became of it; a stranger's VM too."""
    by_vm = {domain.vm_id: domain for domain in snapshot.domains}
    residents = facts.rows.referring("vm", "host", state.id)
    effects: list[Effect] = notify_residents(
        state, facts, lambda vm_id: HostReturned(host_id=state.id, domain=by_vm.get(vm_id))
    )
    for vm_id, domain in by_vm.items():
        if vm_id not in residents and facts.rows.document("vm", vm_id) is not None:
            effects.append(Tell(address=f"vm/{vm_id}", message=HostReturned(host_id=state.id, domain=domain)))
    if state.status != "initializing":
        return Decision(effects=tuple(effects))
    strangers = tuple(_stranger(state, id) for id in by_vm if facts.rows.document("vm", id) is None)
    return Decision(
        events=(events.HostCameUp(at=facts.now),),
        audit=(line("host_up", f"Host {state.name} is up.{_without_kvm(state)}", host=state.id), *strangers),
        effects=tuple(effects),
    )


def _stranger(state: HostState, vm_id: str) -> Event:
    """A domain with Corral's mark that this engine knows nothing of, as after an older backup was restored."""
    text = (
        f"Host {state.name} runs domain {vm_id}, which is marked as Corral's and unknown to this engine: it is left "
        f"alone. End it on the host when it is not needed."
    )
    return line("stranger_domain", text, severity="warning", host=state.id)


def _without_kvm(state: HostState) -> str:
    """How guests run where the machine has no KVM, and why; "" where it has."""
    host_facts = state.facts
    if host_facts is None or host_facts.virtualization == "kvm":
        return ""
    return f" Guests run by {host_facts.virtualization}: {host_facts.virtualization_reason.rstrip('.')}."


def notify_residents(state: HostState, facts: HostDecisionFacts, signal_for: Callable[[str], Message]) -> list[Effect]:
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
