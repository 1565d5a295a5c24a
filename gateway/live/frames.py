"""Encodes live frames, each once for all subscribers: JSON for browsers, msgpack for daemons."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, cast

import attrs
import msgpack

from gateway.documents.render import json_bytes
from gateway.read_model.model import Record
from protocol import codec, packing
from protocol.errors import BadInput
from protocol.live.engine import Change, Entity, HostSamples
from protocol.live.frames import Alive, LiveChange, LiveError, LiveSamples, Resync, SnapshotPart, Subscribed
from protocol.message import Message, message_type_of

Format = Literal["json", "msgpack"]
Plainly = Callable[[Record], dict[str, Any]]

_ops: Final[dict[type[Any], str]] = {
    Alive: "alive", Subscribed: "subscribed", Resync: "resync", LiveError: "error", LiveSamples: "samples",
}  # fmt: skip


@attrs.frozen
class Cursor:
    """Where a reader is in a stream; `sight` is the digest of what it may see, "" of everything."""

    stream_id: str
    sequence: int
    sight: str = ""

    @property
    def text(self) -> str:
        """Opaque to clients."""
        return base64.urlsafe_b64encode(packing.pack([*attrs.astuple(self)])).decode().rstrip("=")


def read_cursor(cursor: str) -> Cursor:
    """Raises `BadInput` for what no `Cursor` is written as."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        stream_id, sequence, *more = packing.unpack(raw, bytes_max=1_000)
        (sight,) = more or ("",)
        if type(stream_id) is type(sight) is str and type(sequence) is int:
            return Cursor(stream_id, sequence, sight)
    except (packing.CodecError, binascii.Error, ValueError, TypeError):
        pass
    raise BadInput("The cursor cannot be read.", remedy="Use the cursor of a frame, or none to get a snapshot.")


class Encoder:
    """Both forms of every frame. `plainly` gives a record's document as the REST API's JSON."""

    def __init__(self, plainly: Plainly) -> None:
        self._plainly = plainly
        self._packer = msgpack.Packer(use_bin_type=True)

    def message(self, frame: Message, form: Format) -> bytes:
        """A frame without documents."""
        if form == "msgpack":
            return codec.encode(frame)
        fields = attrs.asdict(cast(attrs.AttrsInstance, frame))
        return json_bytes({"op": _ops[type(frame)], **fields})

    def samples(self, samples: HostSamples, form: Format) -> bytes:
        if form == "msgpack":
            return codec.encode(LiveSamples(samples=samples))
        plain = attrs.asdict(samples)
        plain["at"] = samples.at.isoformat(timespec="milliseconds")
        return json_bytes({"op": "samples", **plain})

    def change(self, change: Change, record: Record | None, previous: int, cursor: str, form: Format) -> bytes:
        """One change; `record` is the object after it, None when it was removed."""
        if form == "msgpack":
            return codec.encode(
                LiveChange(
                    sequence=change.sequence, previous=previous, cursor=cursor, kind=change.kind, id=change.id,
                    version=change.version, tag=change.tag, at=change.at, correlation_id=change.correlation_id,
                    parent=change.parent, document=None if record is None else record.document,
                )
            )  # fmt: skip
        head = {
            "op": "change", "sequence": change.sequence, "previous": previous, "cursor": cursor, "kind": change.kind,
            "id": record.id if record is not None else change.id, "version": change.version, "tag": change.tag,
            "at": change.at.isoformat(timespec="milliseconds"),
            "correlation_id": change.correlation_id, "parent": change.parent,
        }  # fmt: skip
        document = b"null" if record is None else self._document(record)
        return json_bytes(head)[:-1] + b',"document":' + document + b"}"

    def snapshot_part(
        self,
        sequence: int,
        records: Sequence[Record],
        form: Format,
        *,
        last: bool,
        cursor: str = "",
        removed: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        """A join of what is kept encoded with each record."""
        fields = {"sequence": sequence, "last": last, "cursor": cursor, "removed": [list(item) for item in removed]}
        if form == "json":
            head = json_bytes({"op": "snapshot", **fields})
            entities = b",".join([self._entity_json(record) for record in records])
            return head[:-1] + b',"entities":[' + entities + b"]}"
        entry = message_type_of(SnapshotPart)
        pack = self._packer
        return b"".join(
            (
                pack.pack_array_header(3), pack.pack(entry.tag), pack.pack(entry.version),
                pack.pack_map_header(len(fields) + 1), *(pack.pack(k) + pack.pack(v) for k, v in fields.items()),
                pack.pack("entities"), pack.pack_array_header(len(records)),
                *(self._entity_msgpack(record) for record in records),
            )
        )  # fmt: skip

    def _document(self, record: Record) -> bytes:
        if record.live_json is None:
            record.live_json = json_bytes(self._plainly(record))
        return record.live_json

    def _entity_json(self, record: Record) -> bytes:
        head = json.dumps({"kind": record.kind, "id": record.id, "version": record.version})
        return head[:-1].encode() + b',"document":' + self._document(record) + b"}"

    def _entity_msgpack(self, record: Record) -> bytes:
        if record.live_msgpack is None:
            entity = Entity(kind=record.kind, id=record.id, version=record.version, document=record.document)
            record.live_msgpack = packing.pack(codec.unstructure(entity))
        return record.live_msgpack
