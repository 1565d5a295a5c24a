"""Messages to bytes and back, and what hostile bytes get: a `CodecError` and nothing else."""

from __future__ import annotations

import datetime
import functools
from typing import Any

import attrs
import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import limits
from protocol.codec import UnknownTag, decode, encode, from_plain, structure, unstructure
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.node.commands import DestroyDomain, ForgetSteps, NodeCommand, ReportNow
from protocol.node.domain import DomainObserved, DomainStatus
from protocol.node.reports import DomainChanged, Done, StatisticsBatch, StepDone
from protocol.packing import CodecError, pack, unpack
from protocol.vm.model import Vm
from tests.protocol import examples

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
at = datetime.datetime(2031, 2, 3, 4, 5, 6, 789_012, tzinfo=datetime.UTC)


def fields(tag: str, version: Any = 1, **given: Any) -> bytes:
    return pack([tag, version, given])


# --- there and back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", examples.tags())
def test_every_message_survives_the_wire(tag: str) -> None:
    message = examples.example(examples.messages()[tag].cls)
    again = decode(encode(message))
    assert again == message
    assert type(again) is type(message)


@quick
@given(examples.any_message())
def test_any_object_of_any_message_survives_the_wire(message: Any) -> None:
    assert decode(encode(message)) == message


@quick
@given(examples.any_message())
def test_the_same_object_gives_the_same_bytes(message: Any) -> None:
    assert encode(decode(encode(message))) == encode(message)


def test_untagged_objects_go_as_plain_maps() -> None:
    reference = Ref(id="v", name="ä")
    assert unstructure(reference) == {"id": "v", "name": "ä"}
    assert structure(unstructure(reference), Ref) == reference


def test_what_holds_its_default_is_left_out() -> None:
    assert unpack(encode(NodeCommand(epoch=3, step_id="s", body=Done()))) == [
        "node.command",
        1,
        {"epoch": 3, "step_id": "s", "body": ["node.done", 1, {}]},
    ]


def test_times_keep_their_microseconds_also_before_1970() -> None:
    for moment in (at, datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=datetime.UTC)):
        observed = DomainObserved(vm_id="v", status=DomainStatus.RUNNING, started_at=moment)
        assert decode(encode(DomainChanged(domain=observed))).domain.started_at == moment


# --- newer and unknown peers --------------------------------------------------------------------------------------


def test_unknown_fields_are_skipped() -> None:
    assert decode(fields("node.report_now", 2, epoch=7, more={"deep": [1, 2]})) == ReportNow(epoch=7)


def test_an_unknown_tag_has_an_error_of_its_own() -> None:
    with pytest.raises(UnknownTag, match=r"node\.of_the_future"):
        decode(fields("node.of_the_future"))


def test_an_unknown_message_inside_a_known_one_is_an_unknown_tag_too() -> None:
    body = ["node.of_the_future", 1, {}]
    with pytest.raises(UnknownTag):
        decode(fields("node.command", epoch=1, step_id="s", body=body))


# --- hostile bytes ------------------------------------------------------------------------------------------------


def decodes_or_says_so(data: bytes) -> None:
    try:
        decode(data)
    except CodecError:
        pass


@quick
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    decodes_or_says_so(data)


@quick
@given(examples.any_message(), st.data())
def test_truncated_messages(message: Any, data: st.DataObject) -> None:
    whole = encode(message)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(CodecError):
        decode(whole[:cut])
    with pytest.raises(CodecError):
        decode(whole + b"\xc0")


@quick
@given(examples.any_message(), st.data())
def test_messages_with_one_wrong_byte(message: Any, data: st.DataObject) -> None:
    broken = bytearray(encode(message))
    broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    decodes_or_says_so(bytes(broken))


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=4) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@quick
@given(st.data())
def test_fields_of_any_type_at_all(data: st.DataObject) -> None:
    tag = data.draw(st.sampled_from(examples.tags()))
    names = [field.name for field in attrs.fields(examples.messages()[tag].cls)]
    given_fields = {name: data.draw(_plain) for name in names}
    decodes_or_says_so(pack([tag, data.draw(st.just(1) | st.integers(-3, 3)), given_fields]))


@quick
@given(_plain)
def test_plain_data_of_any_shape_is_a_message_or_refused(value: Any) -> None:
    try:
        from_plain(value)
    except CodecError:
        pass


_status = {"vm_id": "v", "status": "running"}
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no message": pack(7),
    "two parts": pack(["node.done", 1]),
    "four parts": pack(["node.done", 1, {}, {}]),
    "tag that is no text": pack([7, 1, {}]),
    "tag that is a list": pack([["node.done"], 1, {}]),
    "version that is a text": pack(["node.done", "1", {}]),
    "version that is a bool": pack(["node.done", True, {}]),
    "version 0": pack(["node.done", 0, {}]),
    "version that would be counted up from": pack(["node.done", -(2**63), {}]),
    "fields that are a list": pack(["node.done", 1, []]),
    "missing field": fields("node.report_now"),
    "duplicate key": b"\x93\xafnode.report_now\x01\x82\xa5epoch\x01\xa5epoch\x02",
    "key that is a number": b"\x93\xafnode.report_now\x01\x81\x01\x02",
    "key that is a list": b"\x93\xafnode.report_now\x01\x81\x90\x02",
    "bool for an int": fields("node.report_now", epoch=True),
    "float for an int": fields("node.report_now", epoch=1.0),
    "text for an int": fields("node.report_now", epoch="1"),
    "none for an int": fields("node.report_now", epoch=None),
    "more than 64 bits, signed": fields("node.report_now", epoch=2**63),
    "2**64 - 1": fields("node.report_now", epoch=2**64 - 1),
    "int for a text": fields("node.destroy_domain", vm_id=1),
    "bytes for a text": fields("node.destroy_domain", vm_id=b"v"),
    "none for a text": fields("node.destroy_domain", vm_id=None),
    "half a character": b"\x93\xb3node.destroy_domain\x01\x81\xa5vm_id\xa3\xed\xa0\x80",
    "no UTF-8": b"\x93\xb3node.destroy_domain\x01\x81\xa5vm_id\xa1\xff",
    "text for bytes": fields("node.console_data", stream_id="s", data="text"),
    "int for a bool": fields("node.console_data", stream_id="s", closed=1),
    "text for a list of texts": fields("node.forget_steps", epoch=1, step_ids="abc"),
    "map for a list of texts": fields("node.forget_steps", epoch=1, step_ids={"a": 1}),
    "text for a nested object": fields("model.vm", cluster="abc"),
    "list for a nested object": fields("model.vm", cluster=[]),
    "int for a nested object": fields("model.vm", cluster=3),
    "no such member": fields("node.domain_changed", domain={**_status, "status": "flying"}),
    "list for a member": fields("node.domain_changed", domain={**_status, "status": []}),
    "bool for a member": fields("node.domain_changed", domain={**_status, "status": True}),
    "none for a message": fields("node.step_done", step_id="s", result=None),
    "map for a message": fields("node.step_done", step_id="s", result={}),
    "text for a time": fields("node.domain_changed", domain={**_status, "started_at": "now"}),
    "float for a time": fields("node.domain_changed", domain={**_status, "started_at": 1.5}),
    "time out of range": fields("node.domain_changed", domain={**_status, "started_at": 2**62}),
    "time far before": fields("node.domain_changed", domain={**_status, "started_at": -(2**62)}),
    "extension type": b"\x93\xafnode.report_now\x01\x81\xa5epoch\xd4\x05\x00",
    "empty extension type": b"\x93\xafnode.report_now\x01\x81\xa4more\xc7\x00\x05",
    "timestamp": msgpack.packb(["node.report_now", 1, {"epoch": msgpack.Timestamp(1, 1)}]),
    "reserved byte": b"\x93\xafnode.report_now\x01\x81\xa5epoch\xc1",
    "a list that promises 4 billion": b"\xdd\xff\xff\xff\xff",
    "a text that promises 4 billion": b"\xdb\xff\xff\xff\xff",
    "a map that promises 4 billion": b"\xdf\xff\xff\xff\xff",
    "nested too deep": b"\x91" * 65 + b"\xc0",
    "nested far too deep": b"\x91" * 100_000 + b"\xc0",
    "maps nested too deep": b"\x81\xa1a" * 65 + b"\xc0",
    "messages in words too deep": pack(
        functools.reduce(
            lambda inner, _: ["node.step_done", 1, {"step_id": "s", "result": inner}], range(40), ["node.done", 1, {}]
        )
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_refused(name: str) -> None:
    with pytest.raises(CodecError):
        decode(HOSTILE[name])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_are_finite(number: float) -> None:
    with pytest.raises(CodecError, match="finite"):
        decode(encode(attrs.evolve(batch(), load_average=number)))


def test_an_int_is_a_float_but_a_bool_is_not() -> None:
    plain = unpack(encode(batch()))
    assert from_plain([*plain[:2], {**plain[2], "load_average": 2}]).load_average == 2.0
    with pytest.raises(CodecError):
        from_plain([*plain[:2], {**plain[2], "load_average": True}])


def test_too_many_bytes_are_not_even_looked_at() -> None:
    message = encode(DestroyDomain(vm_id="v" * 100))
    assert decode(message, bytes_max=len(message))
    with pytest.raises(CodecError, match=f"at most {len(message) - 1} are allowed"):
        decode(message, bytes_max=len(message) - 1)


def test_a_frame_of_empty_lists_does_not_fill_the_memory() -> None:
    """16 MiB of one-byte lists would become 1.1 GiB of objects and hold the loop for six seconds."""
    count = limits.msgpack_items_max // 2
    one = b"\xdd" + count.to_bytes(4, "big") + b"\x90" * count
    with pytest.raises(CodecError, match="items"):
        unpack(b"\x93" + one * 3)


def test_half_a_character_from_json_is_refused() -> None:
    with pytest.raises(CodecError, match="half a character"):
        from_plain(["node.destroy_domain", 1, {"vm_id": "\ud800"}])
    with pytest.raises(CodecError, match="half a character"):
        structure({"id": "\udfff"}, Ref)


def test_a_number_that_nobody_could_read_again_is_not_written() -> None:
    encode(ReportNow(epoch=2**63 - 1))
    with pytest.raises(CodecError, match="64 bits"):
        encode(ReportNow(epoch=2**63))


@pytest.mark.parametrize("value", [None, 7, "text", [], [["id", "x"]], {"id": 7}, {"id": b"x"}])
def test_structure_raises_codec_errors_alone(value: Any) -> None:
    with pytest.raises(CodecError):
        structure(value, Ref)


# --- array rows ---------------------------------------------------------------------------------------------------


def batch(domains: int = 2) -> StatisticsBatch:
    rows = tuple((f"vm-{index}", 10**12, 2, 2**31, -1, 2**30, 10**9, 10**9, 10**10, 10**10) for index in range(domains))
    return StatisticsBatch(
        at=at, period_seconds=5.0, cpu_percent=12.5, cpu_user_percent=10.0, memory_free_bytes=2**33,
        memory_used_bytes=2**32, load_average=0.5, domains=rows,
        nics=tuple((row[0], f"nic-{row[0]}", 1, 2, 3, 4, 5, 6) for row in rows),
        disks=tuple((row[0], f"disk-{row[0]}", 1, 2, 3, 4) for row in rows),
    )  # fmt: skip


def with_row(row: Any, field: str = "domains") -> bytes:
    tag, version, plain = unpack(encode(batch()))
    return pack([tag, version, {**plain, field: [*plain[field], row]}])


def test_rows_arrive_as_rows() -> None:
    assert decode(encode(batch(16))) == batch(16)


@pytest.mark.parametrize(
    "row",
    [
        [],
        ["v", *[1] * 8],
        ["v", *[1] * 10],
        [1, *[1] * 9],
        ["v", "1", *[1] * 8],
        ["v", True, *[1] * 8],
        ["v", 1.0, *[1] * 8],
        ["v", None, *[1] * 8],
        ["v", 2**63, *[1] * 8],
        ["v", [1], *[1] * 8],
        "abcdefghij",
        {str(index): 1 for index in range(10)},
        None,
        7,
    ],
)
def test_rows_are_checked_in_arity_and_type(row: Any) -> None:
    with pytest.raises(CodecError):
        decode(with_row(row))


@pytest.mark.parametrize(
    "row",
    [
        ["v", "d", 1, 2, 3],
        ["v", "d", 1, 2, 3, 4, 5],
        ["v", 1, 1, 2, 3, 4],
        ["v", "d", "1", 2, 3, 4],
        ["v", "d", True, 2, 3, 4],
        ["v", "d", 2**63, 2, 3, 4],
        ["v", "\ud800", 1, 2, 3, 4],
        None,
    ],
)
def test_rows_of_two_names_are_checked_as_well(row: Any) -> None:
    tag, version, plain = unpack(encode(batch()))
    with pytest.raises(CodecError):
        from_plain([tag, version, {**plain, "disks": [*plain["disks"], row]}])


def test_rows_with_names_that_are_not_ascii_are_rows() -> None:
    assert decode(with_row(["v", "\u00e4", 1, 2, 3, 4], "disks")).disks[-1] == ("v", "\u00e4", 1, 2, 3, 4)


def test_a_batch_without_devices_says_nothing_of_them() -> None:
    _, _, plain = unpack(encode(attrs.evolve(batch(), nics=(), disks=())))
    assert not {"nics", "disks"} & set(plain)


@quick
@given(st.lists(_plain, min_size=9, max_size=11))
def test_a_row_that_passes_is_a_row(row: list[Any]) -> None:
    try:
        last = decode(with_row(row)).domains[-1]
    except CodecError:
        return
    assert list(map(type, last)) == [str] + [int] * 9


# --- results ------------------------------------------------------------------------------------------------------


def test_a_failed_step_is_told_by_its_result() -> None:
    refusal = Refusal(code="host_failed", reason="no space", reasons=("a", "b"))
    assert decode(encode(StepDone(step_id="s", result=refusal))).failed == refusal
    assert decode(encode(StepDone(step_id="s", result=Done()))).failed is None


def test_a_list_of_texts_is_a_tuple_again() -> None:
    assert decode(encode(ForgetSteps(epoch=1, step_ids=("a", "b")))).step_ids == ("a", "b")
    assert decode(fields("model.vm", placement_policy={"hosts": [{"id": "h"}]})).placement_policy.hosts == (
        Ref(id="h"),
    )
    assert isinstance(decode(fields("model.vm")), Vm)
