"""Where things lie in a directory that is a storage domain, and the small checksummed files beside the volumes.

Blocking; call it in a thread.

    <directory>/domain.meta                        which storage domain this is
    <directory>/images/<image>/<volume>            a whole volume
    <directory>/images/<image>/<volume>.meta       what it is and which step made it
    <directory>/images/<image>/.making.<host>.<volume>   being made by a host; a leftover when that host does not
    <directory>/.removing.<host>.<image>           being deleted by a host
    <directory>/saved/<vm>                         memory of a suspended VM
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import attrs

from protocol.node.domain import VolumeRef

_format_version = 1


@attrs.frozen(kw_only=True)
class VolumeRecord:
    """The metadata of a volume. `made_by` describes the step that made it, so that its repetition is recognised."""

    storage_domain_id: str
    image_id: str
    volume_id: str
    format: str
    size_bytes: int
    made_by: str
    host: str
    backing_image_id: str = ""
    backing_volume_id: str = ""

    @property
    def ref(self) -> VolumeRef:
        return VolumeRef(
            storage_domain_id=self.storage_domain_id,
            image_id=self.image_id,
            volume_id=self.volume_id,
            format=self.format,
        )


@attrs.frozen
class Layout:
    """The paths of one storage domain. `host` is in the names of everything unfinished: who may clean it up."""

    root: Path
    host: str

    @property
    def domain_file(self) -> Path:
        return self.root / "domain.meta"

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def saved(self) -> Path:
        return self.root / "saved"

    def image(self, image_id: str) -> Path:
        return self.images / image_id

    def volume(self, ref: VolumeRef) -> Path:
        return self.images / ref.image_id / ref.volume_id

    def record(self, ref: VolumeRef) -> Path:
        return self.images / ref.image_id / f"{ref.volume_id}.meta"

    def making(self, ref: VolumeRef) -> Path:
        return self.images / ref.image_id / f".making.{self.host}.{ref.volume_id}"

    def removing(self, image_id: str) -> Path:
        return self.root / f".removing.{self.host}.{image_id}"


# --- checksummed files --------------------------------------------------------------------------------------------


def write_document(path: Path, host: str, fields: dict[str, Any]) -> None:
    """Writes a document so that a crash leaves the old one or the new one, never a torn one."""
    body = json.dumps({"version": _format_version, **fields}, sort_keys=True)
    temporary = path.with_name(f".writing.{host}.{path.name}")
    with open(temporary, "w") as file:
        file.write(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_directory(path.parent)


def read_document(path: Path) -> dict[str, Any] | None:
    """The fields of a document; None when it is absent, torn or of a later format."""
    try:
        checksum, _, body = path.read_text().partition("\n")
        body = body.rstrip("\n")
        if hashlib.sha256(body.encode()).hexdigest() != checksum:
            return None
        fields = json.loads(body)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not isinstance(fields, dict) or fields.pop("version", None) != _format_version:
        return None
    return fields


def read_record(layout: Layout, ref: VolumeRef) -> VolumeRecord | None:
    """The record of a volume that is there whole; None otherwise."""
    fields = read_document(layout.record(ref))
    if fields is None or not layout.volume(ref).is_file():
        return None
    try:
        return VolumeRecord(**fields)
    except TypeError:
        return None


def write_record(layout: Layout, record: VolumeRecord) -> None:
    write_document(layout.record(record.ref), layout.host, attrs.asdict(record))


def records(layout: Layout) -> Iterator[VolumeRecord]:
    """Every whole volume, in a stable order."""
    for image in sorted(_entries(layout.images)):
        for path in sorted(_entries(image)):
            if path.suffix == ".meta" and not path.name.startswith("."):
                ref = VolumeRef(storage_domain_id="", image_id=image.name, volume_id=path.stem, format="")
                if (found := read_record(layout, ref)) is not None:
                    yield found


# --- making and removing ------------------------------------------------------------------------------------------


def publish(layout: Layout, record: VolumeRecord) -> None:
    """Gives a finished file its name. The record goes first: the volume's own name is what makes it exist."""
    making = layout.making(record.ref)
    descriptor = os.open(making, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    write_record(layout, record)
    os.rename(making, layout.volume(record.ref))
    sync_directory(layout.image(record.image_id))


def remove_image(layout: Layout, image_id: str) -> None:
    """Takes an image out of sight at one stroke, then deletes it."""
    away = layout.removing(image_id)
    if away.exists():  # a removal that a crash interrupted
        shutil.rmtree(away)
    try:
        os.rename(layout.image(image_id), away)
    except FileNotFoundError:
        return
    sync_directory(layout.images)
    shutil.rmtree(away)


def clean_up(layout: Layout, in_work: Collection[Path]) -> None:
    """Removes what an earlier incarnation of this daemon left unfinished; other hosts' and our own running work stays."""
    for path in _entries(layout.root):
        if path.name.startswith(f".removing.{layout.host}.") and path not in in_work:
            shutil.rmtree(path, ignore_errors=True)
    _remove_if_ours(layout, layout.root, in_work)
    for image in _entries(layout.images):
        _remove_if_ours(layout, image, in_work)
        making = {path.name.rpartition(".")[2] for path in _entries(image) if path.name.startswith(".making.")}
        for path in _entries(image):
            if path.suffix != ".meta" or path.name.startswith(".") or path.stem in making or path in in_work:
                continue
            fields = read_document(path)
            if not path.with_suffix("").exists() and fields is not None and fields.get("host") == layout.host:
                path.unlink(missing_ok=True)  # the crash came between the record and the volume's name
        with contextlib.suppress(OSError):
            os.rmdir(image)  # only an empty one goes


def _remove_if_ours(layout: Layout, folder: Path, in_work: Collection[Path]) -> None:
    ours = (f".making.{layout.host}.", f".writing.{layout.host}.")
    for path in _entries(folder):
        if path.name.startswith(ours) and path not in in_work:
            path.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Makes renames in a directory outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
