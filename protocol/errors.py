"""The one tree of errors, each with a stable code, an HTTP status, whether a retry may help, and a remedy.

    CorralError
    |- BadInput            400  invalid
    |  |- UnknownAttribute 400  unknown_attribute
    |  |- MissingAttribute 400  missing_attribute
    |  |- NotSupportedYet  400  not_supported (a later release will do it)
    |- Unauthenticated     401  unauthenticated
    |- Forbidden           403  forbidden
    |  |- TokenRefused     403  token_refused (an enrolment token is unknown, used or too old)
    |  |- CertificateRefused 403 certificate_refused
    |  |- WrongHost        403  wrong_host (the certificate is another host's)
    |  |- UnknownHost      403  unknown_host (it was removed, or never added)
    |- NotFound            404  not_found
    |- Conflict            409  conflict
    |  |- NameTaken        409  name_taken
    |  |- NotLegal         409  not_legal (the object's status does not allow it)
    |  |- Busy             409  busy (another operation runs on the object)
    |  |- Overtaken        409  overtaken (another change came first; nothing was done)
    |  |- NotMade          409  not_made (the job that was to make the object failed)
    |  |- NoLongerLeads    409  stale_epoch (that engine no longer leads)
    |  |- VersionMismatch  409  version_mismatch (node and engine have no version of the link in common)
    |  |- Cancelled        409  cancelled (it was ended before it was done; what it had made is gone)
    |  |- NoHostFits       409  no_host_fits (with a reason for every host)
    |- Unavailable         503  unavailable (the journal or a peer is away; nothing was done)
    |- HostFailed          500  host_failed (the host tried and could not)
    |  |- Interrupted      500  interrupted (the node ended meanwhile; whether it took effect is not known)
    |- Internal            500  internal

A refusal is a value that travels in replies (`Refusal`); a crash is a bug.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from protocol.message import Message, message


@message("refusal")
@attrs.frozen(kw_only=True)
class Refusal(Message):
    """Why something was not done: to which object, why, and what to do next. `reasons` lists details, one a line."""

    code: str
    reason: str
    remedy: str = ""
    status: int = 409
    retryable: bool = False
    entity: str = ""
    field: str = ""
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [self.reason, *self.reasons]
        return " ".join(parts) + (f" {self.remedy}" if self.remedy else "")


class CorralError(Exception):
    """Root of every error that a caller may see. `refusal` is what travels."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    remedy: ClassVar[str] = ""  # where none is given

    def __init__(
        self, reason: str, *, remedy: str = "", entity: str = "", field: str = "", reasons: tuple[str, ...] = ()
    ) -> None:
        super().__init__(reason)
        self.refusal = Refusal(
            code=self.code,
            reason=reason,
            remedy=remedy or self.remedy,
            status=self.status,
            retryable=self.retryable,
            entity=entity,
            field=field,
            reasons=reasons,
        )


class BadInput(CorralError):
    code = "invalid"
    status = 400


class UnknownAttribute(BadInput):
    code = "unknown_attribute"


class MissingAttribute(BadInput):
    code = "missing_attribute"


class NotSupportedYet(BadInput):
    code = "not_supported"


class Unauthenticated(CorralError):
    code = "unauthenticated"
    status = 401


class Forbidden(CorralError):
    code = "forbidden"
    status = 403


class TokenRefused(Forbidden):
    code = "token_refused"
    remedy = "Ask for a new token where the host was added."


class CertificateRefused(Forbidden):
    code = "certificate_refused"
    remedy = "Enrol the host with a new token."


class WrongHost(Forbidden):
    code = "wrong_host"
    remedy = "Remove the node's state directory and enrol it again."


class UnknownHost(Forbidden):
    code = "unknown_host"
    remedy = "Add the host again, remove its node's state directory and enrol it with the new token."


class NotFound(CorralError):
    code = "not_found"
    status = 404


class Conflict(CorralError):
    code = "conflict"
    status = 409


class NameTaken(Conflict):
    code = "name_taken"
    remedy = "Choose another name."


class NotLegal(Conflict):
    code = "not_legal"


class Busy(Conflict):
    code = "busy"
    retryable = True


class Overtaken(Conflict):
    code = "overtaken"
    retryable = True
    remedy = "Look at the object and try again."


class NotMade(Conflict):
    code = "not_made"


class NoLongerLeads(Conflict):
    code = "stale_epoch"
    remedy = "Ask the engine that leads."


class VersionMismatch(Conflict):
    code = "version_mismatch"
    remedy = "Upgrade the older side."


class Cancelled(Conflict):
    code = "cancelled"
    remedy = "Ask again if it is still wanted."


class NoHostFits(Conflict):
    code = "no_host_fits"
    retryable = True


class Unavailable(CorralError):
    code = "unavailable"
    status = 503
    retryable = True
    remedy = "Nothing was done. Try again in a moment."


class HostFailed(CorralError):
    code = "host_failed"


class Interrupted(HostFailed):
    code = "interrupted"
    retryable = True
    remedy = "Look at the VM and ask again if need be."


class Internal(CorralError):
    code = "internal"
    remedy = "It is a bug: look at the log."


class Refused(CorralError):
    """Raised by a client that got a `Refusal` in a reply."""

    def __init__(self, refusal: Refusal) -> None:
        Exception.__init__(self, str(refusal))
        self.refusal = refusal
