"""Gives each message and document class its stable tag, version, priority and rule for a full mailbox."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs


class Priority(enum.IntEnum):
    """Which queue of a mailbox a message waits in; the lowest number is served first."""

    CONTROL = 0  # heartbeats, fencing, stop: never behind bulk work
    DATA = 1  # commands, replies, reports
    BULK = 2  # statistics, progress


class WhenFull(enum.Enum):
    """What happens to a message whose queue has no room left."""

    REFUSE = "refuse"  # the teller gets `MailboxFull`
    CONFLATE = "conflate"  # it replaces an unread message of the same tag and key
    WAIT = "wait"  # the teller waits; only allowed to those that may await


class Message:
    """Base of every message. A field annotated `Message` travels with its tag, so any message fits it."""

    __slots__ = ()


@attrs.frozen
class MessageType:
    """What is known of one type of message: its class, stable tag, current version, priority and full rule."""

    cls: type[Any]
    tag: str
    version: int
    priority: Priority
    when_full: WhenFull


T = TypeVar("T")
Upcast = Callable[[dict[str, Any]], dict[str, Any]]

_by_tag: dict[str, MessageType] = {}
_by_class: dict[type[Any], MessageType] = {}
_upcasts: dict[tuple[str, int], Upcast] = {}


def message(
    tag: str, *, version: int = 1, priority: Priority = Priority.DATA, when_full: WhenFull = WhenFull.REFUSE
) -> Callable[[type[T]], type[T]]:
    """Registers an attrs class under a stable tag: `@message("vm.start") @attrs.frozen class StartVm(Message)`.

    Raises `ValueError` when the tag is taken: the tag is what is stored and sent, never the class name.
    """
    if version < 1:
        raise ValueError(f"version {version} of {tag!r}: versions begin at 1")

    def register(cls: type[T]) -> type[T]:
        if cls in _by_class:
            raise ValueError(f"{cls.__qualname__} is the message {_by_class[cls].tag} already")
        if tag in _by_tag:
            raise ValueError(f"tag {tag!r} is taken by {_by_tag[tag].cls.__qualname__}, wanted by {cls.__qualname__}")
        entry = MessageType(cls, tag, version, priority, when_full)
        _by_tag[tag] = entry
        _by_class[cls] = entry
        return cls

    return register


def upcast(tag: str, from_version: int) -> Callable[[Upcast], Upcast]:
    """Registers how fields of `tag` at `from_version` become those of the next version. Raises `ValueError` if known."""
    if from_version < 1:
        raise ValueError(f"version {from_version} of {tag!r}: versions begin at 1")

    def register(step: Upcast) -> Upcast:
        if (tag, from_version) in _upcasts:
            raise ValueError(f"the step of {tag!r} from version {from_version} is taken")
        _upcasts[tag, from_version] = step
        return step

    return register


def upcast_of(tag: str, from_version: int) -> Upcast | None:
    """The step from `from_version` to the next one, or None when fields were only added."""
    return _upcasts.get((tag, from_version))


def message_type(message: object) -> MessageType:
    """The registered type of a message. Raises `KeyError` for an object of an unregistered class."""
    return _by_class[type(message)]


def message_type_of(cls: type[Any]) -> MessageType:
    """The registered type of a class. Raises `KeyError` when it is none."""
    return _by_class[cls]


def message_type_by_tag(tag: str) -> MessageType | None:
    """The type behind a tag that came in, or None when this version does not know it."""
    return _by_tag.get(tag)


def all_message_types() -> Mapping[str, MessageType]:
    """Every registered type by tag: what the golden-bytes test and the documentation walk over."""
    return dict(_by_tag)
