"""Makes an example of any message from the types of its fields: one fixed example, and Hypothesis' endless ones.

The fixed example sets every field to what differs from its default, so that its bytes show a changed field. It must
not depend on chance, time or the order in which modules are imported.
"""

from __future__ import annotations

import datetime
import enum
import functools
import importlib
import pkgutil
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from protocol.message import Message, MessageType, all_message_types
from protocol.node.reports import Done

rooms: Final = ("protocol", "actors", "node", "guest", "gateway", "supervisors")
_epoch: Final = datetime.datetime(2031, 2, 3, 4, 5, 6, 789_012, tzinfo=datetime.UTC)


def import_rooms() -> None:
    """Imports every module of the rooms, so that their messages are registered."""
    for room in rooms:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not module.name.startswith("node.hypervisor.libvirt"):  # an extra, and no message is made there
                importlib.import_module(module.name)


@functools.cache
def messages() -> dict[str, MessageType]:
    """Every message of the rooms by tag; messages that other tests and benchmarks made for themselves are left out."""
    import_rooms()
    return {
        tag: entry
        for tag, entry in sorted(all_message_types().items())
        if entry.cls.__module__.partition(".")[0] in rooms
    }


def tags() -> list[str]:
    """The tags of `messages()`, for `parametrize`."""
    return list(messages())


# --- the shape of a class -----------------------------------------------------------------------------------------


def fields(cls: type[Any]) -> Iterator[tuple[attrs.Attribute[Any], Any]]:
    """The fields of an attrs class with their resolved types."""
    hints = typing.get_type_hints(cls)
    for field in attrs.fields(cls):
        yield field, hints[field.name]


def reachable(cls: type[Any]) -> Iterator[type[Any]]:
    """The class and every attrs class that its fields hold, each once."""
    seen: set[type[Any]] = set()

    def walk(hint: Any) -> Iterator[type[Any]]:
        if isinstance(hint, type) and attrs.has(hint):
            if hint not in seen:
                seen.add(hint)
                yield hint
                for _, inner in fields(hint):
                    yield from walk(inner)
            return
        for argument in typing.get_args(hint):
            yield from walk(argument)

    yield from walk(cls)


def enumerations(cls: type[Any]) -> Iterator[type[enum.Enum]]:
    """The enumerations of which a value may stand in an object of this class."""
    for reached in reachable(cls):
        for _, hint in fields(reached):
            inner = without_none(hint)
            if isinstance(inner, type) and issubclass(inner, enum.Enum):
                yield inner


def without_none(hint: Any) -> Any:
    """`X` for `X | None`, anything else as it is."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [argument for argument in typing.get_args(hint) if argument is not type(None)]
        assert len(inner) == 1, f"{hint}: the codec knows no unions but with None"
        return inner[0]
    return hint


# --- the fixed example --------------------------------------------------------------------------------------------


def example(cls: type[Any]) -> Any:
    """An object of this class with every field set, the same in every run."""
    return cls(**{field.alias: _value(field, hint) for field, hint in fields(cls)})


def minimal(cls: type[Any]) -> Any:
    """An object of this class with nothing but the fields that have no default."""
    required = _required(cls)
    return cls(**{field.alias: _value(field, hint) for field, hint in fields(cls) if field.alias in required})


def _value(field: attrs.Attribute[Any], hint: Any) -> Any:
    made = _of(without_none(hint), field.name)
    if made == field.default:  # a value that is left out would show nothing
        made = _otherwise(made)
        assert made != field.default, f"{field.name}: {made!r}"
    return made


def _otherwise(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case enum.Enum():
            members = list(type(value))
            return members[(members.index(value) + 1) % len(members)]
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case _:
            return value


def _of(hint: Any, name: str) -> Any:
    if hint is Message:
        return Done()  # it has no fields: a change of another message must not show here
    plain = _plain.get(hint)
    if plain is not None:
        return plain(name)
    if typing.get_origin(hint) is tuple:
        items = typing.get_args(hint)
        if items[1:] == (Ellipsis,):
            return (_of(items[0], name), _of(items[0], name + "_2"))
        return tuple(_of(item, f"{name}_{index}") for index, item in enumerate(items))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return list(hint)[-1]
    if isinstance(hint, type) and attrs.has(hint):
        return example(hint)
    raise TypeError(f"{name}: {hint} is no type that a message may have: the codec would not check it")


_plain: Final[dict[Any, Callable[[str], Any]]] = {
    str: lambda name: f"{name} ä",
    bytes: lambda name: name.encode() + b"\0\xff",
    bool: lambda name: True,
    int: lambda name: 1_000 + sum(name.encode()),
    float: lambda name: sum(name.encode()) + 0.5,
    datetime.datetime: lambda name: _epoch + datetime.timedelta(seconds=len(name)),
}


# --- Hypothesis' examples -----------------------------------------------------------------------------------------

_times = st.datetimes(
    min_value=datetime.datetime(1900, 1, 1), max_value=datetime.datetime(2200, 1, 1), timezones=st.just(datetime.UTC)
)
_strategies: Final[dict[Any, st.SearchStrategy[Any]]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    bytes: st.binary(max_size=8),
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime.datetime: _times,
    Message: st.just(Done()),
}


def any_of(hint: Any) -> st.SearchStrategy[Any]:
    """Hypothesis' values for a field's type."""
    known = _strategies.get(hint)
    if known is None:
        known = _strategies[hint] = _strategy(hint)
    return known


def _strategy(hint: Any) -> st.SearchStrategy[Any]:
    inner = without_none(hint)
    if inner is not hint:
        return st.none() | any_of(inner)
    if typing.get_origin(hint) is tuple:
        items = typing.get_args(hint)
        if items[1:] == (Ellipsis,):
            return st.lists(any_of(items[0]), max_size=2).map(tuple)
        return st.tuples(*map(any_of, items))
    if issubclass(hint, enum.Enum):
        return st.sampled_from(list(hint))
    assert attrs.has(hint), hint
    chosen = {field.alias: any_of(inner_hint) for field, inner_hint in fields(hint)}
    required = {name: chosen[name] for name in _required(hint)}
    optional = {name: strategy for name, strategy in chosen.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: hint(**given))


def _required(cls: type[Any]) -> list[str]:
    return [field.alias for field in attrs.fields(cls) if field.default is attrs.NOTHING]


def any_message() -> st.SearchStrategy[Any]:
    """Any object of any message."""
    return st.sampled_from(sorted(messages())).flatmap(lambda tag: any_of(messages()[tag].cls))
