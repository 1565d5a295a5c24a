"""Simulated storage: volumes with their writers, as they really are."""

from __future__ import annotations

import attrs

from protocol.errors import HostFailed
from protocol.node.domain import VolumeRef


@attrs.define(eq=False, kw_only=True)
class WorldVolume:
    """One whole volume. `made_by` tells apart a repeated step from another one that wants the same name."""

    ref: VolumeRef
    path: str
    size_bytes: int
    actual_bytes: int
    made_by: tuple[object, ...]
    backing: str = ""  # path of the volume below
    writers: set[int] = attrs.field(factory=set)  # pids of QEMUs


class WorldStorage:
    """A directory that hosts may share. `read_only`, `vanished` and `cut_off` make it sick."""

    def __init__(self, path: str, capacity_bytes: int) -> None:
        self.path = path
        self.capacity_bytes = capacity_bytes
        self.storage_domain_id = ""  # empty: a directory that is no storage domain yet
        self.volumes: dict[str, WorldVolume] = {}  # by path
        self.half_made: dict[str, str] = {}  # path -> host that was making it
        self.read_only = False
        self.vanished = False
        self.cut_off: set[str] = set()  # hosts that cannot reach it

    @property
    def used_bytes(self) -> int:
        return sum(volume.actual_bytes for volume in self.volumes.values())

    def problem(self, host: str) -> str:
        """Why a host cannot write here, or nothing."""
        if self.vanished or host in self.cut_off:
            return f"The directory {self.path} cannot be reached from host {host}."
        if self.read_only:
            return f"The directory {self.path} is read-only."
        return ""

    def check(self, host: str, *, write: bool) -> None:
        """Raises `HostFailed` when the host cannot read (or write) here."""
        problem = self.problem(host)
        if problem and (write or not self.read_only):
            raise HostFailed(problem, remedy="Mount it again with the right options, then activate the storage domain.")

    def check_space(self, bytes_wanted: int) -> None:
        if self.used_bytes + bytes_wanted > self.capacity_bytes:
            raise HostFailed(
                f"The storage at {self.path} is full: it has no room for {bytes_wanted} bytes.",
                remedy="Remove disks or extend the storage domain.",
            )
