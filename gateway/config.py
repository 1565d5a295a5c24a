"""The gateway's settings, and the few things it needs from outside."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class GatewayConfig:
    """One gateway process. Port 0 takes a free one; `Serving` says which."""

    state_dir: Path
    certificate_file: Path
    key_file: Path
    hosts: tuple[str, ...] = ("127.0.0.1",)
    port: int = 8443
    live_port: int | None = 0  # None: no trio-websocket port
    password_file: Path | None = None  # where the administrator's generated password is written, 0600
    password: str | None = attrs.field(default=None, repr=False)  # instead of a generated one
    version: str = "4.5.0.0"
    allowed_origins: tuple[str, ...] = ()
    token_seconds: float = 12 * 3600.0
    wait_seconds_max: float = 600.0
    failures_per_minute_max: int = 10
    tls_handshake_timeout_seconds: float = 10.0
    shutdown_timeout_seconds: float = 3.0
    send_timeout_seconds: float = 60.0  # TCP_USER_TIMEOUT: unacknowledged this long, a connection is dead
    events_kept_max: int = 10_000
    changes_kept_max: int = 20_000


@attrs.frozen(kw_only=True)
class Outside:
    """Time of day and ids, handed in so that a test or a simulation can hold them."""

    wall: Callable[[], datetime.datetime]
    uuid: Callable[[], str]
    token: Callable[[], str]


@attrs.frozen(kw_only=True)
class Serving:
    """Where a started gateway listens."""

    port: int
    live_port: int | None
