"""Pages of a list by name, under opaque tokens that stay good while entries come and go."""

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from turnout_wire.failure import Failure

DEFAULT_SIZE = 100
LARGEST_SIZE = 1_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some entries, and the token for those after them, empty at the end."""

    entries: tuple[T, ...]
    next_page_token: str = ""


def page_of(names: Sequence[str], *, listing: str, size: int, token: str) -> Page[str]:
    """The names after the one that `token` stands for, at most `size` of them (100 if 0, never more than 1000).

    `names` are sorted; `listing` is what they are names of, so that a token of one list is refused by another. A name
    that is gone meanwhile still marks its place. Raises Failure PAGE_TOKEN_INVALID.
    """
    first = bisect_right(names, place_of(token, listing)) if token else 0
    last = first + min(size or DEFAULT_SIZE, LARGEST_SIZE)
    more = last < len(names)
    return Page(entries=tuple(names[first:last]), next_page_token=token_of(names[last - 1], listing) if more else "")


def token_of(name: str, listing: str) -> str:
    """The token for what comes after `name` in a list of `listing`."""
    return base64.urlsafe_b64encode(json.dumps([listing, name]).encode()).decode()


def place_of(token: str, listing: str) -> str:
    """The name that `token` stands for. Raises Failure PAGE_TOKEN_INVALID."""
    try:
        match json.loads(base64.b64decode(token, altchars=b"-_", validate=True)):
            case [of, str(name)] if of == listing:
                return name
    except (binascii.Error, ValueError):
        pass
    way_out = "give the token of the answer before, or none to begin again"
    raise Failure("PAGE_TOKEN_INVALID", f"this is no page token of {listing}: {way_out}", field="page_token")
