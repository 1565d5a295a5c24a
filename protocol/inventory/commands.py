"""Commands on entities without behaviour: data centers, clusters, networks, vNIC profiles, users, events, jobs.

One add, update and remove serve them all; the `kind` names the resource of the registry. It must not know any kind.
"""

from __future__ import annotations

import attrs

from protocol.command import Add, Remove, Update
from protocol.message import message


@message("command.inventory.add")
@attrs.frozen(kw_only=True)
class AddEntity(Add):
    """Add an object. Legal when what it lies in exists and its name is free."""

    kind: str


@message("command.inventory.update")
@attrs.frozen(kw_only=True)
class UpdateEntity(Update):
    """Change an object. Legal when its new name is free."""

    kind: str


@message("command.inventory.remove")
@attrs.frozen(kw_only=True)
class RemoveEntity(Remove):
    """Remove an object. Legal when nothing refers to it."""

    kind: str


@message("command.event.add")
@attrs.frozen(kw_only=True)
class AddEvent(Add):
    """Write an event of an external system into the audit trail. Legal always."""
