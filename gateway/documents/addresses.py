"""The URL and the element name of each object."""

from __future__ import annotations

from typing import Final

from protocol.registry import RESOURCES
from protocol.resource import Resource

BASE: Final = "/ovirt-engine/api"
BASES: Final = (BASE, "/rhevm-api", "/api")  # the longest that fits is taken first

BY_TYPE_NAME: Final[dict[str, Resource]] = {resource.cls.__name__: resource for resource in RESOURCES}


def href_of(kind_rel: str, id: str) -> str:
    return f"{BASE}/{kind_rel}/{id}"


def rebase(body: bytes, base: str) -> bytes:
    """A document made for `BASE`, for a client that came by another base path."""
    if base == BASE:
        return body
    return body.replace(b'"' + BASE.encode() + b"/", b'"' + base.encode() + b"/")
