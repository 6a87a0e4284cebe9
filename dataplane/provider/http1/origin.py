"""Where a request goes: the origin of its connection, and what it asks for there."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

_PORTS = {"http": 80, "https": 443}
_KEPT = "/%:@!$&'()*+,;=-._~?"


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, a host and a port."""

    scheme: str
    host: str
    port: int

    @property
    def tls(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.scheme == "https"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An origin and `opening`: the request line and the header `Host`."""

    origin: Origin
    opening: str


def place(url: str) -> Place:
    """Where `url` is. Raises ValueError for what is no address of HTTP."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host:
        raise ValueError(f"{url[:200]!r} is no address of http or https")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    origin = Origin(parts.scheme, _ascii(host), port)
    target = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    name = f"[{origin.host}]" if ":" in origin.host else origin.host
    at = name if port == _PORTS[parts.scheme] else f"{name}:{port}"
    return Place(origin=origin, opening=f"POST {target} HTTP/1.1\r\nHost: {at}\r\n")


def _ascii(host: str) -> str:
    """The name as DNS has it. Raises ValueError."""
    try:
        return str(ip_address(host))
    except ValueError:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    if any(sign <= " " or sign in '/\\@#?%<>^|`{}"' for sign in name):
        raise ValueError(f"{host[:200]!r} is no name of a host")
    return name
