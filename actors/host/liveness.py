"""Whether a host is there: its link, its silence, what it reports, and who has to hear of it.

Pure. It must not speak to the node itself, nor take silence for proof of anything.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.entity.decision import NOTHING, CancelTimer, Decision, Effect, RequestReport, SetTimer, Tell
from actors.entity.host_signals import HostLost, HostReturned
from actors.host.facts import HostDecisionFacts
from actors.host.gate import strangers_max
from actors.host.maintenance import VM_GONE_CHECK_SECONDS
from actors.host.messages import NodeUnlinked
from actors.host.state import HostState
from actors.host.transitions import ACTIVE
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.host import events
from protocol.message import Message
from protocol.node.reports import DomainsSnapshot, HostFacts
from protocol.storage.model import Disk
from protocol.vm.model import Vm

LINK_CHECK_SECONDS = 1.0


def recovered(state: HostState, facts: HostDecisionFacts) -> Decision:
    """After a restart of the engine the host has the silent period to come back; one that is linked is looked at
    soon, not at once, because the database that refused may still be away."""
    timers = [SetTimer(name="silent", seconds=facts.silent_after_seconds)]
    if facts.linked:
        timers.append(SetTimer(name="linked", seconds=LINK_CHECK_SECONDS))
    if state.status == "preparing_for_maintenance":
        timers.append(SetTimer(name="emptied", seconds=VM_GONE_CHECK_SECONDS))
    return Decision(effects=tuple(timers))


def linked(state: HostState, facts: HostDecisionFacts) -> Decision:
    """The node is there: ask for everything it has; it is up once it has said so."""
    happened = (events.HostLinked(at=facts.now),) if state.status in ACTIVE else ()
    audit = (line("host_enrolled", host=state.id, name=state.name),) if state.status == "installing" else ()
    return Decision(
        events=happened,
        audit=audit,
        effects=(CancelTimer(name="silent"), RequestReport(host_id=state.id)),
    )


def still_linked(state: HostState, facts: HostDecisionFacts) -> Decision:
    """A while after what was decided did not become durable: the node's coming may have been part of it."""
    if not facts.linked:
        return NOTHING
    if state.status in ACTIVE - {"up"}:
        return linked(state, facts)
    return Decision(effects=(RequestReport(host_id=state.id),))


def unlinked(state: HostState, message: NodeUnlinked, facts: HostDecisionFacts) -> Decision:
    """It may be a broken connection only: wait for the silent period before saying anything of its VMs."""
    timer = SetTimer(name="silent", seconds=facts.silent_after_seconds)
    if state.status not in ACTIVE:
        return Decision(effects=(timer,))
    return Decision(
        events=(events.HostLinkLost(at=facts.now, reason=message.reason),),
        audit=(line("host_link_lost", host=state.id, name=state.name, reason=message.reason),),
        effects=(timer,),
    )


def silent(state: HostState, facts: HostDecisionFacts) -> Decision:
    """Silence proves nothing of the VMs: they become unknown."""
    if facts.linked or state.status == "installing":  # a node that never came has not fallen silent
        return NOTHING
    lost = HostLost(host_id=state.id)
    effects = tuple(notify_residents(state, facts, lambda _: lost))
    if state.status not in ACTIVE or state.status == "non_responsive":
        return Decision(effects=effects)
    return Decision(
        events=(events.HostFellSilent(at=facts.now),),
        audit=(line("host_silent", host=state.id, name=state.name, seconds=facts.silent_after_seconds),),
        effects=effects,
    )


def described(state: HostState, host_facts: HostFacts, facts: HostDecisionFacts) -> Decision:
    """What the host is."""
    if host_facts == state.facts:
        return NOTHING
    return Decision(events=(events.HostFactsChanged(at=facts.now, facts=host_facts),))


def reported(state: HostState, snapshot: DomainsSnapshot, facts: HostDecisionFacts) -> Decision:
    """Everything that runs there: each VM that belongs there hears what became of it; a stranger's VM too."""
    by_vm = {domain.vm_id: domain for domain in snapshot.domains}
    concerned = _vms_of(state, facts)
    effects: list[Effect] = notify_residents(
        state, facts, lambda vm_id: HostReturned(host_id=state.id, domain=by_vm.get(vm_id))
    )
    others = [vm_id for vm_id in by_vm if vm_id not in concerned]
    for vm_id in others:
        if facts.rows.get(Vm, vm_id) is not None:
            domain = by_vm[vm_id]
            effects.append(Tell(address=f"vm/{vm_id}", message=HostReturned(host_id=state.id, domain=domain)))
    if state.status != "initializing":
        return Decision(effects=tuple(effects))
    unknown = [id for id in others if facts.rows.get(Vm, id) is None]
    strangers = tuple(_stranger(state, id) for id in unknown[:strangers_max])
    return Decision(
        events=(events.HostCameUp(at=facts.now),),
        audit=(_up(state), *strangers),
        effects=tuple(effects),
    )


def _stranger(state: HostState, vm_id: str) -> Event:
    """A domain with Corral's mark that this engine knows nothing of, as after an older backup was restored."""
    return line("stranger_domain", host=state.id, name=state.name, domain_id=vm_id)


def _up(state: HostState) -> Event:
    """That the host is up; where the machine has no KVM, how VMs run there and why."""
    has = state.facts
    if has is None or has.virtualization == "kvm":
        return line("host_up", host=state.id, name=state.name)
    how, why = has.virtualization, has.virtualization_reason
    return line("host_up_without_kvm", host=state.id, name=state.name, virtualization=how, reason=why)


def _vms_of(state: HostState, facts: HostDecisionFacts) -> dict[str, None]:
    """The VMs that run there, and those of which the host reported a copy beside the run that counts."""
    rows = facts.rows
    return dict.fromkeys((*rows.referring("vm", "host", state.id), *rows.referring("vm", "copies", state.id)))


def notify_residents(state: HostState, facts: HostDecisionFacts, signal_for: Callable[[str], Message]) -> list[Effect]:
    """VMs on the host, its storage domains, and the disks on those that an operation works on."""
    rows = facts.rows
    effects: list[Effect] = [Tell(address=f"vm/{vm_id}", message=signal_for(vm_id)) for vm_id in _vms_of(state, facts)]
    for domain_id in rows.referring("storage_domain", "host", state.id):
        effects.append(Tell(address=f"storage_domain/{domain_id}", message=signal_for("")))
        for disk in rows.referring_to(Disk, "storage_domain", domain_id):
            if disk.status == "locked":
                effects.append(Tell(address=f"disk/{disk.id}", message=signal_for("")))
    return effects
