"""Turns a plain document (dicts, lists, strings) into XML or JSON bytes.

The plain form is oVirt's JSON: scalars are strings, a list is `{"nic": [...]}` inside its plural. XML is the same tree,
with `id`, `href` and `rel` as XML attributes.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

XML_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
XML_TYPE: Final = "application/xml"
JSON_TYPE: Final = "application/json"

_xml_attributes: Final = ("href", "id", "rel")
_needs_escape: Final = re.compile('[&<>"\r\t\n\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_escapes: Final = {
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\t": "&#9;", "\n": "&#10;",
}  # fmt: skip

Plain = dict[str, Any]


def escape(text: str) -> str:
    """Text fit for element and attribute alike; what XML cannot carry becomes U+FFFD."""
    if _needs_escape.search(text) is None:
        return text
    return _needs_escape.sub(lambda found: _escapes.get(found.group(), "\ufffd"), text)


def xml_text(tag: str, plain: Plain) -> str:
    """One element."""
    parts: list[str] = []
    _element(tag, plain, parts)
    return "".join(parts)


def _element(tag: str, value: Any, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(f"<{tag}>{escape(value)}</{tag}>" if value else f"<{tag}/>")
        return
    head = "<" + tag
    for name in _xml_attributes:
        if name in value:
            head += f' {name}="{escape(value[name])}"'
    parts.append(head)
    opened = len(parts)
    for name, child in value.items():
        if name in _xml_attributes:
            continue
        if isinstance(child, list):
            for item in child:
                _element(name, item, parts)
        else:
            _element(name, child, parts)
    if len(parts) == opened:
        parts[-1] += "/>"
    else:
        parts[opened - 1] += ">"
        parts.append(f"</{tag}>")


def xml_bytes(tag: str, plain: Plain) -> bytes:
    """One element without declaration: a fragment that can be joined."""
    return xml_text(tag, plain).encode()


def json_bytes(plain: Any) -> bytes:
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def xml_list(plural: str, fragments: list[bytes]) -> bytes:
    """A whole XML document that wraps fragments."""
    if not fragments:
        return XML_DECLARATION + f"<{plural}/>".encode()
    return b"".join((XML_DECLARATION, f"<{plural}>".encode(), *fragments, f"</{plural}>".encode()))


def json_list(tag: str, fragments: list[bytes]) -> bytes:
    """A whole JSON document that wraps fragments: `{"vm": [...]}`."""
    return b"".join((f'{{"{tag}":['.encode(), b",".join(fragments), b"]}"))
