"""What can be wrong with a configuration, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from turnout_wire.failure import Failure

SHOWN = 5
"""How many problems the message of CatalogInvalid spells out; all of them are in `problems`."""


class ProblemKind(StrEnum):
    """The closed set of what is refused. tests/unit/catalog/bad has an example of each that a file can show."""

    UNREADABLE = "unreadable"
    NOT_UTF8 = "not_utf8"
    YAML_SYNTAX = "yaml_syntax"
    EMPTY_DOCUMENT = "empty_document"
    SEVERAL_DOCUMENTS = "several_documents"
    ALIAS = "alias"
    TAG = "tag"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY = "too_many"
    TOO_LONG = "too_long"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_WORD = "unknown_word"
    BAD_NAME = "bad_name"
    DUPLICATE_NAME = "duplicate_name"
    KEPT_TWICE = "kept_twice"
    NO_EFFECT = "no_effect"
    PRICE_MISSING = "price_missing"
    PRICE_CONTRADICTS = "price_contradicts"
    CONTEXT_TOO_SMALL = "context_too_small"
    BAD_URL = "bad_url"
    CREDENTIAL_WRITTEN_OUT = "credential_written_out"
    BAD_REGEX = "bad_regex"
    FLOORS_FALL = "floors_fall"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_DEPLOYMENT = "unknown_deployment"
    UNKNOWN_POLICY = "unknown_policy"
    UNKNOWN_RULE_SET = "unknown_rule_set"
    UNKNOWN_ROUTE_SET = "unknown_route_set"
    UNKNOWN_ROUTE = "unknown_route"
    UNKNOWN_TIER = "unknown_tier"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNKNOWN_REGION = "unknown_region"
    UNKNOWN_WORKLOAD = "unknown_workload"
    UNKNOWN_TEAM = "unknown_team"
    UNKNOWN_FEATURE = "unknown_feature"
    UNKNOWN_CLASSIFIER = "unknown_classifier"
    NO_CATCH_ALL = "no_catch_all"
    NEVER_REACHED = "never_reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. `line` counts from 1, 0 if there is none; `field` is a path as `models[3].quality`."""

    kind: ProblemKind
    source: str
    line: int
    field: str
    reason: str
    way_out: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        field = f"{self.field}: " if self.field else ""
        return f"{place}: {field}{self.reason}: {self.way_out}"


class CatalogInvalid(Failure):
    """A configuration is refused as a whole; `problems` says why, in the order of the documents."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        shown = "\n".join(str(problem) for problem in problems[:SHOWN])
        more = f"\n... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        super().__init__("CATALOG_INVALID", f"the catalog is refused, nothing changed:\n{shown}{more}")
        self.problems = tuple(problems)


class Refused(Exception):
    """Part of a document cannot be taken; readers raise it, and whoever reads the whole collects."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems
