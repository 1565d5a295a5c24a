"""Hands a user's command to what decides it: the cancellation of a job, an operation's record, or a change's. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from actors.entity.cancel import cancelled
from actors.entity.decision import Decision, refuse
from actors.entity.messages import CommandRequest
from actors.entity.operation_record import CommandRecord, F, S, Table, record_of
from protocol.activity.commands import CancelJob
from protocol.refusals import not_found, not_understood


def commanded(
    address: str,
    table: Table[S, F],
    changes: Iterable[CommandRecord[S, F]],
    state: S | None,
    request: CommandRequest,
    facts: F,
) -> Decision:
    """A command on what is there already. `changes`: what is decided at once, without an operation."""
    kind, _, id = address.partition("/")
    if isinstance(request.command, CancelJob):
        return cancelled(table, state, request, facts)
    if state is None:
        return refuse(not_found(kind, id))
    record = record_of((*table.values(), *changes), request.command)
    return (
        record.request(state, request, facts) if record is not None else refuse(not_understood(kind, request.command))
    )
