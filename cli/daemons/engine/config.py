"""Settings of an engine."""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class EngineTimes:
    """Durations in seconds, and restarts within them, that a lab or a test may shorten."""

    silent_after_seconds: float = 20.0
    guest_up_timeout_seconds: float = 60.0
    shutdown_timeout_seconds: float = 300.0
    entity_restarts_max: int = 3
    entity_restart_window_seconds: float = 60.0
    samples_period_seconds: float = 60.0  # a row of statistics for each host and VM
    samples_kept_seconds: float = 86_400.0
    commands_kept_seconds: float = 7 * 86_400.0  # how long a repeated command gets the answer of the first


@attrs.frozen(kw_only=True)
class EngineConfig(EngineTimes):
    """One engine process. Ports of 0 take a free one; `ready.json` says which. Durations are seconds."""

    state_dir: Path
    listen_host: str = "127.0.0.1"
    port: int = 8443
    live_port: int = 0
    node_port: int = 54321
    node_listen: tuple[str, ...] = ("127.0.0.1",)
    names: tuple[str, ...] = ("localhost", "127.0.0.1")  # what the server's certificate stands for
    database_url: str = ""  # empty: a PostgreSQL of our own; CORRAL_DATABASE_URL overrides
    holder: str = ""  # who holds the lease; empty: the state directory's own id
    lab: bool = False  # opens the control socket with its crash hooks
    lease_seconds: float = 10.0
    node_certificate_seconds: float = 90 * 86_400.0
    server_certificate_seconds: float = 397 * 86_400.0
