"""The storage port on the simulated world."""

from __future__ import annotations

from node.storage.port import Progress, checked_id, checked_ref, formats
from node.world.hosts import WorldHost
from node.world.port import WorldPort
from node.world.storage import WorldStorage, WorldVolume
from node.world.world import World
from protocol.errors import BadInput, Busy, Conflict, HostFailed, NotFound, NotLegal
from protocol.node.domain import VolumeRef
from protocol.node.reports import StorageFacts, VolumeFacts

_thin_bytes = 200 * 1024
_copy_steps = 4


class SimulatedStorage(WorldPort):
    """One per incarnation of a node daemon. `copy_bytes_per_second` is how fast volumes are copied."""

    def __init__(self, world: World, host: WorldHost, *, copy_bytes_per_second: float = 10e9) -> None:
        super().__init__(world, host)
        self._paths: dict[str, str] = {}  # storage domain -> directory
        self._speed = copy_bytes_per_second
        self._making: set[str] = set()

    async def connect_storage_domain(self, storage_domain_id: str, path: str, *, create: bool = False) -> StorageFacts:
        checked_id(storage_domain_id, "storage_domain_id")

        def effect() -> StorageFacts:
            storage = self.world.storages.get(path)
            if storage is None:
                raise HostFailed(
                    f"There is no directory {path} on host {self.host.name}.", remedy="Create or mount it."
                )
            storage.check(self.host.name, write=create)
            if not storage.storage_domain_id:
                if not create:
                    raise NotFound(f"The directory {path} is not a storage domain.", entity=storage_domain_id)
                storage.storage_domain_id = storage_domain_id
            if storage.storage_domain_id != storage_domain_id:
                raise Conflict(f"The directory {path} is storage domain {storage.storage_domain_id}.")
            mine = [p for p, by in storage.half_made.items() if by == self.host.name and p not in self._making]
            for leftover in mine:
                del storage.half_made[leftover]
            self._paths[storage_domain_id] = path
            return self._facts_of(storage)

        return await self.call("connect_storage_domain", storage_domain_id, effect)

    async def facts(self, storage_domain_id: str) -> StorageFacts:
        return await self.call("facts", storage_domain_id, lambda: self._facts_of(self._storage(storage_domain_id)))

    async def create_volume(
        self, volume: VolumeRef, size_bytes: int, *, preallocate: bool = False, backing: VolumeRef | None = None
    ) -> VolumeFacts:
        checked_ref(volume)
        if size_bytes <= 0:
            raise BadInput("A volume must have at least one byte.", field="size_bytes")
        if backing is not None and volume.format != "qcow2":
            raise BadInput("Only a qcow2 volume can have a backing volume.", field="format")

        def effect() -> VolumeFacts:
            storage = self._writable(volume)
            below = self._volume(backing).path if backing is not None else ""
            if backing is not None and size_bytes < self._volume(backing).size_bytes:
                raise BadInput("A volume cannot be smaller than its backing volume.", field="size_bytes")
            wanted = size_bytes if preallocate or volume.format == "raw" else _thin_bytes
            actual = wanted if preallocate else min(wanted, _thin_bytes)
            made_by = ("create", size_bytes, preallocate, backing)
            return _facts(self._add(storage, volume, size_bytes, actual, made_by, below))

        return await self.call("create_volume", volume.volume_id, effect)

    async def copy_volume(
        self, source: VolumeRef, target: VolumeRef, *, progress: Progress | None = None
    ) -> VolumeFacts:
        checked_ref(source)
        found = self._volume(source)
        size, actual = found.size_bytes, found.actual_bytes
        return await self._copy("copy_volume", target, size, actual, ("copy", source), progress)

    async def import_volume(
        self, source_path: str, source_format: str, target: VolumeRef, *, progress: Progress | None = None
    ) -> VolumeFacts:
        if source_format not in formats:
            raise BadInput(f"Unknown image format {source_format!r:.40}.", field="source_format")
        size = 1024**3  # what is in a file of a simulated host is nobody's concern
        return await self._copy("import_volume", target, size, size // 4, ("import", source_path), progress)

    async def resize_volume(self, volume: VolumeRef, size_bytes: int) -> VolumeFacts:
        checked_ref(volume)

        def effect() -> VolumeFacts:
            self._writable(volume)
            found = self._volume(volume)
            if size_bytes < found.size_bytes:
                raise NotLegal("A volume can only grow.", entity=volume.volume_id)
            if size_bytes > found.size_bytes and found.writers:
                raise Busy(f"Volume {volume.volume_id} is in use by a running VM.", entity=volume.volume_id)
            found.size_bytes = size_bytes
            return _facts(found)

        return await self.call("resize_volume", volume.volume_id, effect)

    async def volume_facts(self, volume: VolumeRef) -> VolumeFacts:
        checked_ref(volume)

        def effect() -> VolumeFacts:
            self._storage(volume.storage_domain_id).check(self.host.name, write=False)
            return _facts(self._volume(volume))

        return await self.call("volume_facts", volume.volume_id, effect)

    async def remove_image(self, storage_domain_id: str, image_id: str) -> None:
        checked_id(image_id, "image_id")

        def effect() -> None:
            storage = self._storage(storage_domain_id)
            storage.check(self.host.name, write=True)
            gone = {path for path, volume in storage.volumes.items() if volume.ref.image_id == image_id}
            for path, volume in storage.volumes.items():
                if path not in gone and volume.backing in gone:
                    raise Conflict(f"Volume {volume.ref.volume_id} depends on image {image_id}.", entity=image_id)
            if any(storage.volumes[path].writers for path in gone):
                raise Busy(f"Image {image_id} is in use by a running VM.", entity=image_id)
            for path in gone:
                del storage.volumes[path]

        await self.call("remove_image", image_id, effect)

    async def list_images(self, storage_domain_id: str) -> tuple[VolumeFacts, ...]:
        def effect() -> tuple[VolumeFacts, ...]:
            storage = self._storage(storage_domain_id)
            storage.check(self.host.name, write=False)
            return tuple(_facts(storage.volumes[path]) for path in sorted(storage.volumes))

        return await self.call("list_images", storage_domain_id, effect)

    def path_of(self, volume: VolumeRef) -> str:
        checked_ref(volume)
        storage = self._storage(volume.storage_domain_id)
        return f"{storage.path}/images/{volume.image_id}/{volume.volume_id}"

    def saved_state_path(self, storage_domain_id: str, vm_id: str) -> str:
        checked_id(vm_id, "vm_id")
        return f"{self._storage(storage_domain_id).path}/saved/{vm_id}"

    async def remove_saved_state(self, storage_domain_id: str, vm_id: str) -> None:
        path = self.saved_state_path(storage_domain_id, vm_id)

        def effect() -> None:
            self._storage(storage_domain_id).check(self.host.name, write=True)
            self.world.saved.pop(path, None)

        await self.call("remove_saved_state", vm_id, effect)

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _copy(
        self,
        name: str,
        target: VolumeRef,
        size: int,
        actual: int,
        made_by: tuple[object, ...],
        progress: Progress | None,
    ) -> VolumeFacts:
        checked_ref(target)
        path = self.path_of(target)
        storage = self._writable(target)
        if path in self._making:
            raise Busy(f"Volume {target.volume_id} is being created.", entity=target.volume_id)
        if path not in storage.volumes:
            storage.half_made[path] = self.host.name
        self._making.add(path)
        try:
            for step in range(1, _copy_steps + 1):
                await self.pass_time(actual / self._speed / _copy_steps)
                if progress is not None:
                    progress(100 * step // _copy_steps)
            return await self.call(
                name,
                target.volume_id,
                lambda: _facts(self._add(self._writable(target), target, size, actual, made_by, "")),
            )
        finally:
            self._making.discard(path)
            if not self.inert:  # a killed process cleans nothing up
                storage.half_made.pop(path, None)

    def _add(
        self, storage: WorldStorage, ref: VolumeRef, size: int, actual: int, made_by: tuple[object, ...], backing: str
    ) -> WorldVolume:
        path = self.path_of(ref)
        found = storage.volumes.get(path)
        if found is not None:
            if found.made_by != made_by or found.ref != ref:
                raise Conflict(f"Volume {ref.volume_id} already exists with other properties.", entity=ref.volume_id)
            return found
        storage.check_space(actual)
        made = WorldVolume(ref=ref, path=path, size_bytes=size, actual_bytes=actual, made_by=made_by, backing=backing)
        storage.volumes[path] = made
        return made

    def _storage(self, storage_domain_id: str) -> WorldStorage:
        path = self._paths.get(storage_domain_id)
        if path is None:
            raise NotFound(
                f"Storage domain {storage_domain_id:.60} is not active on this host.",
                remedy="Activate it.",
                entity=storage_domain_id,
            )
        return self.world.storages[path]

    def _writable(self, volume: VolumeRef) -> WorldStorage:
        storage = self._storage(volume.storage_domain_id)
        storage.check(self.host.name, write=True)
        return storage

    def _volume(self, ref: VolumeRef) -> WorldVolume:
        found = self._storage(ref.storage_domain_id).volumes.get(self.path_of(ref))
        if found is None:
            raise NotFound(f"There is no volume {ref.volume_id} of image {ref.image_id}.", entity=ref.volume_id)
        if found.ref.format != ref.format:
            raise Conflict(f"Volume {ref.volume_id} is {found.ref.format}, not {ref.format}.", entity=ref.volume_id)
        return found

    def _facts_of(self, storage: WorldStorage) -> StorageFacts:
        problem = storage.problem(self.host.name)
        return StorageFacts(
            storage_domain_id=storage.storage_domain_id,
            available_bytes=0 if problem and not storage.read_only else storage.capacity_bytes - storage.used_bytes,
            used_bytes=storage.used_bytes,
            writable=not problem,
            problem=problem,
        )


def _facts(volume: WorldVolume) -> VolumeFacts:
    return VolumeFacts(volume=volume.ref, size_bytes=volume.size_bytes, actual_bytes=volume.actual_bytes)
