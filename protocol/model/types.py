"""What is said about an attribute beside its type: XML name, unit, whether it may be written, searched, shown.

The registry, both document codecs, OpenAPI, search, the command line's columns and options are made from it, so an
attribute is written once. It must not know any particular document.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from protocol.message import Message

KEY: Final = "corral"


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
    minimum: int | None = None
    maximum: int | None = None
    extension: bool = False  # ours, not in oVirt's model
    as_xml_attribute: bool = False


def attribute(default: Any = None, *, secret: bool = False, **about: Any) -> Any:
    """A field of a document. All are optional in the model; `required` says what an *add* needs.

    A `secret` is left out of `repr`, and so out of logs.
    """
    return attrs.field(default=default, repr=not secret, metadata={KEY: About(**about)})


def about(field: attrs.Attribute[Any]) -> About:
    """The metadata of a field; an empty one when it was declared plainly."""
    found = field.metadata.get(KEY)
    return found if isinstance(found, About) else About()


@attrs.frozen(kw_only=True)
class Ref:
    """A reference to another object: `id`, or on input `name`. The type it points to is in `About.refers`."""

    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute()


class Document(Message):
    """Base of every type that has an address of its own."""

    __slots__ = ()


def ref(id: str | None) -> Ref | None:
    """A reference by id, or None for None."""
    return Ref(id=id) if id else None
