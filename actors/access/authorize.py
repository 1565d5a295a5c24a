"""Who may do what: one answer for every command, no by default."""

from __future__ import annotations

from collections.abc import Sequence

from actors.access.touched import Touched
from actors.entity.rows import Rows
from protocol.errors import Forbidden, Refusal
from protocol.live.engine import Principal
from protocol.message import Message, message_type
from protocol.names import title_of


def authorize(principal: Principal, command: Message, touched: Sequence[Touched], rows: Rows) -> Refusal | None:
    """None when `principal` may give `command`, which touches these objects.

    Administrators may do everything. Nobody else has a permit yet, so everybody else is refused.
    """
    if principal.administrator:
        return None
    first = touched[0] if touched else None
    on = f" on {title_of(first.kind)} {rows.name_of(first.kind, first.id)}" if first is not None else ""
    return Forbidden(
        f"{principal.name} has no permit for {message_type(command).tag.removeprefix('command.')}{on}.",
        remedy="Ask an administrator to do it.",
        entity=f"{first.kind}/{first.id}" if first is not None else "",
    ).refusal
