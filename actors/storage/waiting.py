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
from protocol.words import Tagged


@attrs.frozen(kw_only=True)
class StorageDecision(Decision):
    """`hold` keeps who asked under that key; `answers` are for everybody kept under their keys, when durable."""

    hold: str = ""
    answers: tuple[tuple[str, Tagged], ...] = ()


class WaitingActor(DurableActor):
    """A durable actor that understands `StorageDecision`."""

    def __init__(self, context: Context, services: Services, id: str) -> None:
        super().__init__(context, services, id)
        self._kept: dict[str, list[Envelope]] = {}

    def carry_out(self, decision: Decision, asked: Envelope | None) -> None:
        if isinstance(decision, StorageDecision) and decision.hold and asked is not None and asked.is_awaited:
            self._kept.setdefault(decision.hold, []).append(asked)
        super().carry_out(decision, asked)

    def _act(self, decision: Decision, asked: Envelope | None, sequence: int) -> None:
        if isinstance(decision, StorageDecision):
            for key, answer in decision.answers:
                self._answer(self._kept.pop(key, []), answer)
        super()._act(decision, asked, sequence)

    def _answer(self, envelopes: list[Envelope], answer: Tagged) -> None:
        for envelope in envelopes:
            if envelope.is_awaited:
                self.context.reply(envelope, answer)
