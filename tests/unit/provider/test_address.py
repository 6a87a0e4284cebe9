"""Addresses that a worker may call, and those that it may not."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.provider.address import read_network, refusal

METADATA = "169.254.169.254"
"""Where clouds keep the credentials of a machine."""

EMBEDDED = [
    pytest.param(f"::ffff:{METADATA}", id="mapped"),
    pytest.param("::ffff:a9fe:a9fe", id="mapped, in hexadecimal"),
    pytest.param(f"::ffff:0:{METADATA}", id="translated"),
    pytest.param(f"64:ff9b::{METADATA}", id="NAT64"),
    pytest.param(f"64:ff9b:1::{METADATA}", id="local NAT64, 96 bits"),
    pytest.param("64:ff9b:1:a9fe:a9:fe00::", id="local NAT64, 48 bits"),
    pytest.param("64:ff9b:1:a9:fe:a9fe::", id="local NAT64, 56 bits"),
    pytest.param("64:ff9b:1:1:a9:fea9:fe00::", id="local NAT64, 64 bits"),
    pytest.param("2002:a9fe:a9fe::1", id="6to4"),
    pytest.param("2001:0:808:808::5601:5601", id="Teredo"),
]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - no binding
        ("::", "unspecified"),
        (METADATA, "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("fd00::1", "private"),
        ("192.0.2.1", "private"),
        ("100.64.0.1", "shared"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("240.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("4000::1", "reserved"),
    ],
)
def test_addresses_of_no_provider_are_refused(address: str, kind: str) -> None:
    assert refusal(address, ()) == kind


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "104.18.6.192", "2606:4700::6812:7c0", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_open_network_are_not(address: str) -> None:
    assert refusal(address, ()) is None


@pytest.mark.parametrize("address", EMBEDDED)
def test_an_address_that_stands_for_another_one_is_judged_as_that(address: str) -> None:
    assert refusal(address, ()) == "link-local"


def test_the_standard_librarys_own_judgement_would_let_some_of_them_through() -> None:
    """The control: what is to be unwrapped passes for global otherwise."""
    assert [found for found in EMBEDDED if ip_address(str(found.values[0])).is_global]


def test_what_the_operator_names_may_be_called_in_whatever_form() -> None:
    allowed = (read_network("10.0.0.0/8"), read_network("::1"))
    assert refusal("10.1.2.3", allowed) is None
    assert refusal("::ffff:10.1.2.3", allowed) is None
    assert refusal("64:ff9b::10.1.2.3", allowed) is None
    assert refusal("::1", allowed) is None
    assert refusal("192.168.0.1", allowed) == "private"
    assert refusal(f"64:ff9b::{METADATA}", allowed) == "link-local"


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "localhost", ""])
def test_a_network_is_written_as_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_network(text)


@given(st.integers(0, 2**32 - 1))
def test_no_wrapping_changes_what_is_refused(number: int) -> None:
    plain = IPv4Address(number)
    why = refusal(str(plain), ())
    for prefix in ("::ffff:0:0", "64:ff9b::", "::ffff:0:0:0"):
        assert refusal(str(IPv6Address(int(IPv6Address(prefix)) + number)), ()) == why
    assert refusal(str(IPv6Address((0x2002 << 112) | (number << 80))), ()) == why
