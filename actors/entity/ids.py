"""Ids that are the same each time they are made: what a retried command or a repeated step makes is made once."""

from __future__ import annotations

import uuid
from typing import Final

_namespace: Final = uuid.UUID("6d0b4a2e-54cf-5a51-9f3e-0d6a3b1c7e21")


def derived_id(parent: str, what: str) -> str:
    """The id of `what` (a job, a NIC, a disk, ...) of the command, operation or object `parent`."""
    return str(uuid.uuid5(_namespace, f"{what} of {parent}"))


def job_id_of(command_id: str) -> str:
    """The id of the job that a command begins."""
    return derived_id(command_id, "job")


def object_id_of(command_id: str) -> str:
    """The id of the object that a command adds when it names none."""
    return derived_id(command_id, "object")
