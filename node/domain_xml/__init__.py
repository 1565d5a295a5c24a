"""Turns a `DomainSpec` into libvirt's XML and reads that of a running domain."""

from node.domain_xml.cpu import cpu_problem
from node.domain_xml.disk import DiskSource
from node.domain_xml.domain import domain_xml
from node.domain_xml.live import DeviceIds, LiveDomain, live_domain
from node.domain_xml.platform import GuestPlatform

__all__ = ["DeviceIds", "DiskSource", "GuestPlatform", "LiveDomain", "cpu_problem", "domain_xml", "live_domain"]
