"""The entry point: product, summary, special objects, a link to every collection."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection

from gateway.documents.addresses import BASE
from gateway.documents.write import DocumentPlace, Writer
from gateway.read_model.model import ReadModel
from gateway.rest.requests.exchange import Exchange, HttpReply
from protocol.api import Api, ApiSummary, ApiSummaryItem, ProductInfo, SpecialObjects, Version
from protocol.document import Ref
from protocol.inventory.model import ROOT_TAG_ID
from protocol.registry import BY_KIND, RESOURCES
from protocol.vm.model import BLANK_TEMPLATE_ID


class EntryPoint:
    """`GET /ovirt-engine/api`."""

    def __init__(self, model: ReadModel, writer: Writer, version: str, wall: Callable[[], datetime.datetime]) -> None:
        self._model = model
        self._writer = writer
        self._version = version
        self._wall = wall

    async def get(self, exchange: Exchange) -> HttpReply:
        user = Ref(id=exchange.caller.principal.user_id)
        document = Api(
            product_info=ProductInfo(
                name="Corral", vendor="Corral", version=_version(self._version), instance_id=self._model.stream_id
            ),
            special_objects=SpecialObjects(blank_template=Ref(id=self._blank()), root_tag=Ref(id=ROOT_TAG_ID)),
            summary=ApiSummary(
                hosts=self._summary("host", ("up",)),
                storage_domains=self._summary("storage_domain", ("active",)),
                users=self._summary("user", ()),
                vms=self._summary("vm", BY_KIND["vm"].statuses.running),
            ),
            time=self._wall(),
            authenticated_user=user,
            effective_user=user,
        )
        plain = self._writer.document(document, DocumentPlace())
        links = []
        for resource in RESOURCES:
            links.append({"href": f"{BASE}/{resource.rel}", "rel": resource.rel})
            if resource.searchable:
                links.append({"href": f"{BASE}/{resource.rel}?search={{query}}", "rel": f"{resource.rel}/search"})
        links.append({"href": f"{BASE}/?rsdl", "rel": "rsdl"})
        return exchange.reply(200, "api", plain | {"link": links})

    def _summary(self, kind: str, active: Collection[str]) -> ApiSummaryItem:
        records = self._model.all(kind)
        if not active:
            return ApiSummaryItem(active=len(records), total=len(records))
        return ApiSummaryItem(active=sum(r.document.status in active for r in records), total=len(records))

    def _blank(self) -> str:
        found = self._model.named("template", "Blank")
        return found[0].id if found else BLANK_TEMPLATE_ID


def _version(text: str) -> Version:
    major, minor, build, revision = (int(part) for part in text.split("."))
    return Version(major=major, minor=minor, build=build, revision=revision, full_version=text)
