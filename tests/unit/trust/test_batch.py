"""Signing many at once: what is signed, who waits for whom, and what a verifier remembers."""

import asyncio

import pytest

from controlplane.rpc.sealing import DecisionSealer
from tools.envelope_cases import ACTIVE
from turnout.trust.v1.envelope_pb2 import Envelope
from turnout_wire import ed25519
from turnout_wire.batch import MOST_SIGNED, RememberedRoots, sign_all, signed_message
from turnout_wire.envelope import put_signature, signatures_of
from turnout_wire.pae import pae
from turnout_wire.signature import Signature


class Counting:
    """Signs and verifies, and counts both."""

    def __init__(self) -> None:
        self.signed: list[bytes] = []
        self.verified = 0

    def sign(self, message: bytes) -> Signature:
        self.signed.append(message)
        return ACTIVE.sign(message)

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        self.verified += 1
        return ed25519.verify(public_key, message, signature)


class Broken:
    """Cannot sign."""

    def sign(self, message: bytes) -> Signature:
        raise RuntimeError(f"no key for {len(message)} bytes")


MESSAGES = [pae("a/b", b"%d" % number) for number in range(5)]


def test_what_is_alone_is_signed_alone() -> None:
    (signature,) = sign_all(MESSAGES[:1], ACTIVE)
    assert signature.inclusion is None
    assert ed25519.verify(ACTIVE.public_key, MESSAGES[0], signature.value)


def test_nothing_has_no_signature() -> None:
    assert sign_all([], Broken()) == []


def test_many_have_one_signature_over_type_size_and_root() -> None:
    counting = Counting()
    signatures = sign_all(MESSAGES, counting)
    (statement,) = counting.signed
    head = b"DSSEv1 32 application/vnd.turnout.batch.v1 40 " + (5).to_bytes(8, "big")
    assert statement.startswith(head)
    assert len(statement) == len(head) + 32
    assert {each.value for each in signatures} == {ACTIVE.sign(statement).value}
    assert [signed_message("a/b", b"%d" % at, each.inclusion) for at, each in enumerate(signatures)] == [statement] * 5


def test_too_many_are_not_signed() -> None:
    with pytest.raises(ValueError, match="at most 1024"):
        sign_all([b""] * (MOST_SIGNED + 1), ACTIVE)


def test_a_signature_goes_through_an_envelope_as_it_is() -> None:
    for signature in (*sign_all(MESSAGES, ACTIVE), *sign_all(MESSAGES[:1], ACTIVE)):
        message = Envelope()
        put_signature(message, signature)
        assert signatures_of(Envelope.FromString(message.SerializeToString())) == (signature,)


def test_a_root_is_verified_once_and_a_single_signature_each_time() -> None:
    counting = Counting()
    remembering = RememberedRoots(counting.verify)
    for at, signature in enumerate(sign_all(MESSAGES, ACTIVE)):
        message = signed_message("a/b", b"%d" % at, signature.inclusion)
        assert message is not None
        assert remembering(ACTIVE.public_key, message, signature.value)
    assert (counting.verified, len(remembering)) == (1, 1)
    alone = ACTIVE.sign(MESSAGES[0])
    assert all(remembering(ACTIVE.public_key, MESSAGES[0], alone.value) for _ in range(3))
    assert (counting.verified, len(remembering)) == (4, 1)


def test_what_does_not_verify_is_not_remembered() -> None:
    counting = Counting()
    remembering = RememberedRoots(counting.verify)
    signature = sign_all(MESSAGES, ACTIVE)[0]
    message = signed_message("a/b", b"0", signature.inclusion)
    assert message is not None
    assert not any(remembering(ACTIVE.public_key, message, bytes(64)) for _ in range(2))
    assert (counting.verified, len(remembering)) == (2, 0)


async def signed(sealer: DecisionSealer, number: int) -> Signature:
    return await sealer.sign(pae("a/b", b"%d" % number))


async def test_what_is_ready_in_the_same_turn_shares_a_signature() -> None:
    counting = Counting()
    sealer = DecisionSealer(counting)
    together = await asyncio.gather(*(signed(sealer, number) for number in range(5)))
    assert len(counting.signed) == 1
    assert [each.inclusion is not None for each in together] == [True] * 5
    alone = await signed(sealer, 9)
    assert (len(counting.signed), alone.inclusion) == (2, None)


async def test_more_than_one_tree_may_hold_are_several() -> None:
    counting = Counting()
    sealer = DecisionSealer(counting)
    found = await asyncio.gather(*(signed(sealer, number) for number in range(MOST_SIGNED + 1)))
    assert len(counting.signed) == 2
    assert found[-1].inclusion is None


async def test_who_went_away_does_not_keep_the_others() -> None:
    sealer = DecisionSealer(ACTIVE)
    first, second = (asyncio.ensure_future(signed(sealer, number)) for number in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).inclusion is not None
    assert first.cancelled()


async def test_all_hear_that_nothing_can_be_signed() -> None:
    sealer = DecisionSealer(Broken())
    found = await asyncio.gather(*(signed(sealer, number) for number in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [RuntimeError] * 3
