"""The storage contract on a real directory with the real qemu-img, and what only files can show."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from node.storage.directory import images
from node.storage.directory.storage import DirectoryStorage
from protocol.errors import BadInput, Busy, HostFailed, NotLegal
from protocol.node.domain import VolumeRef
from tests.node.storage.contract import DOMAIN, MIB, StorageContract, volume

HOST = "00000000-0000-4000-8000-000000000001"
OTHER_HOST = "00000000-0000-4000-8000-000000000002"

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-img")


class DirectoryHarness:
    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.root = tmp_path / "data"
        self.root.mkdir()
        self.path = str(self.root)
        self.missing_path = str(tmp_path / "none")
        self.storage = self.next_incarnation()

    def next_incarnation(self) -> DirectoryStorage:
        return DirectoryStorage(HOST)

    def image_file(self) -> str:
        path = self.tmp_path / "image.raw"
        if not path.exists():
            path.write_bytes(b"corral" * 200_000)
        return str(path)

    async def die_while_copying(self, source: VolumeRef, target: VolumeRef) -> None:
        """What a kill leaves: a half file under its working name, a record that was half written, one without file."""
        image = self.root / "images" / target.image_id
        image.mkdir()
        (image / f".making.{HOST}.{target.volume_id}").write_bytes(b"half")
        (image / f".writing.{HOST}.{target.volume_id}.meta").write_text("torn")
        record = (self.root / "images" / source.image_id / f"{source.volume_id}.meta").read_text()
        (image / f"{target.volume_id}.meta").write_text(record)
        (self.root / f".removing.{HOST}.{source.image_id}").mkdir()

    def vanish(self) -> None:
        self.root.rename(self.tmp_path / "away")
        self.root.mkdir()  # what a mount leaves behind

    def come_back(self) -> None:
        self.root.rmdir()
        (self.tmp_path / "away").rename(self.root)

    def is_copying(self) -> bool:
        """Whether a qemu-img that works in this directory is left."""
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        return any(line.startswith(b"qemu-img") and self.path.encode() in line for line in lines)

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - another process makes it true
            await trio.sleep(0.02)


def run(*command: str) -> None:
    subprocess.run(command, check=True)


@pytest.fixture
def harness(tmp_path: Path) -> DirectoryHarness:
    return DirectoryHarness(tmp_path)


class TestDirectoryStorage(StorageContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> DirectoryHarness:
        return DirectoryHarness(tmp_path)


async def test_a_child_names_its_parent_relatively_and_its_format_explicitly(harness: DirectoryHarness) -> None:
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    await harness.storage.create_volume(volume(1, volume_format="raw"), MIB)
    await harness.storage.create_volume(volume(2), MIB, backing=volume(1, volume_format="raw"))
    found = await images.info(Path(harness.storage.path_of(volume(2))), "qcow2")
    assert found["backing-filename"] == f"../{volume(1).image_id}/{volume(1).volume_id}"
    assert found["backing-filename-format"] == "raw"


async def test_a_copy_collapses_the_chain(harness: DirectoryHarness) -> None:
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    await harness.storage.import_volume(harness.image_file(), "raw", volume(1))
    await harness.storage.create_volume(volume(2), 2 * MIB, backing=volume(1))
    await harness.storage.copy_volume(volume(2), volume(3, volume_format="raw"))
    data = await trio.Path(harness.storage.path_of(volume(3, volume_format="raw"))).read_bytes()
    assert data[: 6 * 200_000] == b"corral" * 200_000
    assert len(data) == 2 * MIB


async def test_a_raw_image_that_looks_like_qcow2_stays_raw(harness: DirectoryHarness) -> None:
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    trap = harness.tmp_path / "trap"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", str(trap), "1M")
    size = trap.stat().st_size
    made = await harness.storage.import_volume(str(trap), "raw", volume(1, volume_format="raw"))
    assert made.size_bytes == (size + 511) // 512 * 512


async def test_a_qcow2_that_names_another_file_is_refused(harness: DirectoryHarness) -> None:
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    trap, data = harness.tmp_path / "trap", harness.tmp_path / "data-file"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", str(trap), "1M")
    with pytest.raises(BadInput, match="backing file"):
        await harness.storage.import_volume(str(trap), "qcow2", volume(1))
    trap.unlink()
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={data}", str(trap), "1M")
    with pytest.raises(BadInput, match="another file"):
        await harness.storage.import_volume(str(trap), "qcow2", volume(1))
    trap.write_bytes(b"QFI\xfb" + os.urandom(5_000))
    with pytest.raises(BadInput, match="not a valid"):
        await harness.storage.import_volume(str(trap), "qcow2", volume(1))
    assert harness.files() == {"domain.meta"}


async def test_an_import_that_is_cancelled_on_its_way_leaves_neither_file_nor_process(
    harness: DirectoryHarness,
) -> None:
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    before, written = harness.files(), list[int]()
    image = harness.tmp_path / "large.raw"
    image.write_bytes(os.urandom(32 * MIB))
    with trio.CancelScope() as scope:

        def half(percent: int) -> None:
            if percent >= 50:
                (making,) = harness.root.rglob(f".making.{HOST}.*")
                written.append(making.stat().st_size)
                scope.cancel()

        await harness.storage.import_volume(str(image), "raw", volume(1), progress=half)
    assert scope.cancelled_caught
    assert written[0] > 0, "qemu-img had begun to write"
    assert harness.files() == before
    assert not harness.is_copying()


async def test_another_hosts_unfinished_work_is_left_alone(harness: DirectoryHarness) -> None:
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    image = harness.root / "images" / volume(5).image_id
    image.mkdir()
    working = image / f".making.{OTHER_HOST}.{volume(5).volume_id}"
    working.write_bytes(b"at work")
    await harness.next_incarnation().connect_storage_domain(DOMAIN, harness.path)
    assert working.exists()


async def test_a_torn_record_hides_the_volume_and_a_repetition_makes_it_anew(harness: DirectoryHarness) -> None:
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    made = await harness.storage.create_volume(volume(1), MIB)
    record = trio.Path(harness.storage.path_of(volume(1)) + ".meta")
    await record.write_text((await record.read_text())[:-20])
    assert await harness.storage.list_images(DOMAIN) == ()
    assert await harness.storage.create_volume(volume(1), MIB) == made


async def test_a_damaged_domain_file_is_never_overwritten(harness: DirectoryHarness) -> None:
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    (harness.root / "domain.meta").write_text("garbage")
    with pytest.raises(HostFailed, match="damaged"):
        await harness.next_incarnation().connect_storage_domain(DOMAIN, harness.path, create=True)


async def test_a_directory_with_other_files_is_not_taken(harness: DirectoryHarness) -> None:
    (harness.root / "precious").write_text("photos")
    with pytest.raises(NotLegal, match="not empty"):
        await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a small file system")
async def test_a_full_file_system_refuses_with_a_remedy_and_leaves_nothing(tmp_path: Path) -> None:
    harness = DirectoryHarness(tmp_path)
    run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", harness.path)
    try:
        await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
        before = harness.files()
        with pytest.raises(HostFailed) as caught:
            await harness.storage.create_volume(volume(1, volume_format="raw"), 64 * MIB, preallocate=True)
        assert "Free space" in caught.value.refusal.remedy
        assert harness.files() == before
        run("mount", "-o", "remount,ro", harness.path)
        facts = await harness.next_incarnation().connect_storage_domain(DOMAIN, harness.path)
        assert "read-only" in facts.problem
        with pytest.raises(HostFailed) as caught:
            await harness.storage.create_volume(volume(2), MIB)
        assert "writable" in caught.value.refusal.remedy
    finally:
        run("umount", harness.path)


async def test_an_image_in_use_is_neither_removed_nor_resized(harness: DirectoryHarness) -> None:
    await harness.storage.connect_storage_domain(DOMAIN, harness.path, create=True)
    await harness.storage.create_volume(volume(1), MIB)
    path = harness.storage.path_of(volume(1))
    socket = harness.tmp_path / "nbd"
    command = ["qemu-nbd", "-f", "qcow2", "-k", str(socket), "-t", path]
    async with trio.open_nursery() as nursery:
        process = await nursery.start(partial(trio.run_process, command, check=False))
        await until(socket.exists)
        with pytest.raises(Busy, match="in use"):
            await harness.storage.remove_image(DOMAIN, volume(1).image_id)
        with pytest.raises(Busy, match="in use"):
            await harness.storage.resize_volume(volume(1), 2 * MIB)
        process.terminate()
    await harness.storage.remove_image(DOMAIN, volume(1).image_id)
