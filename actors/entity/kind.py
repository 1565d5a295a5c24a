"""What the engine must know of a kind of entity that acts: one record, in the room that owns the kind."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from actors.entity.services import Services
from actors.kernel.actor import Actor, Context
from protocol.document import Document
from protocol.registry import BY_KIND
from protocol.resource import Resource


@attrs.frozen(kw_only=True)
class EntityKind:
    """`actor` makes the actor of one. `always_awake`: every one of them has an actor from the engine's start on; of the
    others those that an operation, a transient status or a step beside it leaves unfinished."""

    kind: str
    actor: Callable[[Context, Services, str], Actor]
    always_awake: bool = False

    @property
    def resource(self) -> Resource:
        return BY_KIND[self.kind]

    def is_unfinished(self, document: Document) -> bool:
        """Whether only its own actor ends what is under way, as its public document shows."""
        is_transient = getattr(document, "status", None) in self.resource.statuses.transient
        is_under_way = getattr(document, "task", None) or getattr(document, "pending_steps", None)
        return self.always_awake or is_transient or bool(is_under_way)
