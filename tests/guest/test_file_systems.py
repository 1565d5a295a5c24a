"""What is frozen and in which order, what happens when one cannot be, and a real ext4 on a loop device."""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
import subprocess
import threading
from collections.abc import Iterator

import pytest

from guest.file_systems import FREEZE, THAW, FileSystems, FreezeFailed
from guest.parsing import MountedFileSystem, freezable

MOUNTS = """\
21 1 254:1 / / rw,relatime - ext4 /dev/root rw
22 21 0:20 / /proc rw,nosuid - proc proc rw
23 21 0:5 / /dev rw - devtmpfs dev rw
24 21 0:21 / /run rw - tmpfs tmpfs rw
25 21 254:16 / /my\\040data rw,relatime shared:1 - xfs /dev/vdb rw
26 21 254:1 /home /bind rw - ext4 /dev/root rw
27 21 11:0 / /cd ro - iso9660 /dev/sr0 ro
28 25 7:0 / /my\\040data/loop rw - ext4 /dev/loop0 rw
29 21 0:44 /@ /vol rw - btrfs /dev/vdc rw,subvolid=256
30 21 0:44 /@home /vol/home rw - btrfs /dev/vdc rw,subvolid=257
31 21 254:32 / /archive ro,relatime - ext4 /dev/vdd rw
32 21 0:50 / /mnt rw - nfs4 server:/x rw
a broken line - x
33 21 none / /x rw - ext4 /dev/x rw
"""


def test_each_writable_file_system_of_a_disk_once_and_the_root_last() -> None:
    assert freezable(MOUNTS) == (
        MountedFileSystem(device=(254, 32), paths=("/archive",)),  # this mount is read-only, another may not be
        MountedFileSystem(device=(0, 44), paths=("/vol", "/vol/home")),
        MountedFileSystem(device=(7, 0), paths=("/my data/loop",)),  # before the one on which it lies
        MountedFileSystem(device=(254, 16), paths=("/my data",)),
        MountedFileSystem(device=(254, 1), paths=("/", "/bind")),
    )
    assert freezable("") == ()


class Kernel:
    """Answers the two ioctls as Linux does, for directories that stand for file systems; nothing is frozen in truth."""

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.frozen: list[str] = []
        self.errors: dict[tuple[int, str], int] = {}
        self.during = lambda path: None
        monkeypatch.setattr(fcntl, "ioctl", self.ioctl)

    def ioctl(self, directory: int, request: int, argument: int) -> int:
        path = pathlib.Path(os.readlink(f"/proc/self/fd/{directory}")).name
        error = self.errors.get((request, path), 0)
        if request == FREEZE:
            error = error or (errno.EBUSY if path in self.frozen else 0)
        else:
            error = error or (0 if path in self.frozen else errno.EINVAL)
        if error:
            raise OSError(error, os.strerror(error))
        if request == FREEZE:
            self.frozen.append(path)
        else:
            self.frozen.remove(path)
        self.during(path)
        return 0

    def mounts(self) -> str:
        """The root and two disks, as subvolumes: their files may have any device."""
        return "".join(
            f"{n} 1 0:{n} / {self.folder / name} rw - btrfs /dev/vd{name} rw\n" for n, name in enumerate("abc", 1)
        )

    @property
    def note(self) -> pathlib.Path:
        return self.folder / "frozen"

    def agent(self) -> FileSystems:
        return FileSystems(self.mounts, str(self.note))


@pytest.fixture
def kernel(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    for name in "abc":
        (tmp_path / name).mkdir()
    return Kernel(tmp_path, monkeypatch)


def test_freezing_and_thawing_twice_do_no_harm(kernel: Kernel) -> None:
    agent = kernel.agent()
    for _ in range(2):
        agent.prepare()
        agent.freeze()
        assert kernel.frozen == ["c", "b", "a"]
        assert len(agent.frozen) == 3
    assert kernel.note.exists()
    for _ in range(2):
        assert agent.thaw() == ""
        assert kernel.frozen == []
    assert not kernel.note.exists()


def test_one_that_cannot_be_frozen_thaws_the_others_and_is_named(kernel: Kernel) -> None:
    kernel.errors[FREEZE, "a"] = errno.EIO
    agent = kernel.agent()
    agent.prepare()
    with pytest.raises(FreezeFailed, match=r"/a cannot be frozen: Input/output error"):
        agent.freeze()
    assert kernel.frozen == []
    assert agent.frozen == ()


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.EBUSY])
def test_one_that_knows_no_freezing_or_that_others_froze_is_left_alone(kernel: Kernel, error: int) -> None:
    kernel.errors[FREEZE, "b"] = error
    kernel.errors[THAW, "b"] = errno.EIO
    agent = kernel.agent()
    agent.prepare()
    agent.freeze()
    assert kernel.frozen == ["c", "a"]
    assert agent.thaw() == ""


def test_one_that_cannot_be_thawed_holds_no_other_back_and_is_tried_again(kernel: Kernel) -> None:
    agent = kernel.agent()
    agent.prepare()
    agent.freeze()
    kernel.errors[THAW, "b"] = errno.EIO
    assert "/b cannot be thawed: Input/output error" in agent.thaw()
    assert kernel.frozen == ["b"]
    assert kernel.note.exists()
    del kernel.errors[THAW, "b"]
    assert agent.thaw() == ""
    assert kernel.frozen == []


def test_a_thaw_in_the_middle_ends_the_freeze(kernel: Kernel) -> None:
    """As the minute does when a disk hangs."""
    agent = kernel.agent()
    agent.prepare()
    kernel.during = lambda path: agent.thaw() if path == "c" and path in kernel.frozen else None
    with pytest.raises(FreezeFailed, match="took too long"):
        agent.freeze()
    assert kernel.frozen == []
    assert agent.frozen == ()


def test_what_a_killed_agent_left_frozen_is_thawed_by_the_next(kernel: Kernel) -> None:
    killed = kernel.agent()
    killed.prepare()
    killed.freeze()
    kernel.agent().thaw_leftovers()
    assert kernel.frozen == []
    assert not kernel.note.exists()
    kernel.agent().thaw_leftovers()


def test_a_directory_below_another_mount_is_not_taken_for_its_file_system(kernel: Kernel) -> None:
    hidden = f"1 1 254:77 / {kernel.folder / 'a'} rw - ext4 /dev/vda rw\n"
    agent = FileSystems(lambda: hidden, str(kernel.note))
    agent.prepare()
    with pytest.raises(FreezeFailed, match="none of its mount points can be opened"):
        agent.freeze()
    assert kernel.frozen == []


@pytest.fixture
def loop_mount(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """An ext4 of its own; it is thawed and unmounted in the end, whatever the test did."""
    if os.geteuid() != 0 or not os.path.exists("/dev/loop-control"):
        pytest.skip("needs root and loop devices")
    image, mount = tmp_path / "image", tmp_path / "ext4"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    try:
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine mounts no loop devices: {error}")
    yield mount
    directory = os.open(mount, os.O_RDONLY)
    try:
        fcntl.ioctl(directory, THAW, 0)
    except OSError:
        assert (mount / "after").write_text("thawed") == 6
    finally:
        os.close(directory)
        subprocess.run(["umount", str(mount)], check=True)


def test_a_real_file_system_stands_still_and_goes_on(loop_mount: pathlib.Path, tmp_path: pathlib.Path) -> None:
    def mounts() -> str:
        lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        return "\n".join(line for line in lines if line.split()[4] == str(loop_mount))

    written = threading.Event()

    def write() -> None:
        (loop_mount / "file").write_text("late")
        written.set()

    (loop_mount / "before").write_text("x")
    agent = FileSystems(mounts, str(tmp_path / "note"))
    agent.prepare()
    agent.freeze()
    assert agent.frozen == (str(loop_mount),)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert not written.wait(0.5), "the write hangs"
        agent.prepare()
        agent.freeze()
        assert (loop_mount / "before").read_text() == "x", "reading goes on"
    finally:
        problems = agent.thaw()
    writer.join(10)
    assert written.is_set()
    assert problems == ""
