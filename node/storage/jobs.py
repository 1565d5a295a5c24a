"""Storage jobs of this host and the order in which they may run: those on one image one after another, as they came."""

from __future__ import annotations

from collections import deque

import attrs
import trio

from protocol.message import Message
from protocol.node.commands import (
    ConnectStorageDomain,
    CopyVolume,
    CreateVolume,
    ImportVolume,
    NodeCommand,
    RemoveImage,
    ResizeVolume,
)


def object_of(body: Message) -> str:
    """What a command of the storage works on: an image, or a whole storage domain. Raises `NotImplementedError`."""
    match body:
        case CreateVolume(volume=volume) | ResizeVolume(volume=volume):
            return f"{volume.storage_domain_id}/{volume.image_id}"
        case CopyVolume(target=volume) | ImportVolume(target=volume):
            return f"{volume.storage_domain_id}/{volume.image_id}"
        case RemoveImage(storage_domain_id=storage_domain_id, image_id=image_id):
            return f"{storage_domain_id}/{image_id}"
        case ConnectStorageDomain(storage_domain_id=storage_domain_id):
            return storage_domain_id
    raise NotImplementedError(f"{type(body).__name__} is no command of the storage")


@attrs.define(eq=False)
class StorageJob:
    """One step, from its arrival to its outcome. `command` is that of the engine that asked last."""

    command: NodeCommand
    its_turn: trio.Event = attrs.field(factory=trio.Event)
    waiting: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    acting: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    cancelled: bool = False

    def asked_again(self, command: NodeCommand) -> None:
        """The same step once more. A newer engine's word counts, or the step would be refused as the old one's."""
        if command.epoch > self.command.epoch:
            self.command = command

    def cancel(self) -> None:
        """It ends where it is: still waiting, or in the middle of its work."""
        self.cancelled = True
        self.waiting.cancel()
        self.acting.cancel()


@attrs.define
class Turns:
    """Who may work on which object."""

    _queues: dict[str, deque[StorageJob]] = attrs.field(factory=dict)

    def enter(self, job: StorageJob) -> None:
        """Stands at the end of its object's queue."""
        queue = self._queues.setdefault(object_of(job.command.body), deque())
        queue.append(job)
        queue[0].its_turn.set()

    def leave(self, job: StorageJob) -> None:
        """Ended, or given up while it waited; the next one may begin when it was the first."""
        what = object_of(job.command.body)
        queue = self._queues[what]
        queue.remove(job)
        if queue:
            queue[0].its_turn.set()
        else:
            del self._queues[what]
