"""What can be set, met or measured is in the pages: nothing is left out, and nothing is made up."""

import re
from decimal import Decimal

import pytest

from controlplane import config as control_config
from controlplane.budget.entry import BUDGET_FIELDS
from controlplane.budget.model import Dimension, Window
from controlplane.catalog.document.read import Field
from controlplane.catalog.entry import DEPLOYMENT_FIELDS, MODEL_FIELDS, TIMEOUT_FIELDS
from controlplane.catalog.layer import SECTIONS
from controlplane.catalog.load import load
from controlplane.catalog.model import Capability
from controlplane.decision.model import Exclusion
from controlplane.policy.entry import (
    ACCESS_FIELDS,
    LIMIT_FIELDS,
    NEAR_END_FIELDS,
    OVERRIDE_FIELDS,
    POLICY_FIELDS,
    SELECTOR_FIELDS,
    WORKLOAD_FIELDS,
)
from controlplane.policy.rule_set_entry import CONDITION_FIELDS, PATTERN_FIELDS, RULE_SET_FIELDS
from controlplane.policy.strategy_entry import QUALITY_TARGET_FIELDS, STRATEGY_FIELDS
from dataplane import config as worker_config
from dataplane.permit.refusal import RefusalReason
from dataplane.provider.sandbox.fault import FaultKind
from tests.support.pages import ROOT, page
from turnout_client import RouteOptions
from turnout_wire.failure import CODES

POLICIES, OPERATIONS, SECURITY = page("docs/policies.md"), page("docs/operations.md"), page("docs/security.md")


@pytest.mark.parametrize(
    "fields",
    [
        MODEL_FIELDS, DEPLOYMENT_FIELDS, TIMEOUT_FIELDS, WORKLOAD_FIELDS, SELECTOR_FIELDS, POLICY_FIELDS, OVERRIDE_FIELDS,
        ACCESS_FIELDS, LIMIT_FIELDS, RULE_SET_FIELDS, PATTERN_FIELDS, CONDITION_FIELDS, *STRATEGY_FIELDS.values(),
        QUALITY_TARGET_FIELDS,
        BUDGET_FIELDS, NEAR_END_FIELDS, dict.fromkeys(SECTIONS), dict.fromkeys(Capability), dict.fromkeys(Dimension),
        dict.fromkeys(Window),
    ],
)  # fmt: skip
def test_every_field_of_the_configuration_is_in_policies(fields: dict[str, Field | None]) -> None:
    assert not [name for name in fields if not re.search(rf"\b{name}\b", POLICIES.text)]


def test_the_seed_table_is_that_of_the_catalog() -> None:
    catalog = load(None)
    models = {str(name): model for name, model in catalog.models.items()}
    rows = re.findall(
        r"^\| ([\w.-]+) \| \w+ \| ([\d.]+) / ([\d.]+) \| ([\d,]+) \| (\d+) ms \| ([\d.]+) \|", POLICIES.text, re.M
    )
    assert len(rows) == 6
    for name, price_in, price_out, context, milliseconds, quality in rows:
        model = models[name]
        assert model.price.input_nanousd_per_mtok == Decimal(price_in) * 10**9
        assert model.price.output_nanousd_per_mtok == Decimal(price_out) * 10**9
        assert model.context_window == int(context.replace(",", ""))
        assert model.latency.total_seconds() * 1000 == int(milliseconds)
        assert model.quality == float(quality)


def test_exclusions_are_listed_in_their_order() -> None:
    listed = re.search(r"in this order: (.*?)\. Open breakers", page("docs/concepts.md").text, re.DOTALL)
    assert listed
    assert re.findall(r"`(\w+)`", listed[1]) == [str(exclusion) for exclusion in Exclusion]


def test_every_reason_has_advice() -> None:
    advised = re.findall(r"`([A-Z_]+)`", OPERATIONS.text.partition("## What an error means and what to do")[2])
    assert sorted(set(advised)) == sorted(CODES)
    assert len(advised) == len(set(advised))


def test_every_refusal_is_in_the_order_of_verification() -> None:
    table = SECURITY.text.partition("## What a worker checks")[2].partition("**Replay.**")[0]
    assert {str(reason) for reason in RefusalReason} <= set(re.findall(r"`([A-Z_]+)`", table))


@pytest.mark.parametrize(("plane", "config"), [("control plane", control_config), ("worker", worker_config)])
def test_every_flag_of_a_process_is_in_operations(plane: str, config: object) -> None:
    parser = config._parser({})  # type: ignore[attr-defined]
    table = OPERATIONS.text.partition(f"| {plane} | variable |")[2].partition("\n\n")[0]
    flags = {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}
    assert set(re.findall(r"^\| `(--[a-z-]+)`", table, re.M)) == flags


def test_every_metric_is_in_operations() -> None:
    sources = [
        path
        for folder in ("controlplane", "dataplane", "clients/python/turnout_wire")
        for path in (ROOT / folder).rglob("*.py")
    ]
    recorded = {
        name
        for path in sources
        for name in re.findall(r"metrics\.(?:count|record|gauge)\(\s*\"([\w.]+)\"", path.read_text(encoding="utf-8"))
    }
    table = OPERATIONS.text.partition("| metric | from |")[2].partition("\n\n")[0]
    told = {name for row in re.findall(r"^\| (`[^|]+)\|", table, re.M) for name in re.findall(r"`([\w.]+)`", row)}
    assert told == recorded


def test_every_fault_of_the_sandbox_is_in_operations() -> None:
    assert not [kind for kind in FaultKind if f"`{kind}`" not in OPERATIONS.text]


def test_every_option_of_a_call_is_in_the_page_of_the_client() -> None:
    told = set(page("docs/client.md").spans)
    assert not sorted(RouteOptions.__optional_keys__ - told)
