"""Runs qemu-img, always with explicit formats and limits on memory and CPU time.

An image from outside is hostile: its header may point to any file of the host or make a parser grow without bound.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import trio

from node.storage.port import Progress
from protocol.errors import BadInput, Busy, HostFailed

_address_space_bytes = 4 * 1024**3
_info_cpu_seconds = 30
_info_timeout_seconds = 60
_output_characters_max = 400
_percent = re.compile(rb"\(\s*([0-9.]+)/100%\)")
_open_file_lock_query = 36  # F_OFD_GETLK
_remedies = (
    ("no space left on device", "Free space on the storage domain or extend it."),
    ("disk quota exceeded", "Free space on the storage domain or extend it."),
    ("read-only file system", "Mount the storage domain writable."),
    ("no such file or directory", "Check that the storage domain is mounted and the file exists."),
    ("permission denied", "The node daemon must be able to read and write the file."),
    ("input/output error", "The storage is failing: check its device and network."),
)


def remedy_for(text: str) -> str:
    """What may help, from words of qemu-img's or of the system."""
    lower = text.lower()
    return next(
        (remedy for complaint, remedy in _remedies if complaint in lower), "Check the storage domain on this host."
    )


async def create(
    path: Path, volume_format: str, size_bytes: int, *, preallocate: bool, backing: str = "", backing_format: str = ""
) -> None:
    """Makes a new image. `backing` is relative to the image's own directory."""
    command = ["create", "-q", "-f", volume_format]
    options = []
    if preallocate:
        options.append("preallocation=falloc")
    if backing:
        command += ["-b", backing, "-F", backing_format, "-u"]
    if options:
        command += ["-o", ",".join(options)]
    await _run([*command, str(path), str(size_bytes)], doing="create the volume")


async def convert(
    source: Path, source_format: str, target: Path, target_format: str, progress: Progress | None
) -> None:
    """Copies an image with its chain collapsed; tells whole percents."""
    command = ["convert", "-p", "-f", source_format, "-O", target_format, "-W", str(source), str(target)]
    complaint = bytearray()
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(_process, command)
        nursery.start_soon(_listen, process.stderr, complaint)
        last = -1
        async for chunk in _chunks(process.stdout):
            for found in _percent.findall(chunk):
                percent = min(int(float(found)), 100)
                if percent > last and progress is not None:
                    progress(percent)
                last = max(last, percent)
    if process.returncode != 0:
        raise _failure("copy the volume", bytes(complaint))


async def resize(path: Path, volume_format: str, size_bytes: int) -> None:
    await _run(["resize", "-q", "-f", volume_format, str(path), str(size_bytes)], doing="resize the volume")


async def info(path: Path, image_format: str) -> dict[str, Any]:
    """What the header says; the file is read without its lock, since a running QEMU may hold it."""
    limited = ["prlimit", f"--as={_address_space_bytes}", f"--cpu={_info_cpu_seconds}"]
    command = ["info", "-U", "-f", image_format, "--output=json", str(path)]
    with trio.move_on_after(_info_timeout_seconds):
        output = await _run(command, doing="read the image", before=limited)
        found = json.loads(output)
        return found if isinstance(found, dict) else {}
    raise HostFailed(f"Reading the image took more than {_info_timeout_seconds} s.", remedy="Check the storage.")


async def refuse_references(path: Path, image_format: str) -> None:
    """Raises `BadInput` for an image that would make QEMU open another file."""
    if image_format != "qcow2":
        return
    try:
        found = await info(path, image_format)
    except HostFailed as error:
        raise BadInput(f"The image is not a valid {image_format} image: {error}", field="source_path") from None
    specific = found.get("format-specific", {}).get("data", {})
    if found.get("backing-filename") or found.get("full-backing-filename"):
        raise BadInput("The image has a backing file.", remedy="Convert it to a stand-alone image first.")
    if specific.get("data-file"):
        raise BadInput("The image keeps its data in another file.", remedy="Convert it to a stand-alone image first.")


def is_in_use(path: Path) -> bool:
    """Whether a QEMU (or qemu-img) holds its lock on an image. Blocking."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # QEMU marks what it does to an image by locks on the bytes from 100 and 200.
        query = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 100, 200, 0)
        answer = fcntl.fcntl(descriptor, _open_file_lock_query, query)
        return bool(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        os.close(descriptor)


async def _run(arguments: Sequence[str], *, doing: str, before: Sequence[str] = ()) -> bytes:
    try:
        ended = await trio.run_process(
            [*before, "qemu-img", *arguments], capture_stdout=True, capture_stderr=True, check=False
        )
    except OSError as error:
        raise HostFailed(f"qemu-img cannot be run: {error.strerror}.", remedy="Install qemu-utils.") from None
    if ended.returncode != 0:
        raise _failure(doing, ended.stderr)
    return ended.stdout


async def _chunks(stream: trio.abc.ReceiveStream | None) -> AsyncIterator[bytes]:
    assert stream is not None
    async for chunk in stream:
        yield bytes(chunk)


async def _listen(stream: trio.abc.ReceiveStream | None, complaint: bytearray) -> None:
    async for chunk in _chunks(stream):
        complaint += chunk
        del complaint[: -_output_characters_max * 4]


async def _process(command: Sequence[str], task_status: trio.TaskStatus[trio.Process]) -> None:
    await trio.run_process(
        ["qemu-img", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        task_status=task_status,
    )


def _failure(doing: str, complaint: bytes) -> Busy | HostFailed:
    text = complaint.decode(errors="replace").strip().replace("qemu-img: ", "")[:_output_characters_max]
    if "lock" in text and "another process" in text:
        return Busy("The volume is in use by a running VM.", remedy="Stop the VM first.")
    return HostFailed(f"qemu-img could not {doing}: {text}", remedy=remedy_for(text))
