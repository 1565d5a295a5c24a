"""Commands on entities without behaviour: data centers, clusters, networks, vNIC profiles, users, events, jobs.

One add, update and remove serve them all; the `kind` names the resource of the registry. It must not know any kind.
"""

from __future__ import annotations

import attrs

from protocol.commands.base import Add, Remove, Update
from protocol.message import message


@message("command.catalogue.add")
@attrs.frozen(kw_only=True)
class AddEntity(Add):
    """Legal when the parent exists and the name is free."""

    kind: str


@message("command.catalogue.update")
@attrs.frozen(kw_only=True)
class UpdateEntity(Update):
    """Legal when the object exists and the new name is free."""

    kind: str


@message("command.catalogue.remove")
@attrs.frozen(kw_only=True)
class RemoveEntity(Remove):
    """Legal when nothing refers to the object."""

    kind: str


@message("command.event.add")
@attrs.frozen(kw_only=True)
class AddEvent(Add):
    """Legal always: an event of an external system."""
