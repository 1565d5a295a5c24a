"""Turns messages into bytes and back, through cattrs, with every type checked.

A message travels as `[tag, version, {field: value}]`; fields that hold their default are left out, unknown fields are
skipped (so that version N reads N+1), old versions are upcast.
"""

from __future__ import annotations

import datetime
import enum
import math
from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from protocol import limits
from protocol.message import Message, message_type, message_type_by_tag, upcast_of
from protocol.packing import CodecError, pack, unpack

T = TypeVar("T")


class UnknownTag(CodecError):
    """A tag that this version does not know; a link skips such a frame instead of dropping the peer."""


def _strict(expected: type[Any]) -> Any:
    def structure(value: object, _: type[Any]) -> object:
        if type(value) is not expected:
            raise CodecError(f"expected {expected.__name__}, got {type(value).__name__}")
        return value

    return structure


def _structure_int(value: object, _: type[int]) -> int:
    if type(value) is int and -(2**63) <= value < 2**63:  # PostgreSQL's bigint; msgpack would carry 2**64 - 1
        return value
    raise CodecError(f"expected int, got {type(value).__name__}" if type(value) is not int else "more than 64 bits")


def _unstructure_int(value: int) -> int:
    if -(2**63) <= value < 2**63:
        return value
    raise CodecError("more than 64 bits")  # before it is stored: nobody could read it again


def _structure_str(value: object, _: type[str]) -> str:
    if type(value) is str and (value.isascii() or _is_unicode(value)):
        return value
    raise CodecError(f"expected str, got {type(value).__name__}" if type(value) is not str else "half a character")


def _is_unicode(value: str) -> bool:
    """From msgpack it is valid UTF-8 already; from JSON it may hold half a character, a lone surrogate."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _structure_float(value: object, _: type[float]) -> float:
    if type(value) is int:
        return float(value)
    if type(value) is not float or not math.isfinite(value):
        raise CodecError(f"expected a finite number, got {value!r:.40}")
    return value


def _structure_datetime(value: object, _: type[datetime.datetime]) -> datetime.datetime:
    if type(value) is not int:
        raise CodecError("expected a time in microseconds since 1970 UTC")
    try:
        return datetime.datetime.fromtimestamp(value // 1_000_000, datetime.UTC).replace(microsecond=value % 1_000_000)
    except (OverflowError, OSError, ValueError) as error:
        raise CodecError(f"time out of range: {value}") from error


def _unstructure_datetime(value: datetime.datetime) -> int:
    delta = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _unstructure_tagged(value: object) -> list[Any]:
    entry = message_type(value)
    return [entry.tag, entry.version, converter.unstructure(value, unstructure_as=entry.cls)]


def _structure_tagged(value: object, _: type[Any]) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise CodecError("a message is [tag, version, fields]")
    tag, version, fields = value
    if type(tag) is not str or type(version) is not int or not isinstance(fields, dict):
        raise CodecError("a message is [tag: str, version: int, fields: map]")
    if version < 1:  # also: counting up from -2**63 to find upcasters would never end
        raise CodecError(f"version {version} of {tag!r:.80}")
    entry = message_type_by_tag(tag)
    if entry is None:
        raise UnknownTag(f"unknown tag {tag!r:.80}")
    for step_version in range(version, entry.version):
        step = upcast_of(tag, step_version)
        fields = step(dict(fields)) if step else fields
    return converter.structure(fields, entry.cls)


def _is_attrs_class(cls: Any) -> bool:
    return isinstance(cls, type) and attrs.has(cls)


def _is_typed_tuple(hint: Any) -> bool:
    origin: Any = get_origin(hint)
    return origin is tuple


def _fields_structurer(cls: type[Any], made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """cattrs asks `"name" in value`, so a text or a list would pass for an object without any field."""
    structure_fields = make_dict_structure_fn(cls, made)

    def structure(value: object, _: type[Any]) -> Any:
        if type(value) is not dict:
            raise CodecError(f"expected the fields of {cls.__name__}, got {type(value).__name__}")
        return structure_fields(value, cls)

    return structure


def _tuple_structurer(hint: Any, made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """cattrs iterates over whatever it gets, so a text or a map would pass for a list of texts."""
    items = get_args(hint)
    if len(items) == 2 and items[1] is Ellipsis:
        structure_items = homogenous_tuple_structure_factory(hint, made)

        def structure(value: object, _: Any) -> Any:
            if not isinstance(value, list | tuple):
                raise CodecError(f"expected a list, got {type(value).__name__}")
            return structure_items(value, hint)

        row = get_args(items[0]) if _is_typed_tuple(items[0]) else ()
        return _counters_structurer(row, structure) if set(row) == {str, int} else structure

    hooks = tuple((made.get_structure_hook(item), item) for item in items)

    def structure_row(value: object, _: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) != len(hooks):
            raise CodecError(f"expected a row of {len(hooks)}, got {value!r:.80}")
        return tuple([hook(item, kind) for (hook, kind), item in zip(hooks, value, strict=True)])

    return structure_row


def _counters_structurer(row: tuple[Any, ...], slowly: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Rows of names and integers, as statistics have: column by column the types are compared at once and the integers
    by their extremes. A hook for each field took nearly twice as long; what does not fit goes that way and is told why.
    """
    width = len(row)

    def fits(column: tuple[Any, ...], kind: Any) -> bool:
        if set(map(type, column)) != {kind}:
            return False
        return "".join(column).isascii() if kind is str else min(column) >= -(2**63) and max(column) < 2**63

    def structure(value: Any, hint: Any) -> Any:
        is_table = type(value) is list and set(map(type, value)) == {list} and set(map(len, value)) == {width}
        if is_table and all(map(fits, zip(*value, strict=True), row)):
            return tuple(map(tuple, value))
        return slowly(value, hint)

    return structure


def _make_converter() -> cattrs.Converter:
    made = cattrs.Converter(detailed_validation=False, unstruct_collection_overrides={})
    for primitive in (bool, bytes):
        made.register_structure_hook(primitive, _strict(primitive))
    made.register_structure_hook(int, _structure_int)
    made.register_unstructure_hook(int, _unstructure_int)
    made.register_structure_hook(str, _structure_str)
    made.register_structure_hook(float, _structure_float)
    made.register_structure_hook(datetime.datetime, _structure_datetime)
    made.register_unstructure_hook(datetime.datetime, _unstructure_datetime)
    made.register_structure_hook_factory(_is_attrs_class, lambda cls: _fields_structurer(cls, made))
    made.register_structure_hook_factory(_is_typed_tuple, lambda hint: _tuple_structurer(hint, made))
    made.register_unstructure_hook_factory(
        _is_attrs_class, lambda cls: make_dict_unstructure_fn(cls, made, _cattrs_omit_if_default=True)
    )
    made.register_structure_hook_func(lambda cls: cls is Message, _structure_tagged)
    made.register_unstructure_hook_func(lambda cls: cls is Message, _unstructure_tagged)
    made.register_structure_hook_func(lambda cls: cls is Any or cls is object, lambda value, _: value)
    made.register_unstructure_hook_func(
        lambda cls: isinstance(cls, type) and issubclass(cls, enum.Enum), lambda v: v.value
    )
    return made


converter = _make_converter()


def encode(message: object) -> bytes:
    """Bytes of a registered message, tag and version included."""
    return pack(_unstructure_tagged(message))


def decode(data: bytes, *, bytes_max: int = limits.frame_bytes_max) -> Any:
    """The message in `data`. Raises `CodecError` (or its child `UnknownTag`) and nothing else, whatever the bytes."""
    return from_plain(unpack(data, bytes_max=bytes_max))


def from_plain(value: object) -> Any:
    """The message in unpacked data. Raises `CodecError`."""
    try:
        return _structure_tagged(value, Message)
    except CodecError:
        raise
    except Exception as error:  # cattrs raises what the class's own checks raise; hostile input ends here
        raise CodecError(f"not the fields of this message: {type(error).__name__}: {error}"[:300]) from error


def structure(value: object, cls: type[T]) -> T:
    """Plain data as an untagged attrs class. Raises `CodecError`."""
    try:
        return converter.structure(value, cls)
    except CodecError:
        raise
    except Exception as error:  # as above
        raise CodecError(f"not a {cls.__name__}: {type(error).__name__}: {error}"[:300]) from error


def unstructure(value: object) -> Any:
    """An untagged attrs object as plain maps and lists."""
    return converter.unstructure(value)
