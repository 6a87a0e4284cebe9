"""Addresses below a deployment's base URL."""

from urllib.parse import urlsplit, urlunsplit


def below(base_url: str, path: str, *, query: str = "") -> str:
    """`path` appended to the path of `base_url`; a query of `base_url` stays (Azure's `api-version`)."""
    parts = urlsplit(base_url)
    joined = "&".join(part for part in (parts.query, query) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + path, joined, ""))


def has_version(base_url: str, versions: tuple[str, ...]) -> bool:
    """Whether the path of `base_url` names one of the API's `versions` already."""
    return any(segment in versions for segment in urlsplit(base_url).path.split("/"))


def same_origin(url: str, base_url: str) -> bool:
    """Whether both have the same scheme, host and port, so that what is for the one may go to the other."""
    one, other = urlsplit(url), urlsplit(base_url)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def host(base_url: str) -> str:
    """The host of `base_url`, in lower case."""
    return urlsplit(base_url).hostname or ""
