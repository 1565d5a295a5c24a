"""Keeps the newest figures of hosts and VMs and stores a row of each once a minute, for history and reports.

It must not hold up a commit or an actor: what cannot be stored is dropped, and the log says so once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import msgpack
import trio

from actors.journal.port import Journal, JournalError, Sample
from actors.kernel.ports import Clock
from protocol.live.engine import HostSamples
from protocol.message import Message

log = logging.getLogger("corral.samples")

rows_at_once_max: Final = 2_000
"""Rows in one call: more would keep others waiting for the connection."""

layout_version: Final = 1
"""Stands first in each row; to be raised when a figure is added, moved or dropped."""

host_figures: Final = ("cpu_percent", "cpu_user_percent", "memory_used_bytes", "memory_free_bytes", "load_average")
vm_figures: Final = (
    "cpu_percent",
    "memory_bytes",
    "memory_used_bytes",
    "network_rx_bytes_per_second",
    "network_tx_bytes_per_second",
    "disk_read_bytes_per_second",
    "disk_write_bytes_per_second",
)
"""What follows the version: of a VM the host's id first, of a host how many VMs it reported last."""

_of_host, _of_vm = attrgetter(*host_figures), attrgetter(*vm_figures)


class Sampler:
    """`sampled` takes what hosts report; `run` stores. Outlives the incarnations of its task, like the writer."""

    def __init__(
        self,
        journal: Journal,
        epoch: int,
        is_known: Callable[[str, str], bool],
        clock: Clock,
        *,
        period_seconds: float,
        samples_kept_seconds: float,
        commands_kept_seconds: float,
    ) -> None:
        self._journal = journal
        self._epoch = epoch
        self._is_known = is_known
        self._clock = clock
        self._period_seconds = period_seconds
        self._samples_kept_seconds = samples_kept_seconds
        self._commands_kept_seconds = commands_kept_seconds
        self._newest: dict[str, HostSamples] = {}  # no more than hosts are linked
        self._dropped_rounds = 0

    def sampled(self, message: Message) -> None:
        """One store in a dictionary: thousands of hosts say something each second."""
        if isinstance(message, HostSamples):
            self._newest[message.host_id] = message

    async def run(self) -> None:
        """Stores and prunes until cancelled."""
        while True:
            await self._clock.sleep(self._period_seconds)
            newest, self._newest = self._newest, {}
            try:
                await self._store(newest)
                await self._journal.prune(
                    self._epoch,
                    commands_older_seconds=self._commands_kept_seconds,
                    samples_older_seconds=self._samples_kept_seconds,
                )
            except JournalError as error:
                if not self._dropped_rounds:
                    log.warning("samples are dropped until the database is back: %r", error)
                self._dropped_rounds += 1
            else:
                if self._dropped_rounds:
                    log.info("samples are stored again; rounds dropped: %d", self._dropped_rounds)
                self._dropped_rounds = 0

    async def _store(self, newest: Mapping[str, HostSamples]) -> None:
        chosen: dict[tuple[str, str], Sample] = {}
        for host in sorted(newest.values(), key=lambda host: host.at):  # a VM that moved counts where it was last
            for sample in _samples_of(host):
                if self._is_known(sample.kind, sample.id):
                    chosen[sample.kind, sample.id] = sample
            await trio.lowlevel.checkpoint()  # ten thousand VMs are packed between others' work, not in one go
        waiting = iter(chosen.values())
        while rows := list(islice(waiting, rows_at_once_max)):
            await self._journal.store_samples(self._epoch, rows)


def figures(sample: Sample) -> dict[str, Any]:
    """A stored row by the names of its figures. Raises `ValueError` for a layout that is not ours."""
    version, first, *values = msgpack.unpackb(sample.values)
    if version != layout_version:
        raise ValueError(f"a row of samples has layout {version}")
    names = vm_figures if sample.kind == "vm" else host_figures
    return {"host_id" if sample.kind == "vm" else "vms": first, **dict(zip(names, values, strict=True))}


def _samples_of(host: HostSamples) -> Iterator[Sample]:
    yield Sample("host", host.host_id, host.at, _packed(len(host.vms), _of_host(host)))
    for vm in host.vms:
        yield Sample("vm", vm.vm_id, host.at, _packed(host.host_id, _of_vm(vm)))


def _packed(first: str | int, values: tuple[Any, ...]) -> bytes:
    return bytes(msgpack.packb((layout_version, first, *values)))
