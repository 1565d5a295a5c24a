"""Documents of domains: golden files, and the rules that must hold of every one."""

from __future__ import annotations

import pytest
from lxml import etree

from node.domain_xml import GuestPlatform, cpu_problem, domain_xml, live_domain
from node.domain_xml.address import settled_slots
from node.domain_xml.domain import domain_name
from node.domain_xml.live import graphics_with_ticket, restored_xml
from protocol.node.domain import DomainSpec
from tests.node.domain_xml.specs import CASES, FOLDER, KVM, NAMED, TCG, disk, document, nic, sources, spec


def made(what: DomainSpec) -> etree._Element:
    return etree.fromstring(domain_xml(what, "step-1", sources(what), TCG))


def addresses(domain: etree._Element, path: str) -> list[tuple[str, str]]:
    found = domain.findall(f"devices/{path}/address[@type='pci']")
    return [(one.get("bus", ""), one.get("slot", "")) for one in found]


def place(device: etree._Element) -> tuple[str, ...] | None:
    """Where a device sits: on the PCI bus, or at a unit of a controller of its kind."""
    address = device.find("address")
    if address is None:
        return None
    target = device.find("target")
    kind = "pci" if address.get("type") == "pci" or target is None else target.get("bus", device.tag)
    return (kind, *(address.get(name, "") for name in ("controller", "bus", "slot", "function", "unit", "port")))


@pytest.mark.parametrize("name", CASES)
def test_the_document_is_the_golden_one(name: str) -> None:
    assert document(name) == (FOLDER / f"{name}.xml").read_text(), (
        "python -m tests.node.domain_xml.specs writes it anew"
    )


@pytest.mark.parametrize("name", CASES)
def test_no_two_devices_share_an_address(name: str) -> None:
    places = [place(device) for device in etree.fromstring(document(name)).findall("devices/*")]
    known = [found for found in places if found is not None]
    assert len(known) == len(set(known))


@pytest.mark.parametrize("name", CASES)
def test_every_disk_names_its_format(name: str) -> None:
    for driver in etree.fromstring(document(name)).findall("devices/disk/driver"):
        assert driver.get("type") in ("raw", "qcow2")


def test_a_disk_keeps_its_address_whatever_else_comes_and_goes() -> None:
    alone = made(spec(disks=(disk(2, slot=1),)))
    among = made(spec(disks=(disk(1), disk(2, slot=1), disk(3, slot=2)), nics=(nic(1), nic(2, slot=5))))
    assert addresses(alone, "disk")[0] == addresses(among, "disk")[1] == ("0x03", "0x00")


def test_a_nic_keeps_its_address_whatever_else_comes_and_goes() -> None:
    alone = made(spec(nics=(nic(2, slot=1),)))
    among = made(spec(disks=(disk(1), disk(2, slot=1)), nics=(nic(1), nic(2, slot=1))))
    assert addresses(alone, "interface")[0] == addresses(among, "interface")[1] == ("0x04", "0x00")


def test_ports_are_left_for_hot_plug() -> None:
    domain = made(spec(disks=tuple(disk(n, slot=n) for n in range(23)), nics=tuple(nic(n, slot=n) for n in range(28))))
    ports = len(domain.findall("devices/controller[@model='pcie-root-port']"))
    highest = max(int(bus, 16) for bus, _ in addresses(domain, "disk") + addresses(domain, "interface"))
    assert ports >= highest + 6
    assert all(int(slot, 16) < 0x1F for _, slot in addresses(domain, "controller"))


def test_slots_that_clash_are_settled_without_moving_the_first() -> None:
    assert settled_slots([0, 0, 1, 0]) == (0, 2, 1, 3)
    assert settled_slots([3, -1, 999]) == (3, 0, 1)


def test_the_boot_order_has_neither_gaps_nor_ties() -> None:
    what = spec(
        disks=(disk(1, boot_order=2), disk(2, slot=1, bootable=True), disk(3, slot=2)),
        nics=(nic(1, boot_order=2), nic(2, slot=1, boot_order=1)),
        cdrom_path="/isos/x.iso",
    )
    orders = {
        boot.getparent().find("alias").get("name"): boot.get("order")  # type: ignore[union-attr]
        for boot in made(what).findall("devices/*/boot")
    }
    assert sorted(order or "" for order in orders.values()) == ["1", "2", "3", "4", "5"]
    assert orders[f"ua-{nic(2).nic_id}"] == "1"
    assert orders[f"ua-{disk(1).disk_id}"] == "2"
    assert orders[f"ua-{nic(1).nic_id}"] == "3"
    assert orders["ua-cdrom"] == "5"
    assert f"ua-{disk(3).disk_id}" not in orders


def test_a_nic_without_a_bridge_has_its_cable_pulled() -> None:
    (card,) = made(spec(nics=(nic(1),))).findall("devices/interface")
    assert card.get("type") == "ethernet"
    assert card.find("link").get("state") == "down"  # type: ignore[union-attr]


def test_nobody_gets_in_before_a_ticket_is_set() -> None:
    graphics = made(spec()).find("devices/graphics")
    assert graphics is not None
    assert graphics.get("passwd")
    assert graphics.get("passwdValidTo") == "1970-01-01T00:00:01"
    assert graphics.find("listen").get("type") == "socket"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("db-1", "db-1"),
        ("../../etc", "_.._etc"),
        ("ä & <b>", "_____b_"),
        ("-x", "x"),
        ("...", "vm"),
        ("n" * 300, "n" * 50),
    ],
)
def test_the_name_is_safe_in_a_path_and_on_a_command_line(name: str, safe: str) -> None:
    assert domain_name(spec(name=name)) == f"{safe}-cccccccc"


def test_hostile_text_stays_text() -> None:
    domain = made(spec(cmdline="\"/><x>&'", kernel="/k"))
    assert domain.findtext("os/cmdline") == "\"/><x>&'"
    assert domain.find(".//x") is None


def test_what_cannot_stand_in_xml_is_refused() -> None:
    with pytest.raises(ValueError, match="XML"):
        made(spec(kernel="/k", cmdline="\x00"))


def test_the_mark_is_found_again() -> None:
    live = live_domain(document("run_once"))
    assert live.mark is not None
    assert (live.mark.vm_id, live.mark.step_id, live.mark.run_once) == (spec().vm_id, "step-1", True)
    assert live_domain("<domain><name>x</name><uuid>y</uuid></domain>").mark is None


def test_live_paths_are_read() -> None:
    live = live_domain(
        "<domain><name>n</name><uuid>u</uuid><devices>"
        "<serial type='pty'><source path='/dev/pts/3'/></serial>"
        "<channel type='unix'><source path='/c/ours'/><target name='org.corral.guest.0' state='connected'/></channel>"
        "<channel type='unix'><source path='/c/qga'/><target name='org.qemu.guest_agent.0' state='disconnected'/></channel>"
        "<graphics type='vnc'><listen type='socket' socket='/s/vnc'/></graphics></devices></domain>"
    )
    assert (live.console_terminal, live.guest_channel, live.guest_agent) == ("/dev/pts/3", "/c/ours", "/c/qga")
    assert live.vnc_socket == "/s/vnc"
    assert live.agent_connected


def test_devices_are_told_apart_by_our_alias() -> None:
    """As libvirt tells of a running domain: it adds the taps' names, and aliases of its own."""
    what = spec(disks=(disk(1), disk(2, slot=1, interface="sata")), nics=(nic(1), nic(2, slot=1)), cdrom_path="/iso")
    domain = made(what)
    for number, card in enumerate(domain.iterfind("devices/interface")):
        etree.SubElement(card, "target", dev=f"vnet{number}")
    foreign = etree.SubElement(domain.find("devices"), "interface")  # type: ignore[arg-type]
    etree.SubElement(foreign, "target", dev="vnet7")
    etree.SubElement(foreign, "alias", name="net7")
    devices = live_domain(etree.tostring(domain, encoding="unicode")).devices
    assert devices.nics == {"vnet0": what.nics[0].nic_id, "vnet1": what.nics[1].nic_id}
    assert sorted(devices.disks.values()) == [one.disk_id for one in what.disks]
    assert devices.disks["vda"] == what.disks[0].disk_id


def test_a_ticket_is_put_into_the_live_element() -> None:
    live = "<domain><devices><graphics type='vnc' port='-1'><listen type='socket' socket='/s'/></graphics></devices></domain>"
    ticket = graphics_with_ticket(live, "0123456789", "2030-01-01T00:00:00")
    assert ticket is not None
    element = etree.fromstring(ticket)
    assert element.get("passwd") == "01234567"
    assert element.find("listen") is not None
    assert graphics_with_ticket("<domain><devices/></domain>", "x", "y") is None


def test_a_restored_domain_gets_a_new_mark_and_this_hosts_paths() -> None:
    what = spec(disks=(disk(1),))
    saved = document("usual")
    elsewhere = {d.volume: source for d, source in zip(what.disks, sources(what).values(), strict=True)}
    again = etree.fromstring(restored_xml(saved.replace("/data/", "/old/"), what, "step-2", elsewhere))
    live = live_domain(etree.tostring(again, encoding="unicode"))
    assert live.mark is not None
    assert live.mark.step_id == "step-2"
    assert len(again.findall("metadata/*")) == 1
    assert again.find("devices/disk/source").get("file", "").startswith("/data/")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("mode", "platform", "why"),
    [
        ("", TCG, ""),
        ("custom", TCG, ""),
        ("host_passthrough", KVM, ""),
        ("host_model", KVM, ""),
        ("host_passthrough", TCG, "emulates"),
        ("host_model", TCG, "emulates"),
        ("host_passthrough", NAMED, "do not get its own CPU"),
    ],
)
def test_a_host_says_which_cpu_it_cannot_give(mode: str, platform: GuestPlatform, why: str) -> None:
    said = cpu_problem(spec(cpu_mode=mode, cpu_type="Westmere" if mode == "custom" else ""), platform)
    assert why in said
    assert bool(said) == bool(why)


def test_windows_is_told_of_kvm_alone() -> None:
    """TCG has none of Hyper-V's interfaces: QEMU would not start."""
    assert made(spec(windows=True)).find("features/hyperv") is None
    assert etree.fromstring(document("own_cpu")).find("features/hyperv/relaxed") is not None


def test_a_vm_without_a_serial_console_has_no_terminal() -> None:
    assert live_domain(document("custom_cpu")).console_terminal == ""
    assert etree.fromstring(document("custom_cpu")).find("devices/serial") is None
