"""Shorthands for making elements."""

from __future__ import annotations

from lxml import etree

Element = etree._Element


def element(tag: str, **attributes: str) -> Element:
    """A new element; a trailing underscore of an attribute's name is dropped (`type_`), empty values are left out."""
    made = etree.Element(tag)
    _fill(made, "", attributes)
    return made


def child(parent: Element, tag: str, text: str = "", **attributes: str) -> Element:
    """A new last child of `parent`."""
    made = etree.SubElement(parent, tag)
    _fill(made, text, attributes)
    return made


def _fill(made: Element, text: str, attributes: dict[str, str]) -> None:
    if text:
        made.text = text
    for name, value in attributes.items():
        if value:
            made.set(name.rstrip("_"), value)


def document(root: Element) -> str:
    """The text of a document, indented for people."""
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")


def parsed(text: str) -> Element:
    """A document read without entities, DTDs or network."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(text.encode(), parser)
