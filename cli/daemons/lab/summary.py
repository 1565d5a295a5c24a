"""Writes and reads lab.json, what others rely on to find a running lab; it starts and stops nothing."""

import json
import os
from typing import Any

import attrs

from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.process_notes import started_ticks


@attrs.frozen
class Summary:
    """A lab that serves. ``pid`` takes SIGTERM; ``node_pid`` is the real host's; ``hosts`` counts simulated ones."""

    url: str
    ws_url: str
    user: str
    password: str
    ca_file: str
    pid: int
    live_url: str
    libvirt_uri: str | None
    engine_pid: int | None
    node_pid: int | None
    postgres_pid: int | None
    real_host: bool
    hosts: int


def write_summary(folder: LabFolder, summary: Summary) -> None:
    """Replaces the file whole, readable by its owner alone: it holds a password."""
    fresh = folder.summary.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(attrs.asdict(summary), file, indent=2)
        file.write("\n")
    fresh.replace(folder.summary)


def read_summary(folder: LabFolder) -> dict[str, Any]:
    """The fields of a lab that serves.

    Raises LabError when there is none.
    """
    try:
        fields = json.loads(folder.summary.read_text())
    except FileNotFoundError:
        raise LabError(f"no lab serves in {folder.path}; start one with ./dev lab --dir {folder.path}") from None
    except ValueError as broken:
        raise LabError(f"{folder.summary} cannot be read: {broken}") from None
    return dict(fields)


def lab_pid(folder: LabFolder) -> int | None:
    """The process id of the lab that serves here, or None when there is none or it was killed."""
    try:
        pid = int(read_summary(folder)["pid"])
    except (LabError, KeyError, ValueError):
        return None
    return pid if started_ticks(pid) is not None else None


def forget_summary(folder: LabFolder) -> None:
    folder.summary.unlink(missing_ok=True)
