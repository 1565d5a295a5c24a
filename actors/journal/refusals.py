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
from protocol.errors import Overtaken, Refusal, Unavailable
from protocol.refusals import invalid, name_taken


def away() -> Refusal:
    """The database is away and nothing was done."""
    return Unavailable(
        "The database cannot be reached; nothing was changed.", remedy="Try again when it is back."
    ).refusal


def deposed() -> Refusal:
    """Another engine leads."""
    remedy = "Try again: the engine that leads will answer."
    return Unavailable("This engine no longer leads; nothing was changed.", remedy=remedy).refusal


def overloaded() -> Refusal:
    """More waits to be written than the writer keeps."""
    reason = "More changes wait to be stored than the engine keeps; nothing was changed."
    return Unavailable(reason, remedy="Try again later.").refusal


def built_on_failed() -> Refusal:
    """The change on which this one was built was refused."""
    reason = "An earlier change of this object, on which this one was built, was not stored; nothing was changed."
    return Overtaken(reason).refusal


def refusal_of(result: AppendResult) -> Refusal:
    """The refusal for what the store rejected."""
    match result:
        case NameConflict(kind, _, name):
            return name_taken(kind, name)
        case CommandRepeated(command_id):
            reason = f"The command {command_id} was carried out before."
            return Overtaken(reason, remedy="Ask for its stored reply.").refusal
        case NotStorable(reason):
            return invalid("", f"The database cannot hold this: {reason}.", "Leave it out, or send another value.")
        case SideMissing() | VersionConflict(kind="assignment"):
            reason = "An object was removed while something was assigned to it; nothing was changed."
            return Overtaken(reason, remedy="Try again.").refusal
        case VersionConflict(kind, id_, expected):
            reason = f"The {kind} {id_} is not at version {expected} in the database; nothing was changed."
            remedy = "Try again; if it happens again, it is a bug."
            return Overtaken(reason, remedy=remedy, entity=f"{kind}/{id_}").refusal
    raise AssertionError(f"not a rejection: {result!r:.80}")
