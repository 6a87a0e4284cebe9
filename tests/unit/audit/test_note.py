import base64

import pytest

from controlplane.audit.note import (
    NoteInvalid,
    NoteKey,
    Statement,
    open_checkpoint,
    open_note,
    origin_of,
    parse_checkpoint,
    sign_note,
)
from turnout_wire.ed25519 import Ed25519Signer

# The key and the note of the reference implementation's own tests (Go, x/mod/sumdb/note).
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = (
    TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SIGNER = Ed25519Signer(bytes([7] * 32))
KEY = NoteKey(name="turnout/log", public_key=SIGNER.public_key)
STATEMENT = Statement(origin="turnout/log", size=42, root=bytes(range(32)))


def signed(message: bytes) -> bytes:
    return SIGNER.sign(message).value


def checkpoint() -> str:
    return sign_note(STATEMENT.text, KEY, signed)


def test_the_reference_note_is_made_byte_for_byte() -> None:
    signer = Ed25519Signer(SEED)
    assert sign_note(TEXT, NoteKey.parse(PETER), lambda message: signer.sign(message).value) == SIGNED


def test_the_reference_note_verifies() -> None:
    assert open_note(SIGNED, [NoteKey.parse(PETER)]) == TEXT


def test_a_verifier_key_is_read_as_it_is_written() -> None:
    assert str(NoteKey.parse(PETER)) == PETER


@pytest.mark.parametrize(
    "key",
    [
        "",
        "PeterNeumann",
        PETER[:-1],
        PETER[1:],
        PETER.replace("c74f20a3", "c74f20a4"),
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_a_mangled_verifier_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"verifier key|the id is|name has|key has"):
        NoteKey.parse(key)


def test_a_checkpoint_is_opened_as_it_was_signed() -> None:
    assert open_checkpoint(checkpoint(), "turnout/log", [KEY]) == STATEMENT


def test_a_changed_size_is_refused() -> None:
    with pytest.raises(NoteInvalid, match="does not hold"):
        open_checkpoint(checkpoint().replace("42", "43"), "turnout/log", [KEY])


def test_a_note_of_an_unknown_key_is_refused_and_named() -> None:
    other = NoteKey(name="turnout/log", public_key=Ed25519Signer(bytes([8] * 32)).public_key)
    with pytest.raises(NoteInvalid, match=r"no known key signed it, but turnout/log\+"):
        open_note(checkpoint(), [other])


def test_signatures_of_unknown_keys_beside_a_known_one_are_ignored() -> None:
    witness = Ed25519Signer(bytes([9] * 32))
    key = NoteKey(name="witness", public_key=witness.public_key)
    line = sign_note(STATEMENT.text, key, lambda message: witness.sign(message).value).rpartition("\n\n")[2]
    assert open_checkpoint(checkpoint() + line, "turnout/log", [KEY]) == STATEMENT
    assert open_checkpoint(checkpoint() + line, "turnout/log", [KEY, key]) == STATEMENT


def test_one_bad_signature_of_a_known_key_spoils_the_note() -> None:
    witness = Ed25519Signer(bytes([9] * 32))
    key = NoteKey(name="witness", public_key=witness.public_key)
    line = sign_note("else\n", key, lambda message: witness.sign(message).value).rpartition("\n\n")[2]
    with pytest.raises(NoteInvalid, match="witness does not hold"):
        open_checkpoint(checkpoint() + line, "turnout/log", [KEY, key])


def test_a_checkpoint_of_another_log_is_refused() -> None:
    with pytest.raises(NoteInvalid, match="of the log 'turnout/log', not 'other/log'"):
        open_checkpoint(checkpoint(), "other/log", [KEY])


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("", "a text, an empty line"),
        ("text\n", "a text, an empty line"),
        ("text\n\nno dash\n", "no line of a signature"),
        ("text\n\n— name\n", "no line of a signature"),
        ("text\n\n— name ???\n", "not base64"),
        ("text\n\n— name AAAA\n", "too short"),
        ("te\txt\n\n— name AAAAAAAA\n", "control characters"),
        ("x" * 20_000, "more than"),
        ("text\n\n" + "— name AAAAAAAA\n" * 65, "more than 64 signatures"),
    ],
)
def test_what_is_no_signed_note_is_refused_and_why(note: str, why: str) -> None:
    with pytest.raises(NoteInvalid, match=why):
        open_note(note, [KEY])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("origin\n1\n", "lines for origin"),
        ("origin\n01\n" + base64.b64encode(bytes(32)).decode() + "\n", "no number of leaves"),
        ("origin\n-1\n" + base64.b64encode(bytes(32)).decode() + "\n", "no number of leaves"),
        ("origin\n1\n" + base64.b64encode(bytes(31)).decode() + "\n", "not 31"),
        ("origin\n1\n" + base64.b64encode(bytes(32)).decode(), "lines for origin"),
        ("origin\n1\n\n" + base64.b64encode(bytes(32)).decode() + "\n", "none of them empty"),
    ],
)
def test_what_is_no_checkpoint_is_refused_and_why(text: str, why: str) -> None:
    with pytest.raises(NoteInvalid, match=why):
        parse_checkpoint(text)


def test_an_origin_has_no_blanks_and_no_plus() -> None:
    assert origin_of("turnout") == "turnout/log"
    NoteKey(name=origin_of("my house + garden"), public_key=bytes(32))
