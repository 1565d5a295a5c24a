"""Settings of the simulated nodes."""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class SimulatedNodesConfig:
    """`hosts` machines named sim-0001 and so on, each with a state directory `state_dir/NAME`.

    Tokens of hosts that are not enrolled yet come from `tokens`, from `tokens_file` (one a line, in the order of the
    names), or from the lab's engine through its control socket.
    """

    state_dir: Path
    engine_url: str
    ca_file: Path
    hosts: int = 1
    tokens: tuple[str, ...] = attrs.field(default=(), repr=False)
    tokens_file: str = ""
    engine_control_socket: str = ""
    hypervisor: str = "simulated"
    storage_paths: tuple[str, ...] = ("/simulated/data",)  # directories that every host shares
    enrolments_at_once: int = 16
    statistics_period_seconds: float = 5.0
