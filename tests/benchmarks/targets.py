"""Measures targets of quality on MMLU: calibrated on one half, held to the other, over and over.

    python -m tests.benchmarks.targets [--splits 20] [--within 0.02] [--confidence 0.95]

A third of the questions trains the quality model. What production would choose is worked out for the others once; then they are split
into halves, by question.
"""

import argparse
import json
import os
import sys
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


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--within", type=float, default=0.02)
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--prompts", type=int, default=0, help="Calibrate on so many only.")
    asked = parser.parse_args()
    path = Path(os.environ.get("TURNOUT_SHARED", "../shared")) / "data" / "routing" / "routellm_mmlu.parquet"
    if not path.is_file():
        raise SystemExit(f"{path} is not there; set TURNOUT_SHARED to the folder that has the data")
    aim = aim_of(asked.within, asked.confidence)
    chosen, left = chosen_of(aim, read(path))
    losses = left.scores[STRONG] - left.scores[WEAK]
    rows = [one_split(chosen, losses, seed, asked) for seed in range(asked.splits)]
    kept = [row for row in rows if row is not None]
    print(file=sys.stderr)
    for row in kept:
        print(json.dumps(row))
    print(json.dumps(summary(kept, asked)))


def one_split(chosen: Chosen, losses: Column, seed: int, asked: argparse.Namespace) -> dict[str, float] | None:
    """Calibrated on a half, held to the other; None if the half does not support the target."""
    order = np.random.default_rng(seed).permutation(len(chosen.rows))
    half = len(order) // 2
    first, second = order[: asked.prompts or half], order[half:]
    columns = [np.where(each == 0, 0.0, losses) for each in chosen.choices.T]
    run = fixed_sequence(WORTHS, [each[first] for each in columns], asked.within, asked.confidence)
    if run.found is None:
        return None
    at, on = run.kept - 1, second
    cost = np.take_along_axis(chosen.costs, chosen.choices[:, at][:, None], 1)[:, 0]
    return {
        "seed": seed,
        "worth_usd": run.found.worth_nanousd / 1e9,
        "loss": round(run.found.loss, 4),
        "loss_on_the_other_half": round(float(columns[at][on].mean()), 4),
        "to_the_reference": round(float((chosen.choices[on, at] == 0).mean()), 3),
        "cost_saved": round(1 - float(cost[on].sum() / chosen.costs[on, 0].sum()), 3),
    }


def summary(kept: list[dict[str, float]], asked: argparse.Namespace) -> dict[str, float]:
    """Over all splits."""
    if not kept:
        return {"splits": asked.splits, "supported": 0}
    other = [row["loss_on_the_other_half"] for row in kept]
    return {
        "splits": asked.splits,
        "supported": len(kept),
        "within_on_the_other_half": sum(loss <= asked.within for loss in other),
        "mean_loss_on_the_other_half": round(float(np.mean(other)), 4),
        "most_loss_on_the_other_half": max(other),
        "mean_to_the_reference": round(float(np.mean([row["to_the_reference"] for row in kept])), 3),
        "mean_cost_saved": round(float(np.mean([row["cost_saved"] for row in kept])), 3),
    }


if __name__ == "__main__":
    main()
