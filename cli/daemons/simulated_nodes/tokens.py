"""Where simulated hosts get their enrolment tokens. It must not enrol them."""

from __future__ import annotations

from pathlib import Path

import trio

from cli.daemons.control_socket import ask
from cli.daemons.simulated_nodes.config import SimulatedNodesConfig
from protocol.errors import Unauthenticated


class EnrolmentTokens:
    """A token for each name, asked for when it is needed, because they expire."""

    def __init__(self, config: SimulatedNodesConfig) -> None:
        self._config = config

    async def of(self, name: str) -> str:
        """Raises `Unauthenticated` when there is none, `Unavailable` when the engine's control socket is silent."""
        config = self._config
        if config.engine_control_socket:
            reply = await ask(Path(config.engine_control_socket), {"do": "enrolment_token", "host": name})
            return str(reply["token"])
        given = list(config.tokens)
        if config.tokens_file:
            given = (await trio.Path(config.tokens_file).read_text()).split()
        number = int(name.rpartition("-")[2])
        if number > len(given):
            raise Unauthenticated(f"There is no enrolment token for {name}.", remedy="Give one per host, in order.")
        return given[number - 1]
