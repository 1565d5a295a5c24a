"""The entry point: product, summary, special objects, a link to every collection."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection

from gateway.documents.addresses import BASE
from gateway.documents.write import DocumentPlace
from gateway.read_model.view import Reads
from gateway.rest.requests.exchange import Exchange, HttpReply
from protocol.api import Api, ApiSummary, ApiSummaryItem, ProductInfo, SpecialObjects, Version
from protocol.document import Ref
from protocol.inventory.model import ROOT_TAG_ID
from protocol.registry import BY_KIND, RESOURCES
from protocol.vm.model import BLANK_TEMPLATE_ID


class EntryPoint:
    """`GET /ovirt-engine/api`."""

    def __init__(self, version: str, wall: Callable[[], datetime.datetime]) -> None:
        self._version = version
        self._wall = wall

    async def get(self, exchange: Exchange) -> HttpReply:
        view = exchange.view
        user = Ref(id=exchange.caller.principal.user_id)
        document = Api(
            product_info=ProductInfo(
                name="Corral", vendor="Corral", version=_version(self._version), instance_id=view.whole.stream_id
            ),
            special_objects=SpecialObjects(blank_template=Ref(id=_blank(view)), root_tag=Ref(id=ROOT_TAG_ID)),
            summary=ApiSummary(
                hosts=_summary(view, "host", ("up",)),
                storage_domains=_summary(view, "storage_domain", ("active",)),
                users=_summary(view, "user", ()),
                vms=_summary(view, "vm", BY_KIND["vm"].statuses.running),
            ),
            time=self._wall(),
            authenticated_user=user,
            effective_user=user,
        )
        plain = exchange.writer.document(document, DocumentPlace())
        links = []
        for resource in RESOURCES:
            links.append({"href": f"{BASE}/{resource.rel}", "rel": resource.rel})
            if resource.searchable:
                links.append({"href": f"{BASE}/{resource.rel}?search={{query}}", "rel": f"{resource.rel}/search"})
        links.append({"href": f"{BASE}/?rsdl", "rel": "rsdl"})
        return exchange.reply(200, "api", plain | {"link": links})


def _summary(view: Reads, kind: str, active: Collection[str]) -> ApiSummaryItem:
    records = view.all(kind)
    if not active:
        return ApiSummaryItem(active=len(records), total=len(records))
    return ApiSummaryItem(active=sum(r.document.status in active for r in records), total=len(records))


def _blank(view: Reads) -> str:
    found = view.named("template", "Blank")
    return found[0].id if found else BLANK_TEMPLATE_ID


def _version(text: str) -> Version:
    major, minor, build, revision = (int(part) for part in text.split("."))
    return Version(major=major, minor=minor, build=build, revision=revision, full_version=text)
