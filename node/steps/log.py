"""Keeps the node's step store through a crash: highest epoch, outcomes, outbox.

One append-only file: `length | CRC-32 | msgpack record`, each batch fsynced before `write` returns; a torn tail is cut
at the next opening. SQLite was the other way: three files and a WAL of its own for six kinds of record.
"""

from __future__ import annotations

import logging
import os
import pathlib
import struct
import zlib
from collections.abc import Iterable
from typing import Final, Protocol

import trio

from node.steps.store import Record, StepStore
from protocol.errors import HostFailed
from protocol.packing import CodecError, pack, unpack

log = logging.getLogger("corral.step_log")

compact_above_bytes: Final = 4 * 1024 * 1024
_head: Final = struct.Struct(">II")
_magic: Final = b"corral step log 1\n"


class StepLog(Protocol):
    """A step store, kept through a crash of its process."""

    @property
    def store(self) -> StepStore:
        """What is durable by now; to read, never to change."""
        ...

    async def write(self, *records: Record) -> None:
        """Returns when the records are durable. Raises `HostFailed` when they may not be: the daemon must end."""
        ...


class FileStepLog:
    """The real one. Writers that come while an fsync runs share the next one."""

    def __init__(self, path: pathlib.Path, compact_above: int = compact_above_bytes) -> None:
        """Reads the file; makes it when absent. Blocks for as long as reading takes. Raises `HostFailed`."""
        self.store = StepStore()
        self._path = path
        self._compact_above = compact_above
        self._lock = trio.Lock()
        self._pending: list[Record] = []
        self._taken = 0  # how many records were ever handed in
        self._durable = 0  # how many of them are on disk
        self._failed = ""
        path.with_name(path.name + ".new").unlink(missing_ok=True)
        if not path.exists():
            self._replace([])
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._size = self._load()

    def close(self) -> None:
        os.close(self._file)

    async def write(self, *records: Record) -> None:
        self._pending.extend(records)
        self._taken += len(records)
        ticket = self._taken
        async with self._lock:
            if self._durable >= ticket:
                return
            if self._failed:
                raise HostFailed(f"The step log {self._path} failed earlier: {self._failed}.")
            batch, self._pending = self._pending, []
            taken = self._taken
            # Shielded: a cancelled writer must not leave others with a batch that is neither written nor pending.
            with trio.CancelScope(shield=True):
                try:
                    await trio.to_thread.run_sync(self._append, b"".join(map(_framed, batch)))
                except OSError as error:
                    # After a failed fsync the kernel may have dropped the pages: nothing later can be believed.
                    self._failed = str(error)
                    raise HostFailed(f"The step log {self._path} cannot be written: {error}.") from error
                for record in batch:
                    self.store.apply(record)
                self._durable = taken
                if self._size > self._compact_above:
                    await trio.to_thread.run_sync(self._compact)

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.fsync(self._file)
        self._size += len(data)

    def _compact(self) -> None:
        self._replace(list(self.store.records()))
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size
        # A step store that is large by itself would be rewritten at every append otherwise.
        self._compact_above = max(self._compact_above, 2 * self._size)

    def _replace(self, records: Iterable[Record]) -> None:
        temporary = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(_magic)
            file.writelines(map(_framed, records))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _load(self) -> int:
        data = self._path.read_bytes()
        if not data.startswith(_magic):
            raise HostFailed(
                f"{self._path} is not a step log of this version.",
                remedy="Reinstall the earlier version of the daemon, or move the file away while no VM runs on this host.",
            )
        offset = len(_magic)
        while (record := _record_at(data, offset)) is not None:
            self.store.apply(record[0])
            offset = record[1]
        if offset < len(data):
            log.warning("cut %d bytes of an incomplete write off %s", len(data) - offset, self._path)
            os.ftruncate(self._file, offset)
            os.fsync(self._file)
        return offset


def _framed(record: Record) -> bytes:
    body = pack(record)
    return _head.pack(len(body), zlib.crc32(body)) + body


def _record_at(data: bytes, offset: int) -> tuple[Record, int] | None:
    """The record at `offset` and where the next one begins; None at the end or where the bytes are not whole."""
    if offset + _head.size > len(data):
        return None
    length, checksum = _head.unpack_from(data, offset)
    body = data[offset + _head.size : offset + _head.size + length]
    if len(body) != length or zlib.crc32(body) != checksum:
        return None
    try:
        record = unpack(body, bytes_max=max(length, 1))
    except CodecError:
        return None
    return (record, offset + _head.size + length) if isinstance(record, list) else None
