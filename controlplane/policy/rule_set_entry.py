"""Rule sets of classification as entries of a document."""

from collections.abc import Iterator, Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from enum import StrEnum

import re2

from controlplane.catalog.canonical import digest
from controlplane.catalog.document.node import At
from controlplane.catalog.document.problem import Problem, ProblemKind, Refused
from controlplane.catalog.document.read import Field, Reader, each, mapped, nearest, optional, record, required
from controlplane.catalog.document.scalar import name_like, number, text, word_of
from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.policy.entry import rule_set_name
from controlplane.policy.model import FeatureRule, PatternRule, RuleSet, RuleSetName, Vote
from turnout_features.model import Features
from turnout_features.patterns import MAX_MEM

MAX_PATTERNS = 1_000
"""As many as `signals` may have in turnout.routing.v1.Features, less some room for conditions."""

MAX_CONDITIONS = 200
MAX_REGEX = 1_000
MAX_VOTE = 100.0
MAX_THRESHOLD = 1e9

NUMBERS = frozenset(field.name for field in fields_of(Features) if field.type in (int, bool))
"""The features that a condition can compare; of those that are true or false, true counts 1."""

_signal = name_like(r"[a-z][a-z0-9_.-]{0,63}", "signal", "lower case letters, digits, `.`, `_` and `-`, a letter first")
_weight = number(-MAX_VOTE, MAX_VOTE)
_threshold = number(-MAX_THRESHOLD, MAX_THRESHOLD)


def _regex(at: At) -> str:
    written = text(at)
    if len(written) > MAX_REGEX:
        raise at.refuse(ProblemKind.TOO_LONG, f"the pattern has {len(written)} characters", f"keep it to {MAX_REGEX}")
    try:
        # Five times cheaper than compiling it, which a set does with all patterns at once.
        re2.Set.SearchSet(_options()).Add(written)
    except re2.error as error:
        way_out = "correct it; RE2 has neither look-around nor back-references, and takes linear time for that"
        raise at.refuse(ProblemKind.BAD_REGEX, f"this is not RE2 ({_cause(written)})", way_out) from error
    return written


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEM
    return options


def _cause(written: str) -> str:
    """What RE2 says of a pattern; a set says only that it is wrong."""
    try:
        re2.compile(written, _options())
    except re2.error as error:
        return b", ".join(part for part in error.args if isinstance(part, bytes)).decode(errors="replace")
    return "no cause given"


def check_together(at: At, rule_set: RuleSet) -> None:
    """Patterns are searched as one automaton, so that they must fit into memory together. Raises Refused.

    Not part of `read_rule_set`, for it takes longer than all the rest, and what is packaged need not be checked at
    every start.
    """
    together = re2.Set.SearchSet(_options())
    for pattern in rule_set.patterns:
        together.Add(pattern.regex)
    try:
        together.Compile()
    except re2.error as error:
        way_out = "drop counted repetitions such as `{0,100}`, which multiply, or some of the patterns"
        reason = f"the patterns together take more than {MAX_MEM >> 20} MiB"
        raise at.down("patterns").refuse(ProblemKind.BAD_REGEX, reason, way_out) from error


def _feature(at: At) -> str:
    written = text(at)
    if written not in NUMBERS:
        reason = f"`{written[:60]}` is no number among the features"
        raise at.refuse(ProblemKind.UNKNOWN_FEATURE, reason, nearest(written, NUMBERS, noun="feature"))
    return written


def _weights(axis: str, values: Reader[StrEnum]) -> Reader[tuple[Vote, ...]]:
    read = mapped(values, _weight, limit=20)

    def read_votes(at: At) -> tuple[Vote, ...]:
        return tuple(Vote(axis=axis, value=value.value, weight=weight) for value, weight in read(at).items())

    return read_votes


VOTE_FIELDS: Mapping[str, Field] = {
    "task_type": optional(_weights("task_type", word_of(TaskType, "task type"))),
    "complexity": optional(_weights("complexity", word_of(Complexity, "complexity"))),
    "domain": optional(_weights("domain", word_of(Domain, "domain"))),
}
"""The axes that can be voted on, `{axis: {value: weight}}`."""


def _votes(at: At) -> tuple[Vote, ...]:
    """At least one vote, sorted, for their order means nothing."""
    votes = _priors(at)
    if not votes:
        raise at.refuse(ProblemKind.NO_EFFECT, "this rule speaks for nothing", "add a vote, or remove the rule")
    return votes


def _priors(at: At) -> tuple[Vote, ...]:
    axes = record(at, VOTE_FIELDS, noun="table of votes").values()
    return tuple(sorted((vote for votes in axes for vote in votes), key=lambda vote: (vote.axis, vote.value)))


PATTERN_FIELDS: Mapping[str, Field] = {
    "signal": required(_signal),
    "regex": required(_regex),
    "votes": required(_votes),
}


def _pattern(at: At) -> PatternRule:
    return PatternRule(**record(at, PATTERN_FIELDS, noun="pattern"))


CONDITION_FIELDS: Mapping[str, Field] = {
    "signal": required(_signal),
    "feature": required(_feature),
    "at_least": optional(_threshold),
    "below": optional(_threshold),
    "votes": required(_votes),
}


def _condition(at: At) -> FeatureRule:
    fields = record(at, CONDITION_FIELDS, noun="condition")
    at_least, below = fields.get("at_least"), fields.get("below")
    if at_least is None and below is None:
        raise at.refuse(ProblemKind.NO_EFFECT, "this condition compares with nothing", "add `at_least` or `below`")
    if at_least is not None and below is not None and at_least >= below:
        reason = f"no number is at least {at_least} and below {below}"
        raise at.refuse(ProblemKind.NO_EFFECT, reason, "let `at_least` be less than `below`")
    return FeatureRule(
        signal=fields["signal"], feature=fields["feature"], at_least=at_least, below=below, votes=fields["votes"]
    )


RULE_SET_FIELDS: Mapping[str, Field] = {
    "name": required(rule_set_name),
    "patterns": optional(each(_pattern, limit=MAX_PATTERNS)),
    "conditions": optional(each(_condition, limit=MAX_CONDITIONS)),
    "priors": optional(_priors),
}


def read_rule_set(at: At) -> RuleSet:
    """The rule set at `at`, with its digest. Raises Refused."""
    fields = record(at, RULE_SET_FIELDS, noun="rule set")
    rule_set = RuleSet(
        name=RuleSetName(fields["name"]),
        digest=b"",
        patterns=fields.get("patterns", ()),
        conditions=fields.get("conditions", ()),
        priors=fields.get("priors", ()),
    )
    _check_signals(at, rule_set)
    return replace(rule_set, digest=digest(rule_set))


def _check_signals(at: At, rule_set: RuleSet) -> None:
    """Several patterns may raise one signal if they speak for the same, for a signal is all that is known of a match."""
    first: dict[str, tuple[At, tuple[Vote, ...] | None]] = {}
    found: list[Problem] = []
    for here, signal, votes in _signals(at, rule_set):
        before, said = first.setdefault(signal, (here, votes))
        if here is not before and (votes is None or said != votes):
            reason = f"the signal `{signal}` is on line {before.line} already"
            way_out = "give one of them another name; only patterns with the same votes may share one"
            found.append(here.problem(ProblemKind.DUPLICATE_NAME, reason, way_out))
    if found:
        raise Refused(*found)


def _signals(at: At, rule_set: RuleSet) -> Iterator[tuple[At, str, tuple[Vote, ...] | None]]:
    """Each rule's place, its signal, and what it may share the signal with: None for a condition, which shares none."""
    for index, pattern in enumerate(rule_set.patterns):
        yield at.down("patterns", index, "signal"), pattern.signal, pattern.votes
    for index, condition in enumerate(rule_set.conditions):
        yield at.down("conditions", index, "signal"), condition.signal, None
