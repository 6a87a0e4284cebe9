"""Quality models as documents of the audit log, and back."""

import zlib
from typing import Final

from controlplane.audit.model import Document
from controlplane.learning.artefact import MOST_BYTES, ArtefactInvalid, decode, encode
from controlplane.learning.fitness import reading
from controlplane.learning.model import Learned

KIND: Final = "quality_model"


class QualityModelInvalid(Exception):
    """A document is not the quality model that its digest names; the message says why."""


class QualityModelForeign(Exception):
    """A quality model is of another software version, so that nothing can be decided by it here; the message says which."""


def learned_document(learned: Learned) -> Document:
    """The artefact, compressed by zlib, under its own digest."""
    return Document(digest=learned.digest, kind=KIND, body=zlib.compress(encode(learned)))


def learned_from(document: Document) -> Learned:
    """The model that `learned_document` was given. Raises QualityModelInvalid, QualityModelForeign."""
    digest, packed = document.digest.hex(), zlib.decompressobj()
    if document.kind != KIND:
        raise QualityModelInvalid(f"the document {digest} is a {document.kind!r}, not a {KIND!r}")
    try:
        learned = decode(packed.decompress(document.body, MOST_BYTES))
    except (zlib.error, ArtefactInvalid) as error:
        raise QualityModelInvalid(f"the quality model {digest} cannot be read: {error}") from error
    if learned.digest != document.digest:
        raise QualityModelInvalid(
            f"the quality model kept as {digest} has the digest {learned.digest.hex()}: it was altered"
        )
    if learned.version != (ours := reading()):
        raise QualityModelForeign(
            f"the quality model {digest} is of {learned.version}, and this software reads requests by {ours}: "
            "verify with the version that decided"
        )
    return learned
