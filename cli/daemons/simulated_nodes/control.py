"""The control socket of the simulated nodes: cuts the power of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.daemons.control_socket import serve
from protocol.errors import BadInput, NotFound


class SimulatedNodesControl:
    """Answers on `state_dir/control.sock` (0600)."""

    def __init__(self, state_dir: Path, cut_power: Callable[[str], bool]) -> None:
        self._path = state_dir / "control.sock"
        self._cut_power = cut_power

    async def run(self) -> None:
        await serve(self._path, self._answer)

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if question.get("do") != "kill_host":
            raise BadInput(f"There is no command {question.get('do')!r}; the only one is kill_host.")
        name = str(question.get("host"))
        if not self._cut_power(name):
            raise NotFound(f"There is no simulated host {name:.60}; they are called sim-0001 and so on.")
        return {"killed": name}
