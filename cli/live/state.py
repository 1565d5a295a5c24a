"""Folds live frames into state and checks the rules: in order, nothing missing. Violations are in `violations`."""

from __future__ import annotations

import dataclasses
from typing import Any

Frame = dict[str, Any]
Key = tuple[str, str]  # kind, id


@dataclasses.dataclass
class LiveState:
    """The state as of `sequence`, and everything that was wrong on the way there."""

    stream_id: str = ""
    sequence: int = 0
    cursor: str = ""
    first_sequence: int = 0
    complete: bool = False  # a snapshot is whole, or a cursor was resumed
    whole: bool = False  # the fold began with a snapshot, so it is the whole state of the filter
    documents: dict[Key, Any] = dataclasses.field(default_factory=dict)
    versions: dict[Key, int] = dataclasses.field(default_factory=dict)
    changes: int = 0
    snapshots: int = 0
    resyncs: int = 0
    connections: int = 0
    violations: list[str] = dataclasses.field(default_factory=list)
    _begun: bool = False
    _keeping: bool = False

    def connecting(self) -> None:
        """A new connection: its first frame has to be `subscribed`."""
        self._begun = False
        self.connections += 1

    def apply(self, frame: Frame) -> None:
        """One frame; samples and what later versions add are no part of the state."""
        op = frame.get("op")
        if not self._begun and op != "subscribed":
            self._wrong(f"the first frame is {op}, not subscribed")
        if op == "subscribed":
            self._subscribed(frame)
        elif op == "snapshot":
            self._snapshot(frame)
        elif op == "change":
            self._change(frame)
        elif op == "alive":
            self._alive(frame)
        elif op == "resync":
            self._resync(frame)

    def named(self, kind: str, id: str) -> Any:
        return self.documents.get((kind, id))

    def _subscribed(self, frame: Frame) -> None:
        self._begun = True
        resumed = bool(frame["resumed"])
        if resumed:
            if self.stream_id and frame["stream_id"] != self.stream_id:
                self._wrong(f"resumed in another stream: {frame['stream_id']}, not {self.stream_id}")
            if self.sequence and frame["sequence"] != self.sequence:
                self._wrong(f"resumed at {frame['sequence']}, where {self.sequence} is the last that came")
            self.first_sequence = self.first_sequence or frame["sequence"]
            self.sequence = frame["sequence"]
            self.complete = True
            self._reached(frame)
        else:
            self._forget()
            self.sequence = 0 if frame["stream_id"] != self.stream_id else self.sequence
        self.stream_id = frame["stream_id"]

    def _snapshot(self, frame: Frame) -> None:
        sequence = frame["sequence"]
        if self.complete and not self._keeping:
            self._wrong(f"a snapshot at {sequence} that no resync announced")
        if sequence < self.sequence:
            self._wrong(f"a snapshot at {sequence} after {self.sequence}")
        for entity in frame["entities"]:
            self._put(entity["kind"], entity["id"], entity["version"], entity["document"], sequence)
        for kind, id in frame.get("removed") or ():
            self._drop((kind, id))
        if frame["last"]:
            self.snapshots += 1
            self.first_sequence = self.first_sequence or sequence
            self.sequence = sequence
            self.whole = self.whole or not self._keeping
            self.complete, self._keeping = True, False
            self._reached(frame)

    def _change(self, frame: Frame) -> None:
        sequence, previous = frame["sequence"], frame["previous"]
        if not self.complete:
            self._wrong(f"change {sequence} before the snapshot was whole")
        if sequence <= self.sequence:
            self._wrong(f"change {sequence} after {self.sequence}: repeated or out of order")
        if previous > self.sequence:
            self._wrong(f"change {sequence} follows {previous}, but the last that came is {self.sequence}: a gap")
        self.changes += 1
        self.sequence = max(sequence, self.sequence)
        self._reached(frame)
        kind, id = frame["kind"], frame["id"]
        if frame["document"] is None:
            self._drop((kind, id))
        elif kind != "event":  # events are history, not state
            self._put(kind, id, frame["version"], frame["document"], sequence)

    def _alive(self, frame: Frame) -> None:
        """Nothing that fits happened up to there."""
        if frame["sequence"] < self.sequence:
            self._wrong(f"alive at {frame['sequence']} after {self.sequence}")
        self.sequence = max(frame["sequence"], self.sequence)
        self._reached(frame)

    def _resync(self, frame: Frame) -> None:
        self.resyncs += 1
        self._keeping = bool(frame["keep"])
        if not self._keeping:
            self._forget()

    def _put(self, kind: str, id: str, version: int, document: Any, sequence: int) -> None:
        known = self.versions.get((kind, id), 0)
        if version < known:
            self._wrong(f"{kind} {id} went from version {known} to {version} at {sequence}")
        self.versions[kind, id] = version
        self.documents[kind, id] = document

    def _drop(self, key: Key) -> None:
        self.documents.pop(key, None)
        self.versions.pop(key, None)

    def _forget(self) -> None:
        self.documents.clear()
        self.versions.clear()
        self.complete = False
        self.cursor = ""

    def _reached(self, frame: Frame) -> None:
        """A cursor within a snapshot is none to resume from: the rest of the snapshot would never come."""
        if self.complete and not self._keeping:
            self.cursor = frame.get("cursor") or self.cursor

    def _wrong(self, text: str) -> None:
        self.violations.append(text)


def differences(folded: LiveState, fresh: LiveState) -> list[str]:
    """What a fold of changes and a snapshot of the same sequence do not agree on; both have the same filter."""
    found = []
    for key in sorted(folded.versions.keys() | fresh.versions.keys()):
        kind, id = key
        ours, theirs = folded.versions.get(key), fresh.versions.get(key)
        if ours is None or theirs is None:
            found.append(f"{kind} {id} is only in the {'snapshot' if ours is None else 'changes'}")
        elif ours != theirs:
            found.append(f"{kind} {id} is version {ours} by the changes and {theirs} in the snapshot")
        elif folded.documents[key] != fresh.documents[key]:
            found.append(f"{kind} {id} differs between the changes and the snapshot at version {ours}")
    return found
