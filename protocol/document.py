"""The metadata of an attribute besides its type: XML name, unit, whether it may be written, searched, shown.

The registry, both document codecs, OpenAPI, search, the command line's columns and options are made from it, so an
attribute is declared once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import attrs

from protocol.message import Message
from protocol.sizes import size_text

KEY: Final = "corral"


@attrs.frozen
class TakesEffect:
    """When what a client sets does something, so that nothing is accepted in silence.

    `shown`: the document itself is the effect; people and searches read it. `accepted`: the values of *not yet* that
    ask for nothing, the default first. `instead`: what to do if leaving it out is not enough, or why a label has no effect.
    """

    when: str  # at once | at next start | label | not yet
    shown: bool = False
    accepted: tuple[Any, ...] = ()
    instead: str = ""

    @property
    def is_not_yet(self) -> bool:
        return self.when == "not yet"

    @property
    def text(self) -> str:
        """One sentence for help and descriptions; "" where the usual happens."""
        if self.when == "label":
            return f"Has no effect: {self.instead}."
        if self.is_not_yet:
            only = f": only {plain_text(self.accepted[0])} is accepted" if self.accepted else ""
            return f"Not supported yet{only}."
        return "Running VMs get it at their next start." if self.when == "at next start" else ""


AT_ONCE: Final = TakesEffect("at once")
SHOWN: Final = TakesEffect("at once", shown=True)
AT_NEXT_START: Final = TakesEffect("at next start")


def label(why: str) -> TakesEffect:
    """Stored but without effect, for clients that always send it; `why` completes *Has no effect:*."""
    return TakesEffect("label", instead=why)


def not_yet(*accepted: Any, instead: str = "") -> TakesEffect:
    """Refused by name when it is set to anything but these; the default comes first."""
    return TakesEffect("not yet", accepted=accepted, instead=instead)


def plain_text(value: Any) -> str:
    """A value as a client writes it."""
    if isinstance(value, tuple):
        return ", ".join(plain_text(item) for item in value) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


@attrs.frozen(kw_only=True)
class About:
    """Metadata of one attribute. Enumerated values come from `choices`; sizes are in `unit`."""

    doc: str = ""
    unit: str = ""
    xml: str = ""  # element name when it differs from the attribute's
    item: str = ""  # element name of one item of a list of plain values
    refers: str = ""  # the type a `Ref` points to
    choices: tuple[str, ...] = ()
    read_only: bool = False
    write_only: bool = False
    required: bool = False  # when the object is added
    link: bool = False  # shown as a link to a sub-collection unless followed
    search: str = ""  # key of the search language
    column: int = 0  # position in the default table; 0 is not shown
    while_running: bool = False  # a table shows it unless the object is at rest
    minimum: int | None = None
    maximum: int | None = None
    characters_max: int | None = None
    holds: bool = False  # what a read-only reference points to cannot be removed
    extension: bool = False  # ours, not in oVirt's model
    as_xml_attribute: bool = False
    effect: TakesEffect | None = None  # of a writable one; on a nested object it holds for all that is in it
    nested: Mapping[str, TakesEffect] = attrs.field(factory=dict)  # where an attribute in here differs from its class
    later: tuple[str, ...] = ()  # choices that this release refuses by name

    def figure(self, value: int) -> str:
        """A value with its unit, as people read it."""
        return size_text(value) if self.unit == "bytes" else f"{value} {self.unit}".rstrip()

    @property
    def effect_text(self) -> str:
        """When it takes effect and which choices do not yet, for help and descriptions."""
        return " ".join(part for part in (self.effect.text if self.effect else "", self.later_text) if part)

    @property
    def later_text(self) -> str:
        """Which choices do not take effect yet."""
        return f"Not supported yet: {', '.join(self.later)}." if self.later else ""


def attribute(*, secret: bool = False, **about: Any) -> Any:
    """A field of a document. All are optional in the model; `required` says what an *add* needs.

    A `secret` is left out of `repr`, and so out of logs.
    """
    return attrs.field(default=None, repr=not secret, metadata={KEY: About(**about)})


def parameter(default: Any, effect: TakesEffect, doc: str = "", *, refers: str = "") -> Any:
    """A field of a command that a client may set beside the document. `refers`: the class that a reference points to."""
    return attrs.field(default=default, metadata={KEY: About(doc=doc, effect=effect, refers=refers)})


def about(field: attrs.Attribute[Any]) -> About:
    """The metadata of a field; an empty one when it was declared plainly."""
    found = field.metadata.get(KEY)
    return found if isinstance(found, About) else About()


@attrs.frozen(kw_only=True)
class Ref:
    """A reference to another object: `id`, or on input `name`. The type it points to is in `About.refers`."""

    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute()


class Identified(Protocol):
    """A document, or a part of one that has an id: an application of a VM."""

    @property
    def id(self) -> str | None: ...


class Document(Message):
    """Base of every type that has an address of its own."""

    __slots__ = ()

    @property
    def id(self) -> str | None:
        """What its address ends with; each class has it as an attribute."""
        raise NotImplementedError


def ref(id: str | None) -> Ref | None:
    """A reference by id, or None for None."""
    return Ref(id=id) if id else None


def kind_and_id(address: str) -> tuple[str, str]:
    """Of an actor or an object: `vm/<id>`. The id is "" where there is none."""
    kind, _, id = address.partition("/")
    return kind, id


def id_of(object: Identified | None) -> str:
    """The id of what is referred to, or of a document; "" for nothing."""
    return (object.id if object is not None else None) or ""
