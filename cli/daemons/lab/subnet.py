"""Chooses addresses and interface names for a lab so that labs do not meet; it configures no interface."""

import ipaddress
from collections.abc import Iterable

import attrs

from cli.daemons.lab.errors import LabError

# 10.200.0.0 up to 10.250.255.0: rarely used by sites, and 13,056 places for labs to fall on.
FIRST_OCTETS = range(200, 251)
ATTEMPTS_MAX = 64
REAL_HOSTS_MAX = 48


@attrs.frozen
class LabSubnet:
    """A /24 of one lab: .1 is this machine's end, .2 to .49 the real hosts, .50 to .250 guests, .254 the DHCP server."""

    network: ipaddress.IPv4Network
    tag: str

    @property
    def engine_address(self) -> str:
        return str(self.network[1])

    def host_address(self, number: int) -> str:
        """That of the first, second, ... real host."""
        if not 1 <= number <= REAL_HOSTS_MAX:
            raise LabError(f"a lab has at most {REAL_HOSTS_MAX} real hosts")
        return str(self.network[1 + number])

    @property
    def dhcp_address(self) -> str:
        return str(self.network[254])

    @property
    def dhcp_range(self) -> tuple[str, str]:
        return str(self.network[50]), str(self.network[250])

    @property
    def outer_interface(self) -> str:
        """This machine's end of the cable; at most 15 characters, as the kernel wants."""
        return f"corral{self.tag}"


def choose_subnet(tag: str, taken: Iterable[ipaddress.IPv4Network]) -> LabSubnet:
    """The first free /24 from a place that depends on the lab's tag, so that a lab mostly gets the same again.

    Raises LabError when all that it tries are in use.
    """
    used = [network for network in taken if network.prefixlen > 0]
    places = len(FIRST_OCTETS) * 256
    start = int(tag, 16)
    for attempt in range(ATTEMPTS_MAX):
        second, third = divmod((start + attempt) % places, 256)
        candidate = ipaddress.IPv4Network(f"10.{FIRST_OCTETS[second]}.{third}.0/24")
        if not any(candidate.overlaps(network) for network in used):
            return LabSubnet(candidate, tag)
    raise LabError(f"{ATTEMPTS_MAX} subnets in 10.200.0.0-10.250.255.255 are already routed; stop other labs first")
