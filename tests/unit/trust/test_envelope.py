"""Sealing, digests and identifiers."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from turnout_wire import ed25519
from turnout_wire.digest import request_digest
from turnout_wire.ed25519 import Ed25519Signer, key_id_of
from turnout_wire.envelope import seal
from turnout_wire.pae import pae
from turnout_wire.payload_type import MAX_PAYLOAD_BYTES, PayloadType
from turnout_wire.uuid7 import RANDOM_BITS, uuid7

SIGNER = Ed25519Signer(bytes(range(32)))


def test_pae_is_as_dsse_defines_it() -> None:
    # The example of https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_pae_counts_bytes_and_not_characters() -> None:
    assert pae("é", "ü".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xbc"


def test_a_request_digest_is_that_of_the_whole_encoding() -> None:
    body = bytes(100_000)
    assert request_digest("a/b", body) == hashlib.sha256(pae("a/b", body)).digest()


def test_a_byte_does_not_move_from_the_body_to_the_type() -> None:
    assert request_digest("a", b"bc") != request_digest("ab", b"c")


@pytest.mark.parametrize("payload_type", list(PayloadType))
def test_what_is_sealed_is_signed_as_its_type(payload_type: PayloadType) -> None:
    envelope = seal(payload_type, b"bytes", SIGNER)
    (signature,) = envelope.signatures
    assert (envelope.payload_type, envelope.payload, signature.key_id) == (payload_type, b"bytes", SIGNER.key_id)
    assert ed25519.verify(SIGNER.public_key, pae(payload_type, b"bytes"), signature.value)


@pytest.mark.parametrize("size", [0, MAX_PAYLOAD_BYTES[PayloadType.DECISION] + 1])
def test_what_no_verifier_would_take_is_not_sealed(size: int) -> None:
    with pytest.raises(ValueError, match="1 to 65536 bytes"):
        seal(PayloadType.DECISION, bytes(size), SIGNER)


def test_a_key_id_is_the_beginning_of_the_digest_of_the_key() -> None:
    assert key_id_of(SIGNER.public_key) == hashlib.sha256(SIGNER.public_key).hexdigest()[:16] == SIGNER.key_id


def test_signing_is_as_in_the_rfc() -> None:
    # RFC 8032, section 7.1, test 2.
    signer = Ed25519Signer(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert signer.public_key.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert signer.sign(b"\x72").value.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@pytest.mark.parametrize(
    ("public_key", "signature"),
    [
        (b"", bytes(64)),
        (bytes(31), bytes(64)),
        (SIGNER.public_key, b""),
        (SIGNER.public_key, bytes(65)),
        (bytes(32), bytes(64)),  # a point of small order, for which a signature of zeros fits every message
        (b"\x01" + bytes(31), b"\x01" + bytes(63)),
    ],
)
def test_nonsense_is_no_signature(public_key: bytes, signature: bytes) -> None:
    assert not ed25519.verify(public_key, b"message", signature)


def test_a_seed_of_another_length_is_no_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Ed25519Signer(bytes(31))


def test_a_signer_does_not_show_its_key() -> None:
    seed = bytes(range(32))
    shown = f"{SIGNER!r} {SIGNER!s} {vars(type(SIGNER))}"
    assert not any(form in shown for form in (seed.hex(), str(seed), repr(seed)))


def test_a_uuid7_is_as_in_the_rfc() -> None:
    # RFC 9562, appendix A.6.
    now = datetime.fromtimestamp(0x017F22E279B0 / 1000, UTC)
    assert uuid7(now, 0xCC3 << 62 | 0x18C4DC0C0C07398F) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_a_uuid7_is_one_to_other_software() -> None:
    now = datetime(2026, 1, 15, tzinfo=UTC)
    parsed = uuid.UUID(uuid7(now, (1 << RANDOM_BITS) - 1))
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


def test_uuid7s_sort_by_time_whatever_the_random_bits() -> None:
    now = datetime(2026, 1, 15, tzinfo=UTC)
    assert uuid7(now, (1 << RANDOM_BITS) - 1) < uuid7(now + timedelta(milliseconds=1), 0)


@pytest.mark.parametrize(
    ("now", "random_bits"),
    [
        (datetime(2026, 1, 15, tzinfo=UTC), 1 << RANDOM_BITS),
        (datetime(2026, 1, 15, tzinfo=UTC), -1),
        (datetime(1969, 12, 31, tzinfo=UTC), 0),
        (datetime(2026, 1, 15), 0),  # noqa: DTZ001 - a time without a zone is the point
    ],
)
def test_a_uuid7_is_not_made_of_what_does_not_fit(now: datetime, random_bits: int) -> None:
    with pytest.raises(ValueError, match="uuid7 needs"):
        uuid7(now, random_bits)
