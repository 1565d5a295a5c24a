"""Keeps one link to the engine up: dials, says hello, runs the session, backs off, dials again."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from actors.kernel.actor import Actor, Context
from actors.kernel.envelope import Envelope
from actors.kernel.failures import ActorGone, MailboxFull
from actors.wire.frames import FrameQueue, FrameTransport, LinkEnded, SessionSettings, run_session
from node.link.dial import Dial
from node.local_messages import LinkDown, LinkUp
from node.steps.log import StepLog
from protocol import limits
from protocol.codec import decode, encode
from protocol.errors import CorralError, NoLongerLeads, NotSupportedYet, Refused
from protocol.message import Message, message_type_of
from protocol.node.commands import NodeCommand
from protocol.node.link import EngineHello, LinkRefused, NodeHello, version_max, version_min
from protocol.node.reports import NodeHeartbeat, StepDone
from protocol.packing import CodecError, unpack

backoff_first_seconds: Final = 0.5
backoff_max_seconds: Final = 15.0
calm_seconds: Final = 30.0
"""A link that stood this long was good: the next attempt comes quickly."""


def _installed() -> str:
    try:
        return importlib.metadata.version("corral")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "0+unknown"


node_version: Final = _installed()


class Uplink:
    """Where the node's actors send: to the link that stands now, or nowhere. Nothing is kept here for later, because
    outcomes wait in the step log and the rest is said again when a link stands."""

    def __init__(self) -> None:
        self._queue: FrameQueue | None = None
        self.renewal_only = False

    @property
    def is_up(self) -> bool:
        return self._queue is not None and not self._queue.ended

    def send(self, message: Message) -> bool:
        """Queues a message for the engine; False when no link stands or the message was dropped."""
        return self._queue is not None and self._queue.put(message)

    def open(self, queue: FrameQueue, *, renewal_only: bool) -> None:
        self._queue, self.renewal_only = queue, renewal_only

    def close(self, reason: str) -> None:
        """Ends the link that stands, if one does."""
        if self._queue is not None:
            self._queue.end(reason)
            self._queue = None


@attrs.frozen(kw_only=True)
class LinkDependencies:
    """What the link actor needs besides its ports. `listener` is the address of the node's dispatcher."""

    dial: Dial
    uplink: Uplink
    step_log: StepLog
    host_id: str
    listener: str
    silent_after_seconds: float = limits.host_silent_after_seconds
    on_linked: Callable[[], Awaitable[None]] | None = None


class LinkActor(Actor):
    """The node's end of the link; its background task dials as long as the node lives."""

    def __init__(self, context: Context, dependencies: LinkDependencies) -> None:
        super().__init__(context)
        self._dependencies = dependencies
        self._incarnation = context.ports.ids.uuid()

    async def started(self) -> None:
        self.context.spawn(self._dial_for_ever)

    async def receive(self, envelope: Envelope) -> None:
        raise NotImplementedError(f"the link got {type(envelope.message).__name__}")

    async def stopping(self) -> None:
        self._dependencies.uplink.close("the node daemon is stopping")

    async def _dial_for_ever(self) -> None:
        clock, random = self.context.ports.clock, self.context.ports.random
        backoff = backoff_first_seconds
        last_reason = ""
        while True:
            began = clock.monotonic()
            try:
                reason = await self._dependencies.dial(self._session)
            except CorralError as error:
                reason = str(error.refusal)
            except LinkEnded as ended:
                reason = str(ended)
            if reason != last_reason:
                self.context.log.warning("link.ended", reason=reason)
            last_reason = reason
            backoff = backoff_first_seconds if clock.monotonic() - began > calm_seconds else backoff
            await clock.sleep(backoff * random.uniform(0.5, 1.0))
            backoff = min(backoff * 2, backoff_max_seconds)

    async def _session(self, transport: FrameTransport) -> str:
        """One link from our hello to its end."""
        dependencies, clock = self._dependencies, self.context.ports.clock
        hello = await self._exchange_hellos(transport)
        await self._obey(hello.epoch)
        queue = FrameQueue()
        dependencies.uplink.open(queue, renewal_only=hello.renewal_only)
        self._tell(LinkUp(hello=hello))
        self.context.log.info("link.up", epoch=hello.epoch, renewal_only=hello.renewal_only)
        if dependencies.on_linked is not None:
            await dependencies.on_linked()
        settings = SessionSettings(
            heartbeat=lambda: NodeHeartbeat(epoch=dependencies.step_log.store.highest_epoch),
            heartbeat_period_seconds=hello.heartbeat_period_seconds,
            silent_after_seconds=dependencies.silent_after_seconds,
            unknown=self._refuse_unknown,
        )
        reason = "cancelled"
        try:
            reason = await run_session(transport, queue, self._heard, settings, clock)
        finally:
            dependencies.uplink.close(reason)
            self._tell(LinkDown(reason=reason))
        return reason

    async def _exchange_hellos(self, transport: FrameTransport) -> EngineHello:
        hello = NodeHello(
            host_id=self._dependencies.host_id,
            version_min=version_min,
            version_max=version_max,
            node_version=node_version,
            highest_epoch=self._dependencies.step_log.store.highest_epoch,
            incarnation=self._incarnation,
        )
        with self.context.ports.clock.move_on_after(limits.handshake_timeout_seconds):
            await transport.send(encode(hello))
            try:
                answer = decode(await transport.receive())
            except CodecError as error:
                raise LinkEnded(f"the engine's hello is invalid: {error}") from error
            if isinstance(answer, LinkRefused):
                raise Refused(answer.refusal)
            if not isinstance(answer, EngineHello) or not version_min <= answer.version <= version_max:
                raise LinkEnded("the engine's first frame is not a hello that this node understands")
            return answer
        raise LinkEnded("no hello from the engine in time")

    async def _obey(self, epoch: int) -> None:
        """Stores a higher epoch before anything of it is acted on; leaves an engine that no longer leads."""
        store = self._dependencies.step_log.store
        if epoch < store.highest_epoch:
            reason = f"The engine has epoch {epoch}; this host obeys epoch {store.highest_epoch}."
            raise NoLongerLeads(reason)
        if epoch > store.highest_epoch:
            await self._dependencies.step_log.write(["epoch", epoch])

    def _heard(self, message: Message) -> None:
        if isinstance(message, LinkRefused):
            self.context.log.warning("link.refused", reason=str(message.refusal))
            return
        self._tell(message)

    def _refuse_unknown(self, frame: bytes) -> None:
        """A command of a newer engine gets an answer, or its operation would wait for ever."""
        try:
            tag, _, fields = unpack(frame)
            step_id = fields["step_id"] if tag == message_type_of(NodeCommand).tag else None
        except (CodecError, ValueError, TypeError, KeyError):
            return
        if isinstance(step_id, str):
            refusal = NotSupportedYet("This node does not support the command.", remedy="Upgrade the node.").refusal
            self._dependencies.uplink.send(StepDone(step_id=step_id, result=refusal))

    def _tell(self, message: Message) -> None:
        listener = self.context.directory.find(self._dependencies.listener)
        try:
            if listener is None:
                raise ActorGone(self._dependencies.listener)
            listener.tell(message)
        except (MailboxFull, ActorGone) as error:
            if not isinstance(message, LinkDown):
                raise LinkEnded(f"the node is overloaded: {error}") from error
