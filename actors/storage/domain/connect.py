"""Keeps a storage domain connected: what its host says of it, and what follows when the host goes and comes.

A reconnection is no operation: it is asked for anew with each return of the host, and changes nothing but what is
known. It must not make or remove storage domains.
"""

from __future__ import annotations

from typing import Any, Final

from actors.entity.decision import NOTHING, Decision, Effect, ToNode
from actors.operations.operation import current_step, step_id
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts
from protocol.audit import line
from protocol.events import storage_domain as events
from protocol.node_messages import ConnectStorageDomain, ForgetSteps, NodeCommand, StorageFacts

change_bytes_min: Final = 1024**3
change_share_min: Final = 0.01


def connect_effect(state: StorageDomainState, step: str, *, create: bool) -> ToNode:
    """Asks the host for the directory, under a step id."""
    body = ConnectStorageDomain(storage_domain_id=state.id, path=state.path, create=create)
    correlation = state.operation.correlation_id if state.operation else ""
    return ToNode(
        host_id=state.host_id, message=NodeCommand(epoch=0, step_id=step, body=body, correlation_id=correlation)
    )


def forget(host_id: str, step: str) -> tuple[Effect, ...]:
    """Tells the host that the outcome is durable."""
    return (ToNode(host_id=host_id, message=ForgetSteps(epoch=0, step_ids=(step,))),) if host_id else ()


def reconnect(state: StorageDomainState | None, facts: StorageDecisionFacts) -> Decision:
    """The host is back: the step under way again, else a fresh look."""
    if state is None:
        return NOTHING
    if state.operation is not None:
        step = current_step(state.operation)
        adding = state.operation.kind == "add" and step is not None
        return Decision(effects=(connect_effect(state, step.id, create=True),)) if adding and step else NOTHING
    probe = step_id(state.address, f"probe-{facts.fresh_id}", 0)
    return Decision(effects=(connect_effect(state, probe, create=False),))


def host_lost(state: StorageDomainState | None, facts: StorageDecisionFacts) -> Decision:
    """Nobody else reaches a directory of a host that is silent."""
    if state is None or state.status != "active":
        return NOTHING
    host = facts.rows.document("host", state.host_id)
    return deactivated(state, f"Its host {host.name if host is not None else state.host_id} does not answer.", facts)


def reported(state: StorageDomainState | None, facts_: StorageFacts, facts: StorageDecisionFacts) -> Decision:
    """What the host sees. Journaled when the status changes, or space by more than 1 % of all or 1 GiB."""
    if state is None or state.status not in ("active", "inactive"):
        return NOTHING
    if facts_.problem or not facts_.writable:
        reason = facts_.problem or "It cannot be written."
        return NOTHING if state.status == "inactive" and state.problem == reason else deactivated(state, reason, facts)
    if state.status == "inactive":
        return activated(state, facts_, facts)
    if not _is_worth_telling(state, facts_):
        return NOTHING
    return Decision(events=(events.StorageDomainSpaceChanged(at=facts.now, **space(state, facts_, facts)),))


def activated(state: StorageDomainState, facts_: StorageFacts, facts: StorageDecisionFacts, **more: Any) -> Decision:
    """It can be used."""
    event = events.StorageDomainActivated(at=facts.now, **space(state, facts_, facts), **more)
    audit = line("storage_domain_active", f"{state.title} is active.", storage_domain=state.id, host=state.host_id)
    return Decision(events=(event,), audit=(audit,))


def deactivated(state: StorageDomainState, reason: str, facts: StorageDecisionFacts) -> Decision:
    """It cannot be used now."""
    audit = line(
        "storage_domain_inactive",
        f"{state.title} is inactive: {reason}",
        severity="error",
        storage_domain=state.id,
        host=state.host_id,
    )
    return Decision(events=(events.StorageDomainDeactivated(at=facts.now, reason=reason),), audit=(audit,))


def space(state: StorageDomainState, facts_: StorageFacts, facts: StorageDecisionFacts) -> dict[str, Any]:
    """Bytes by event field; *committed* is what its disks may grow to."""
    disks = (facts.rows.document("disk", id) for id in facts.rows.referring("disk", "storage_domain", state.id))
    committed = sum(disk.provisioned_size or 0 for disk in disks if disk is not None)
    return {
        "available_bytes": facts_.available_bytes,
        "used_bytes": facts_.used_bytes,
        "committed_bytes": committed,
    }


def _is_worth_telling(state: StorageDomainState, facts_: StorageFacts) -> bool:
    capacity = facts_.available_bytes + facts_.used_bytes
    least = min(change_bytes_min, capacity * change_share_min)
    return (
        abs((state.storage_domain.available or 0) - facts_.available_bytes) > least
        or abs((state.storage_domain.used or 0) - facts_.used_bytes) > least
    )
