"""What may be asked about a host. It must not say how a host does it: those messages are the node's."""

from __future__ import annotations

import attrs

from protocol.command import Add, Command, Remove, Update
from protocol.document import AT_ONCE, not_yet, parameter
from protocol.message import message


@message("command.host.add")
@attrs.frozen(kw_only=True)
class AddHost(Add):
    """Announce a host to a cluster. It comes up when its node has enrolled, with the one-time token that `enroltoken`
    gives. Legal always."""


@message("command.host.update")
@attrs.frozen(kw_only=True)
class UpdateHost(Update):
    """Change a host. Legal always; its cluster only while it is in maintenance."""


@message("command.host.remove")
@attrs.frozen(kw_only=True)
class RemoveHost(Remove):
    """Remove a host. Legal while it is in maintenance, or never came up, and nothing refers to it."""


@message("command.host.activate")
@attrs.frozen(kw_only=True)
class ActivateHost(Command):
    """Let a host take VMs again. Legal while it is in maintenance, or on the way there."""


@message("command.host.deactivate")
@attrs.frozen(kw_only=True)
class DeactivateHost(Command):
    """Take a host to maintenance: it takes no new VM, and is there once its VMs were shut down. Legal unless it is
    there."""

    reason: str = parameter("", AT_ONCE)
    force: bool = parameter(False, not_yet(False, instead="Shut its VMs down first."))


@message("command.host.approve")
@attrs.frozen(kw_only=True)
class ApproveHost(Command):
    """Not supported yet: a host enrols with its token and needs no approval."""


@message("command.host.fence")
@attrs.frozen(kw_only=True)
class FenceHost(Command):
    """Confirm that a host was rebooted, so that its VMs count as down: `fence_type` *manual*. Legal while it is non
    responsive."""

    fence_type: str = parameter("manual", AT_ONCE)


@message("command.host.enrol_token")
@attrs.frozen(kw_only=True)
class IssueEnrolmentToken(Command):
    """Get a new one-time token with which the host's node enrols; older ones die. Legal always (extension)."""
