"""Connects a directory as a storage domain and checks its health. Blocking; call it in a thread.

It must not write into a directory that has lost its storage domain: an unmounted file system leaves an empty one
behind.
"""

from __future__ import annotations

import os
from pathlib import Path

from node.storage.directory import layout
from node.storage.directory.layout import Layout
from protocol.errors import Conflict, HostFailed, NotFound, NotLegal
from protocol.node.reports import StorageFacts


def connect(found: Layout, storage_domain_id: str, create: bool, in_work: frozenset[Path]) -> None:
    if not found.root.is_dir():
        raise HostFailed(
            f"There is no directory {found.root} on this host.", remedy="Create or mount it, then activate again."
        )
    fields = layout.read_document(found.domain_file)
    if fields is None:
        _check_may_create(found, storage_domain_id, create)
        layout.write_document(found.domain_file, found.host, {"storage_domain_id": storage_domain_id})
    elif fields.get("storage_domain_id") != storage_domain_id:
        raise Conflict(
            f"The directory {found.root} is storage domain {fields.get('storage_domain_id')}.",
            remedy="Choose another directory.",
        )
    if not os.access(found.root, os.W_OK) or _is_read_only(found.root):
        return
    for folder in (found.images, found.saved):
        folder.mkdir(exist_ok=True)
    layout.clean_up(found, in_work)


def _check_may_create(found: Layout, storage_domain_id: str, create: bool) -> None:
    if found.domain_file.exists():
        raise HostFailed(
            f"{found.domain_file} is damaged.", remedy="Restore it from a backup, or choose another directory."
        )
    if not create:
        raise NotFound(
            f"The directory {found.root} is not a storage domain.",
            remedy="Check the path, or create the storage domain there.",
            entity=storage_domain_id,
        )
    if any(not path.name.startswith(".writing.") and path.name != "lost+found" for path in found.root.iterdir()):
        raise NotLegal(f"The directory {found.root} is not empty.", remedy="Choose an empty directory.")


def _is_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def facts(found: Layout, storage_domain_id: str) -> StorageFacts:
    """Space and health: a directory that vanished, or is another one now, is a problem and not an error."""
    problem = ""
    available = used = 0
    try:
        space = os.statvfs(found.root)
        available = space.f_bavail * space.f_frsize
        used = (space.f_blocks - space.f_bfree) * space.f_frsize
        fields = layout.read_document(found.domain_file)
        if fields is None:
            problem = f"The directory {found.root} no longer holds its storage domain; it may not be mounted."
        elif fields.get("storage_domain_id") != storage_domain_id:
            problem = f"The directory {found.root} now holds another storage domain."
        elif space.f_flag & os.ST_RDONLY or not os.access(found.root, os.W_OK):
            problem = f"The directory {found.root} is read-only."
    except OSError as error:
        problem = f"The directory {found.root} cannot be reached: {error.strerror}."
    return StorageFacts(
        storage_domain_id=storage_domain_id,
        available_bytes=available,
        used_bytes=used,
        writable=not problem,
        problem=problem,
    )


def check_there(found: Layout) -> None:
    """A mount that went away leaves an empty directory behind: nothing may be written there."""
    if not found.domain_file.exists():
        raise HostFailed(f"The storage domain at {found.root} is gone.", remedy="Mount it again and activate it.")
