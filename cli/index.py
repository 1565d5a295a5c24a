"""Every noun, attribute and action of the registry without importing it, from a cache in the user's cache directory.

It must not import attrs, cattrs or the registry unless the cache is missing or older than the protocol.
"""

from __future__ import annotations

import functools
import json
import os
from typing import Any

import protocol

Noun = dict[str, Any]
Entry = dict[str, Any]

_FOLDERS = ("", "vm", "host", "storage", "template", "network", "inventory", "access", "activity")


@functools.lru_cache(maxsize=1)
def nouns() -> dict[str, Noun]:
    """Every noun by its name (`vm`, `datacenter`, `nic`), from the cache when it is fresh."""
    fingerprint = _fingerprint()
    path = os.path.join(cache_folder(), "registry.json")
    kept = _read(path)
    if kept is None or kept.get("fingerprint") != fingerprint:
        from cli import index_build

        kept = {"fingerprint": fingerprint, **index_build.build()}
        _write(path, kept)
    found: dict[str, Noun] = kept["nouns"]
    return found


def find(word: str) -> Noun | None:
    """The noun that `word` names: singular or plural, with or without `-` and `_`; None when there is none."""
    wanted = squeeze(word)
    known = nouns()
    if wanted in known:
        return known[wanted]
    return next((noun for noun in known.values() if squeeze(noun["plural"]) == wanted or noun["rel"] == wanted), None)


def by_kind(kind: str) -> Noun | None:
    """The noun of a journal kind or of a type name (`Vm`, `data_center`)."""
    return nouns().get(squeeze(kind))


def squeeze(word: str) -> str:
    """A word as nouns are named: lower case without separators."""
    return word.lower().replace("_", "").replace("-", "")


def nested(entry: Entry) -> list[Entry]:
    """The attributes inside an attribute or a parameter; empty for a plain one."""
    if "of" in entry:
        found: list[Entry] = nouns()[entry["of"]]["attributes"]
        return found
    inner: list[Entry] = entry.get("sub", [])
    return inner


def cache_folder() -> str:
    """Where derived files go: they may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("CORRAL_CACHE_DIR") or os.path.join(base, "corral")


def _fingerprint() -> list[list[Any]]:
    found = []
    root = os.path.dirname(protocol.__file__ or "")
    for folder in _FOLDERS:
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    found.append([f"{folder}/{entry.name}", status.st_mtime_ns, status.st_size])
    builder = os.stat(os.path.join(os.path.dirname(__file__), "index_build.py"))
    return [*sorted(found), ["builder", builder.st_mtime_ns, builder.st_size], ["root", 0, len(root)], [root, 0, 0]]


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            kept = json.load(file)
    except (OSError, ValueError):
        return None
    return kept if isinstance(kept, dict) else None


def _write(path: str, kept: dict[str, Any]) -> None:
    """Replaces the cache; a folder that cannot be written costs time, nothing else."""
    fresh = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(kept, file, separators=(",", ":"))
        os.replace(fresh, path)
    except OSError:
        return
