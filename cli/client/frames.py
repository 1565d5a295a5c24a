"""Reads live frames: msgpack messages in the form of the JSON port, and refusals as problems.

The protocol package is imported only for msgpack.
"""

from __future__ import annotations

from typing import Any

from cli.client.contexts import GatewayContext
from cli.problems import LoggedOut, Remote

Frame = dict[str, Any]


def refused(frame: Frame, context: GatewayContext) -> Remote:
    """The problem that an `error` frame tells, of a subscription or of a console."""
    refusal = frame.get("refusal") or frame
    if refusal.get("code") == "unauthenticated":
        return LoggedOut(f"{refusal.get('reason', '')} Log in again with: {context.login_command}", 401)
    parts = [str(refusal.get("reason", "")), *map(str, refusal.get("reasons", ())), str(refusal.get("remedy", ""))]
    return Remote(" ".join(part for part in parts if part), int(refusal.get("status") or 0))


def unpacked(data: bytes) -> Frame:
    """A msgpack message as the JSON port would send it, documents left as messages."""
    from protocol import codec, packing, registry
    from protocol.live import frames as live_messages

    assert registry.RESOURCES  # whoever decodes documents has to know all messages of the model
    ops = {
        live_messages.Subscribed: "subscribed", live_messages.SnapshotPart: "snapshot",
        live_messages.LiveChange: "change", live_messages.LiveSamples: "samples",
        live_messages.Resync: "resync", live_messages.LiveError: "error", live_messages.Alive: "alive",
    }  # fmt: skip
    try:
        message = codec.decode(data)
    except packing.CodecError as error:
        raise Remote(
            f"the live port sent a message that this client cannot read: {error}. Are client and engine the same release?"
        ) from error
    frame: Frame = {name: getattr(message, name) for name in message.__slots__ if not name.startswith("_")}
    frame["op"] = ops[type(message)]
    if "entities" in frame:
        frame["entities"] = [
            {"kind": one.kind, "id": one.id, "version": one.version, "document": plain(one.document)}
            for one in frame["entities"]
        ]
    if "document" in frame:
        frame["document"] = plain(frame["document"])
    if "refusal" in frame:
        frame["refusal"] = {
            name: getattr(message.refusal, name) for name in ("code", "reason", "remedy", "reasons", "status")
        }
    return frame


def plain(document: Any) -> Any:
    """A message of the model as dictionaries without what is not set."""
    import attrs

    if document is None:
        return None
    return attrs.asdict(document, filter=lambda _, value: value is not None)
