"""The refusals for transactions that did not become durable."""

from __future__ import annotations

from actors.journal.port import (
    AppendResult,
    CommandRepeated,
    NameConflict,
    NotStorable,
    SideMissing,
    VersionConflict,
)
from protocol.errors import Refusal


def away() -> Refusal:
    """The database is away and nothing was done."""
    return _unavailable("The database cannot be reached; nothing was changed.", "Try again when it is back.")


def deposed() -> Refusal:
    """Another engine leads."""
    return _unavailable(
        "This engine no longer leads; nothing was changed.", "Try again: the engine that leads will answer."
    )


def overloaded() -> Refusal:
    """More waits to be written than the writer keeps."""
    return _unavailable(
        "More changes wait to be stored than the engine keeps; nothing was changed.", "Try again later."
    )


def _unavailable(reason: str, remedy: str) -> Refusal:
    return Refusal(code="unavailable", reason=reason, remedy=remedy, status=503, retryable=True)


def built_on_failed() -> Refusal:
    """The change on which this one was built was refused."""
    return Refusal(
        code="conflict",
        reason="An earlier change of this object, on which this one was built, was not stored; nothing was changed.",
        remedy="Look at the object and try again.",
        retryable=True,
    )


def refusal_of(result: AppendResult) -> Refusal:
    """The refusal for what the store rejected."""
    match result:
        case NameConflict(kind, _, name):
            return Refusal(
                code="name_taken",
                reason=f"The name {name!r} is taken by another {kind}.",
                remedy="Choose another name.",
                field="name",
            )
        case CommandRepeated(command_id):
            return Refusal(
                code="conflict",
                reason=f"The command {command_id} was carried out before.",
                remedy="Ask for its stored reply.",
                retryable=True,
            )
        case NotStorable(reason):
            return Refusal(code="invalid", reason=f"The database cannot hold this: {reason}.", status=400)
        case SideMissing() | VersionConflict(kind="assignment"):
            return Refusal(
                code="conflict",
                reason="An object was removed while something was assigned to it; nothing was changed.",
                remedy="Try again.",
                retryable=True,
            )
        case VersionConflict(kind, id_, expected):
            return Refusal(
                code="internal",
                reason=f"The {kind} {id_} is not at version {expected} in the database; nothing was changed.",
                remedy="Try again; if it happens again, it is a bug.",
                status=500,
                retryable=True,
                entity=id_,
            )
    raise AssertionError(f"not a rejection: {result!r:.80}")
