"""Decisions that are signed together: each is permitted by its own path, and nothing that was changed or moved is."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controlplane.audit.merkle import tree_root
from dataplane.permit.model import PermittedDecision
from dataplane.permit.presented import Presented, Sealed
from dataplane.permit.refusal import Refusal, RefusalReason
from dataplane.permit.verify import verify
from tests.conformance.vectors import context, load
from tools.envelope_cases import ACTIVE, GOOD, STRANGER
from turnout_wire import ed25519
from turnout_wire.batch import MOST_SIGNED, RememberedRoots, misshapen, sign_all, signed_message
from turnout_wire.pae import pae
from turnout_wire.signature import Inclusion, Signature
from turnout_wire.tree import leaf_hash, root_and_paths, root_of_path

VECTOR = load("good")
NOW, RIGHT = VECTOR.steps[0].now, VECTOR.steps[0].presented
TYPE = GOOD.payload_type


def judged(signature: Signature, payload: bytes = GOOD.payload) -> PermittedDecision | Refusal:
    """What a worker says to a payload under a signature."""
    sealed = Sealed(payload_type=TYPE, payload=payload, signatures=(signature,))
    presented: Presented = replace(RIGHT, sealed=sealed)
    return verify(presented, VECTOR.keys, context(VECTOR), NOW)


def neighbours(count: int) -> list[bytes]:
    return [pae(TYPE, b"%d" % number) for number in range(count)]


@st.composite
def batches(draw: st.DrawFn) -> Signature:
    """The signature of the good decision anywhere in a batch of any size."""
    size = draw(st.integers(min_value=2, max_value=40))
    place = draw(st.integers(min_value=0, max_value=size - 1))
    messages = neighbours(size)
    messages[place] = pae(TYPE, GOOD.payload)
    return sign_all(messages, ACTIVE)[place]


def inclusion_of(signature: Signature) -> Inclusion:
    assert signature.inclusion is not None
    return signature.inclusion


@given(batches())
def test_a_decision_is_permitted_wherever_it_is_in_its_batch(signature: Signature) -> None:
    assert misshapen(inclusion_of(signature)) == ""
    assert isinstance(judged(signature), PermittedDecision)


@given(batches(), st.data())
def test_any_bit_that_is_turned_is_found(signature: Signature, data: st.DataObject) -> None:
    inclusion = inclusion_of(signature)
    everything = bytearray(GOOD.payload + signature.value + b"".join(inclusion.path))
    bit = data.draw(st.integers(min_value=0, max_value=8 * len(everything) - 1))
    everything[bit // 8] ^= 1 << bit % 8
    payload, rest = bytes(everything[: len(GOOD.payload)]), bytes(everything[len(GOOD.payload) :])
    path = tuple(rest[at : at + 32] for at in range(64, len(rest), 32))
    changed = replace(signature, value=rest[:64], inclusion=replace(inclusion, path=path))
    found = judged(changed, payload)
    assert isinstance(found, Refusal)
    assert found.reason is RefusalReason.SIGNATURE_INVALID


@given(batches(), st.integers(min_value=0, max_value=1100), st.integers(min_value=0, max_value=1100))
def test_a_place_and_a_size_hold_for_one_path_alone(signature: Signature, place: int, size: int) -> None:
    inclusion = inclusion_of(signature)
    moved = replace(inclusion, leaf_index=place, tree_size=size)
    found = judged(replace(signature, inclusion=moved))
    assert isinstance(found, PermittedDecision) == (moved == inclusion)


@given(batches(), batches())
def test_a_path_of_another_batch_is_refused(one: Signature, other: Signature) -> None:
    mixed = replace(one, inclusion=other.inclusion)
    expected = inclusion_of(one) == inclusion_of(other)
    assert isinstance(judged(mixed), PermittedDecision) == expected


@given(batches(), st.integers(min_value=0, max_value=39))
def test_a_leaf_that_is_not_in_the_batch_is_refused(signature: Signature, number: int) -> None:
    stranger = sign_all([pae(TYPE, GOOD.payload), *neighbours(number + 1)], STRANGER)[0]
    forged = replace(stranger, key_id=signature.key_id)
    assert isinstance(judged(forged), Refusal)
    assert isinstance(judged(replace(signature, inclusion=forged.inclusion, value=signature.value)), Refusal) == (
        forged.inclusion != signature.inclusion
    )


@given(st.binary(max_size=20), st.integers(min_value=0, max_value=9), st.integers(min_value=0, max_value=9), st.data())
def test_any_inclusion_is_answered(payload: bytes, place: int, size: int, data: st.DataObject) -> None:
    path = tuple(data.draw(st.lists(st.binary(min_size=30, max_size=33), max_size=12)))
    inclusion = Inclusion(leaf_index=place, tree_size=size, path=path)
    assert isinstance(judged(Signature(key_id=ACTIVE.key_id, value=bytes(64), inclusion=inclusion), payload), Refusal)


@given(st.integers(min_value=1, max_value=70))
def test_the_tree_is_that_of_the_log(size: int) -> None:
    hashes = [leaf_hash(message) for message in neighbours(size)]
    root, paths = root_and_paths(hashes)
    assert root == tree_root(hashes)
    assert {root_of_path(leaf, at, size, paths[at]) for at, leaf in enumerate(hashes)} == {root}


@given(st.lists(st.tuples(st.integers(min_value=0, max_value=5), st.booleans()), max_size=40))
def test_remembering_roots_changes_no_answer(asked: list[tuple[int, bool]]) -> None:
    remembering = RememberedRoots(ed25519.verify, most=2)
    for number, honest in asked:
        signature = sign_all(neighbours(number + 2), ACTIVE if honest else STRANGER)[0]
        message = signed_message(TYPE, b"0", signature.inclusion)
        assert message is not None
        assert remembering(ACTIVE.public_key, message, signature.value) == honest
        assert len(remembering) <= 2


def test_the_largest_batch_is_taken() -> None:
    last = sign_all([*neighbours(MOST_SIGNED - 1), pae(TYPE, GOOD.payload)], ACTIVE)[-1]
    assert isinstance(judged(last), PermittedDecision)
