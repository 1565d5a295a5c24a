"""Turns plain data into msgpack bytes and back, with every limit checked before anything is made of the bytes."""

from __future__ import annotations

from typing import Any

import msgpack

from protocol import limits


class CodecError(ValueError):
    """Bytes that are not a message of ours: too large, broken, unknown tag or a field of the wrong type."""


def pack(value: object) -> bytes:
    """Plain data as msgpack bytes."""
    return bytes(msgpack.packb(value, use_bin_type=True))


def unpack(data: bytes, *, bytes_max: int = limits.frame_bytes_max) -> Any:
    """Plain data from msgpack bytes, with every limit applied. Raises `CodecError`."""
    if len(data) > bytes_max:
        raise CodecError(f"{len(data)} bytes where at most {bytes_max} are allowed")
    items_left = limits.msgpack_items_max
    containers = 0

    def take_list(items: list[Any]) -> list[Any]:
        nonlocal items_left, containers
        containers += 1
        items_left -= len(items) + 1
        if items_left < 0:
            raise CodecError(f"more than {limits.msgpack_items_max} items")
        return items

    def take_map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        nonlocal items_left, containers
        containers += 1
        items_left -= 2 * len(pairs) + 1
        if items_left < 0:
            raise CodecError(f"more than {limits.msgpack_items_max} items")
        made = dict(pairs)
        if len(made) != len(pairs):
            raise CodecError("a map with the same key twice")
        return made

    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            object_pairs_hook=take_map,
            list_hook=take_list,
            ext_hook=_refuse_extension,
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
    if containers > limits.msgpack_depth_max:  # fewer cannot be nested deeper, and most frames have fewer
        _check_depth(value, limits.msgpack_depth_max)
    return value


def _refuse_extension(code: int, data: bytes) -> Any:
    raise CodecError(f"an extension type, {code}")  # an empty one passes `max_ext_len=0`


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
