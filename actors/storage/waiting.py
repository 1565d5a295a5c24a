"""Lets an actor of this room answer later: when a key is answered, or when what it has just said is durable.

Only the envelopes live here. What is waited for lives in the durable state, and one that waited for a crashed actor is
told by the kernel and may ask again. It must not decide.
"""

from __future__ import annotations

import attrs

from actors.entity.decision import Decision
from actors.entity.durable import DurableActor
from actors.entity.services import Services
from actors.kernel.actor import Context
from actors.kernel.envelope import Envelope
from protocol.message import Message


@attrs.frozen(kw_only=True)
class StorageDecision(Decision):
    """`hold` keeps who asked under that key; `answers` are for everybody kept under their keys, when durable."""

    hold: str = ""
    answers: tuple[tuple[str, Message], ...] = ()


class WaitingActor(DurableActor):
    """A durable actor that understands `StorageDecision`."""

    def __init__(self, context: Context, services: Services, id: str) -> None:
        super().__init__(context, services, id)
        self._kept: dict[str, list[Envelope]] = {}

    def carry_out(self, decision: Decision, envelope: Envelope | None) -> None:
        if isinstance(decision, StorageDecision) and decision.hold and envelope is not None and envelope.is_awaited:
            self._kept.setdefault(decision.hold, []).append(envelope)
        super().carry_out(decision, envelope)

    def _act(self, decision: Decision, envelope: Envelope | None, sequence: int) -> None:
        if isinstance(decision, StorageDecision):
            for key, answer in decision.answers:
                self._answer(self._kept.pop(key, []), answer)
        super()._act(decision, envelope, sequence)

    def _answer(self, envelopes: list[Envelope], answer: Message) -> None:
        for envelope in envelopes:
            if envelope.is_awaited:
                self.context.reply(envelope, answer)
