"""What may be asked about jobs. It must not name operations: each is its entity's."""

from __future__ import annotations

import attrs

from protocol.command import Command
from protocol.message import message


@message("command.job.cancel")
@attrs.frozen(kw_only=True)
class CancelJob(Command):
    """Legal while the job runs and can be undone: what it made is taken back (extension)."""
