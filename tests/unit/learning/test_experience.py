"""What a deployment found itself changes what is expected, where it was found and no further."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.model import Classification
from controlplane.learning.artefact import decode, encode
from controlplane.learning.experience import experienced, key, nearest, workloads
from controlplane.learning.model import PPM, Experience, Learned, Prospect
from controlplane.learning.quality import BEST, WORST, outlook
from tests.support.artefacts import artefact
from turnout_features.model import Features

USUAL = Features(last_user_tokens=60, input_tokens=64, characters=300)
QA = Classification(
    task_type=TaskType.QA, complexity=Complexity.MODERATE, domain=None, confidence=0.9, classifier="rules"
)
CODE = replace(QA, task_type=TaskType.CODE)


def lived(shift: int, spread: int = 20_000) -> Experience:
    return Experience(shift=shift, spread=spread, results=50)


def learned(experience: Mapping[str, Experience]) -> Learned:
    plain = decode(artefact({"small": 0.7, "large": 0.9}))
    return decode(encode(replace(plain, experience=MappingProxyType(dict(experience)))))


def expected(own: Learned, model: str, workload: str, found: Classification = QA, prior: float = 0.6) -> Prospect:
    return outlook(own, USUAL, found, workload).of(model, prior)


def test_results_of_a_workload_count_there_and_nowhere_else() -> None:
    before, after = learned({}), learned({key("support", "", "small"): lived(-300_000)})
    assert expected(after, "small", "support").quality == expected(before, "small", "support").quality - 300_000
    assert expected(after, "small", "search") == expected(before, "small", "search")
    assert expected(after, "large", "support") == expected(before, "large", "support")


def test_results_of_a_kind_of_work_come_before_those_of_the_workload_and_these_before_all_others() -> None:
    own = learned(
        {
            key("support", "code", "small"): lived(-300_000),
            key("support", "", "small"): lived(-100_000),
            key("", "", "small"): lived(50_000),
        }
    )
    plain = learned({})
    shifts = [
        expected(own, "small", workload, found).quality - expected(plain, "small", workload, found).quality
        for workload, found in (("support", CODE), ("support", QA), ("search", QA))
    ]
    assert shifts == [-300_000, -100_000, 50_000]


def test_a_model_without_public_results_joins_with_its_score_and_its_own_results() -> None:
    before, after = learned({}), learned({key("support", "", "New/Model"): lived(200_000)})
    known = expected(after, "new/MODEL", "support", prior=0.5)
    assert known.quality == expected(before, "new/model", "support", prior=0.5).quality + 200_000
    assert expected(after, "new/model", "support", prior=0.7).quality == known.quality + 200_000


def test_an_interval_grows_where_workloads_differ_and_shrinks_with_results() -> None:
    before = expected(learned({}), "other", "support")
    vague, sure = (
        expected(learned({key("support", "", "other"): lived(0, spread)}), "other", "support")
        for spread in (150_000, 5_000)
    )
    assert sure.high - sure.low < before.high - before.low < vague.high - vague.low


@pytest.mark.parametrize(("shift", "bound"), [(-5 * PPM, WORST), (5 * PPM, BEST), (-PPM, WORST), (PPM, BEST)])
def test_no_experience_makes_anything_certain(shift: int, bound: int) -> None:
    found = expected(learned({key("support", "", "small"): lived(shift)}), "small", "support")
    assert found.quality == bound
    assert 0 <= found.low <= found.quality <= found.high <= PPM


def test_half_of_the_variance_is_the_requests_own() -> None:
    assert experienced(600_000, 100_000, lived(-50_000, 0)) == (550_000, 70_710)
    assert experienced(600_000, 0, lived(-50_000, 30_000)) == (550_000, 30_000)


def test_workloads_with_own_results_are_named() -> None:
    names = [key("support", "", "small"), key("support", "qa", "small"), key("care", "", "large"), key("", "", "small")]
    assert workloads({name: lived(0) for name in names}) == ("care", "support")


def test_nothing_is_known_where_nothing_was_found() -> None:
    assert nearest({}, "support", "qa", "small") is None
    assert nearest({key("support", "code", "small"): lived(1)}, "support", "qa", "small") is None
