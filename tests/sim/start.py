"""When simulated time begins, and for how long what lasts."""

from __future__ import annotations

import datetime
from typing import Final

from cli.daemons.engine.config import EngineTimes

start_of_time: Final = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
lease_seconds: Final = 6.0
restart_seconds: Final = 1.0
"""How long a unit manager takes to start a daemon that ended."""
heartbeat_seconds: Final = 3.0

times: Final = EngineTimes(silent_after_seconds=10.0, guest_up_timeout_seconds=12.0, shutdown_timeout_seconds=15.0)
