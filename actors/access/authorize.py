"""Who may do what: one answer for every command, no by default. It must not change or remember anything."""

from __future__ import annotations

from typing import Any

from protocol.engine_messages import Principal
from protocol.errors import Forbidden, Refusal
from protocol.message import Message, message_type


def authorize(principal: Principal, command: Message, object: Any = None) -> Refusal | None:
    """None when `principal` may give `command` on `object`, the document of what it acts on (None for a new one).

    Administrators may do everything. Nobody else has a permit yet, so everybody else is refused.
    """
    if principal.administrator:
        return None
    name = getattr(object, "name", None) or getattr(object, "id", None) or ""
    on = f" on {name}" if name else ""
    return Forbidden(
        f"{principal.name} has no permit for {message_type(command).tag.removeprefix('command.')}{on}.",
        remedy="Ask an administrator to do it.",
        entity=getattr(object, "id", None) or "",
    ).refusal
