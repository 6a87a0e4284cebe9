"""What a target of quality goes by: a calibration while it fits, else its reference alone, and nothing silently."""

from dataclasses import replace

import pytest

from controlplane.catalog.model import Complexity, ModelName
from controlplane.decision.contrast import why_not
from controlplane.decision.model import Affinity, Decision, Notice, ReasonCode
from controlplane.decision.value import ground
from controlplane.learning.artefact import decode
from controlplane.learning.model import Calibration
from controlplane.policy.model import ExecutionLimits, Override, Policy, QualityTarget, Selector, Strategy, StrategyKind
from controlplane.snapshot.model import Catalog, HealthState
from tests.support.artefacts import artefact
from tests.support.catalogs import catalog, model, policy, price
from tests.support.decisions import asked, candidate, decided, explained, features, health, models

TARGET = QualityTarget(of=ModelName("gpt-4o"), within_ppm=20_000, confidence_ppm=950_000)
NAMES = ("gpt-4o", "gpt-4o-mini")
LEARNED = decode(artefact({"gpt-4o": 0.9, "gpt-4o-mini": 0.8, "gemini-1.5-pro": 0.89, "claude-3-5-haiku": 0.7}))
FREE = dict.fromkeys(policy().quality_floors, 0.0)


def aimed(**changes: object) -> Policy:
    """The policy `default` with the target."""
    made = policy(strategy=Strategy(kind=StrategyKind.VALUE, target=TARGET), quality_floors=FREE)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def calibration(of: Catalog, worth: float = 0.01, **changes: object) -> Calibration:
    """One that fits `of`, with `changes`."""
    prices = [of.models[ModelName(name)].price for name in NAMES]
    (under,) = of.policies.values()
    made = Calibration(
        workload="default",
        reference="gpt-4o",
        within_ppm=20_000,
        confidence_ppm=950_000,
        worth_nanousd=round(worth * 1e9),
        models=NAMES,
        prices=tuple((each.input_nanousd_per_mtok, each.output_nanousd_per_mtok) for each in prices),
        prompts=812,
        loss_ppm=4_000,
        ground=ground(of, under, NAMES),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def with_calibrations(of: Catalog, *found: Calibration) -> Catalog:
    """`of` with a quality model that has these."""
    return replace(of, learned=replace(LEARNED, calibrations=found))


def calibrated(worth: float = 0.01) -> Catalog:
    """A catalog whose target is calibrated."""
    known = catalog(policies=[aimed()])
    return with_calibrations(known, calibration(known, worth))


def told(decision: Decision) -> str:
    return "\n".join(decision.steps)


@pytest.mark.parametrize(("worth", "taken"), [(0.01, "gpt-4o-mini"), (0.1, "gpt-4o")])
def test_the_calibrated_worth_decides_between_the_models_that_it_is_about(worth: float, taken: str) -> None:
    decision = explained(of=calibrated(worth))
    assert (models(decision)[0], decision.reason_code) == (taken, ReasonCode.VALUE)
    assert Notice.TARGET_UNCALIBRATED not in decision.notices
    assert "the target's, at most 2 points below gpt-4o" in decision.reason_text
    assert "calibrated on 812 prompts, a good answer is worth" in told(decision)


def test_models_of_which_the_calibration_does_not_speak_only_follow() -> None:
    """gemini-1.5-pro would be taken at this worth if it were one of them."""
    decision = explained(of=calibrated(0.05))
    assert models(decision)[0] in NAMES
    clause = "the calibration of the target does not speak of its model"
    assert clause in candidate(decision, "google/gemini-1.5-pro").detail
    assert clause in why_not(decision, "gemini-1.5-pro")


def test_where_none_of_its_models_may_serve_another_does_and_the_decision_says_so() -> None:
    down = health(dict.fromkeys(("openai/gpt-4o", "openai/gpt-4o-mini"), HealthState.OPEN))
    decision = decided(of=calibrated(), live=down)
    assert (models(decision)[0], decision.reason_code) == ("claude-3-5-sonnet", ReasonCode.VALUE)
    assert Notice.TARGET_UNCALIBRATED in decision.notices
    assert "none of the models that the target was calibrated for may serve" in decision.reason_text


def lacking(of: Catalog) -> str:
    """The steps of a decision that must take the reference and say that the target is not calibrated."""
    decision = explained(of=of)
    assert models(decision)[0] == "gpt-4o"
    assert Notice.TARGET_UNCALIBRATED in decision.notices
    return told(decision)


def test_a_target_without_a_calibration_that_fits_takes_its_reference_and_says_why() -> None:
    known = catalog(policies=[aimed()])
    assert "no quality model is in use" in lacking(known)
    assert "not calibrated for the workload default" in lacking(with_calibrations(known))
    other = calibration(known, workload="other")
    assert "not calibrated for the workload default" in lacking(with_calibrations(known, other))
    looser = calibration(known, within_ppm=30_000)
    assert "another target: at most 3 points below gpt-4o" in lacking(with_calibrations(known, looser))
    gone = calibration(known, models=("gpt-4o", "gpt-3"))
    assert "the model gpt-3 is not in the catalog any more" in lacking(with_calibrations(known, gone))


def changed(of: Catalog, under: Policy | None = None, **mini: object) -> Catalog:
    """A calibrated catalog whose policy or small model has changed since."""
    small = ModelName("gpt-4o-mini")
    made = {**of.models, small: replace(of.models[small], **mini)}  # type: ignore[arg-type]  # a test names its fields
    return replace(of, models=made, policies={policy().name: under or aimed()})


def test_a_calibration_is_out_of_force_once_what_it_rests_on_has_changed() -> None:
    of = calibrated()
    assert "the prices of gpt-4o-mini were $0.15 and $0.60" in lacking(changed(of, price=price(0.15, 0.61)))
    rule = Override(name="a", when=Selector(features=("x",)), min_quality=0.5)
    for since in (
        changed(of, quality=0.5),
        changed(of, context_window=64_000),
        changed(of, aimed(quality_floors={**FREE, Complexity.EXPERT: 0.1})),
        changed(of, aimed(overrides=(rule,))),
        changed(of, aimed(low_confidence=0.6)),
        changed(of, aimed(limits=ExecutionLimits(max_output_tokens=100))),
    ):
        assert "have changed since" in lacking(since)


def test_it_stays_in_force_while_only_such_changes_as_bear_on_no_choice_were_made() -> None:
    since = changed(calibrated(), aimed(limits=ExecutionLimits(max_attempts=1, fallbacks=1), affinity=False))
    assert models(decided(of=since))[0] == "gpt-4o-mini"


def candidates(decision: Decision) -> dict[str, tuple[float, float]]:
    """Dollars and quality that are expected of each model."""
    return {each.model: (each.estimate.cost_nanousd / 1e9, each.estimate.quality) for each in decision.candidates}


def test_no_conversation_stays_with_a_model_that_the_target_would_not_take() -> None:
    """With a worth of the policy's own it does: the cached price makes up for it."""
    asking = replace(
        asked(features=features(input_tokens=20_000, last_user_tokens=80)),
        affinity=Affinity(deployment="openai/gpt-4o-mini", cached_tokens=19_900),
    )
    cached = replace(price(0.15, 0.6), cached_input_nanousd_per_mtok=0)
    mini = model("gpt-4o-mini", price=cached, quality=0.85)
    under = aimed()
    known = catalog(models=[model("gpt-4o"), mini], policies=[under])
    firsts = candidates(explained(replace(asking, affinity=None), with_calibrations(known)))
    (dear, good), (cheap, less) = firsts["gpt-4o"], firsts["gpt-4o-mini"]
    worth = (dear - cheap + 0.001) / (good - less)
    aim = with_calibrations(known, calibration(known, worth))
    plain = replace(under, strategy=Strategy(kind=StrategyKind.VALUE, worth_nanousd=round(worth * 1e9)))
    free = replace(aim, policies={under.name: plain})
    assert models(decided(replace(asking, affinity=None), free))[0] == "gpt-4o"
    assert models(decided(asking, free))[0] == "gpt-4o-mini"
    assert models(decided(asking, aim))[0] == "gpt-4o"
