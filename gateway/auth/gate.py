"""Tells who sent a request: bearer token, basic auth or session cookie."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import attrs

from gateway.auth.failures import Failures
from gateway.auth.passwords import ADMINISTRATOR, Passwords
from gateway.auth.tokens import AuthSession, SessionTokens
from gateway.read_model.model import ReadModel
from gateway.read_model.view import Reads, view_of
from gateway.visibility import Visibility, VisibilityOf, everything
from protocol.errors import Forbidden, Unauthenticated
from protocol.live.engine import Principal

COOKIE: Final = "JSESSIONID"
_unsafe: Final = frozenset({"POST", "PUT", "DELETE"})


@attrs.frozen
class Caller:
    """Who asks and by which token, "" for basic auth. `new_token`: a session was asked for and made."""

    principal: Principal
    token: str = ""
    new_token: str = ""


@attrs.frozen
class LiveSession:
    """Asked again and again while a connection is open: does its session still stand, what may its user see now."""

    stands: Callable[[], bool]
    visibility: Callable[[], Visibility]


class Gate:
    """Every request and every WebSocket passes here before anything else."""

    def __init__(
        self,
        passwords: Passwords,
        tokens: SessionTokens,
        failures: Failures,
        model: ReadModel,
        allowed_origins: tuple[str, ...] = (),
        visibility_of: VisibilityOf = everything,
    ) -> None:
        self._passwords = passwords
        self._tokens = tokens
        self._failures = failures
        self._model = model
        self._allowed_origins = allowed_origins
        self._visibility_of = visibility_of

    async def login(self, user: str, password: str, address: str) -> tuple[str, AuthSession]:
        """A new token. Raises `Unauthenticated` or `TooManyFailures`."""
        await self._check_password(user, password, address)
        return await self._tokens.issue(user)

    async def logout(self, token: str) -> None:
        await self._tokens.revoke(token)

    def by_token(self, token: str) -> Caller:
        """Raises `Unauthenticated` for a token that is unknown, expired or revoked."""
        session = self._tokens.check(token)
        if session is None:
            raise Unauthenticated("The token is unknown, expired or revoked.", remedy="Log in again.")
        return Caller(self._principal(session.user), token)

    def live_session(self, caller: Caller) -> LiveSession:
        """For a connection that stays open; basic auth has no session that could end."""
        stands = self._tokens.watch(caller.token) if caller.token else lambda: True
        return LiveSession(stands, lambda: self.visibility(caller))

    def visibility(self, caller: Caller) -> Visibility:
        """What the caller may see now."""
        return self._visibility_of(caller.principal)

    def view(self, caller: Caller) -> Reads:
        return view_of(self._model, self.visibility(caller))

    async def by_headers(self, method: str, headers: Mapping[str, str], address: str) -> Caller:
        """Raises `Unauthenticated`, `Forbidden` or `TooManyFailures`."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.by_token(value.strip())
        if scheme.lower() == "basic":
            user, password = _basic(value)
            await self._check_password(user, password, address)
            caller = Caller(self._principal(user))
            if "persistent-auth" in headers.get("prefer", ""):
                token, _ = await self._tokens.issue(user)
                caller = attrs.evolve(caller, new_token=token)
            return caller
        if token := cookie(headers):
            if method in _unsafe and not self.origin_allowed(headers):
                raise Forbidden("The request comes from another site.", remedy="Send the token as a header.")
            return self.by_token(token)
        raise Unauthenticated(
            "The request is not authenticated.", remedy="Send a bearer token or basic authentication."
        )

    def origin_allowed(self, headers: Mapping[str, str]) -> bool:
        """No `Origin` (not a browser), our own, or one that the operator allowed."""
        origin = headers.get("origin")
        if origin is None:
            return True
        if origin in self._allowed_origins:
            return True
        try:
            return urlsplit(origin).netloc == headers.get("host", "\0")
        except ValueError:
            return False  # no address at all

    async def _check_password(self, user: str, password: str, address: str) -> None:
        keys = (f"address {address}", f"user {user}")
        self._failures.check(*keys)
        if not await self._passwords.check(user, password):
            self._failures.failed(*keys)
            raise Unauthenticated("The user name or password is wrong.", remedy="User names look like admin@internal.")

    def _principal(self, user: str) -> Principal:
        found = [record for record in self._model.all("user") if record.document.user_name == user]
        administrator = hmac.compare_digest(user.encode(), ADMINISTRATOR.encode())
        return Principal(user_id=found[0].id if found else user, name=user, administrator=administrator)


def _basic(value: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise Unauthenticated(
            "The basic authentication header cannot be read.", remedy="Send user@domain:password."
        ) from error
    user, _, password = text.partition(":")
    return user, password


def cookie(headers: Mapping[str, str]) -> str:
    """The session token of the cookie, "" when there is none."""
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return ""
