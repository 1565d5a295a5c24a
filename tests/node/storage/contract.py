"""What every storage keeps, told as stories; a harness makes the storage and its faults. Holds no test by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest
import trio

from node.storage.port import Storage
from protocol.errors import BadInput, Conflict, HostFailed, NotFound, NotLegal
from protocol.node.domain import VolumeRef

MIB = 1024**2
DOMAIN = "11111111-0000-4000-8000-000000000001"
OTHER = "22222222-0000-4000-8000-000000000002"


def volume(number: int, *, image: int = 0, volume_format: str = "qcow2", domain: str = DOMAIN) -> VolumeRef:
    return VolumeRef(
        storage_domain_id=domain,
        image_id=f"aaaaaaaa-0000-4000-8000-{image or number:012d}",
        volume_id=f"bbbbbbbb-0000-4000-8000-{number:012d}",
        format=volume_format,
    )


class Harness(Protocol):
    storage: Storage
    path: str  # an empty directory
    missing_path: str

    def next_incarnation(self) -> Storage:
        """The storage port of the daemon's next incarnation, nothing connected."""
        ...

    def image_file(self) -> str:
        """A raw image on the host, to import."""
        ...

    async def die_while_copying(self, source: VolumeRef, target: VolumeRef) -> None:
        """The daemon is killed in the middle of a copy."""
        ...

    def files(self) -> set[str]:
        """Whatever lies in the directory, whole or half made."""
        ...

    def is_copying(self) -> bool:
        """Whether anything still writes there."""
        ...

    def vanish(self) -> None: ...

    def come_back(self) -> None: ...


class StorageContract:
    """Subclasses give the fixture `harness`."""

    async def test_a_directory_becomes_a_storage_domain_once(self, harness: Harness) -> None:
        storage = harness.storage
        with pytest.raises(NotFound):
            await storage.connect_storage_domain(DOMAIN, harness.path)
        facts = await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        assert facts.writable
        assert facts.available_bytes > 0
        assert await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        with pytest.raises(Conflict):
            await storage.connect_storage_domain(OTHER, harness.path, create=True)

    async def test_a_missing_directory_is_refused_with_a_remedy(self, harness: Harness) -> None:
        with pytest.raises(HostFailed) as caught:
            await harness.storage.connect_storage_domain(DOMAIN, harness.missing_path, create=True)
        assert caught.value.refusal.remedy

    async def test_nothing_works_before_the_domain_is_connected(self, harness: Harness) -> None:
        with pytest.raises(NotFound):
            await harness.storage.create_volume(volume(1), MIB)
        with pytest.raises(NotFound):
            harness.storage.path_of(volume(1))
        with pytest.raises(NotFound):
            await harness.storage.list_images(DOMAIN)

    @pytest.mark.parametrize("volume_format", ["raw", "qcow2"])
    @pytest.mark.parametrize("preallocate", [False, True])
    async def test_a_volume_is_made_once(self, harness: Harness, volume_format: str, preallocate: bool) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        wanted = volume(1, volume_format=volume_format)
        made = await storage.create_volume(wanted, 64 * MIB, preallocate=preallocate)
        assert made.volume == wanted
        assert made.size_bytes == 64 * MIB
        assert (made.actual_bytes >= 64 * MIB) == preallocate
        assert await storage.create_volume(wanted, 64 * MIB, preallocate=preallocate) == made
        with pytest.raises(Conflict):
            await storage.create_volume(wanted, 65 * MIB, preallocate=preallocate)
        assert await storage.list_images(DOMAIN) == (made,)

    async def test_ids_that_are_not_uuids_never_reach_a_path(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        hostile = VolumeRef(storage_domain_id=DOMAIN, image_id="../../etc", volume_id="passwd", format="raw")
        calls: tuple[Callable[[], object], ...] = (
            lambda: storage.path_of(hostile),
            lambda: storage.saved_state_path(DOMAIN, "../x"),
        )
        for call in calls:
            with pytest.raises(BadInput):
                call()
        with pytest.raises(BadInput):
            await storage.create_volume(hostile, MIB)
        with pytest.raises(BadInput):
            await storage.remove_image(DOMAIN, "..")
        with pytest.raises(BadInput):
            await storage.create_volume(volume(1, volume_format="vmdk"), MIB)

    async def test_a_thin_child_keeps_its_parent_alive(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        await storage.create_volume(volume(1), 64 * MIB)
        with pytest.raises(BadInput):
            await storage.create_volume(volume(2), 32 * MIB, backing=volume(1))
        child = await storage.create_volume(volume(2), 64 * MIB, backing=volume(1))
        assert await storage.create_volume(volume(2), 64 * MIB, backing=volume(1)) == child
        with pytest.raises(Conflict):
            await storage.remove_image(DOMAIN, volume(1).image_id)
        await storage.remove_image(DOMAIN, volume(2).image_id)
        await storage.remove_image(DOMAIN, volume(1).image_id)
        assert await storage.list_images(DOMAIN) == ()

    async def test_a_child_needs_its_parent_and_qcow2(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        with pytest.raises(NotFound):
            await storage.create_volume(volume(2), 64 * MIB, backing=volume(1))
        await storage.create_volume(volume(1), 64 * MIB)
        with pytest.raises(BadInput):
            await storage.create_volume(volume(2, volume_format="raw"), 64 * MIB, backing=volume(1))

    async def test_a_copy_tells_its_progress_and_may_be_repeated(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        await storage.create_volume(volume(1), 64 * MIB)
        percents: list[int] = []
        target = volume(2, volume_format="raw")
        made = await storage.copy_volume(volume(1), target, progress=percents.append)
        assert percents == sorted(set(percents))
        assert percents[-1] == 100
        assert made.size_bytes == 64 * MIB
        assert await storage.copy_volume(volume(1), target) == made
        with pytest.raises(NotFound):
            await storage.copy_volume(volume(7), volume(8))

    async def test_an_image_file_is_imported(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        made = await storage.import_volume(harness.image_file(), "raw", volume(1))
        assert made.size_bytes > 0
        assert await storage.import_volume(harness.image_file(), "raw", volume(1)) == made
        with pytest.raises(BadInput):
            await storage.import_volume(harness.image_file(), "vmdk", volume(2))

    async def test_a_volume_grows_and_never_shrinks(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        await storage.create_volume(volume(1), 64 * MIB)
        grown = await storage.resize_volume(volume(1), 128 * MIB)
        assert grown.size_bytes == 128 * MIB
        assert (await storage.resize_volume(volume(1), 128 * MIB)).size_bytes == 128 * MIB
        with pytest.raises(NotLegal):
            await storage.resize_volume(volume(1), 64 * MIB)
        with pytest.raises(NotFound):
            await storage.resize_volume(volume(2), 64 * MIB)

    async def test_an_image_is_removed_with_all_its_volumes_and_twice(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        await storage.create_volume(volume(1, image=9), MIB)
        await storage.create_volume(volume(2, image=9), MIB, backing=volume(1, image=9))
        await storage.create_volume(volume(3), MIB)
        await storage.remove_image(DOMAIN, volume(1, image=9).image_id)
        await storage.remove_image(DOMAIN, volume(1, image=9).image_id)
        assert [facts.volume for facts in await storage.list_images(DOMAIN)] == [volume(3)]
        with pytest.raises(NotFound):
            await storage.volume_facts(volume(1, image=9))

    async def test_a_format_other_than_the_volumes_is_refused(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        await storage.create_volume(volume(1, volume_format="raw"), MIB)
        with pytest.raises(Conflict):
            await storage.volume_facts(volume(1, volume_format="qcow2"))

    async def test_volumes_outlive_the_daemon(self, harness: Harness) -> None:
        await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        made = await harness.storage.create_volume(volume(1), 64 * MIB)
        later = harness.next_incarnation()
        await later.connect_storage_domain(DOMAIN, harness.path)
        assert await later.list_images(DOMAIN) == (made,)
        assert later.path_of(volume(1)) == harness.storage.path_of(volume(1))

    async def test_a_copy_cut_short_leaves_nothing_and_may_be_repeated(self, harness: Harness) -> None:
        await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        source = await harness.storage.create_volume(volume(1), 64 * MIB, preallocate=True)
        await harness.die_while_copying(volume(1), volume(2))
        later = harness.next_incarnation()
        await later.connect_storage_domain(DOMAIN, harness.path)
        assert await later.list_images(DOMAIN) == (source,)
        await later.copy_volume(volume(1), volume(2))
        assert [facts.volume for facts in await later.list_images(DOMAIN)] == [volume(1), volume(2)]

    async def test_a_copy_that_is_cancelled_leaves_nothing_and_may_be_repeated(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        source = await storage.create_volume(volume(1), 64 * MIB, preallocate=True)
        before = harness.files()
        with trio.CancelScope() as scope:
            await storage.copy_volume(volume(1), volume(2), progress=lambda _: scope.cancel())
        assert scope.cancelled_caught
        assert harness.files() == before
        assert await storage.list_images(DOMAIN) == (source,)
        assert not harness.is_copying()
        await storage.copy_volume(volume(1), volume(2))
        assert [facts.volume for facts in await storage.list_images(DOMAIN)] == [volume(1), volume(2)]

    async def test_a_directory_that_vanished_is_a_problem_told(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        await storage.create_volume(volume(1), MIB)
        harness.vanish()
        facts = await storage.facts(DOMAIN)
        assert not facts.writable
        assert facts.problem
        with pytest.raises(HostFailed) as caught:
            await storage.create_volume(volume(2), MIB)
        assert caught.value.refusal.remedy
        with pytest.raises(HostFailed):
            await storage.list_images(DOMAIN)
        harness.come_back()
        assert (await storage.facts(DOMAIN)).writable
        assert len(await storage.list_images(DOMAIN)) == 1

    async def test_a_saved_state_has_a_place_and_its_removal_may_be_repeated(self, harness: Harness) -> None:
        storage = harness.storage
        await storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        vm_id = "cccccccc-0000-4000-8000-000000000001"
        assert storage.saved_state_path(DOMAIN, vm_id).endswith(vm_id)
        await storage.remove_saved_state(DOMAIN, vm_id)
        await storage.remove_saved_state(DOMAIN, vm_id)
