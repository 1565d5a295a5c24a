"""Where simulated hosts get their enrolment tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio

from cli.daemons.control_socket import ask
from cli.daemons.simulated_nodes.config import SimulatedNodesConfig
from protocol.errors import Conflict, Unauthenticated


class EnrolmentTokens:
    """A token for each name, asked for when it is needed, because they expire."""

    def __init__(self, config: SimulatedNodesConfig, is_enrolled: Callable[[str], bool]) -> None:
        """`is_enrolled` says whether another of these hosts bears an id already."""
        self._config = config
        self._is_enrolled = is_enrolled

    async def of(self, name: str) -> str:
        """Raises `Unauthenticated` when there is none, `HostFailed` when the engine gives none, `Conflict` when the
        name is now that of another of these hosts, `Unavailable` when the engine's control socket is silent."""
        config = self._config
        if config.engine_control_socket:
            reply = await ask(Path(config.engine_control_socket), {"do": "enrolment_token", "host": name})
            if self._is_enrolled(str(reply["host_id"])):
                raise Conflict(f"Another simulated host was renamed to {name}.", remedy="Give it another name.")
            return str(reply["token"])
        given = list(config.tokens)
        if config.tokens_file:
            given = (await trio.Path(config.tokens_file).read_text()).split()
        number = int(name.rpartition("-")[2])
        if number > len(given):
            raise Unauthenticated(f"There is no enrolment token for {name}.", remedy="Give one per host, in order.")
        return given[number - 1]
