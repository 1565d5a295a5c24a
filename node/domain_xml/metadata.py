"""Corral's metadata: on a domain, its VM and the step that started it; on a device, its id."""

from __future__ import annotations

import attrs
from lxml import etree

from node.domain_xml.element import Element

namespace = "urn:corral:domain:1"
_tag = f"{{{namespace}}}domain"
_alias_prefix = "ua-"  # libvirt's, for aliases that are not its own


def alias_of(device_id: str) -> str:
    """The alias of a disk, a NIC or the CD drive."""
    return _alias_prefix + device_id


def device_id_of(alias: str) -> str:
    """The reverse of `alias_of`; empty for an alias of libvirt's own."""
    return alias.removeprefix(_alias_prefix) if alias.startswith(_alias_prefix) else ""


@attrs.frozen
class Mark:
    """What the element in `<metadata>` says."""

    vm_id: str
    step_id: str
    run_once: bool = False


def add_metadata(domain: Element, mark: Mark) -> None:
    """Puts the mark on a domain's document, in place of an older one."""
    metadata = domain.find("metadata")
    if metadata is None:
        metadata = etree.SubElement(domain, "metadata")
    for older in metadata.findall(_tag):
        metadata.remove(older)
    made = etree.SubElement(metadata, _tag, nsmap={"corral": namespace})
    made.set("vm_id", mark.vm_id)
    made.set("step_id", mark.step_id)
    if mark.run_once:
        made.set("run_once", "yes")


def mark_of(domain: Element) -> Mark | None:
    """The mark of a domain's document; None when it is not Corral's."""
    found = domain.find(f"metadata/{_tag}")
    if found is None:
        return None
    return Mark(found.get("vm_id", ""), found.get("step_id", ""), found.get("run_once") == "yes")
