"""Keeps a storage domain connected: what its host says of it, and what follows when the host goes and comes.

A reconnection is no operation: it is asked for anew with each return of the host, and changes nothing but what is
known.
"""

from __future__ import annotations

from typing import Final

import attrs

from actors.entity.decision import NOTHING, AcknowledgeStep, Decision, Effect, RunStep
from actors.entity.host_signals import StepOutcome, StorageSeen
from actors.storage.domain.state import StorageDomainState
from actors.storage.facts import StorageDecisionFacts
from protocol.activity.audit import line
from protocol.activity.operation import Outcome, StepId
from protocol.errors import Refusal
from protocol.message import Message
from protocol.node.commands import ConnectStorageDomain
from protocol.node.reports import StorageFacts
from protocol.storage import domain_events as events
from protocol.storage.model import Disk

change_bytes_min: Final = 1024**3
change_share_min: Final = 0.01


def connection(state: StorageDomainState, *, create: bool) -> ConnectStorageDomain:
    """What the host is asked for the directory."""
    return ConnectStorageDomain(storage_domain_id=state.id, path=state.path, create=create)


def probe(state: StorageDomainState, facts: StorageDecisionFacts) -> Decision:
    """Has the host connect it anew and say what it sees."""
    step = StepId(owner=state.address, operation=f"probe-{facts.fresh_id}", number=0, host=state.host_id)
    return Decision(effects=(RunStep(step=step, body=connection(state, create=False)),))


def probed(state: StorageDomainState | None, outcome: StepOutcome, facts: StorageDecisionFacts) -> Decision:
    """The outcome of a probe, or of a step that is over: acknowledged, and what it says of the directory taken in."""
    if outcome.host_id != outcome.step.host:
        return NOTHING
    decision = NOTHING
    if state is not None and outcome.host_id == state.host_id:
        decision = _told(state, outcome.result, facts)
    acknowledged: tuple[Effect, ...] = (AcknowledgeStep(step=outcome.step),)
    return attrs.evolve(decision, effects=(*acknowledged, *decision.effects))


def _told(state: StorageDomainState, result: Message, facts: StorageDecisionFacts) -> Decision:
    if isinstance(result, StorageFacts):
        return reported(state, result, facts)
    if not isinstance(result, Refusal) or state.status not in ("active", "inactive"):
        return NOTHING
    reason = str(result)
    return deactivated(state, reason, facts) if state.status == "active" or state.problem != reason else NOTHING


def seen(state: StorageDomainState | None, message: StorageSeen, facts: StorageDecisionFacts) -> Decision:
    """What a host sees of it; only the one that holds the directory is believed."""
    return reported(state, message.facts, facts) if state and message.host_id == state.host_id else NOTHING


def host_lost(state: StorageDomainState | None, facts: StorageDecisionFacts) -> Decision:
    """Nobody else reaches a directory of a host that is silent."""
    if state is None or state.status != "active":
        return NOTHING
    host = facts.rows.name_of("host", state.host_id)
    return deactivated(state, f"Its host {host} does not answer.", facts)


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
    event = events.StorageDomainSpaceChanged(
        at=facts.now,
        available_bytes=facts_.available_bytes,
        used_bytes=facts_.used_bytes,
        committed_bytes=_committed(state, facts),
    )
    return Decision(events=(event,))


def activated(
    state: StorageDomainState,
    facts_: StorageFacts,
    facts: StorageDecisionFacts,
    ended: Outcome | None = None,
) -> Decision:
    """It can be used."""
    event = events.StorageDomainActivated(
        at=facts.now,
        available_bytes=facts_.available_bytes,
        used_bytes=facts_.used_bytes,
        committed_bytes=_committed(state, facts),
        ended=ended,
    )
    audit = line("storage_domain_active", storage_domain=state.id, host=state.host_id, name=state.name)
    return Decision(events=(event,), audit=(audit,))


def deactivated(state: StorageDomainState, reason: str, facts: StorageDecisionFacts) -> Decision:
    """It cannot be used now."""
    audit = line("storage_domain_inactive", storage_domain=state.id, host=state.host_id, name=state.name, reason=reason)
    return Decision(events=(events.StorageDomainDeactivated(at=facts.now, reason=reason),), audit=(audit,))


def _committed(state: StorageDomainState, facts: StorageDecisionFacts) -> int:
    """What its disks may grow to, in bytes."""
    return sum(disk.provisioned_size or 0 for disk in facts.rows.referring_to(Disk, "storage_domain", state.id))


def _is_worth_telling(state: StorageDomainState, facts_: StorageFacts) -> bool:
    capacity = facts_.available_bytes + facts_.used_bytes
    least = min(change_bytes_min, capacity * change_share_min)
    return (
        abs((state.storage_domain.available or 0) - facts_.available_bytes) > least
        or abs((state.storage_domain.used or 0) - facts_.used_bytes) > least
    )
