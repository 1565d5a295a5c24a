"""The errors of the command line, each with its exit code and one line that says what to do."""

from __future__ import annotations

import re
from typing import Any

_FIELD = re.compile(r"^\[[a-z_.]*\]\s*")

OK = 0
SYNTAX_ERROR = 1
COMMAND_ERROR = 2
INTERRUPTED = 3
UNKNOWN_ERROR = 4
REMOTE_ERROR = 10
NOT_FOUND = 11
NAMES = {
    OK: "OK", SYNTAX_ERROR: "SYNTAX_ERROR", COMMAND_ERROR: "COMMAND_ERROR", INTERRUPTED: "INTERRUPTED",
    UNKNOWN_ERROR: "UNKNOWN_ERROR", REMOTE_ERROR: "REMOTE_ERROR", NOT_FOUND: "NOT_FOUND",
}  # fmt: skip


class Problem(Exception):
    """A command that could not be done here: no login, an unreadable file, an ambiguous name, a wait that ran out."""

    exit_code = COMMAND_ERROR


class SyntaxProblem(Problem):
    """Words that the command line does not understand."""

    exit_code = SYNTAX_ERROR


class Remote(Problem):
    """The gateway refused or could not be reached."""

    exit_code = REMOTE_ERROR

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Absent(Problem):
    """The object does not exist, or this user may not see it."""

    exit_code = NOT_FOUND


class LoggedOut(Remote):
    """The session is over or there never was one."""


def fault_text(body: Any, status: int) -> str:
    """What a fault document says: the reason, then the detail unless it repeats it; a detail of several lines below."""
    fault = body.get("fault", body) if isinstance(body, dict) else {}
    fault = fault if isinstance(fault, dict) else {}
    reason, whole = _line(fault.get("reason")), str(fault.get("detail") or "").strip()
    whole = _FIELD.sub("", whole)  # the reason says which attribute it is about
    if reason and "\n" in whole:
        return "\n".join([reason, *map(_line, whole.splitlines())])
    detail = _line(whole)
    if detail.startswith("[") and detail.endswith("]"):
        detail = detail[1:-1]
    if not reason and not detail:
        return f"the server answered {status} without a reason"
    if detail and reason and reason in detail:
        return detail
    joint = " " if reason.endswith((".", "!", ":")) else ": "
    return f"{reason}{joint}{detail}" if reason and detail else reason or detail


def _line(value: Any) -> str:
    return " ".join(str(value).split()) if value else ""
