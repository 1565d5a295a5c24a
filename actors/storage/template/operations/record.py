"""How operations on a template begin, go on and try again."""

from __future__ import annotations

from typing import Final

from actors.entity.decision import Decision, SetTimer
from actors.entity.operation_record import OperationRecord, step_effects
from actors.storage.facts import StorageDecisionFacts
from actors.storage.template.evolve import evolve
from actors.storage.template.state import TemplateState
from protocol.errors import Internal, Refusal
from protocol.template.events import TemplateEvent

TemplateOperation = OperationRecord[TemplateState, StorageDecisionFacts]

RETRY: Final = "step"
RETRY_SECONDS: Final = 2.0


def with_step_sent(record: TemplateOperation, before: TemplateState | None, event: TemplateEvent) -> Decision:
    """The operation in `event` begins or goes on, and its step is sent."""
    after = evolve(before, event)
    assert after is not None
    return Decision(events=(event,), effects=step_effects(record, after))


def retried(refusal: Refusal) -> Decision | None:
    """The disk had no time or crashed: asked again in a moment. None when the refusal is meant."""
    if not (refusal.retryable or refusal.code == Internal.code):
        return None
    return Decision(effects=(SetTimer(name=RETRY, seconds=RETRY_SECONDS),))
