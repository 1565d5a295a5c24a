"""No by default: administrators may do everything, nobody else anything yet."""

from __future__ import annotations

import pytest

from actors.access.authorize import authorize
from protocol.commands.base import Command
from protocol.commands.storage import AddDisk, RemoveDisk
from protocol.commands.vm import StartVm
from protocol.engine_messages import Principal
from protocol.model.storage import Disk
from protocol.model.vm import Vm

commands: list[Command] = [StartVm(id="v"), AddDisk(document=Disk()), RemoveDisk(id="d")]


@pytest.mark.parametrize("command", commands, ids=lambda command: type(command).__name__)
def test_administrators_may(command: Command) -> None:
    assert authorize(Principal(user_id="u", name="admin@internal", administrator=True), command) is None


@pytest.mark.parametrize("command", commands, ids=lambda command: type(command).__name__)
@pytest.mark.parametrize("document", [None, Vm(id="v", name="web")])
def test_others_may_not(command: Command, document: Vm | None) -> None:
    refusal = authorize(Principal(user_id="u", name="bob@internal"), command, document)
    assert refusal is not None
    assert (refusal.code, refusal.status, refusal.retryable) == ("forbidden", 403, False)
    assert "bob@internal" in refusal.reason
    assert refusal.remedy


def test_the_refusal_names_the_object_and_the_action() -> None:
    refusal = authorize(Principal(user_id="u", name="bob@internal"), StartVm(id="v"), Vm(id="v", name="web"))
    assert refusal is not None
    assert (refusal.reason, refusal.entity) == ("bob@internal has no permit for vm.start on web.", "v")
