"""What may be asked about a host. It must not say how a host does it: those messages are the node's."""

from __future__ import annotations

import attrs

from protocol.commands.base import Add, Command, Remove, Update
from protocol.message import message
from protocol.model.types import AT_ONCE, not_yet, parameter


@message("command.host.add")
@attrs.frozen(kw_only=True)
class AddHost(Add):
    """Always legal: announces a host. Its reply names a one-time token with which its node daemon enrols."""


@message("command.host.update")
@attrs.frozen(kw_only=True)
class UpdateHost(Update):
    """Always legal; the cluster only while the host is in maintenance."""


@message("command.host.remove")
@attrs.frozen(kw_only=True)
class RemoveHost(Remove):
    """Legal while the host is in maintenance (or never came up) and no VM is on it."""


@message("command.host.activate")
@attrs.frozen(kw_only=True)
class ActivateHost(Command):
    """Legal while the host is in maintenance, non operational or in error."""


@message("command.host.deactivate")
@attrs.frozen(kw_only=True)
class DeactivateHost(Command):
    """Legal while the host is not in maintenance: it takes no new VM; VMs on it must be shut down (migration comes later)."""

    reason: str = parameter("", AT_ONCE)
    force: bool = parameter(False, not_yet(False, instead="Shut its VMs down first."))


@message("command.host.approve")
@attrs.frozen(kw_only=True)
class ApproveHost(Command):
    """Not supported yet: a host enrols with its token and needs no approval."""


@message("command.host.fence")
@attrs.frozen(kw_only=True)
class FenceHost(Command):
    """Legal with `fence_type` *manual* while the host is non responsive: the operator confirms that it was rebooted."""

    fence_type: str = parameter("manual", AT_ONCE)


@message("command.host.enrol_token")
@attrs.frozen(kw_only=True)
class IssueEnrolmentToken(Command):
    """Legal always: a new one-time token for this host (extension)."""
