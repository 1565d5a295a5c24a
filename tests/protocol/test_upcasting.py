"""A message of version 1 is read by code that has version 2 or 3, and one of version 2 by code that has version 1."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from protocol import message as messages
from protocol.codec import UnknownTag, decode, encode
from protocol.message import Message
from protocol.packing import CodecError, pack
from tests.protocol.registering import registered

TAG = "test.machine"


@attrs.frozen(kw_only=True)
class MachineV1(Message):
    title: str
    memory_mib: int


@attrs.frozen(kw_only=True)
class MachineV2(Message):
    name: str
    memory_bytes: int


@attrs.frozen(kw_only=True)
class MachineV3(Message):
    name: str
    memory_bytes: int
    comment: str = ""


def renamed(fields: dict[str, Any]) -> dict[str, Any]:
    """From 1 to 2: another name, another unit."""
    return {"name": fields["title"], "memory_bytes": fields["memory_mib"] * 1024 * 1024}


def old_bytes() -> bytes:
    with registered(TAG, MachineV1):
        return encode(MachineV1(title="m", memory_mib=3))


def test_an_old_message_is_brought_up() -> None:
    stored = old_bytes()
    with registered(TAG, MachineV2, version=2, upcasts={1: renamed}):
        assert decode(stored) == MachineV2(name="m", memory_bytes=3 * 1024 * 1024)


def test_a_step_without_upcaster_only_added_fields() -> None:
    stored = old_bytes()
    with registered(TAG, MachineV3, version=3, upcasts={1: renamed}):  # from 2 to 3 `comment` was added
        assert decode(stored) == MachineV3(name="m", memory_bytes=3 * 1024 * 1024)
        assert decode(pack([TAG, 2, {"name": "m", "memory_bytes": 1}])) == MachineV3(name="m", memory_bytes=1)


def test_a_present_message_is_not_brought_up_again() -> None:
    with registered(TAG, MachineV2, version=2, upcasts={1: renamed}):
        assert decode(encode(MachineV2(name="m", memory_bytes=5))) == MachineV2(name="m", memory_bytes=5)


def test_upcasters_do_not_change_what_they_got() -> None:
    def greedy(fields: dict[str, Any]) -> dict[str, Any]:
        fields["name"], fields["memory_bytes"] = fields.pop("title"), 1
        return fields

    stored = old_bytes()
    with registered(TAG, MachineV2, version=2, upcasts={1: greedy}):
        assert decode(stored) == decode(stored)


def test_messages_inside_messages_are_brought_up_too() -> None:
    with registered(TAG, MachineV2, version=2, upcasts={1: renamed}):
        inner = [TAG, 1, {"title": "m", "memory_mib": 1}]
        assert decode(pack(["node.step_done", 1, {"step_id": "s", "result": inner}])).result.name == "m"


def test_version_1_reads_what_version_2_only_added_to() -> None:
    with registered(TAG, MachineV3, version=3):
        newer = encode(MachineV3(name="m", memory_bytes=1, comment="new"))
    with registered(TAG, MachineV2, version=2):
        assert decode(newer) == MachineV2(name="m", memory_bytes=1)


def test_an_upcaster_that_fails_on_hostile_fields_is_a_codec_error() -> None:
    with registered(TAG, MachineV2, version=2, upcasts={1: renamed}):
        for fields in ({}, {"title": 7, "memory_mib": "x"}, {"title": "m", "memory_mib": None}):
            with pytest.raises(CodecError):
                decode(pack([TAG, 1, fields]))


def test_a_tag_is_taken_once() -> None:
    with registered(TAG, MachineV1), pytest.raises(ValueError, match="taken by MachineV1, wanted by MachineV2"):
        messages.message(TAG)(MachineV2)
    with pytest.raises(UnknownTag):
        decode(old_bytes())


def test_a_step_is_taken_once_and_starts_at_version_1() -> None:
    with registered(TAG, MachineV2, version=2, upcasts={1: renamed}):
        with pytest.raises(ValueError, match="taken"):
            messages.upcast(TAG, 1)(renamed)
        with pytest.raises(ValueError, match="version 0"):
            messages.upcast(TAG, 0)(renamed)
    with pytest.raises(ValueError, match="version 0"):
        messages.message(TAG, version=0)(MachineV1)


def test_a_class_is_one_message() -> None:
    with registered(TAG, MachineV1), pytest.raises(ValueError, match=r"test\.machine already"):
        messages.message("test.other")(MachineV1)
