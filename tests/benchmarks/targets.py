"""Measures targets of quality on MMLU: calibrated on one half, held to the other, over and over.

    python -m tests.benchmarks.targets [--splits 20]

A third of the questions trains the quality model. What production would choose is worked out for the others once; then they are split
into halves, by question.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from controlplane.catalog.load import load
from controlplane.learning.training.calibration import fixed_sequence
from turnout_cli.evaluation.routing import source_of
from turnout_cli.evaluation.splits import folds, groups
from turnout_cli.evaluation.tables import Column, Table, read
from turnout_cli.evaluation.targets import WORTHS, Aimed, Chosen, aimed, choose, read_as
from turnout_cli.evaluation.trial import learn

STRONG, WEAK = "gpt-4-1106-preview", "mixtral-8x7b-instruct-v0.1"

CATALOG = """
version: 1
models:
  - name: {strong}
    provider: openai
    tier: flagship
    as_of: 2026-11-21
    input_usd_per_mtok: 24.7
    output_usd_per_mtok: 24.7
    context_window: 128000
    max_output_tokens: 4096
    latency: 2s
    quality: 0.8
    capabilities: [code, reasoning, creative]
  - name: {weak}
    provider: local
    tier: small
    as_of: 2026-11-21
    input_usd_per_mtok: 0.24
    output_usd_per_mtok: 0.24
    context_window: 32000
    max_output_tokens: 4096
    latency: 1s
    quality: 0.68
    capabilities: [code, reasoning, creative]
deployments:
  - {{name: openai/strong, model: {strong}, provider: openai, protocol: openai, base_url: "https://strong.example.com/v1"}}
  - {{name: local/weak, model: {weak}, provider: local, protocol: openai, base_url: "https://weak.example.com/v1"}}
workloads:
  - {{name: exams, owner: research, policy: near-the-best, baseline: {strong}}}
policies:
  - name: near-the-best
    strategy: {{kind: value, target: {{of: {strong}, within: {within}, confidence: {confidence}}}}}
    quality_floors: {{simple: 0, moderate: 0, complex: 0, expert: 0}}
"""


CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A target, and on how many prompts it is calibrated: 0 for a whole half."""

    within: float = 0.02
    prompts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What a calibration on one half comes to: on the other, and on all questions, which the half was drawn from."""

    worth_usd: float
    loss: float
    loss_of_all: float
    to_the_reference: float
    cost_saved: float


def aim_of(within: float, confidence: float) -> Aimed:
    """The workload whose target is measured."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "turnout.yaml"
        file.write_text(CATALOG.format(strong=STRONG, weak=WEAK, within=within, confidence=confidence))
        return aimed(load(file), "exams")


def told(what: str, share: float) -> None:
    """Progress, on standard error."""
    print(f"\r{what} {share:.0%}   ", end="", file=sys.stderr)


def chosen_of(aim: Aimed, table: Table) -> tuple[Chosen, Table]:
    """What production chooses on the questions that were not trained on, each once."""
    group = groups(table.prompts)
    part = folds(group, 3, 0)
    learned = learn(
        [table.take(np.flatnonzero(part == 0))], [source_of(table.take(np.flatnonzero(part == 0)), told).reads], 0, told
    )
    once = np.zeros(len(table), dtype=bool)
    once[np.unique(group, return_index=True)[1]] = True
    left = table.take(np.flatnonzero((part != 0) & once))
    reads = read_as(aim, left.prompts, told)
    return choose(aim, learned, (STRONG, WEAK), reads, np.arange(len(left)), told), left


CASES = (
    Case(within=0.01),
    Case(within=0.02),
    Case(within=0.03),
    Case(within=0.05),
    Case(prompts=1000),
    Case(prompts=100),
)


def main() -> None:
    """Measure, and print a line of JSON for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=20)
    splits = parser.parse_args().splits
    path = Path(os.environ.get("TURNOUT_SHARED", "../shared")) / "data" / "routing" / "routellm_mmlu.parquet"
    if not path.is_file():
        raise SystemExit(f"{path} is not there; set TURNOUT_SHARED to the folder that has the data")
    chosen, left = chosen_of(aim_of(CASES[0].within, CONFIDENCE), read(path))
    print(file=sys.stderr)
    losses = left.scores[STRONG] - left.scores[WEAK]
    for case in CASES:
        rows = [one_split(chosen, losses, seed, case) for seed in range(splits)]
        print(json.dumps({**asdict(case), **summary([row for row in rows if row is not None], splits, case)}))


def one_split(chosen: Chosen, losses: Column, seed: int, case: Case) -> Split | None:
    """Calibrated on a half, held to the other; None if the half does not support the target."""
    order = np.random.default_rng(seed).permutation(len(chosen.rows))
    half = len(order) // 2
    first, on = order[: case.prompts or half], order[half:]
    columns = [np.where(each == 0, 0.0, losses) for each in chosen.choices.T]
    run = fixed_sequence(WORTHS, [each[first] for each in columns], case.within, CONFIDENCE)
    if run.found is None:
        return None
    at = run.kept - 1
    cost = np.take_along_axis(chosen.costs, chosen.choices[:, at][:, None], 1)[:, 0]
    return Split(
        worth_usd=run.found.worth_nanousd / 1e9,
        loss=float(columns[at][on].mean()),
        loss_of_all=float(columns[at].mean()),
        to_the_reference=float((chosen.choices[on, at] == 0).mean()),
        cost_saved=1 - float(cost[on].sum() / chosen.costs[on, 0].sum()),
    )


def summary(kept: list[Split], splits: int, case: Case) -> dict[str, object]:
    """Over all splits; `reached` and `most_loss` are of the other half."""
    found: dict[str, object] = {"splits": splits, "supported": len(kept)}
    if not kept:
        return found
    means = {name: round(float(np.mean([getattr(row, name) for row in kept])), 4) for name in Split.__annotations__}
    return {
        **found,
        "reached": sum(row.loss <= case.within for row in kept),
        "reached_of_all": sum(row.loss_of_all <= case.within for row in kept),
        "most_loss": round(max(row.loss for row in kept), 4),
        **means,
    }


if __name__ == "__main__":
    main()
