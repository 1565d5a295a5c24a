"""What a node must remember, and how each record changes it. Pure: no file, no clock; `node.steps.log` keeps it.

Records are plain lists, so that they go to disk as they are: `[kind, ...]`.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from protocol.codec import decode, encode
from protocol.message import Message
from protocol.node.receipts import stopped_receipt
from protocol.node.reports import DomainChanged, StepDone

forgotten_steps_max: Final = 20_000
"""How many step ids are remembered after the engine let go of their outcomes, so that a late duplicate does nothing."""
begun_steps_max: Final = 10_000
"""How many steps may be begun and not done: a crash leaves behind what the engine never asks again (a look at a storage
domain, a ticket)."""
outcomes_max: Final = 50_000
"""How many outcomes wait for an engine that never says that it has them; the oldest become forgotten."""

Record = list[Any]


class StepStatus(enum.Enum):
    """What the step store knows of a step."""

    NEW = "new"
    BEGUN = "begun"  # its outcome is not known: the daemon ended in the middle, or it still runs
    DONE = "done"
    FORGOTTEN = "forgotten"


class StepStore:
    """Folds records. The outbox is every outcome, and the last *stopped* of each VM, that the engine has not got."""

    def __init__(self) -> None:
        self.host_id = ""
        self.highest_epoch = 0
        self.storage_domains: dict[str, str] = {}  # id -> directory on this host
        self._begun: dict[str, None] = {}
        self._outcomes: OrderedDict[str, bytes] = OrderedDict()
        self._stopped: OrderedDict[str, bytes] = OrderedDict()
        self._forgotten: OrderedDict[str, None] = OrderedDict()

    def step_status(self, step_id: str) -> StepStatus:
        if step_id in self._outcomes:
            return StepStatus.DONE
        if step_id in self._forgotten:
            return StepStatus.FORGOTTEN
        return StepStatus.BEGUN if step_id in self._begun else StepStatus.NEW

    def outcome(self, step_id: str) -> StepDone | None:
        """The stored outcome, the engine's epoch having been checked by whoever asks."""
        stored = self._outcomes.get(step_id)
        return decode(stored) if stored is not None else None

    def outbox(self) -> Iterator[Message]:
        """Everything that the engine has not confirmed, oldest first: ends of domains, then outcomes."""
        for stored in (*self._stopped.values(), *self._outcomes.values()):
            yield decode(stored)

    def apply(self, record: Record) -> None:
        """Takes one record in. Kinds of a newer version are skipped."""
        match record:
            case ["host", str(host_id)]:
                self.__init__()  # type: ignore[misc]  # another host's past is not ours
                self.host_id = host_id
            case ["epoch", int(epoch)]:
                self.highest_epoch = max(self.highest_epoch, epoch)
            case ["storage", str(storage_domain_id), str(path)]:
                self.storage_domains[storage_domain_id] = path
            case ["begun", str(step_id)]:
                self._begun[step_id] = None
                if len(self._begun) > begun_steps_max:
                    del self._begun[next(iter(self._begun))]
            case ["done", str(step_id), bytes(outcome)]:
                self._begun.pop(step_id, None)
                self._outcomes[step_id] = outcome
                if len(self._outcomes) > outcomes_max:
                    self._forget(next(iter(self._outcomes)))
            case ["stopped", str(receipt), bytes(change)]:
                self._drop_stops(receipt.rsplit("/", 1)[0] + "/")
                self._stopped[receipt] = change
                if len(self._stopped) > outcomes_max:
                    self._stopped.popitem(last=False)
            case ["forget", list(ids)]:
                for name in ids:
                    self._forget(name)

    def _forget(self, name: str) -> None:
        if self._stopped.pop(name, None) is not None:
            return
        self._outcomes.pop(name, None)
        self._begun.pop(name, None)
        self._forgotten[name] = None
        if len(self._forgotten) > forgotten_steps_max:
            self._forgotten.popitem(last=False)

    def _drop_stops(self, prefix: str) -> None:
        for receipt in [kept for kept in self._stopped if kept.startswith(prefix)]:
            del self._stopped[receipt]

    def records(self) -> Iterator[Record]:
        """The shortest records that fold to this step store: what compaction writes."""
        yield ["host", self.host_id]
        yield ["epoch", self.highest_epoch]
        for storage_domain_id, path in self.storage_domains.items():
            yield ["storage", storage_domain_id, path]
        yield ["forget", list(self._forgotten)]
        for step_id in self._begun:
            yield ["begun", step_id]
        for step_id, outcome in self._outcomes.items():
            yield ["done", step_id, outcome]
        for receipt, change in self._stopped.items():
            yield ["stopped", receipt, change]


def host_record(host_id: str) -> Record:
    return ["host", host_id]


def epoch_record(epoch: int) -> Record:
    return ["epoch", epoch]


def storage_record(storage_domain_id: str, path: str) -> Record:
    return ["storage", storage_domain_id, path]


def begun_record(step_id: str) -> Record:
    return ["begun", step_id]


def done_record(done: StepDone) -> Record:
    return ["done", done.step_id, encode(done)]


def stopped_record(change: DomainChanged) -> Record:
    return ["stopped", stopped_receipt(change), encode(change)]


def forget_record(names: Sequence[str]) -> Record:
    return ["forget", list(names)]
