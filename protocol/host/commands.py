"""Commands on a host. How a host carries them out is in `protocol/node`."""

from __future__ import annotations

import attrs

from protocol.command import Add, Command, Remove, Update
from protocol.document import AT_ONCE, not_yet, parameter
from protocol.message import message


@message("command.host.add")
@attrs.frozen(kw_only=True)
class AddHost(Add):
    """Add a host to a cluster. It comes up once its node has enrolled with the one-time token from `enroltoken`."""


@message("command.host.update")
@attrs.frozen(kw_only=True)
class UpdateHost(Update):
    """Change a host. Its cluster can only change while the host is in maintenance."""


@message("command.host.remove")
@attrs.frozen(kw_only=True)
class RemoveHost(Remove):
    """Remove a host. Legal while it is in maintenance or has never been up, and nothing refers to it."""


@message("command.host.activate")
@attrs.frozen(kw_only=True)
class ActivateHost(Command):
    """Activate a host: it takes VMs again. Legal while it is in maintenance or moving there."""


@message("command.host.deactivate")
@attrs.frozen(kw_only=True)
class DeactivateHost(Command):
    """Move a host to maintenance: it takes no new VMs, and reaches maintenance once its VMs are shut down. Legal unless
    it is in maintenance."""

    reason: str = parameter("", AT_ONCE)
    force: bool = parameter(False, not_yet(False, instead="Shut its VMs down first."))


@message("command.host.approve")
@attrs.frozen(kw_only=True)
class ApproveHost(Command):
    """Not supported yet: a host enrols with its token and needs no approval."""


@message("command.host.fence")
@attrs.frozen(kw_only=True)
class FenceHost(Command):
    """Confirm that a host has been rebooted, so that its VMs count as down. The only `fence_type` is `manual`. Legal
    while the host is non responsive."""

    fence_type: str = parameter("manual", AT_ONCE)


@message("command.host.enrol_token")
@attrs.frozen(kw_only=True)
class IssueEnrolmentToken(Command):
    """Get a new one-time token for the host's node to enrol with; earlier tokens become invalid. Extension to oVirt's
    API."""
