"""Turns words into msgpack bytes and back, through cattrs, with limits checked before and types after.

A word travels as `[tag, version, {field: value}]`; fields that hold their default are left out, unknown fields are
skipped (so that version N reads N+1), old versions are upcast. It must not read or write anything.
"""

from __future__ import annotations

import datetime
import enum
import math
from typing import Any, TypeVar

import attrs
import cattrs
import msgpack
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from protocol import limits
from protocol.words import Tagged, upcast_of, word_by_tag, word_of

T = TypeVar("T")


class CodecError(ValueError):
    """Bytes that are not a word of ours: too large, broken, unknown tag or a field of the wrong type."""


class UnknownTag(CodecError):
    """A tag that this version does not know; a link skips such a frame instead of dropping the peer."""


def _strict(expected: type[Any]) -> Any:
    def structure(value: object, _: type[Any]) -> object:
        if type(value) is not expected:
            raise CodecError(f"expected {expected.__name__}, got {type(value).__name__}")
        return value

    return structure


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
    entry = word_of(value)
    return [entry.tag, entry.version, converter.unstructure(value, unstructure_as=entry.cls)]


def _structure_tagged(value: object, _: type[Any]) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise CodecError("a word is [tag, version, fields]")
    tag, version, fields = value
    if type(tag) is not str or type(version) is not int or not isinstance(fields, dict):
        raise CodecError("a word is [tag: str, version: int, fields: map]")
    entry = word_by_tag(tag)
    if entry is None:
        raise UnknownTag(f"unknown tag {tag!r:.80}")
    for step_version in range(version, entry.version):
        step = upcast_of(tag, step_version)
        fields = step(dict(fields)) if step else fields
    return converter.structure(fields, entry.cls)


def _is_attrs_class(cls: Any) -> bool:
    return isinstance(cls, type) and attrs.has(cls)


def _make_converter() -> cattrs.Converter:
    made = cattrs.Converter(detailed_validation=False, unstruct_collection_overrides={})
    for primitive in (int, str, bool, bytes):
        made.register_structure_hook(primitive, _strict(primitive))
    made.register_structure_hook(float, _structure_float)
    made.register_structure_hook(datetime.datetime, _structure_datetime)
    made.register_unstructure_hook(datetime.datetime, _unstructure_datetime)
    made.register_structure_hook_factory(_is_attrs_class, lambda cls: make_dict_structure_fn(cls, made))
    made.register_unstructure_hook_factory(
        _is_attrs_class, lambda cls: make_dict_unstructure_fn(cls, made, _cattrs_omit_if_default=True)
    )
    made.register_structure_hook_func(lambda cls: cls is Tagged, _structure_tagged)
    made.register_unstructure_hook_func(lambda cls: cls is Tagged, _unstructure_tagged)
    made.register_structure_hook_func(lambda cls: cls is Any or cls is object, lambda value, _: value)
    made.register_unstructure_hook_func(
        lambda cls: isinstance(cls, type) and issubclass(cls, enum.Enum), lambda v: v.value
    )
    return made


converter = _make_converter()


def encode(message: object) -> bytes:
    """Bytes of a registered word, tag and version included."""
    return bytes(msgpack.packb(_unstructure_tagged(message), use_bin_type=True))


def decode(data: bytes, *, bytes_max: int = limits.frame_bytes_max) -> Any:
    """The word in `data`. Raises `CodecError` (or its child `UnknownTag`) and nothing else, whatever the bytes."""
    return from_plain(unpack(data, bytes_max=bytes_max))


def to_plain(message: object) -> list[Any]:
    """A word as plain lists and maps: what `encode` packs, and what the JSON side of a subscription sends."""
    return _unstructure_tagged(message)


def from_plain(value: object) -> Any:
    """The reverse of `to_plain`. Raises `CodecError`."""
    try:
        return _structure_tagged(value, Tagged)
    except CodecError:
        raise
    except Exception as error:  # cattrs raises what the class's own checks raise; hostile input ends here
        raise CodecError(f"not the fields of this word: {type(error).__name__}: {error}"[:300]) from error


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


def pack(value: object) -> bytes:
    """Plain data as msgpack bytes."""
    return bytes(msgpack.packb(value, use_bin_type=True))


def unpack(data: bytes, *, bytes_max: int = limits.frame_bytes_max, depth_max: int = limits.msgpack_depth_max) -> Any:
    """Plain data from msgpack bytes, with every limit applied. Raises `CodecError`."""
    if len(data) > bytes_max:
        raise CodecError(f"{len(data)} bytes where at most {bytes_max} are allowed")
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            object_pairs_hook=_map_without_duplicates,
            max_ext_len=0,
            max_str_len=min(bytes_max, limits.msgpack_string_bytes_max),
            max_bin_len=min(bytes_max, limits.msgpack_string_bytes_max),
            max_array_len=limits.msgpack_items_max,
            max_map_len=limits.msgpack_items_max,
        )
    except CodecError:
        raise
    except Exception as error:  # msgpack raises ten kinds of error on hostile bytes
        raise CodecError(f"not msgpack: {type(error).__name__}: {error}"[:300]) from error
    _check_depth(value, depth_max)
    return value


def _map_without_duplicates(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise CodecError("a map with the same key twice")
    return made


def _check_depth(value: object, depth_left: int) -> None:
    if depth_left < 0:
        raise CodecError("nested too deep")
    if isinstance(value, dict):
        for item in value.values():
            if isinstance(item, dict | list):
                _check_depth(item, depth_left - 1)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list):
                _check_depth(item, depth_left - 1)
