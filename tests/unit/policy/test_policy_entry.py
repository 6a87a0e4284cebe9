"""Policies, workloads and rule sets as entries of a document: what is given, what is not, and what has no effect."""

from datetime import timedelta

import pytest

from controlplane.catalog.document.node import At
from controlplane.catalog.document.parse import parse
from controlplane.catalog.document.problem import ProblemKind, Refused
from controlplane.catalog.model import Capability, Complexity, Domain, ModelName, TaskType
from controlplane.policy.entry import STANDARD_CAPABILITIES, STANDARD_FLOORS, read_policy, read_workload
from controlplane.policy.model import Access, ExecutionLimits, Policy, QualityTarget, Selector, Strategy, StrategyKind
from controlplane.policy.rule_set_entry import MAX_REGEX, read_rule_set


def at(text: str) -> At:
    """The place of the entry that `text` writes."""
    root, problems = parse(text.encode(), "turnout.yaml")
    assert problems == []
    return root


def policy_of(more: str = "", strategy: str = "cheapest") -> Policy:
    """The policy `p` with `more` lines."""
    return read_policy(at(f"name: p\nstrategy: {strategy}\n{more}\n"))


def refused(more: str = "", strategy: str = "cheapest") -> tuple[ProblemKind, str, str]:
    """What is wrong with the policy `p`: kind, field and reason."""
    with pytest.raises(Refused) as error:
        policy_of(more, strategy)
    problem = error.value.problems[0]
    return problem.kind, problem.field, problem.reason


def test_a_policy_that_says_nothing_has_the_usual_ladder_and_limits() -> None:
    found = policy_of()
    assert found.strategy == Strategy(kind=StrategyKind.CHEAPEST)
    assert dict(found.quality_floors) == {"simple": 0.7, "moderate": 0.8, "complex": 0.9, "expert": 0.95}
    assert dict(found.task_capabilities) == dict(STANDARD_CAPABILITIES)
    assert (found.access, found.limits) == (Access(), ExecutionLimits())
    assert (found.overrides, found.last_resort, found.low_confidence) == ((), None, 0.5)
    assert found.rule_set == "default"


def test_a_ladder_in_part_is_completed_by_the_usual_one() -> None:
    found = policy_of("quality_floors: {simple: 0.75}").quality_floors
    assert dict(found) == {**STANDARD_FLOORS, Complexity.SIMPLE: 0.75}


@pytest.mark.parametrize("floors", ["{moderate: 0.6}", "{simple: 0.85}", "{expert: 0.5}"])
def test_a_ladder_never_falls(floors: str) -> None:
    assert refused(f"quality_floors: {floors}")[:2] == (ProblemKind.FLOORS_FALL, "quality_floors")


def test_capabilities_by_kind_of_work_replace_the_usual_ones() -> None:
    found = policy_of("task_capabilities: {qa: [vision, tools]}").task_capabilities
    assert dict(found) == {TaskType.QA: {Capability.VISION, Capability.TOOLS}}
    assert dict(policy_of("task_capabilities: {}").task_capabilities) == {}


def test_limits_are_read_in_their_units() -> None:
    limits = "{max_attempts: 2, max_output_tokens: 99, max_cost_usd: 0.0000015, deadline: 1500ms, fallbacks: 0}"
    assert policy_of(f"limits: {limits}").limits == ExecutionLimits(
        max_attempts=2, max_output_tokens=99, max_cost_nanousd=1_500, deadline=timedelta(seconds=1.5), fallbacks=0
    )


def test_lists_of_access_are_sets() -> None:
    found = policy_of("access: {allow_models: [a, b], deny_providers: [c], regions: [eu]}").access
    assert found == Access(
        allow_models=frozenset({"a", "b"}), deny_providers=frozenset({"c"}), regions=frozenset({"eu"})
    )


@pytest.mark.parametrize(
    ("written", "strategy"),
    [
        ("cheapest", Strategy(kind=StrategyKind.CHEAPEST)),
        ("balanced", Strategy(kind=StrategyKind.BALANCED)),
        ("{kind: balanced, cost_share: 1}", Strategy(kind=StrategyKind.BALANCED, cost_share=1.0)),
        ("{kind: value, worth_usd: 0.01}", Strategy(kind=StrategyKind.VALUE, worth_nanousd=10_000_000)),
        (
            "{kind: value, target: {of: gpt-4o, within: 0.02, confidence: 0.95}}",
            Strategy(
                kind=StrategyKind.VALUE,
                target=QualityTarget(of=ModelName("gpt-4o"), within_ppm=20_000, confidence_ppm=950_000),
            ),
        ),
    ],
)
def test_a_strategy_is_a_word_or_a_table(written: str, strategy: Strategy) -> None:
    assert policy_of(strategy=written).strategy == strategy


def test_the_order_of_fixed_models_is_kept_and_weights_are_sorted() -> None:
    assert policy_of(strategy="{kind: fixed, models: [b, a]}").strategy.models == ("b", "a")
    assert policy_of(strategy="{kind: weighted, weights: {b: 1, a: 2}}").strategy.weights == (("a", 2), ("b", 1))


@pytest.mark.parametrize(
    ("written", "kind", "field"),
    [
        ("fixed", ProblemKind.NO_EFFECT, "strategy"),
        ("weighted", ProblemKind.NO_EFFECT, "strategy"),
        ("{kind: fixed, models: []}", ProblemKind.NO_EFFECT, "strategy"),
        ("{kind: weighted, weights: {}}", ProblemKind.NO_EFFECT, "strategy"),
        ("{kind: weighted, weights: {a: 0}}", ProblemKind.OUT_OF_RANGE, "strategy.weights.a"),
        ("{kind: balanced, quality_share: 0, cost_share: 0, latency_share: 0}", ProblemKind.NO_EFFECT, "strategy"),
        ("{kind: cheapest, models: [a]}", ProblemKind.UNKNOWN_FIELD, "strategy.models"),
        ("{models: [a]}", ProblemKind.MISSING_FIELD, "strategy"),
        ("dearest", ProblemKind.UNKNOWN_WORD, "strategy"),
        ("value", ProblemKind.NO_EFFECT, "strategy"),
        ("{kind: value}", ProblemKind.NO_EFFECT, "strategy"),
        ("{kind: value, worth_usd: 0}", ProblemKind.OUT_OF_RANGE, "strategy.worth_usd"),
        ("{kind: value, worth_usd: -1}", ProblemKind.OUT_OF_RANGE, "strategy.worth_usd"),
        (
            "{kind: value, worth_usd: 1, target: {of: a, within: 0.1, confidence: 0.9}}",
            ProblemKind.NO_EFFECT,
            "strategy.worth_usd",
        ),
        ("{kind: value, target: {of: a, within: 0.1}}", ProblemKind.MISSING_FIELD, "strategy.target"),
        (
            "{kind: value, target: {of: a, within: 0, confidence: 0.9}}",
            ProblemKind.OUT_OF_RANGE,
            "strategy.target.within",
        ),
        (
            "{kind: value, target: {of: a, within: 0.51, confidence: 0.9}}",
            ProblemKind.OUT_OF_RANGE,
            "strategy.target.within",
        ),
        (
            "{kind: value, target: {of: a, within: 0.1, confidence: 0.9999}}",
            ProblemKind.OUT_OF_RANGE,
            "strategy.target.confidence",
        ),
        (
            "{kind: value, target: {of: a, within: 0.1, confidence: 0.4}}",
            ProblemKind.OUT_OF_RANGE,
            "strategy.target.confidence",
        ),
    ],
)
def test_a_strategy_that_chooses_nothing_is_refused(written: str, kind: ProblemKind, field: str) -> None:
    assert refused(strategy=written)[:2] == (kind, field)


def test_an_override_has_a_name_a_selector_and_an_effect() -> None:
    (found,) = policy_of("overrides: [{name: a, when: {features: [x]}, model: m, min_quality: 0.9}]").overrides
    assert (found.name, found.when, found.model, found.min_quality) == ("a", Selector(features=("x",)), "m", 0.9)


@pytest.mark.parametrize(
    ("written", "kind", "field"),
    [
        ("[{name: a, when: {}}]", ProblemKind.NO_EFFECT, "overrides[0]"),
        ("[{name: a, model: m}]", ProblemKind.MISSING_FIELD, "overrides[0]"),
        ("[{name: a, when: {}, min_quality: 1.1}]", ProblemKind.OUT_OF_RANGE, "overrides[0].min_quality"),
        (
            "[{name: a, when: {}, model: m}, {name: a, when: {}, model: n}]",
            ProblemKind.DUPLICATE_NAME,
            "overrides[1].name",
        ),
        ("[{name: a, when: {features: ['x*y']}, model: m}]", ProblemKind.BAD_NAME, "overrides[0].when.features[0]"),
    ],
)
def test_an_override_that_means_nothing_is_refused(written: str, kind: ProblemKind, field: str) -> None:
    assert refused(f"overrides: {written}")[:2] == (kind, field)


def test_every_part_of_a_selector_is_read() -> None:
    origin = "features: [b, a, b], endpoints: ['/v1/*'], labels: {y: '2', x: '1'}"
    content = "task_types: [code], complexities: [expert], domains: [legal]"
    when = f"{{{origin}, {content}}}"
    found = read_workload(at(f"{{name: w, owner: o, policy: p, baseline: m, when: {when}}}")).when
    assert found == Selector(
        features=("a", "b"),
        endpoints=("/v1/*",),
        labels=(("x", "1"), ("y", "2")),
        task_types=frozenset({TaskType.CODE}),
        complexities=frozenset({Complexity.EXPERT}),
        domains=frozenset({Domain.LEGAL}),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("access: {deny_models: [a, b]}", "access: {deny_models: [b, a]}"),
        ("quality_floors: {simple: 0.7}", ""),
        ("limits: {deadline: 60s}", "limits: {deadline: 1m}"),
        ("task_capabilities: {qa: [vision, tools]}", "task_capabilities: {qa: [tools, vision]}"),
    ],
)
def test_what_means_the_same_has_the_same_digest(one: str, other: str) -> None:
    assert policy_of(one).digest == policy_of(other).digest
    assert len(policy_of(one).digest) == 32


@pytest.mark.parametrize(
    "more",
    [
        "quality_floors: {simple: 0.71}",
        "access: {deny_models: [a]}",
        "limits: {fallbacks: 1}",
        "last_resort: a/b",
        "low_confidence: 0.4",
        "rule_set: own",
        "task_capabilities: {}",
        "overrides: [{name: a, when: {}, min_quality: 0.9}]",
    ],
)
def test_what_means_something_else_has_another_digest(more: str) -> None:
    assert policy_of(more).digest != policy_of().digest


def test_the_order_of_models_and_of_overrides_is_a_part_of_the_digest() -> None:
    orders = [policy_of(strategy=f"{{kind: fixed, models: [{names}]}}").digest for names in ("a, b", "b, a")]
    first, second = "{name: a, when: {}, model: m}", "{name: b, when: {}, model: n}"
    orders += [policy_of(f"overrides: [{both}]").digest for both in (f"{first}, {second}", f"{second}, {first}")]
    assert len(set(orders)) == 4


def test_a_pattern_that_is_too_long_is_refused() -> None:
    for length, fits in ((MAX_REGEX, True), (MAX_REGEX + 1, False)):
        text = f"{{name: r, patterns: [{{signal: s, regex: {'a' * length}, votes: {{task_type: {{code: 1}}}}}}]}}"
        if fits:
            assert len(read_rule_set(at(text)).patterns[0].regex) == length
        else:
            with pytest.raises(Refused, match="1001 characters"):
                read_rule_set(at(text))
