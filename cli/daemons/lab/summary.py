"""Writes and reads lab.json, what others rely on to find a running lab; it starts and stops nothing."""

import json
import os

import attrs

from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.process_notes import started_ticks


@attrs.frozen
class RealHostSummary:
    """One real host; ``node_pid`` is None while its node daemon does not run."""

    name: str
    libvirt_uri: str
    node_pid: int | None


@attrs.frozen
class NotServing:
    """A part of the lab that does not serve, and why."""

    name: str
    reason: str


@attrs.frozen
class Summary:
    """A lab that serves. ``pid`` takes SIGTERM; ``libvirt_uri`` and ``node_pid`` are the first real host's; ``hosts``
    counts simulated ones; ``shared_dir`` is a folder that all real hosts see under this path."""

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
    real_hosts: tuple[RealHostSummary, ...]
    shared_dir: str | None
    not_serving: tuple[NotServing, ...]


def write_summary(folder: LabFolder, summary: Summary) -> None:
    """Replaces the file whole, readable by its owner alone: it holds a password."""
    fresh = folder.summary.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(attrs.asdict(summary), file, indent=2)
        file.write("\n")
    fresh.replace(folder.summary)


def read_summary(folder: LabFolder) -> Summary:
    """What a lab that serves says of itself.

    Raises LabError when there is none.
    """
    try:
        fields = json.loads(folder.summary.read_text())
        hosts = tuple(RealHostSummary(**host) for host in fields.pop("real_hosts"))
        missing = tuple(NotServing(**part) for part in fields.pop("not_serving"))
        return Summary(**fields, real_hosts=hosts, not_serving=missing)
    except FileNotFoundError:
        raise LabError(f"no lab is running in {folder.path}; start one with ./dev lab --dir {folder.path}") from None
    except (ValueError, TypeError, KeyError) as broken:
        raise LabError(f"{folder.summary} cannot be read: {broken!r}") from None


def lab_pid(folder: LabFolder) -> int | None:
    """The process id of the lab that serves here, or None when there is none or it was killed."""
    try:
        pid = read_summary(folder).pid
    except LabError:
        return None
    return pid if started_ticks(pid) is not None else None


def forget_summary(folder: LabFolder) -> None:
    folder.summary.unlink(missing_ok=True)
