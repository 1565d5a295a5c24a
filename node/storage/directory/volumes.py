"""Operations on the volumes of one storage domain other than qemu-img's. Blocking; call it in a thread."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from node.storage.directory import health, images, layout
from node.storage.directory.layout import Layout, VolumeRecord
from protocol.errors import Busy, Conflict
from protocol.node.domain import VolumeRef
from protocol.node.reports import VolumeFacts


def prepare(found: Layout, ref: VolumeRef) -> None:
    health.check_there(found)
    found.image(ref.image_id).mkdir(exist_ok=True)
    layout.sync_directory(found.images)
    found.making(ref).unlink(missing_ok=True)


def abandon(found: Layout, ref: VolumeRef) -> None:
    with contextlib.suppress(OSError):
        found.making(ref).unlink(missing_ok=True)
        if not found.volume(ref).exists():
            found.record(ref).unlink(missing_ok=True)
        found.image(ref.image_id).rmdir()  # only an empty one goes


def volume_facts(found: Layout, record: VolumeRecord) -> VolumeFacts:
    actual = os.stat(found.volume(record.ref)).st_blocks * 512
    return VolumeFacts(volume=record.ref, size_bytes=record.size_bytes, actual_bytes=actual)


def list_volumes(found: Layout) -> tuple[VolumeFacts, ...]:
    health.check_there(found)
    return tuple(volume_facts(found, record) for record in layout.records(found))


def remove_image(found: Layout, image_id: str) -> None:
    health.check_there(found)
    for record in layout.records(found):
        if record.image_id != image_id and record.backing_image_id == image_id:
            raise Conflict(f"Volume {record.volume_id} depends on image {image_id}.", entity=image_id)
    for path in _volumes_of(found, image_id):
        if images.is_in_use(path):
            raise Busy(f"Image {image_id} is in use by a running VM.", remedy="Stop the VM first.", entity=image_id)
    layout.remove_image(found, image_id)


def _volumes_of(found: Layout, image_id: str) -> Iterator[Path]:
    folder = found.image(image_id)
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if not path.name.startswith(".") and path.suffix != ".meta")
