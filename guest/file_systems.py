"""Freezes and thaws the machine's file systems. Blocking: a freeze waits until everything is written.

Source: ioctl_fsfreeze of the kernel (fs/ioctl.c), proc_pid_mountinfo(5). It writes nothing while a file system is frozen.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
import stat
from collections.abc import Callable
from typing import Final

from guest.parsing import MountedFileSystem, freezable

FREEZE: Final = 0xC0045877  # FIFREEZE
THAW: Final = 0xC0045878  # FITHAW
left_alone: Final = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EBUSY)
"""It cannot be frozen (vfat), or somebody else has frozen it and will thaw it."""


class FreezeFailed(Exception):
    """Nothing is frozen; the message says what could not be, and why."""


class FileSystems:
    """The file systems of this machine, and which of them are frozen by us.

    `note` is a file of a file system without a disk: it outlives an agent that is killed, and its successor thaws by it.
    `thaw` may come from another thread while `freeze` runs: the freeze then undoes itself and fails.
    """

    def __init__(
        self,
        mounts: Callable[[], str] = lambda: pathlib.Path("/proc/self/mountinfo").read_text(errors="surrogateescape"),
        note: str = "/run/corral-agent.frozen",
    ) -> None:
        self._mounts = mounts
        self._note = pathlib.Path(note)
        self._frozen: list[tuple[str, int]] = []  # path and open directory, in the order of freezing
        self._given_up = False

    @property
    def frozen(self) -> tuple[str, ...]:
        """Where those are mounted that are frozen by us."""
        return tuple(path for path, _ in self._frozen)

    def prepare(self) -> None:
        """A freeze is about to begin: a thaw from now on ends it."""
        self._given_up = False

    def freeze(self) -> None:
        """Freezes all that can be and is not frozen yet, the root last. Raises `FreezeFailed`."""
        wanted = freezable(self._mounts())
        self._write_note(wanted)
        for each in wanted:
            try:
                self._freeze_one(each)
            except OSError as error:
                self.thaw()
                raise FreezeFailed(f"{each.paths[0]} cannot be frozen: {error.strerror or error}") from error
            if self._given_up:
                self.thaw()
                raise FreezeFailed("the freeze took too long, so everything was thawed again")

    def thaw(self) -> str:
        """Thaws what is frozen by us, the root first; harmless when nothing is. Returns what could not be, and why."""
        self._given_up = True
        failed: list[tuple[str, int]] = []
        errors = []
        while self._frozen:
            path, directory = self._frozen.pop()
            try:
                _thaw(directory)
            except OSError as error:
                failed.append((path, directory))
                errors.append(f"{path} cannot be thawed: {error.strerror or error}")
            else:
                os.close(directory)
        self._frozen.extend(reversed(failed))
        if not errors:
            self._note.unlink(missing_ok=True)
        return "; ".join(errors)

    def thaw_leftovers(self) -> None:
        """Thaws what an agent before this one left frozen."""
        try:
            paths = self._note.read_text(errors="surrogateescape").split("\0")
        except OSError:
            paths = []  # nothing was left
        for path in paths:
            try:
                directory = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                continue  # it is mounted no more
            self._frozen.append((path, directory))
        self.thaw()

    def _freeze_one(self, one: MountedFileSystem) -> None:
        directory, path = _open(one)
        try:
            fcntl.ioctl(directory, FREEZE, 0)
        except OSError as error:
            os.close(directory)
            if error.errno not in left_alone:
                raise
            return
        self._frozen.append((path, directory))

    def _write_note(self, wanted: tuple[MountedFileSystem, ...]) -> None:
        """Before the first is frozen. A machine without /run has no such help."""
        if self._frozen or not self._note.parent.is_dir():
            return
        try:
            self._note.write_text("\0".join(each.paths[0] for each in wanted), errors="surrogateescape")
        except OSError as error:
            raise FreezeFailed(f"{self._note} cannot be written: {error.strerror or error}") from error


def _open(one: MountedFileSystem) -> tuple[int, str]:
    """A directory or file of it; one of its mount points may be hidden below another mount. Raises `OSError`."""
    for path in one.paths:
        try:
            opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError:
            continue
        found = os.fstat(opened)
        is_it = one.is_subvolume or (os.major(found.st_dev), os.minor(found.st_dev)) == one.device
        if is_it and (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
            return opened, path
        os.close(opened)
    raise OSError(errno.ENOENT, "none of its mount points can be opened")


def _thaw(directory: int) -> None:
    """What is not frozen any more is as it should be."""
    try:
        fcntl.ioctl(directory, THAW, 0)
    except OSError as error:
        if error.errno not in (errno.EINVAL, *left_alone):
            raise
