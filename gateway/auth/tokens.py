"""Opaque tokens: who holds one is its user until it expires or is revoked.

The hashes live in a 0600 file of the state directory, so that sessions survive a restart and are shared by the gateways
of one machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import trio

from gateway.auth.passwords import write_private

_tokens_max: Final = 10_000
_look_again_seconds: Final = 1.0


@attrs.frozen
class AuthSession:
    user: str
    expires: float  # seconds since 1970


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class SessionTokens:
    """Sessions by token hash."""

    def __init__(self, path: Path, now: Callable[[], float], new_token: Callable[[], str], lifetime: float) -> None:
        self._path = path
        self._now = now
        self._new_token = new_token
        self._lifetime = lifetime
        self._sessions: dict[str, AuthSession] = {}
        self._stamp: tuple[int, int] = (0, 0)
        self._looked = -1e9
        self._writing = trio.Lock()
        self._read()

    async def issue(self, user: str) -> tuple[str, AuthSession]:
        token = self._new_token()
        session = AuthSession(user, self._now() + self._lifetime)
        async with self._writing:
            await trio.to_thread.run_sync(self._change, _hash(token), session)
        return token, session

    async def revoke(self, token: str) -> bool:
        """Ends a session everywhere; False when there was none."""
        key = _hash(token)
        known = key in self._sessions
        async with self._writing:
            await trio.to_thread.run_sync(self._change, key, None)
        return known

    def watch(self, token: str) -> Callable[[], bool]:
        """A cheap test whether the session of a token still stands: thousands of subscriptions ask every second."""
        key = _hash(token)
        return lambda: self._session(key) is not None

    def check(self, token: str) -> AuthSession | None:
        """The session of a token that is neither expired nor revoked."""
        return self._session(_hash(token))

    def _session(self, key: str) -> AuthSession | None:
        # Other gateways write the file too: one look a second keeps this off the path of every request.
        if (moment := trio.current_time()) - self._looked > _look_again_seconds:
            self._looked = moment
            self._read()
        session = self._sessions.get(key)
        if session is None or session.expires <= self._now():
            return None
        return session

    def _read(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._stamp = stamp
            self._sessions = self._load()

    def _load(self) -> dict[str, AuthSession]:
        try:
            plain = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        return {key: AuthSession(user, float(expires)) for key, (user, expires) in plain.items()}

    def _change(self, key: str, session: AuthSession | None) -> None:
        with self._locked():
            now = self._now()
            sessions = {k: s for k, s in self._load().items() if s.expires > now}
            if session is None:
                sessions.pop(key, None)
            else:
                sessions[key] = session
            while len(sessions) > _tokens_max:
                sessions.pop(min(sessions, key=lambda k: sessions[k].expires))
            write_private(self._path, json.dumps({k: [s.user, s.expires] for k, s in sessions.items()}).encode())
            self._sessions = sessions

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
