"""How soon a deployment that learns from feedback leaves a model that is worse than its score, and how seldom one that is not.

`python -m tests.benchmarks.own_results [--runs 60]`
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from controlplane.snapshot.model import Catalog
from tests.support.traffic import ROUND, Deployment, catalog

SHARES = (0.4, 0.6, 0.7, 0.75, 0.85, 0.9, 0.95)
"""Of good answers of the cheapest model in one workload; its score is 0.95 and the floor of the policy 0.8."""

ROUNDS = 10


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    runs = parser.parse_args().runs
    after = (1, 2, 4, ROUNDS)
    print(
        f"| good answers | {' | '.join(f'left after {rounds * ROUND}' for rounds in after)} | left where it is good |"
    )
    print(f"| ---: {'| ---: ' * (len(after) + 1)}|")
    with TemporaryDirectory() as folder:
        shown = catalog(Path(folder))
        for share in SHARES:
            found = [_run(shown, share, seed) for seed in range(runs)]
            left = [np.mean([_left(one["support"], rounds) for one in found]) for rounds in after]
            elsewhere = np.mean([_left(one["search"], ROUNDS) for one in found])
            print(f"| {share:.2f} | {' | '.join(f'{part:.2f}' for part in left)} | {elsewhere:.2f} |", flush=True)


def _run(shown: Catalog, share: float, seed: int) -> dict[str, list[str]]:
    """Who answered, by workload. One round more than is told of: it is decided by what the last of those taught."""
    good = {"small": 0.95, "middle": 0.95, "large": 0.99}
    truth = {(workload, name): part for workload in ("support", "search") for name, part in good.items()}
    one = Deployment(catalog=shown, truth={**truth, ("support", "small"): share}, chance=np.random.default_rng(seed))
    one.go_on(ROUNDS + 1)
    return one.answered


def _left(answered: Sequence[str], rounds: int) -> bool:
    """Whether most of the next round went to others."""
    following = answered[rounds * ROUND : (rounds + 1) * ROUND]
    return following.count("small") < ROUND / 2


if __name__ == "__main__":
    main()
