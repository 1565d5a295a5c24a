"""Storage domains that are directories: local, NFS or any other mount. Volumes are files created by qemu-img.

It must not leave an incomplete file under a volume's name: work happens under a temporary name until a final rename.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import attrs
import trio

from node.storage.directory import health, images, layout, volumes
from node.storage.directory.layout import Layout, VolumeRecord
from node.storage.port import Progress, checked_id, checked_ref, formats
from protocol.errors import BadInput, Busy, Conflict, HostFailed, NotFound, NotLegal
from protocol.node.domain import VolumeRef
from protocol.node.reports import StorageFacts, VolumeFacts

T = TypeVar("T")


class DirectoryStorage:
    """`host_id` (a UUID) tells this host's unfinished work from other hosts' on a shared directory."""

    def __init__(self, host_id: str) -> None:
        self._host = checked_id(host_id, "host_id")
        self._domains: dict[str, Layout] = {}
        self._in_work: set[Path] = set()

    # --- storage domains ------------------------------------------------------------------------------------------

    async def connect_storage_domain(self, storage_domain_id: str, path: str, *, create: bool = False) -> StorageFacts:
        checked_id(storage_domain_id, "storage_domain_id")
        if not path.startswith("/"):
            raise BadInput(f"The path {path!r:.200} is not absolute.", field="path")
        found = Layout(Path(path), self._host)
        await self._thread(health.connect, found, storage_domain_id, create, frozenset(self._in_work))
        self._domains[storage_domain_id] = found
        return await self.facts(storage_domain_id)

    async def facts(self, storage_domain_id: str) -> StorageFacts:
        return await self._look(health.facts, self._layout(storage_domain_id), storage_domain_id)

    def _layout(self, storage_domain_id: str) -> Layout:
        found = self._domains.get(storage_domain_id)
        if found is None:
            raise NotFound(
                f"Storage domain {storage_domain_id:.60} is not active on this host.",
                remedy="Activate it.",
                entity=storage_domain_id,
            )
        return found

    # --- volumes --------------------------------------------------------------------------------------------------

    async def create_volume(
        self, volume: VolumeRef, size_bytes: int, *, preallocate: bool = False, backing: VolumeRef | None = None
    ) -> VolumeFacts:
        checked_ref(volume)
        if size_bytes <= 0:
            raise BadInput("A volume must have at least one byte.", field="size_bytes")
        if backing is not None and volume.format != "qcow2":
            raise BadInput("Only a qcow2 volume can have a backing volume.", field="format")
        below = await self._record(checked_ref(backing)) if backing is not None else None
        if below is not None and below.storage_domain_id != volume.storage_domain_id:
            raise BadInput("A volume and its backing volume must be on the same storage domain.", field="backing")
        if below is not None and size_bytes < below.size_bytes:
            raise BadInput("A volume cannot be smaller than its backing volume.", field="size_bytes")
        record = self._new(
            volume,
            size_bytes,
            f"create {size_bytes} {preallocate} {below.image_id + '/' + below.volume_id if below else '-'}",
            backing_image_id=below.image_id if below else "",
            backing_volume_id=below.volume_id if below else "",
        )

        async def make(path: Path) -> None:
            await images.create(
                path,
                volume.format,
                size_bytes,
                preallocate=preallocate,
                backing=f"../{below.image_id}/{below.volume_id}" if below else "",
                backing_format=below.format if below else "",
            )

        return await self._make(record, make)

    async def copy_volume(
        self, source: VolumeRef, target: VolumeRef, *, progress: Progress | None = None
    ) -> VolumeFacts:
        found = await self._record(checked_ref(source))
        path = self._layout(source.storage_domain_id).volume(source)
        made_by = f"copy {source.storage_domain_id}/{source.image_id}/{source.volume_id}"
        record = self._new(checked_ref(target), found.size_bytes, made_by)
        return await self._make(
            record, lambda making: images.convert(path, source.format, making, target.format, progress)
        )

    async def import_volume(
        self, source_path: str, source_format: str, target: VolumeRef, *, progress: Progress | None = None
    ) -> VolumeFacts:
        checked_ref(target)
        if source_format not in formats:
            raise BadInput(f"Unknown image format {source_format!r:.40}.", field="source_format")
        if not source_path.startswith("/"):
            raise BadInput("The path of an image to import must be absolute.", field="source_path")
        source = Path(source_path)
        if not await trio.Path(source).is_file():
            raise NotFound(f"There is no image file {source_path} on this host.", field="source_path")
        await images.refuse_references(source, source_format)
        size = int((await images.info(source, source_format))["virtual-size"])
        record = self._new(target, size, f"import {source_path}")
        return await self._make(
            record, lambda making: images.convert(source, source_format, making, target.format, progress)
        )

    async def resize_volume(self, volume: VolumeRef, size_bytes: int) -> VolumeFacts:
        record = await self._record(checked_ref(volume))
        path = self._layout(volume.storage_domain_id).volume(volume)
        actual = int((await images.info(path, volume.format))["virtual-size"])
        if size_bytes < actual:
            raise NotLegal(f"A volume can only grow: it has {actual} bytes.", entity=volume.volume_id)
        async with self._working(path):
            if size_bytes > actual:
                await images.resize(path, volume.format, size_bytes)
            if record.size_bytes != size_bytes:
                grown = attrs.evolve(record, size_bytes=size_bytes)
                await self._thread(layout.write_record, self._layout(volume.storage_domain_id), grown)
        return await self.volume_facts(volume)

    async def volume_facts(self, volume: VolumeRef) -> VolumeFacts:
        record = await self._record(checked_ref(volume))
        return await self._look(volumes.volume_facts, self._layout(volume.storage_domain_id), record)

    async def remove_image(self, storage_domain_id: str, image_id: str) -> None:
        found = self._layout(storage_domain_id)
        checked_id(image_id, "image_id")
        async with self._working(found.removing(image_id)):
            await self._thread(volumes.remove_image, found, image_id)

    async def list_images(self, storage_domain_id: str) -> tuple[VolumeFacts, ...]:
        return await self._look(volumes.list_volumes, self._layout(storage_domain_id))

    # --- paths ----------------------------------------------------------------------------------------------------

    def path_of(self, volume: VolumeRef) -> str:
        return str(self._layout(volume.storage_domain_id).volume(checked_ref(volume)))

    def saved_state_path(self, storage_domain_id: str, vm_id: str) -> str:
        return str(self._layout(storage_domain_id).saved / checked_id(vm_id, "vm_id"))

    async def remove_saved_state(self, storage_domain_id: str, vm_id: str) -> None:
        path = Path(self.saved_state_path(storage_domain_id, vm_id))
        await self._thread(partial(path.unlink, missing_ok=True))

    # --- inside ---------------------------------------------------------------------------------------------------

    def _new(self, ref: VolumeRef, size_bytes: int, made_by: str, **backing: str) -> VolumeRecord:
        return VolumeRecord(
            storage_domain_id=ref.storage_domain_id,
            image_id=ref.image_id,
            volume_id=ref.volume_id,
            format=ref.format,
            size_bytes=size_bytes,
            made_by=made_by,
            host=self._host,
            **backing,
        )

    async def _record(self, ref: VolumeRef) -> VolumeRecord:
        found = await self._look(layout.read_record, self._layout(ref.storage_domain_id), ref)
        if found is None:
            raise NotFound(f"There is no volume {ref.volume_id} of image {ref.image_id}.", entity=ref.volume_id)
        if found.format != ref.format:
            raise Conflict(f"Volume {ref.volume_id} is {found.format}, not {ref.format}.", entity=ref.volume_id)
        return found

    async def _make(self, record: VolumeRecord, make: Callable[[Path], Awaitable[None]]) -> VolumeFacts:
        """Makes a volume under a name of its own, then publishes it; one that is there is the answer or a conflict."""
        found = self._layout(record.storage_domain_id)
        making = found.making(record.ref)
        async with self._working(making):
            there = await self._thread(layout.read_record, found, record.ref)
            if there is None:
                await self._thread(volumes.prepare, found, record.ref)
                try:
                    await make(making)
                    await self._thread(layout.publish, found, record)
                except BaseException:
                    with trio.CancelScope(shield=True):
                        await trio.to_thread.run_sync(volumes.abandon, found, record.ref)
                    raise
            elif (there.made_by, there.format) != (record.made_by, record.format):
                raise Conflict(
                    f"Volume {record.volume_id} already exists with other properties.",
                    remedy="Remove the image first.",
                    entity=record.volume_id,
                )
        return await self.volume_facts(record.ref)

    @contextlib.asynccontextmanager
    async def _working(self, path: Path) -> AsyncIterator[None]:
        """One job per file, marked so that a new connection of the storage domain does not clean it away."""
        if path in self._in_work:
            raise Busy(f"Another operation is using {path.name}.")
        self._in_work.add(path)
        try:
            yield
        finally:
            self._in_work.discard(path)

    async def _look(self, call: Callable[..., T], *arguments: object) -> T:
        """Runs a call that only reads in a thread that may hang on dead storage when its caller is gone."""
        return await self._thread(call, *arguments, abandon=True)

    async def _thread(self, call: Callable[..., T], *arguments: object, abandon: bool = False) -> T:
        """Runs `call` in a thread. What the system refuses becomes `HostFailed` with a remedy."""
        try:
            return await trio.to_thread.run_sync(partial(call, *arguments), abandon_on_cancel=abandon)
        except OSError as error:
            text = error.strerror or str(error)
            raise HostFailed(
                f"The storage refused: {text} ({error.filename}).", remedy=images.remedy_for(text)
            ) from None
