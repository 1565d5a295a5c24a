"""One address, one ref."""

from __future__ import annotations

import pytest

from actors.kernel import ActorRef, Directory, Mailbox


def test_what_is_registered_is_found_until_it_is_unregistered() -> None:
    directory = Directory()
    ref = ActorRef(Mailbox("engine/vms/1"))
    directory.register(ref)
    directory.register(ref)
    assert directory.find("engine/vms/1") is ref
    assert directory.find("engine/vms/2") is None
    directory.unregister(ref)
    directory.unregister(ref)
    assert directory.find("engine/vms/1") is None


def test_an_address_is_not_taken_twice_and_not_freed_by_a_stranger() -> None:
    directory = Directory()
    first, second = ActorRef(Mailbox("engine/spm")), ActorRef(Mailbox("engine/spm"))
    directory.register(first)
    with pytest.raises(ValueError, match="'engine/spm' is taken"):
        directory.register(second)
    directory.unregister(second)
    assert directory.find("engine/spm") is first


def test_refs_under_a_prefix_oldest_first() -> None:
    directory = Directory()
    for address in ("engine/vms/2", "engine/hosts/1", "engine/vms/1"):
        directory.register(ActorRef(Mailbox(address)))
    assert [ref.address for ref in directory.under("engine/vms/")] == ["engine/vms/2", "engine/vms/1"]
    assert len(directory) == 3
