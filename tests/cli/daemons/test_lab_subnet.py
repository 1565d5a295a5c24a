"""Labs get subnets that meet neither each other nor what the machine routes."""

from ipaddress import IPv4Network

import pytest

from cli.daemons.lab.errors import LabError
from cli.daemons.lab.subnet import ATTEMPTS_MAX, REAL_HOSTS_MAX, choose_subnet


def test_a_lab_gets_the_same_subnet_again() -> None:
    first = choose_subnet("00002a", [])
    assert first == choose_subnet("00002a", [IPv4Network("192.168.0.0/16")])
    assert str(first.network) == "10.200.42.0/24"
    assert first.engine_address == "10.200.42.1"
    assert [first.host_address(number) for number in (1, 2, REAL_HOSTS_MAX)] == [
        "10.200.42.2",
        "10.200.42.3",
        "10.200.42.49",
    ]
    assert first.dhcp_address == "10.200.42.254"
    assert first.dhcp_range == ("10.200.42.50", "10.200.42.250")


def test_a_taken_subnet_is_passed_over() -> None:
    chosen = choose_subnet("00002a", [IPv4Network("10.200.42.128/25"), IPv4Network("0.0.0.0/0")])
    assert str(chosen.network) == "10.200.43.0/24"


def test_the_last_place_is_followed_by_the_first() -> None:
    assert str(choose_subnet("0032ff", []).network) == "10.250.255.0/24"
    assert str(choose_subnet("0032ff", [IPv4Network("10.250.255.0/24")]).network) == "10.200.0.0/24"


def test_refuses_when_everything_near_is_taken() -> None:
    with pytest.raises(LabError, match=f"{ATTEMPTS_MAX} subnets"):
        choose_subnet("00002a", [IPv4Network("10.0.0.0/8")])


@pytest.mark.parametrize("number", [0, REAL_HOSTS_MAX + 1])
def test_no_host_gets_the_address_of_a_guest_or_of_the_engine(number: int) -> None:
    with pytest.raises(LabError, match="at most 48"):
        choose_subnet("00002a", []).host_address(number)


def test_interface_names_fit_the_kernel() -> None:
    assert len(choose_subnet("ffffff", []).outer_interface) <= 15
