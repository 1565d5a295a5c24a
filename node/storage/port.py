"""What a storage domain can do for the node daemon; every implementation passes the same contract suite.

Ids in paths are UUIDs, checked; formats are always given, never probed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from protocol.errors import BadInput
from protocol.node.domain import VolumeRef
from protocol.node.reports import StorageFacts, VolumeFacts

Progress = Callable[[int], None]
"""Told the percentage of a long copy: rising, at most once per per cent, never awaited."""

formats = ("raw", "qcow2")

_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def checked_id(value: str, what: str) -> str:
    """A lower-case UUID or `BadInput`: what may stand in a path."""
    if not _uuid.fullmatch(value):
        raise BadInput(f"The {what} {value!r:.60} is not a lower-case UUID.", field=what)
    return value


def checked_ref(volume: VolumeRef) -> VolumeRef:
    """A reference whose ids are UUIDs and whose format is one of `formats`, or `BadInput`."""
    checked_id(volume.storage_domain_id, "storage_domain_id")
    checked_id(volume.image_id, "image_id")
    checked_id(volume.volume_id, "volume_id")
    if volume.format not in formats:
        raise BadInput(f"Unknown volume format {volume.format!r:.40}.", remedy="Use raw or qcow2.", field="format")
    return volume


class Storage(Protocol):
    """The storage domains connected on one host. Calls raise `NotFound` (domain not connected, no such volume),
    `Conflict` (it exists otherwise), `Busy` (in use by a running QEMU), `BadInput`, `HostFailed` with a remedy.

    Each call may be repeated after a crash and gives the same answer: a volume is there whole or not at all."""

    async def connect_storage_domain(self, storage_domain_id: str, path: str, *, create: bool = False) -> StorageFacts:
        """Makes a directory usable and removes what a crash of this host left there. With `create` an empty directory
        becomes a storage domain. `Conflict` when it belongs to another storage domain."""
        ...

    async def facts(self, storage_domain_id: str) -> StorageFacts:
        """Space and health; a sick storage domain gives `problem` and `writable=False`, not an error."""
        ...

    async def create_volume(
        self, volume: VolumeRef, size_bytes: int, *, preallocate: bool = False, backing: VolumeRef | None = None
    ) -> VolumeFacts: ...

    async def copy_volume(
        self, source: VolumeRef, target: VolumeRef, *, progress: Progress | None = None
    ) -> VolumeFacts:
        """A full copy, the chain of the source collapsed."""
        ...

    async def import_volume(
        self, source_path: str, source_format: str, target: VolumeRef, *, progress: Progress | None = None
    ) -> VolumeFacts:
        """Copies an image file of this host. A qcow2 with a backing file or external data is refused."""
        ...

    async def resize_volume(self, volume: VolumeRef, size_bytes: int) -> VolumeFacts:
        """Grows; `NotLegal` to shrink; the same size is done already."""
        ...

    async def volume_facts(self, volume: VolumeRef) -> VolumeFacts: ...

    async def remove_image(self, storage_domain_id: str, image_id: str) -> None:
        """Deletes every volume of an image; nothing there is fine. `Conflict` while volumes elsewhere depend on it."""
        ...

    async def list_images(self, storage_domain_id: str) -> tuple[VolumeFacts, ...]:
        """Every whole volume of the storage domain."""
        ...

    def path_of(self, volume: VolumeRef) -> str:
        """Where the hypervisor opens the volume; it need not exist. `NotFound` when the domain is not connected."""
        ...

    def saved_state_path(self, storage_domain_id: str, vm_id: str) -> str:
        """Where `Hypervisor.save` writes a VM's memory."""
        ...

    async def remove_saved_state(self, storage_domain_id: str, vm_id: str) -> None:
        """Removes the file of `saved_state_path`; nothing there is fine."""
        ...
