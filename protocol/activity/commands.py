"""Commands on jobs."""

from __future__ import annotations

import attrs

from protocol.command import Command
from protocol.message import message


@message("command.job.cancel")
@attrs.frozen(kw_only=True)
class CancelJob(Command):
    """Cancel a running job and undo what it has done. Legal while the job runs and can be undone. Extension to oVirt's
    API."""
