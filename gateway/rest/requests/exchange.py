"""One request and one reply of the REST API, independent of ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote

import attrs

from gateway.auth.gate import Caller
from gateway.documents.addresses import BASES, rebase
from gateway.documents.follow import EVERYTHING, Follow, parse_follow
from gateway.documents.links import Followed, refuse_unknown_links
from gateway.documents.parse import Node, parse
from gateway.documents.read import to_scalar
from gateway.documents.render import JSON_TYPE, XML_DECLARATION, XML_TYPE, Plain, json_bytes, xml_bytes
from gateway.documents.write import Writer
from gateway.read_model.view import Reads
from gateway.rest.requests.parameters import Known, refuse_unknown
from protocol.errors import BadInput, NotSupportedYet

_max_max: Final = 1_000_000


@attrs.frozen
class HttpReply:
    status: int
    body: bytes
    content_type: str = XML_TYPE
    headers: tuple[tuple[str, str], ...] = ()


@attrs.define(slots=True)
class Exchange:
    """What a request says: path segments below the base, query and matrix parameters, headers, body on demand.

    `view` is all that its answer may show.
    """

    method: str
    base: str
    segments: tuple[str, ...]
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    read_body: Callable[[], Awaitable[bytes]]
    caller: Caller
    view: Reads
    wants_json: bool = False

    @property
    def writer(self) -> Writer:
        return Writer(self.view)

    def allow(self, known: Known) -> None:
        """Raises `BadInput` for a parameter that would be ignored."""
        refuse_unknown(self.method, self.parameters, known)

    def text(self, name: str) -> str:
        return self.parameters.get(name, "")

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean parameter; one without a value is true."""
        value = self.parameters.get(name)
        if value is None:
            return default
        return bool(to_scalar(value or "true", bool, name))

    def number(self, name: str) -> int | None:
        """A parameter that counts; None when it is not given. Negative means no limit, as in oVirt."""
        value = self.parameters.get(name)
        if value is None:
            return None
        number = int(to_scalar(value, int, name))
        return min(number, _max_max) if number >= 0 else None

    def follow(self, at: Followed) -> Follow:
        """The links to follow from the objects of the answer. Raises `BadInput` for one that leads nowhere."""
        everything = self.headers.get("all-content", self.text("all_content"))
        if everything and to_scalar(everything, bool, "all_content"):
            return EVERYTHING
        text = self.text("follow")
        follow = parse_follow(text) if text else Follow()
        refuse_unknown_links(follow, at)
        return follow

    def refuse_user_view(self) -> None:
        """Raises `NotSupportedYet` for `Filter: true`: everybody who may log in sees everything in this release."""
        wanted = self.headers.get("filter", self.text("filter"))
        if wanted and to_scalar(wanted, bool, "Filter"):
            raise NotSupportedYet(
                "The user-level view (Filter: true) is not supported yet.",
                remedy="Leave the header out.",
                field="Filter",
            )

    def correlation_id(self) -> str:
        """The client's own id for what this request sets off."""
        given = self.headers.get("correlation-id") or self.text("correlation_id")
        if len(given) > 255 or not given.isprintable():
            raise BadInput("The correlation id is too long or not printable.", remedy="Use at most 255 characters.")
        return given

    def idempotency_key(self) -> str:
        """The client's own key of a request that it may repeat, "" for none."""
        given = self.headers.get("idempotency-key", "")
        if len(given) > 255 or not given.isprintable():
            raise BadInput("The Idempotency-Key is too long or not printable.", remedy="Use at most 255 characters.")
        return given

    async def body(self) -> Node | None:
        return parse(await self.read_body(), self.headers.get("content-type", ""))

    def reply(self, status: int, tag: str, plain: Plain, *headers: tuple[str, str]) -> HttpReply:
        """One document."""
        return self.fragment(status, json_bytes(plain) if self.wants_json else xml_bytes(tag, plain), *headers)

    def fragment(self, status: int, fragment: bytes, *headers: tuple[str, str]) -> HttpReply:
        """One document that is encoded already."""
        body = rebase(fragment, self.base)
        if self.wants_json:
            return HttpReply(status, body, JSON_TYPE, headers)
        return HttpReply(status, XML_DECLARATION + body, XML_TYPE, headers)


def split_base(path: str) -> tuple[str, str] | None:
    """(base, rest) when the path belongs to the REST API."""
    for base in BASES:
        if path == base or path.startswith((base + "/", base + ";")):
            return base, path[len(base) :]
    return None


def split_path(rest: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Segments, and the matrix parameters of all of them: `/vms;max=10` -> (("vms",), {"max": "10"})."""
    segments: list[str] = []
    matrix: dict[str, str] = {}
    for part in rest.split("/"):
        segment, *parameters = part.split(";")
        if segment:
            segments.append(unquote(segment))
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name:
                _put(matrix, unquote(name), unquote(value))
    return tuple(segments), matrix


def parse_query(query: bytes, matrix: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the query beside those of the path. Raises `BadInput` for one with two values."""
    parameters = dict(matrix)
    if not query:
        return parameters
    try:
        pairs = parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise BadInput("The query has too many parameters.", remedy="Send at most 100.") from error
    for name, value in pairs:
        _put(parameters, name, value)
    return parameters


def _put(parameters: dict[str, str], name: str, value: str) -> None:
    if parameters.setdefault(name, value) != value:
        raise BadInput(f"The parameter {name!r:.80} is given twice.", remedy="Send it once.", field=name[:80])


def wants_json(accept: str, content_type: str) -> bool:
    """Whether the answer is JSON: what `Accept` ranks first of the two, else what the client sends."""
    best, chosen = 0.0, ""
    for item in accept.split(","):
        media, *parameters = (part.strip() for part in item.split(";"))
        quality = next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        if media in ("application/json", "text/json", "application/xml", "text/xml") and quality > best:
            best, chosen = quality, media
    return "json" in (chosen or (content_type if "xml" not in content_type else ""))


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
