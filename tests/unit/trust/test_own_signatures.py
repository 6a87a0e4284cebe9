"""What a process signed itself it need not check again."""

import pytest

from controlplane.signing.own import OwnSignatures
from turnout_wire import ed25519
from turnout_wire.ed25519 import Ed25519Signer

SIGNER = Ed25519Signer(bytes(range(32)))
OTHER = Ed25519Signer(bytes(range(1, 33)))
MESSAGE = b"a decision"


class Counted:
    """Checks for real, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        self.times += 1
        return ed25519.verify(public_key, message, signature)


def test_what_was_signed_here_is_not_checked_again() -> None:
    checked = Counted()
    own = OwnSignatures(SIGNER, checked)
    signature = own.sign(MESSAGE)
    assert signature == SIGNER.sign(MESSAGE)
    assert own.verify(SIGNER.public_key, MESSAGE, signature.value)
    assert checked.times == 0


def test_what_another_process_signed_is_checked() -> None:
    checked = Counted()
    own = OwnSignatures(SIGNER, checked)
    assert own.verify(OTHER.public_key, MESSAGE, OTHER.sign(MESSAGE).value)
    assert checked.times == 1


@pytest.mark.parametrize(
    ("public_key", "message", "flip"),
    [
        (SIGNER.public_key, b"another one", b""),
        (OTHER.public_key, MESSAGE, b""),
        (SIGNER.public_key, MESSAGE, b"\x00"),
    ],
)
def test_nothing_passes_that_differs_from_what_was_signed(public_key: bytes, message: bytes, flip: bytes) -> None:
    own = OwnSignatures(SIGNER, Counted())
    value = own.sign(MESSAGE).value
    assert not own.verify(public_key, message, flip + value[len(flip) :])


def test_a_byte_does_not_move_from_the_message_to_the_signature() -> None:
    own = OwnSignatures(SIGNER, Counted())
    value = own.sign(MESSAGE).value
    assert not own.verify(SIGNER.public_key, MESSAGE[1:], value + MESSAGE[:1])


def test_the_oldest_is_forgotten_and_checked_then() -> None:
    checked = Counted()
    own = OwnSignatures(SIGNER, checked, most=1)
    first = own.sign(MESSAGE)
    own.sign(b"a second decision")
    assert own.verify(SIGNER.public_key, MESSAGE, first.value)
    assert checked.times == 1
