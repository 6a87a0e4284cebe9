"""What is kept of quality models, and what is in use one after the other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.learned.model import MOST, NONE, Kept, Shelf
from controlplane.learned.restore import QualityModelForeign, QualityModelInvalid, learned_document, learned_from
from controlplane.learned.shelf_document import from_json, to_json
from controlplane.learning.artefact import decode, encode
from tests.support.artefacts import artefact

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def kept(number: int) -> Kept:
    return Kept(
        digest=number.to_bytes(32, "big"),
        version="reading-1",
        encoder="static-1",
        models=("large", "small"),
        size_bytes=1000,
        imported_at=NOON + timedelta(seconds=number),
        imported_by="operator",
        workloads=("support",) * (number % 2),
    )


def shelf(*activated: int) -> Shelf:
    made = Shelf()
    for number in sorted(set(activated)):
        made = made.imported(kept(number))
    for number in activated:
        made = made.activated(kept(number).digest, by="operator", at=NOON)
    return made


def test_going_back_passes_through_everything_that_was_in_use() -> None:
    made = shelf(1, 2, 1)
    seen = [made.active]
    while made.history:
        made = made.rolled_back(by="operator", at=NOON)
        seen.append(made.active)
    assert seen == [kept(1).digest, kept(2).digest, kept(1).digest, NONE]
    assert made.change is not None
    assert (made.change.number, made.change.rollback, made.change.before) == (6, True, kept(1).digest)
    with pytest.raises(IndexError):
        made.rolled_back(by="operator", at=NOON)


def test_activating_what_is_in_use_changes_nothing() -> None:
    made = shelf(1)
    assert made.activated(kept(1).digest, by="other", at=NOON) is made


def test_importing_again_changes_nothing_and_the_oldest_that_nobody_needs_makes_room() -> None:
    made = shelf(1)
    assert made.imported(kept(1)) is made
    for number in range(2, MOST + 10):
        made = made.imported(kept(number))
    assert len(made.kept) == MOST
    assert made.find(kept(1).digest) is not None, "it is in use"
    assert made.find(kept(2).digest) is None
    assert made.kept[0] == kept(MOST + 9)


@pytest.mark.parametrize("made", [Shelf(), shelf(1), shelf(1, 2, 1).rolled_back(by="me", at=NOON)])
def test_the_document_gives_the_shelf_back(made: Shelf) -> None:
    assert from_json(to_json(made)) == made


def test_a_document_from_before_models_had_workloads_is_read() -> None:
    older = to_json(shelf(2)).replace(b',"workloads":[]', b"")
    assert b"workloads" not in older
    assert from_json(older) == shelf(2)


def test_a_document_of_the_log_gives_the_model_back_and_an_altered_one_is_refused() -> None:
    one = decode(artefact({"small": 0.4, "large": 0.9}))
    document = learned_document(one)
    again = learned_from(document)
    assert encode(again) == encode(one)
    assert again.digest == one.digest == document.digest
    other = learned_document(decode(artefact({"small": 0.5, "large": 0.9})))
    with pytest.raises(QualityModelInvalid, match="it was altered"):
        learned_from(replace(document, body=other.body))
    with pytest.raises(QualityModelInvalid, match="cannot be read"):
        learned_from(replace(document, body=document.body[:50]))
    with pytest.raises(QualityModelInvalid, match="is a 'live'"):
        learned_from(replace(document, kind="live"))


def test_a_model_of_other_software_is_not_decided_with_again() -> None:
    older = learned_document(decode(artefact({"small": 0.4}, version="reading-older")))
    with pytest.raises(QualityModelForeign, match="verify with the version that decided"):
        learned_from(older)
