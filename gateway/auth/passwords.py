"""Keeps the internal users' password hashes and checks passwords.

The generated password of the administrator goes once into a 0600 file, for the lab and the first login.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Final

import argon2
import trio

from gateway.config import GatewayConfig

ADMINISTRATOR: Final = "admin@internal"
_checks_at_once_max: Final = 2
_remembered_max: Final = 1_000


def write_private(path: Path, data: bytes) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)


class Passwords:
    """Password hashes (argon2id) of `state_dir/users.json`."""

    def __init__(self, hashes: dict[str, str], process_key: bytes) -> None:
        self._hashes = hashes
        self._hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._limiter = trio.CapacityLimiter(_checks_at_once_max)
        self._process_key = process_key
        self._remembered: dict[bytes, None] = {}
        # Checked when the user is unknown, so that the answer takes as long.
        self._decoy = self._hasher.hash(process_key.hex())

    @classmethod
    def open(cls, config: GatewayConfig, new_secret: str, process_key: bytes) -> Passwords:
        """Reads the hashes; makes the administrator with `new_secret` at the first start. Blocking."""
        path = config.state_dir / "users.json"
        hashes: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        passwords = cls(hashes, process_key)
        password = config.password
        lost = config.password_file is not None and not config.password_file.exists()
        if ADMINISTRATOR not in hashes or password is not None or lost:
            password = password or new_secret
            hashes[ADMINISTRATOR] = passwords._hasher.hash(password)
            write_private(path, json.dumps(hashes).encode())
            if config.password_file is not None:
                write_private(config.password_file, password.encode() + b"\n")
        return passwords

    async def check(self, user: str, password: str) -> bool:
        """Whether the password is right. A password that was right is remembered as a keyed hash, in memory only."""
        key = hmac.digest(self._process_key, f"{user}\0{password}".encode("utf-8", "replace"), hashlib.sha256)
        if key in self._remembered:
            return True
        stored = self._hashes.get(user)
        right = await trio.to_thread.run_sync(
            self._verify, stored or self._decoy, password, limiter=self._limiter, abandon_on_cancel=True
        )
        if not right or stored is None:
            return False
        if len(self._remembered) >= _remembered_max:
            self._remembered.clear()
        self._remembered[key] = None
        return True

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
