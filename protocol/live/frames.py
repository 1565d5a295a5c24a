"""Frames of a live subscription: snapshot, then every change after it, in order.

In msgpack each is a message as `codec.encode` makes it; in JSON it is an object with `op` and the same fields, where
`document` is the REST API's JSON. docs/live.md tells the rules by which a client proves that nothing is missing.
"""

from __future__ import annotations

import datetime

import attrs

from protocol.errors import Refusal
from protocol.live.engine import Entity, HostSamples
from protocol.message import Message, message


@message("live.subscribe")
@attrs.frozen(kw_only=True)
class Subscribe(Message):
    """First frame of a client. No `kinds` means all, no `ids` means all of them; `cursor` resumes after that point."""

    kinds: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    cursor: str = ""
    samples: bool = False
    token: str = attrs.field(default="", repr=False)


@message("live.subscribed")
@attrs.frozen(kw_only=True)
class Subscribed(Message):
    """The subscription stands. `resumed`: changes after the cursor follow; otherwise a snapshot does."""

    stream_id: str
    sequence: int
    cursor: str
    resumed: bool


@message("live.snapshot")
@attrs.frozen(kw_only=True)
class SnapshotPart(Message):
    """A part of the state as of `sequence`; the state is complete with the part that is `last`."""

    sequence: int
    last: bool
    cursor: str = ""  # on the last part
    entities: tuple[Entity, ...] = ()
    removed: tuple[tuple[str, str], ...] = ()  # (kind, id): only after a resync that keeps


@message("live.change")
@attrs.frozen(kw_only=True)
class LiveChange(Message):
    """One change. `previous` is the sequence of the change before it *in this filter*, or where the filter began:
    nothing is missing as long as it is not greater than the last sequence that the client has."""

    sequence: int
    previous: int
    cursor: str
    kind: str
    id: str
    version: int
    tag: str
    at: datetime.datetime
    document: Message | None = None
    correlation_id: str = ""
    parent: str = ""


@message("live.alive")
@attrs.frozen(kw_only=True)
class Alive(Message):
    """Nothing was sent for a while because nothing that fits the filter happened up to `sequence`."""

    sequence: int
    cursor: str


@message("live.samples")
@attrs.frozen(kw_only=True)
class LiveSamples(Message):
    """The latest figures of a host and its VMs; older unsent ones were replaced."""

    samples: HostSamples


@message("live.resync")
@attrs.frozen(kw_only=True)
class Resync(Message):
    """Changes were left out: a snapshot follows. `keep`: it holds only what changed since the last frame, the rest of
    what the client knows stays; otherwise the client forgets everything first."""

    reason: str
    keep: bool


@message("live.error")
@attrs.frozen(kw_only=True)
class LiveError(Message):
    """The last frame: why the subscription ends."""

    refusal: Refusal
