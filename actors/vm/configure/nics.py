"""Adding, changing and removing a NIC of a VM that is down. Decides; never performs."""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision, accept, line_by, refuse
from actors.entity.ids import derived_id
from actors.entity.messages import CommandRequest
from actors.entity.references import missing_reference
from actors.entity.refusals import busy, not_legal
from actors.reservations.messages import Reserved
from actors.vm.configure import checks
from actors.vm.configure.claims import claim
from actors.vm.facts import VmDecisionFacts
from actors.vm.slots import free_slot
from actors.vm.state import VmState
from protocol import limits
from protocol.command import Command
from protocol.document import Ref, id_of
from protocol.errors import Conflict, Refusal
from protocol.live.engine import Accepted
from protocol.merge import merge, writable
from protocol.message import Message
from protocol.network.model import Mac, Nic
from protocol.refusals import name_taken, not_found
from protocol.vm import commands, events


def change(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Add, update or remove a NIC of a VM that is down. A new MAC address is reserved first."""
    refusal = _not_now(state)
    if refusal:
        return refuse(refusal)
    wanted = _wanted(state, request, facts)
    if isinstance(wanted, Refusal):
        return refuse(wanted)
    if wanted is None:
        gone = _known(state, request)
        assert isinstance(gone, Nic)
        left = tuple(nic for nic in state.vm.nics or () if nic is not gone)
        return _changed(state, request, left, gone, "nic_removed", facts)
    return claim(request, state.id, macs=((wanted.mac.address if wanted.mac else "") or "",))


def plug(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Decision:
    """Plug a NIC of a VM that is down in or out. One that is as it should be stays."""
    refusal = _not_now(state)
    known = refusal or _known(state, request)
    if isinstance(known, Refusal):
        return refuse(known)
    activate = isinstance(request.command, commands.ActivateNic)
    made = attrs.evolve(known, plugged=activate)
    if made == known:
        return Decision(reply=_accepted(request, known))
    nics = tuple(made if nic.id == made.id else nic for nic in state.vm.nics or ())
    return _changed(state, request, nics, made, "nic_activated" if activate else "nic_deactivated", facts)


def _not_now(state: VmState) -> Refusal | None:
    refusal = busy(state, "change the NICs of")
    if refusal is None and state.status != "down":
        remedy = "Shut it down first; hot plug is not part of this release."
        return not_legal(state, "change the NICs of", "down", remedy)
    return refusal


def _known(state: VmState, request: CommandRequest) -> Nic | Refusal:
    """The NIC that the command is about."""
    command = request.command
    assert isinstance(command, Command)
    known = next((nic for nic in state.vm.nics or () if nic.id == command.id), None)
    return known or not_found("nic", command.id, within=f"VM {state.name}")


def reserved(state: VmState, request: CommandRequest, answer: Message, facts: VmDecisionFacts) -> Decision:
    """The MAC address is held."""
    if isinstance(answer, Refusal):
        return refuse(answer)
    assert isinstance(answer, Reserved)
    wanted = _wanted(state, request, facts)
    if isinstance(wanted, Refusal) or wanted is None:
        return refuse(wanted or not_legal(state, "change the NICs of", "down"))
    made = attrs.evolve(wanted, mac=Mac(address=answer.macs[0]))
    known = [nic.id for nic in state.vm.nics or ()]
    if made.id in known:
        nics = tuple(made if nic.id == made.id else nic for nic in state.vm.nics or ())
        return _changed(state, request, nics, made, "nic_updated", facts)
    return _changed(state, request, (*(state.vm.nics or ()), made), made, "nic_added", facts)


def _wanted(state: VmState, request: CommandRequest, facts: VmDecisionFacts) -> Nic | Refusal | None:
    """The NIC as requested; None when it is to be removed."""
    command = request.command
    assert isinstance(command, commands.AddNic | commands.UpdateNic | commands.RemoveNic)
    others = tuple(nic for nic in state.vm.nics or () if nic.id != command.id)
    if isinstance(command, commands.AddNic):
        assert isinstance(command.document, Nic)
        fresh = attrs.evolve(writable(command.document), id=derived_id(request.command_id, "nic0"))
        return resolved(state.id, request.command_id, fresh, others, facts)
    known = _known(state, request)
    if isinstance(known, Refusal):
        return known
    if isinstance(command, commands.RemoveNic):
        return None
    assert isinstance(command.document, Nic)
    merged = merge(known, attrs.evolve(command.document, id=None))
    made = resolved(state.id, request.command_id, merged, others, facts)
    return made if isinstance(made, Refusal) else attrs.evolve(made, id=known.id, slot=known.slot)


def _changed(
    state: VmState, request: CommandRequest, nics: tuple[Nic, ...], nic: Nic, what: str, facts: VmDecisionFacts
) -> Decision:
    said = line_by(request.principal, what, vm=state.id, name=state.name, nic_name=nic.name or "")
    event = events.VmNicsChanged(at=facts.now, nics=nics)
    return accept(_accepted(request, nic), Decision(events=(event,), audit=(said,)))


def _accepted(request: CommandRequest, nic: Nic) -> Accepted:
    return Accepted(kind="nic", id=id_of(nic), command_id=request.command_id)


def resolved(
    vm_id: str, command_id: str, nic: Nic, others: tuple[Nic, ...], facts: VmDecisionFacts, index: int = 0
) -> Nic | Refusal:
    """A NIC beside `others` with everything filled in but its MAC address."""
    refusal = checks.nic(nic) or _clash(nic, others) or missing_reference(facts.rows, attrs.evolve(nic, vm=None))
    if refusal:
        return refusal
    profile_id = _profile_of(nic, facts)
    slot = free_slot((other.slot for other in others), limits.vm_nics_max)
    if slot is None:
        reason = f"A VM has at most {limits.vm_nics_max} NICs."
        return Conflict(reason, remedy="Remove another one first.", field="nics").refusal
    return Nic(
        id=nic.id or derived_id(command_id, f"nic{index}"),
        name=nic.name,
        description=nic.description,
        comment=nic.comment,
        interface=nic.interface or "virtio",
        linked=nic.linked is not False,
        plugged=nic.plugged is not False,
        mac=nic.mac,
        vnic_profile=Ref(id=profile_id) if profile_id else None,
        vm=Ref(id=vm_id),
        slot=slot,
    )


def _clash(nic: Nic, others: tuple[Nic, ...]) -> Refusal | None:
    """Names and MAC addresses differ within a VM."""
    if any(other.name == nic.name for other in others):
        return name_taken("nic", nic.name or "", within="the VM")
    wanted = _mac_of(nic)
    if wanted and any(_mac_of(other) == wanted for other in others):
        reason = f"The VM has a NIC with the MAC address {wanted} already."
        remedy = "Choose another one, or leave it out to get a free one."
        return Conflict(reason, remedy=remedy, field="mac").refusal
    return None


def _profile_of(nic: Nic, facts: VmDecisionFacts) -> str | None:
    """The profile that was named, or the first one of the network that was."""
    if nic.vnic_profile is not None and nic.vnic_profile.id is not None:
        return nic.vnic_profile.id
    if nic.network is None:
        return None
    return next(iter(facts.rows.referring("vnic_profile", "network", id_of(nic.network))), None)


def _mac_of(nic: Nic) -> str:
    return ((nic.mac.address if nic.mac else "") or "").lower()
