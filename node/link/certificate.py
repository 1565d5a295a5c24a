"""Renews the node's certificate after two thirds of its lifetime, without closing the link."""

from __future__ import annotations

from typing import Final

import attrs
import trio

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from node.link.identity import Identity
from node.link.uplink import Uplink
from node.local_messages import LinkUp
from protocol.errors import BadInput
from protocol.node.commands import CertificateIssued
from protocol.node.reports import CertificateRequested

check_period_max_seconds: Final = 60.0
check_period_min_seconds: Final = 0.2


@attrs.frozen(kw_only=True)
class CertificateDependencies:
    """`identity` is None in the simulation, which has no certificates."""

    identity: Identity | None
    uplink: Uplink
    name: str


class CertificateActor(Actor):
    """Asks again at each check until a new certificate has come."""

    def __init__(self, context: Context, dependencies: CertificateDependencies) -> None:
        super().__init__(context)
        self._dependencies = dependencies
        self._renewal_only = False

    async def started(self) -> None:
        if self._dependencies.identity is not None:
            self.context.spawn(self._check_for_ever, self._dependencies.identity)

    async def receive(self, envelope: Envelope) -> None:
        match envelope.message:
            case LinkUp(hello=hello):
                self._renewal_only = hello.renewal_only
                if hello.renewal_only and self._dependencies.identity is not None:
                    self._ask(self._dependencies.identity)
            case CertificateIssued(certificate_pem=certificate_pem):
                await self._install(certificate_pem)
            case other:
                raise NotImplementedError(f"the certificate keeper got {type(other).__name__}")

    async def _check_for_ever(self, identity: Identity) -> None:
        clock = self.context.ports.clock
        while True:
            due = identity.renewal_due()
            left = (due - clock.wall()).total_seconds() if due else check_period_max_seconds
            if left <= 0 and self._dependencies.uplink.is_up:
                self._ask(identity)
                left = check_period_max_seconds / 6
            await clock.sleep(min(max(left, check_period_min_seconds), check_period_max_seconds))

    def _ask(self, identity: Identity) -> None:
        self._dependencies.uplink.send(CertificateRequested(csr_pem=identity.request(self._dependencies.name)))

    async def _install(self, certificate_pem: str) -> None:
        identity = self._dependencies.identity
        if identity is None:
            return
        try:
            await trio.to_thread.run_sync(identity.install, certificate_pem)
        except BadInput as error:
            self.context.log.error("certificate.not_installed", reason=str(error))
            return
        self.context.log.info("certificate.renewed", renewal_due=str(identity.renewal_due()))
        if self._renewal_only:
            self._dependencies.uplink.close("renewed the certificate")
