"""Turns documents of the model into the plain form: addresses, links, actions, references, followed links."""

from __future__ import annotations

import datetime
from typing import Any, Final

import attrs

from gateway.documents.addresses import BY_TYPE_NAME, href_of
from gateway.documents.follow import EVERYTHING, Follow
from gateway.documents.host_summary import with_summary
from gateway.documents.render import Plain
from gateway.documents.statistics import statistics_of
from gateway.read_model.model import Record
from gateway.read_model.view import Reads
from protocol.attributes import Attribute, attributes
from protocol.document import Document, Identified, Ref
from protocol.names import element_of, element_of_name
from protocol.registry import BY_KIND
from protocol.resource import Resource, SubCollection

NOTHING: Final = Follow()


def scalar(value: Any) -> str:
    """A value as oVirt writes it."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds")
    return str(value)


@attrs.frozen
class DocumentPlace:
    """Where a document stands: its address, what may be done there and what lies below."""

    href: str = ""
    actions: tuple[str, ...] = ()
    sub: tuple[SubCollection, ...] = ()
    parent_kind: str = ""
    parent_id: str = ""
    owner_id: str = ""  # of the object around a nested one: a NIC's VM


def place_of(resource: Resource, id: str) -> DocumentPlace:
    return DocumentPlace(
        href_of(resource.rel, id), tuple(action.name for action in resource.actions), resource.sub, resource.kind, id
    )


class Writer:
    """Writes documents as of now, with what a view shows of others."""

    def __init__(self, view: Reads) -> None:
        self._view = view

    def record(self, record: Record, follow: Follow = NOTHING, *, bare: bool = False) -> Plain:
        """An entity at its own address. `bare`: without links, actions and what is counted of others, with all nested
        content (live frames)."""
        resource = BY_KIND.get(record.kind)
        if bare or resource is None:
            href = href_of(resource.rel, record.id) if resource is not None else ""
            return self.document(record.document, DocumentPlace(href=href, parent_id=record.id), EVERYTHING)
        place = place_of(resource, record.id)
        document = with_summary(self._view.whole, record.document) if record.kind == "host" else record.document
        return self.document(document, place, follow)

    def document(self, document: Any, place: DocumentPlace, follow: Follow = NOTHING) -> Plain:
        """Any document of the model. Attributes that are not set are left out."""
        plain: Plain = {}
        if place.href:
            plain["href"] = place.href
        cls = type(document)
        if (id := getattr(document, "id", None)) is not None:
            plain["id"] = id
        if place.actions:
            plain["actions"] = {"link": [{"href": f"{place.href}/{name}", "rel": name} for name in place.actions]}
        links = [{"href": f"{place.href}/{sub.rel}", "rel": sub.rel} for sub in place.sub if place.href]
        for attribute in attributes(cls):
            if attribute.about.as_xml_attribute or attribute.about.write_only:
                continue
            value = getattr(document, attribute.name)
            if value is None:
                continue
            deeper = follow.into(attribute.name)
            if attribute.about.link and deeper is None:
                continue
            plain[attribute.xml] = self._value(attribute, value, place, deeper)
        self._follow_subs(plain, place, follow)
        if links:
            plain["link"] = links
        return plain

    def _value(self, attribute: Attribute, value: Any, place: DocumentPlace, follow: Follow | None) -> Any:
        if not attribute.many:
            return self._one(attribute, value, place, follow)
        if attribute.type is Ref:
            item_tag = element_of_name(attribute.about.refers)
        elif attrs.has(attribute.type):
            item_tag = element_of(attribute.type)
        else:
            return {attribute.about.item or attribute.xml.rstrip("s"): [scalar(item) for item in value]}
        return {item_tag: [self._one(attribute, item, place, follow) for item in value]}

    def _one(self, attribute: Attribute, value: Any, place: DocumentPlace, follow: Follow | None) -> Any:
        refers = attribute.about.refers
        if attribute.type is Ref:
            return self._reference(refers, value, follow)
        if not attrs.has(type(value)):
            return scalar(value)
        if refers and not attribute.many and getattr(value, "id", None):
            return self._reference(refers, Ref(id=value.id), follow)
        sub = next((sub for sub in place.sub if sub.attribute == attribute.name), None)
        if sub is None:
            return self.document(value, DocumentPlace(), follow or NOTHING)
        return self.document(*self.member(sub, value, place), follow or NOTHING)

    def _reference(self, type_name: str, reference: Ref, follow: Follow | None) -> Plain:
        resource = BY_TYPE_NAME.get(type_name)
        if follow is not None and follow is not EVERYTHING and resource is not None and reference.id:
            record = self._view.get(resource.kind, reference.id)
            if record is not None:
                follow.budget.spend(1)
                return self.record(record, follow)
        plain: Plain = {}
        if reference.id:
            if resource is not None:
                plain["href"] = href_of(resource.rel, reference.id)
            plain["id"] = reference.id
        if reference.name:
            plain["name"] = reference.name
        return plain

    def _follow_subs(self, plain: Plain, place: DocumentPlace, follow: Follow) -> None:
        """Sub-collections that are no attribute of the document: statistics, and members found by their reference."""
        for sub in place.sub:
            deeper = follow.into(sub.tag)
            if deeper is None or follow is EVERYTHING or sub.source == "nested":
                continue
            if sub.source == "statistics":
                deeper.budget.spend(1)
                items = [
                    self.document(item, DocumentPlace(f"{place.href}/statistics/{item.id}"), deeper)
                    for item in statistics_of(self._view.whole, place.parent_kind, place.parent_id, place.owner_id)
                ]
            elif sub.source == "assigned":
                members = self.assigned(sub, place)
                deeper.budget.spend(len(members))
                items = [self.document(*self.member(sub, item, place), deeper) for item in members]
            else:
                found = self.filtered(sub, place.parent_kind, place.parent_id)
                deeper.budget.spend(len(found))
                items = [self.record(record, deeper) for record in found]
            plain[sub.tag] = {element_of(sub.item): items}

    # Sub-collections

    def filtered(self, sub: SubCollection, parent_kind: str, parent_id: str) -> list[Record]:
        """Members of a root collection whose reference is the parent."""
        attribute, _, of = sub.by.partition(".of_")
        target = parent_id
        if of:
            parent = self._view.get(parent_kind, parent_id)
            reference = getattr(parent.document, attribute, None) if parent else None
            if reference is None or not reference.id:
                return []
            target = reference.id
        return self._view.referring(sub.kind, attribute, target)

    def assigned(self, sub: SubCollection, parent: DocumentPlace) -> tuple[Document, ...]:
        """The objects that are assigned to the parent, each as it is for this holder."""
        names = BY_KIND[sub.kind].assigned_attributes
        found = []
        for one in self._view.assignments(parent.parent_kind, parent.parent_id, sub.kind):
            record, own = self._view.get(sub.kind, one.document.right.id), one.document.attributes
            if record is not None:
                found.append(attrs.evolve(record.document, **{name: getattr(own, name, None) for name in names}))
        return tuple(found)

    def member(self, sub: SubCollection, item: Any, parent: DocumentPlace) -> tuple[Any, DocumentPlace]:
        """A nested object with the reference to its parent filled in, and its place."""
        names = {attribute.name for attribute in attributes(type(item))}
        if parent.parent_kind in names and getattr(item, parent.parent_kind) is None and parent.parent_id:
            item = attrs.evolve(item, **{parent.parent_kind: Ref(id=parent.parent_id)})
        id = getattr(item, "id", None) or ""
        href = f"{parent.href}/{sub.rel}/{id}" if parent.href and id else ""
        actions = tuple(action.name for action in sub.actions) if href else ()
        return item, DocumentPlace(href, actions, sub.sub, element_of(sub.item), id, owner_id=parent.parent_id)


def nested_items(document: Document, sub: SubCollection) -> tuple[Identified, ...]:
    """The members of a nested sub-collection."""
    return getattr(document, sub.attribute, None) or ()
