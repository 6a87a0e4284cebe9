"""One signature for many envelopes: it is over the root of a Merkle tree, and each envelope has its path to that root."""

from collections import OrderedDict
from collections.abc import Sequence

from turnout_wire.pae import pae, pae_header
from turnout_wire.signature import Inclusion, Signature, Signer, Verifier
from turnout_wire.tree import HASH_BYTES, PathInvalid, leaf_hash, root_and_paths, root_of_path

BATCH_TYPE = "application/vnd.turnout.batch.v1"
"""The type of what is signed for a batch. No envelope has it, so that a root never passes for a payload or the other way round."""
MOST_SIGNED = 1024
"""The most envelopes under one signature; verifiers refuse larger trees."""
MOST_STEPS = MOST_SIGNED.bit_length() - 1
"""The longest path."""
ROOTS = 4096
"""Roots that a verifier remembers: some 2 MB."""

_SIZE_BYTES = 8
_HEADER = pae_header(BATCH_TYPE, _SIZE_BYTES + HASH_BYTES)


def sign_all(messages: Sequence[bytes], signer: Signer) -> list[Signature]:
    """A signature for each of `messages` (their PAE): one alone over the message itself, several over the root of their tree.

    Raises ValueError for more than 1024.
    """
    if len(messages) > MOST_SIGNED:
        raise ValueError(f"{len(messages)} messages, and at most {MOST_SIGNED} are signed at once")
    if len(messages) <= 1:
        return [signer.sign(message) for message in messages]
    root, paths = root_and_paths([leaf_hash(message) for message in messages])
    signed, size = signer.sign(_statement(len(messages), root)), len(messages)
    return [
        Signature(
            key_id=signed.key_id, value=signed.value, inclusion=Inclusion(leaf_index=index, tree_size=size, path=path)
        )
        for index, path in enumerate(paths)
    ]


def signed_message(payload_type: str, payload: bytes, inclusion: Inclusion | None) -> bytes | None:
    """The bytes that the signature of an envelope is over; None if its path leads to no root."""
    message = pae(payload_type, payload)
    if inclusion is None:
        return message
    size = inclusion.tree_size
    try:
        root = root_of_path(leaf_hash(message), inclusion.leaf_index, size, inclusion.path)
    except PathInvalid:
        return None
    return _statement(size, root)


def misshapen(inclusion: Inclusion) -> str:
    """What is wrong with the form of an inclusion, empty if nothing is; whether it fits its envelope is for the signature to say."""
    size, path = inclusion.tree_size, inclusion.path
    if not 1 < size <= MOST_SIGNED:
        return f"its tree has {size} leaves, and 2 to {MOST_SIGNED} are allowed"
    if not 0 <= inclusion.leaf_index < size:
        return f"its place is {inclusion.leaf_index} in a tree of {size} leaves"
    if not 0 < len(path) <= MOST_STEPS:
        return f"its path has {len(path)} hashes, and 1 to {MOST_STEPS} are allowed"
    if any(len(step) != HASH_BYTES for step in path):
        return f"its path has a hash that is not of {HASH_BYTES} bytes"
    return ""


def _statement(size: int, root: bytes) -> bytes:
    """PAE(BATCH_TYPE, size as 8 bytes, big-endian, and the root): the size is signed, for a path has no meaning without it."""
    return _HEADER + size.to_bytes(_SIZE_BYTES, "big") + root


class RememberedRoots:
    """A Verifier that checks the signature over each root once; all others it checks each time.

    It remembers only what has passed, under public key, statement and signature: a key that was revoked or has expired is for
    whoever asks to refuse, each time, before this is asked. Bounded; the oldest goes first.
    """

    def __init__(self, verify: Verifier, most: int = ROOTS) -> None:
        self._verify = verify
        self._most = most
        self._passed: OrderedDict[tuple[bytes, bytes, bytes], None] = OrderedDict()

    def __len__(self) -> int:
        """The roots that are remembered."""
        return len(self._passed)

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """See Verifier."""
        if not message.startswith(_HEADER):
            return self._verify(public_key, message, signature)
        root = (public_key, message, signature)
        if root in self._passed:
            return True
        if not self._verify(public_key, message, signature):
            return False
        self._passed[root] = None
        if len(self._passed) > self._most:
            self._passed.popitem(last=False)
        return True
