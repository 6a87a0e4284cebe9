"""Health and statistics as documents of the audit log, and back."""

import zlib
from dataclasses import replace
from typing import Final

from controlplane.audit.model import Document
from controlplane.catalog.canonical import canonical, digest_as, digest_of
from controlplane.catalog.decode import FormInvalid, decode
from controlplane.catalog.restore import DocumentInvalid, unpacked
from controlplane.snapshot.model import Live

KIND: Final = "live"
_WHERE_KNOWN = ("headroom", "in_flight", "peaks")
"""Parts that stand in the form only where there is something to say."""


def live_document(live: Live) -> Document:
    """What was known of deployments, whatever its revision: JSON in canonical form, compressed by zlib, under its digest."""
    form: dict[str, object] = {"health": live.health, "statistics": live.statistics}
    form |= {name: found for name in _WHERE_KNOWN if (found := getattr(live, name))}
    text = canonical(form)
    return Document(digest=digest_of("Live", text), kind=KIND, body=zlib.compress(text))


def live_from(document: Document, revision: int) -> Live:
    """What `live_document` was given. Raises DocumentInvalid."""
    form = unpacked(document, KIND)
    found = digest_as("Live", form)
    if found != document.digest:
        raise DocumentInvalid(
            f"the live view kept as {document.digest.hex()} has the digest {found.hex()}: it was altered"
        )
    try:
        return replace(decode(Live, form), revision=revision)
    except FormInvalid as error:
        raise DocumentInvalid(f"the live view {document.digest.hex()} cannot be read: {error}") from error
