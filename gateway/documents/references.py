"""Resolves names in references to ids, by what the sender may see, before a command is built."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

from gateway.documents.addresses import BY_TYPE_NAME
from gateway.read_model.model import Record
from gateway.read_model.view import Reads
from protocol.attributes import Attribute, attributes
from protocol.document import Ref, id_of
from protocol.errors import BadInput, Refused
from protocol.merge import changed_by
from protocol.names import title_of
from protocol.refusals import not_found

T = TypeVar("T")


def resolve(view: Reads, document: T, *, cluster_id: str | None = None, path: str = "") -> T:
    """The same document with an id in every reference. Raises `Refused` or `BadInput` that name the reference.

    `cluster_id` is where a VM lives: names of networks and profiles are unique within its data center only.
    """
    own = getattr(document, "cluster", None)
    if isinstance(own, Ref) and own.id is None and own.name:
        document = changed_by(document, {"cluster": _resolve_one(view, "Cluster", own, "cluster", None)})
    own = getattr(document, "cluster", None)
    if isinstance(own, Ref) and own.id:
        cluster_id = own.id
    changes: dict[str, Any] = {}
    for attribute in attributes(type(document)):
        value = getattr(document, attribute.name)
        if value is None or not attrs.has(attribute.type):
            continue
        where = f"{path}.{attribute.xml}" if path else attribute.xml
        if attribute.many:
            new: Any = tuple(_item(view, attribute, item, where, cluster_id) for item in value)
        else:
            new = _item(view, attribute, value, where, cluster_id)
        if new != value:
            changes[attribute.name] = new
    return changed_by(document, changes)


def _item(view: Reads, attribute: Attribute, value: Any, path: str, cluster_id: str | None) -> Any:
    if isinstance(value, Ref):
        return _resolve_one(view, attribute.about.refers, value, path, cluster_id)
    return resolve(view, value, cluster_id=cluster_id, path=path)


def resolved_id(view: Reads, document: Any) -> str:
    """The id of the object that a document names by its id or its name."""
    type_name = type(document).__name__
    if not document.id and not document.name:
        raise BadInput(f"The {type_name} has neither id nor name.", remedy="Give one of them.", field="id")
    return _resolve_one(view, type_name, Ref(id=document.id, name=document.name), "id", None).id or ""


def resolve_reference(view: Reads, type_name: str, reference: Ref, path: str) -> Ref:
    """A reference that stands by itself, as in an action: the same with an id. Raises as `resolve` does."""
    if not reference.id and not reference.name:
        raise BadInput(f"{path!r} has neither id nor name.", remedy="Give one of them.", field=path)
    return _resolve_one(view, type_name, reference, path, None)


def _resolve_one(view: Reads, type_name: str, reference: Ref, path: str, cluster_id: str | None) -> Ref:
    resource = BY_TYPE_NAME.get(type_name)
    if resource is None:
        return reference
    if reference.id:
        record = view.get(resource.kind, reference.id)
        if record is None and resource.kind != "event":
            raise Refused(not_found(resource.kind, reference.id, field=path))
        if record is not None and reference.name:
            _same(record, reference.name, path)
        return Ref(id=reference.id)
    assert reference.name
    found = view.named(resource.kind, reference.name)
    if len(found) > 1:
        found = [record for record in found if _in_data_center_of(view, record, cluster_id)] or found
    if not found:
        raise Refused(not_found(resource.kind, name=reference.name, field=path))
    if len(found) > 1:
        raise BadInput(
            f"{path!r}: {len(found)} objects are called {reference.name!r:.255}.",
            remedy="Give the id: " + ", ".join(record.id for record in found[:10]) + ".", field=path,
        )  # fmt: skip
    return Ref(id=found[0].id)


def _same(record: Record, name: str, path: str) -> None:
    """Of an object that is named by both its id and a name: one of the two would be ignored where they disagree."""
    title, known = title_of(record.kind), getattr(record.document, "name", None)
    if known != name:
        raise BadInput(
            f"{path!r}: the {title} with id {record.id} is called {known!r:.255}, not {name!r:.255}.",
            remedy="Give the id or the name of the one that you mean.", field=path,
        )  # fmt: skip


def _in_data_center_of(view: Reads, record: Record, cluster_id: str | None) -> bool:
    """Whether a network or profile belongs to the data center of a cluster."""
    cluster = view.get("cluster", cluster_id) if cluster_id else None
    if cluster is None or cluster.document.data_center is None:
        return False
    document = record.document
    if (network := getattr(document, "network", None)) is not None:
        above = view.get("network", id_of(network))
        document = above.document if above else document
    data_center = getattr(document, "data_center", None)
    return data_center is not None and data_center.id == cluster.document.data_center.id
