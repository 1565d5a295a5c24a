"""Lets a new machine in once: one-time tokens, the first certificate and its successors."""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
import pathlib
from functools import partial

import attrs
import trio
from cryptography.hazmat.primitives import serialization

from actors.host.enrolment.authority import Authority, key_of_request, write_private
from actors.kernel.ports import Ports
from protocol.codec import structure, unstructure
from protocol.errors import CorralError, Refusal, TokenRefused
from protocol.node.commands import CertificateIssued
from protocol.node.link import Enrol, Enrolled

log = logging.getLogger("corral.enrolment")

used_kept_seconds = 30 * 86_400.0
"""How long a used or expired token is remembered, so that its second use gets the true reason."""


@attrs.frozen(kw_only=True)
class _Token:
    """What is kept of a token, under its SHA-256. `key` is the fingerprint of the key that used it."""

    host_id: str
    expires_at: datetime.datetime
    key: str = ""


class Enrolment:
    """Tokens live hashed in `state_dir/enrolment_tokens.json` (0600); a token is bound to one host from its birth."""

    def __init__(self, authority: Authority, state_dir: pathlib.Path, ports: Ports) -> None:
        self._authority = authority
        self._file = state_dir / "enrolment_tokens.json"
        self._ports = ports
        self._lock = trio.Lock()
        self._tokens: dict[str, _Token] = {}
        if self._file.exists():
            self._tokens = structure(json.loads(self._file.read_text()), dict[str, _Token])

    async def issue_token(self, host_id: str, lifetime_seconds: float = 3600.0) -> str:
        """A new token for one host; older unused ones of that host die. It is returned once and stored hashed."""
        token = self._ports.ids.token()
        async with self._lock:
            now = self._ports.clock.wall()
            self._tokens = {
                digest: kept
                for digest, kept in self._tokens.items()
                if (kept.host_id != host_id or kept.key) and (now - kept.expires_at).total_seconds() < used_kept_seconds
            }
            expires_at = now + datetime.timedelta(seconds=lifetime_seconds)
            self._tokens[_digest(token)] = _Token(host_id=host_id, expires_at=expires_at)
            await self._save()
        return token

    async def enrol(self, request: Enrol) -> Enrolled | Refusal:
        """Spends the token and signs. The same key may repeat its request until the token expires, because the answer
        may have been lost on the way; any other second use is refused."""
        try:
            key = _fingerprint(request.csr_pem)
            async with self._lock:
                digest = _digest(request.token)
                token = self._tokens.get(digest)
                if token is None:
                    return TokenRefused("This enrolment token is not known here.").refusal
                if token.key and token.key != key:
                    return TokenRefused("This enrolment token was used already.").refusal
                if self._ports.clock.wall() > token.expires_at:
                    expiry = token.expires_at.isoformat(timespec="seconds")
                    return TokenRefused(f"This enrolment token expired at {expiry}.").refusal
                # Spent on disk before the signature leaves: a crash in between costs a repeat, never a second host.
                self._tokens[digest] = attrs.evolve(token, key=key)
                await self._save()
            log.info("host %s enrolled as %.80r from %.80r", token.host_id, request.name, request.address)
            return Enrolled(
                host_id=token.host_id,
                certificate_pem=self._authority.sign_node(request.csr_pem, token.host_id),
                ca_pem=self._authority.ca_pem,
            )
        except CorralError as error:
            return error.refusal

    async def renew(self, host_id: str, csr_pem: str) -> CertificateIssued | Refusal:
        """A new certificate for the host that the link has authenticated."""
        try:
            return CertificateIssued(certificate_pem=self._authority.sign_node(csr_pem, host_id))
        except CorralError as error:
            return error.refusal

    async def _save(self) -> None:
        data = json.dumps(unstructure(self._tokens)).encode()
        # Shielded: the thread's fsync ends by itself, and memory must not run ahead of the disk.
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(partial(write_private, self._file, data))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _fingerprint(csr_pem: str) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key_of_request(csr_pem).public_bytes(serialization.Encoding.DER, form)).hexdigest()
