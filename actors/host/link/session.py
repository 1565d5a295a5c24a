"""Runs one link with a node from its hello to its end, over any transport."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import trio

from actors.host.link.hub import HostLink, LinkHub
from actors.kernel.ports import Ports
from actors.wire.frames import FrameTransport, LinkEnded, SessionSettings, run_session
from protocol import limits
from protocol.codec import decode, encode
from protocol.errors import NoLongerLeads, Refusal, UnknownHost, VersionMismatch, WrongHost
from protocol.message import Message
from protocol.node.commands import CertificateIssued, EngineHeartbeat
from protocol.node.link import EngineHello, LinkRefused, NodeHello, agree, version_max, version_min
from protocol.node.reports import CertificateRequested, NodeHeartbeat
from protocol.packing import CodecError

log = logging.getLogger("corral.link")

own_period_times: Final = 1.3
"""How much rarer the engine's own heartbeats are than those it asks of nodes. Each wakes a link for itself, of which an
engine has thousands; three still fit into the time after which a node takes a silent engine for gone."""

Renew = Callable[[str, str], Awaitable[CertificateIssued | Refusal]]


@attrs.frozen(kw_only=True)
class LinkSettings:
    """What every link of this engine shares. Times in seconds."""

    hub: LinkHub
    ports: Ports
    epoch: Callable[[], int]
    renew: Renew
    heartbeat_period_seconds: float = limits.heartbeat_period_seconds
    silent_after_seconds: float = limits.host_silent_after_seconds
    hello_timeout_seconds: float = limits.handshake_timeout_seconds


async def serve_link(
    transport: FrameTransport, settings: LinkSettings, *, host_id: str | None, renewal_only: bool = False
) -> str:
    """Serves one node until its link ends; returns why. `host_id` is what the certificate says; None (the simulation,
    which has no certificates) believes the hello. A refusal is told to the node in a `LinkRefused`."""
    try:
        hello = await _hello(transport, settings)
        refusal = _judge(hello, host_id, settings.epoch())
        if refusal is not None:
            return await _refuse(transport, refusal, settings)
        link = HostLink(hello.host_id, settings.ports.ids.uuid(), hello, renewal_only)
        return await _run(transport, link, settings)
    except LinkEnded as ended:
        return str(ended)
    finally:
        with trio.CancelScope(shield=True), settings.ports.clock.move_on_after(2):
            await transport.close()


async def _hello(transport: FrameTransport, settings: LinkSettings) -> NodeHello:
    with settings.ports.clock.move_on_after(settings.hello_timeout_seconds):
        try:
            hello = decode(await transport.receive(), bytes_max=limits.frame_before_authentication_bytes_max)
        except CodecError as error:
            raise LinkEnded(f"broken hello: {error}") from error
        if not isinstance(hello, NodeHello):
            raise LinkEnded("the first frame must be a hello")
        return hello
    raise LinkEnded("no hello in time")


def _judge(hello: NodeHello, host_id: str | None, epoch: int) -> Refusal | None:
    if host_id is not None and hello.host_id != host_id:
        return WrongHost(f"The certificate is that of host {host_id}, the hello that of {hello.host_id:.60}.").refusal
    if agree(hello.version_min, hello.version_max) is None:
        return VersionMismatch(
            f"The node speaks versions {hello.version_min} to {hello.version_max} of the link, "
            f"this engine {version_min} to {version_max}."
        ).refusal
    if hello.highest_epoch > epoch:
        return NoLongerLeads(
            f"The node obeys epoch {hello.highest_epoch}; this engine is at {epoch} and no longer leads.",
            remedy="Ask the engine that leads; after a restore from a backup raise its epoch.",
        ).refusal
    return None


async def _refuse(transport: FrameTransport, refusal: Refusal, settings: LinkSettings) -> str:
    with settings.ports.clock.move_on_after(settings.hello_timeout_seconds):
        await transport.send(encode(LinkRefused(refusal=refusal)))
    return refusal.reason


async def _run(transport: FrameTransport, link: HostLink, settings: LinkSettings) -> str:
    version = agree(link.hello.version_min, link.hello.version_max)
    assert version is not None
    answer = EngineHello(
        version=version,
        epoch=settings.epoch(),
        heartbeat_period_seconds=settings.heartbeat_period_seconds,
        renewal_only=link.renewal_only,
    )
    with settings.ports.clock.move_on_after(settings.hello_timeout_seconds) as scope:
        await transport.send(encode(answer))
    if scope.cancelled_caught:
        raise LinkEnded("the node did not take the answer to its hello")
    try:
        settings.hub.attach(link)
    except LinkEnded as ended:
        return await _refuse(transport, UnknownHost(str(ended)).refusal, settings)
    reason = "cancelled"
    try:
        async with trio.open_nursery() as nursery:
            renewals: list[str] = []

            def heard(message: Message) -> None:
                if isinstance(message, CertificateRequested):
                    if not renewals:
                        renewals.append(message.csr_pem)
                        nursery.start_soon(_renew, link, renewals, settings)
                elif not link.renewal_only and type(message) is not NodeHeartbeat:
                    settings.hub.received(link, message)

            session = SessionSettings(
                heartbeat=lambda: EngineHeartbeat(epoch=settings.epoch()),
                heartbeat_period_seconds=settings.heartbeat_period_seconds * own_period_times,
                silent_after_seconds=settings.silent_after_seconds,
            )
            reason = await run_session(transport, link.queue, heard, session, settings.ports.clock)
            nursery.cancel_scope.cancel()
        return reason
    finally:
        log.info("link %s of host %s ended: %s", link.session_id, link.host_id, reason)
        settings.hub.detach(link, reason)


async def _renew(link: HostLink, renewals: list[str], settings: LinkSettings) -> None:
    """One renewal at a time; a node asks again when it hears nothing."""
    with settings.ports.clock.move_on_after(limits.ask_timeout_seconds):
        answer = await settings.renew(link.host_id, renewals[0])
        if isinstance(answer, Refusal):
            log.warning("host %s gets no new certificate: %s", link.host_id, answer)
            link.queue.put(LinkRefused(refusal=answer))
        else:
            link.queue.put(answer)
    renewals.clear()
