"""Planes for development: open to whoever is on this machine, and to nobody else."""

from collections.abc import Iterable
from ipaddress import ip_address

from turnout_wire.server import Principal

NAME, TENANT, ROLE = "dev", "default", "caller"
DEV = Principal(name=NAME, tenant=TENANT, roles=frozenset({ROLE}))
"""Who calls there without a known token."""
SAID = "open to everybody on this machine, without tokens: for development alone"


def loopback(host: str) -> bool:
    """Whether `host` is this machine, spoken to by itself: a loopback address, or `localhost`."""
    name = host.strip("[]").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def outside(addresses: Iterable[str]) -> str:
    """The first of `host:port` that others can reach; empty if there is none, and for addresses that are empty."""
    return next((one for one in addresses if one and not loopback(one.rpartition(":")[0])), "")


def meant_for_us(host: str) -> bool:
    """Whether a request's `Host` names this machine.

    A page of the web can make a browser send requests to this machine under the page's own name (DNS rebinding); where
    no token is asked for, that name is what tells them from ours.
    """
    name, colon, port = host.rpartition(":")
    return loopback(name if colon and port.isdecimal() and not host.endswith("]") else host)
