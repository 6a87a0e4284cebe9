"""A policy may bring rules of its own; what cannot be searched is refused with its place."""

from pathlib import Path

import pytest

from controlplane.catalog.document.problem import CatalogInvalid, ProblemKind
from controlplane.catalog.load import load
from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.ladder import Ladder
from controlplane.classification.model import Classification
from controlplane.classification.rules import NoHint
from controlplane.policy.model import RuleSet, RuleSetName
from tests.unit.classification.rule_sets import written
from turnout_features import Conversation, RulePatterns, Speaker, Utterance, extract

OURS = """
rule_sets:
  - name: ours
    priors: {task_type: {qa: 0.5}}
    patterns:
      - {signal: ticket, regex: 'TICKET-[0-9]+', votes: {task_type: {extraction: 4}, complexity: {complex: 3}}}
    conditions:
      - {signal: short, feature: characters, below: 20, votes: {task_type: {chat: 2}}}
"""


def taken(text: str, rules: RuleSet) -> Classification:
    patterns = RulePatterns.compiled([(rule.signal, rule.regex) for rule in rules.patterns], rules.digest)
    asked = Conversation(utterances=(Utterance(speaker=Speaker.USER, text=text),))
    return Ladder()(extract(asked, patterns, len), rules, NoHint())


def test_own_rules_decide_in_place_of_the_packaged_ones(tmp_path: Path) -> None:
    text = "Translate TICKET-17 to German, please"
    ours = taken(text, written(tmp_path, OURS))
    assert (ours.task_type, ours.complexity) == (TaskType.EXTRACTION, Complexity.COMPLEX)
    assert [signal.name for signal in ours.signals] == ["ticket", "ticket"]
    packaged = load(None).rule_sets[RuleSetName("default")]
    assert taken(text, packaged).task_type is TaskType.TRANSLATION


def test_own_conditions_decide_too(tmp_path: Path) -> None:
    rules = written(tmp_path, OURS)
    assert taken("So it goes", rules).task_type is TaskType.CHAT
    assert taken("So it goes, again and again", rules).task_type is TaskType.QA


@pytest.mark.parametrize("regex", ["(open", "(?<=behind)x", r"(a)\1", "a{2000}", "*"])
def test_a_bad_pattern_is_refused_with_its_place(tmp_path: Path, regex: str) -> None:
    with pytest.raises(CatalogInvalid) as caught:
        written(tmp_path, OURS.replace("TICKET-[0-9]+", regex))
    (problem,) = caught.value.problems
    assert problem.kind is ProblemKind.BAD_REGEX
    assert (problem.line, problem.field) == (8, "rule_sets[0].patterns[0].regex")
