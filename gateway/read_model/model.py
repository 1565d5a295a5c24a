"""Holds every entity as of one journal sequence, with indexes by name and by reference; answers all reads."""

from __future__ import annotations

import heapq
import itertools
import operator
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import trio

from protocol.activity.model import Event
from protocol.attributes import Attribute, attributes
from protocol.document import Ref
from protocol.inventory.assignment import ASSIGNMENT
from protocol.live.engine import Change, Entity, HostSamples, Snapshot, VmSample
from protocol.registry import BY_KIND


@attrs.define(slots=True, eq=False)
class Record:
    """One version of one entity. Immutable but for the encoded forms that are made on demand and kept."""

    kind: str
    id: str
    version: int
    document: Any
    sequence: int = 0
    ordinal: int = 0  # stays with the id: lists keep their order
    xml: bytes | None = None
    json: bytes | None = None
    live_json: bytes | None = None
    live_msgpack: bytes | None = None


class ReadModel:
    """Entities by kind and id. Not thread-safe; every method but `wait_for` is synchronous."""

    def __init__(self, *, events_kept_max: int = 10_000) -> None:
        self.stream_id = ""
        self.sequence = 0
        self.loaded = False
        self._kinds: dict[str, dict[str, Record]] = {kind: {} for kind in BY_KIND}
        self._names: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._references: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._events: deque[Record] = deque(maxlen=events_kept_max)
        self._waiting: list[tuple[int, int, trio.Event]] = []
        self._tickets = itertools.count()
        self._ordinals = itertools.count()
        self.host_samples: dict[str, HostSamples] = {}
        self.vm_samples: dict[str, VmSample] = {}

    # Reads

    def get(self, kind: str, id: str) -> Record | None:
        if kind == "event":
            return next((record for record in self._events if record.id == id), None)
        return self._kinds.get(kind, {}).get(id)

    def all(self, kind: str) -> list[Record]:
        """Every record of a kind; events newest first."""
        if kind == "event":
            return list(reversed(self._events))
        return list(self._kinds.get(kind, {}).values())

    @property
    def latest_event(self) -> Record | None:
        return self._events[-1] if self._events else None

    def count(self, kind: str) -> int:
        return len(self._events) if kind == "event" else len(self._kinds.get(kind, {}))

    def kinds(self) -> list[str]:
        return list(self._kinds)

    def document(self, kind: str, id: str) -> Any:
        """None when there is no such object."""
        record = self.get(kind, id)
        return record.document if record is not None else None

    @property
    def whole(self) -> ReadModel:
        """What a view hides nothing of: for what is counted and measured of an object that is seen."""
        return self

    def named(self, kind: str, name: str) -> list[Record]:
        """Records with exactly this name."""
        return [record for record in self.named_any_case(kind, name) if record.document.name == name]

    def named_any_case(self, kind: str, name: str) -> list[Record]:
        ids = self._names[kind].get(name.casefold(), ())
        return sorted((self._kinds[kind][id] for id in ids), key=_ordinal)

    def referring(self, kind: str, attribute: str, target_id: str) -> list[Record]:
        """Records of `kind` whose reference `attribute` holds `target_id`."""
        ids = self._references[kind, attribute].get(target_id, ())
        return sorted((self._kinds[kind][id] for id in ids), key=_ordinal)

    def assignments(self, holder: str, id: str, relation: str) -> list[Record]:
        """What says that objects of kind `relation` are assigned to the object `id` of kind `holder`."""
        found = self.referring(ASSIGNMENT, "left", id)
        return [one for one in found if (one.document.holder, one.document.relation) == (holder, relation)]

    def assigned(self, holder: str, id: str, relation: str) -> list[Record]:
        """The objects of kind `relation` that are assigned to the object `id` of kind `holder`."""
        ids = (one.document.right.id for one in self.assignments(holder, id, relation))
        return [record for other in ids if (record := self.get(relation, other)) is not None]

    def holders(self, holder: str, relation: str, id: str) -> list[Record]:
        """The objects of kind `holder` that the object `id` of kind `relation` is assigned to."""
        found = self.referring(ASSIGNMENT, "right", id)
        sides = [one.document.sides for one in found]
        ids = (left[1] for left, right in sides if (left[0], right[0]) == (holder, relation))
        return [record for other in ids if (record := self.get(holder, other)) is not None]

    # Feeding

    def load(self, snapshot: Snapshot) -> None:
        """Replaces everything by a snapshot."""
        self.stream_id = snapshot.stream_id
        for records in self._kinds.values():
            records.clear()
        self._names.clear()
        self._references.clear()
        self._events.clear()
        for entity in snapshot.entities:
            self._put(entity, snapshot.sequence)
        for change in snapshot.events:
            self._append_event(change)
        self.loaded = True
        self._advance(snapshot.sequence, restart=True)

    def apply(self, change: Change, before: Record | None) -> bool:
        """One later change of the object that was `before`; False when it is already in."""
        if change.sequence <= self.sequence:
            return False
        if change.kind == "event":
            self._append_event(change)
        elif change.document is None:
            self._remove(change.kind, change.id)
        else:
            entity = Entity(kind=change.kind, id=change.id, version=change.version, document=change.document)
            self._put(entity, change.sequence)
        if change.kind == "vm":
            self._count_anew(before, change)
        self._advance(change.sequence)
        return True

    def sampled(self, samples: HostSamples) -> None:
        self.host_samples[samples.host_id] = samples
        for sample in samples.vms:
            self.vm_samples[sample.vm_id] = sample

    async def wait_for(self, sequence: int, timeout_seconds: float) -> bool:
        """Until the model has reached `sequence`: how a writer reads its own write. False when the time is over."""
        if self.sequence >= sequence:
            return True
        reached = trio.Event()
        heapq.heappush(self._waiting, (sequence, next(self._tickets), reached))
        with trio.move_on_after(timeout_seconds):
            await reached.wait()
        return self.sequence >= sequence

    # Inside

    def _advance(self, sequence: int, *, restart: bool = False) -> None:
        assert restart or sequence > self.sequence
        self.sequence = sequence
        while self._waiting and self._waiting[0][0] <= sequence:
            heapq.heappop(self._waiting)[2].set()

    def _put(self, entity: Entity, sequence: int) -> None:
        records = self._kinds.setdefault(entity.kind, {})
        old = records.get(entity.id)
        ordinal = old.ordinal if old is not None else next(self._ordinals)
        new = Record(entity.kind, entity.id, entity.version, entity.document, sequence, ordinal)
        if old is not None:
            self._unindex(old)
        records[entity.id] = new
        self._index(new)

    def _remove(self, kind: str, id: str) -> None:
        old = self._kinds.get(kind, {}).pop(id, None)
        if old is not None:
            self._unindex(old)
        if kind == "host":
            self.host_samples.pop(id, None)
        elif kind == "vm":
            self.vm_samples.pop(id, None)

    def _count_anew(self, old: Record | None, change: Change) -> None:
        """A host shows how many VMs it has: it is encoded anew, under a new entity tag, when one of them comes, goes or
        changes its status."""
        before, after = _counted_as(old.document if old is not None else None), _counted_as(change.document)
        for host_id in {before[0], after[0]} if before != after else ():
            host = self.get("host", host_id)
            if host is not None:
                self._kinds["host"][host_id] = attrs.evolve(host, sequence=change.sequence, xml=None, json=None)

    def _append_event(self, change: Change) -> None:
        record = record_of(change)
        if record is not None:
            self._events.append(record)

    def _index(self, record: Record) -> None:
        name = getattr(record.document, "name", None)
        if name:
            self._names[record.kind][name.casefold()].add(record.id)
        for attribute, target in _references_of(record.document):
            self._references[record.kind, attribute][target].add(record.id)

    def _unindex(self, record: Record) -> None:
        name = getattr(record.document, "name", None)
        if name:
            _discard(self._names[record.kind], name.casefold(), record.id)
        for attribute, target in _references_of(record.document):
            _discard(self._references[record.kind, attribute], target, record.id)


_ordinal = operator.attrgetter("ordinal")


def record_id(change: Change) -> str:
    """The id under which readers know the object: an event's is its sequence."""
    return str(change.sequence) if change.kind == "event" else change.id


def record_of(change: Change) -> Record | None:
    """The object after a change, None when it was removed."""
    document = change.document
    if document is None:
        return None
    if isinstance(document, Event):
        document = attrs.evolve(document, id=record_id(change), index=change.sequence, time=document.time or change.at)
    return Record(change.kind, record_id(change), change.version, document, change.sequence)


def _counted_as(vm: Any) -> tuple[str, str]:
    """The host and the status under which a VM is counted; of one without a host nothing is."""
    host = vm.host if vm is not None else None
    return (host.id, vm.status) if host is not None else ("", "")


def _discard(index: dict[str, set[str]], key: str, id: str) -> None:
    ids = index.get(key)
    if ids is not None:
        ids.discard(id)
        if not ids:
            del index[key]


_reference_attributes: dict[type[Any], tuple[Attribute, ...]] = {}


def reference_attributes(cls: type[Any]) -> Iterable[Attribute]:
    """The attributes of a document class that are references, one or many."""
    known = _reference_attributes.get(cls)
    if known is None:
        known = tuple(attribute for attribute in attributes(cls) if attribute.type is Ref)
        _reference_attributes[cls] = known
    return known


def _references_of(document: Any) -> Iterator[tuple[str, str]]:
    for attribute in reference_attributes(type(document)):
        value = getattr(document, attribute.name)
        if value is None:
            continue
        for reference in value if attribute.many else (value,):
            if reference.id:
                yield attribute.name, reference.id
