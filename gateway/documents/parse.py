"""Reads XML or JSON bytes into one neutral tree, with every limit applied."""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

import attrs
from lxml import etree

from protocol import limits
from protocol.errors import BadInput
from protocol.sizes import size_text

_elements_max: Final = 20_000
_text_characters_max: Final = 1_000_000
_not_text: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@attrs.frozen
class Node:
    """One element: its text, or its children in order. XML attributes are children too."""

    name: str
    text: str = ""
    children: tuple[Node, ...] = ()

    def child(self, name: str) -> Node | None:
        return next((child for child in self.children if child.name == name), None)


def parse(body: bytes, content_type: str) -> Node | None:
    """The root element, None for an empty body. For JSON the root's name is "". Raises `BadInput`."""
    if len(body) > limits.request_body_bytes_max:
        raise BadInput(
            f"The body has more than {size_text(limits.request_body_bytes_max)}.", remedy="Send a smaller body."
        )
    if not body.strip():
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json"):
        return _parse_json(body)
    if kind.endswith("xml") or (not kind and body.lstrip()[:1] == b"<"):
        return _parse_xml(body)
    if kind in ("", "application/x-www-form-urlencoded") and body.lstrip()[:1] == b"{":
        return _parse_json(body)
    raise BadInput(
        f"Content type {content_type!r:.100} is not supported.", remedy="Send application/xml or application/json."
    )


def _parse_xml(body: bytes) -> Node:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadInput("A document type declaration or UTF-16 is not accepted.", remedy="Send plain XML in UTF-8.")
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadInput(f"The body is not well-formed XML: {error}"[:300], remedy="Check the document.") from error
    if cast(Any, root.getroottree().docinfo).doctype:
        raise BadInput("A document type declaration is not accepted.", remedy="Remove the DOCTYPE.")
    return _from_element(root, limits.xml_depth_max, _Budget())


class _Budget:
    """How many elements and characters a document may still have."""

    def __init__(self) -> None:
        self.elements = _elements_max
        self.characters = _text_characters_max

    def take(self, text: str) -> str:
        self.elements -= 1
        self.characters -= len(text)
        if self.elements < 0 or self.characters < 0:
            raise BadInput("The document has too many elements or too much text.", remedy="Send a smaller body.")
        if _not_text.search(text):
            raise BadInput("The document contains control characters.", remedy="Remove them.")
        return text


def _from_element(element: Any, depth_left: int, budget: _Budget) -> Node:
    if depth_left < 0:
        raise BadInput(f"The document is nested deeper than {limits.xml_depth_max}.", remedy="Use fewer levels.")
    if not isinstance(element.tag, str):
        raise BadInput("The document contains an entity reference.", remedy="Write the character itself.")
    children = [Node(_local(str(name)), budget.take(str(value))) for name, value in element.attrib.items()]
    children += [_from_element(child, depth_left - 1, budget) for child in element]
    return Node(_local(element.tag), budget.take((element.text or "").strip()), tuple(children))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _parse_json(body: bytes) -> Node:
    try:
        value = json.loads(body, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=str)
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The body is not JSON: {error}"[:300], remedy="Check the document.") from error
    if not isinstance(value, dict):
        raise BadInput("The body is JSON, but not an object.", remedy='Send {"name": ...}.')
    return _from_json("", value, limits.xml_depth_max, _Budget())


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadInput("A JSON object contains the same attribute twice.", remedy="Send it once.")
    return made


def _no_constant(name: str) -> Any:
    raise BadInput(f"{name} is not a number.", remedy="Send a finite number.")


def _from_json(name: str, value: Any, depth_left: int, budget: _Budget) -> Node:
    if depth_left < 0:
        raise BadInput(f"The document is nested deeper than {limits.xml_depth_max}.", remedy="Use fewer levels.")
    if isinstance(value, dict):
        children: list[Node] = []
        budget.take(name)
        for key, child in value.items():
            items = child if isinstance(child, list) else [child]
            children += [_from_json(key, item, depth_left - 1, budget) for item in items if item is not None]
        return Node(name, "", tuple(children))
    if isinstance(value, list):
        raise BadInput(f"{name!r:.80} is a list in a list.", remedy='Lists look like {"nics": {"nic": [...]}}.')
    if isinstance(value, bool):
        return Node(name, "true" if value else "false")
    return Node(name, budget.take(str(value)))
