"""The display: VNC on a unix socket that no ticket opens yet."""

from __future__ import annotations

from node.domain_xml import address
from node.domain_xml.element import Element, child
from protocol.node.domain import DomainSpec

vnc_password_characters_max = 8
"""RFB's DES key: a longer password is cut by the protocol, and libvirt refuses it."""

_never = "1970-01-01T00:00:01"


def add_display(devices: Element, spec: DomainSpec) -> None:
    q35 = address.has_fixed_addresses(spec)
    if spec.display == "none":
        child(devices, "controller", type_="usb", model="none")
        return
    usb = child(devices, "controller", type_="usb", index="0", model="qemu-xhci")
    if q35:
        address.pci(usb, 0, address.usb_slot)
    child(devices, "input", type_="tablet", bus="usb")
    # A password that expired long ago refuses everybody, where no password would let everybody in.
    graphics = child(devices, "graphics", type_="vnc", passwd="none", passwdValidTo=_never)
    child(graphics, "listen", type_="socket")
    video = child(devices, "video")
    child(video, "model", type_="vga", vram="16384", heads="1", primary="yes")
    if q35:
        address.pci(video, 0, address.video_slot)
