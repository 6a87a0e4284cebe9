"""Which addresses a worker may call: those of the open network, and those that its operator names."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_SHARED = IPv4Network("100.64.0.0/10")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")


def read_network(text: str) -> Network:
    """A network such as `10.0.0.0/8`; a single address is one too. Raises ValueError."""
    return ip_network(text, strict=True)


def refusal(address: str, allowed: Sequence[Network]) -> str | None:
    """What keeps `address` from being called, in a word; None if it may be. A network in `allowed` makes up for that.

    An IPv6 address that stands for an IPv4 one is judged as that one, for it is where the call would end: mapped (RFC 4291), translated
    (RFC 7915), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380). Raises ValueError for what is no address.
    """
    whole = ip_address(address)
    if _among(whole, allowed):
        return None
    judged = list(_ends(whole)) or [whole]
    return next((why for each in judged if (why := _kind(each)) and not _among(each, allowed)), None)


def _among(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _ends(address: Address) -> Iterator[Address]:
    """The IPv4 addresses that `address` stands for, if it is of such a kind."""
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _TRANSLATED or address in _NAT64:
        yield _low(address)
    elif address in _LOCAL_NAT64:
        yield from _local_nat64(address)
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo


def _low(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)


def _local_nat64(address: IPv6Address) -> Iterator[IPv4Address]:
    """Every reading of a local prefix, whose length nobody tells (RFC 6052, 2.2): 48, 56, 64 or 96 bits, less those that say nothing."""
    octets = address.packed
    readings = (octets[6:8] + octets[9:11], octets[7:8] + octets[9:12], octets[9:13], octets[12:16])
    told = [found for found in map(IPv4Address, readings) if found not in _THIS_NETWORK]
    yield from told or [_low(address)]


def _kind(address: Address) -> str | None:
    kinds = {
        "unspecified": address.is_unspecified,
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "shared": address.version == 4 and address in _SHARED,
        "private": address.is_private,
        "reserved": address.is_reserved,
        "special": not address.is_global,
    }
    return next((kind for kind, true in kinds.items() if true), None)
