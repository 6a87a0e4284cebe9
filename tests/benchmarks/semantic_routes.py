"""How right semantic routes are on CLINC150, and how quick: `python -m tests.benchmarks.semantic_routes [--seeds 5] [--examples 20]`."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from time import process_time

import numpy as np
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from controlplane.classification.semantic import Matcher, similarities
from controlplane.classification.semantic_fit import fit
from controlplane.policy.model import Route, RouteName, RouteSet, RouteSetName
from tests.benchmarks.labelled import shared
from turnout_embedding import load

OUTSIDE = "oos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of one draw of examples: shares, seconds to work the set out, microseconds a match."""

    accuracy: float
    kept_and_right: float
    let_go: float
    outside_let_go: float
    outside_auc: float
    fit_seconds: float
    match_us: float


def measured(texts: Mapping[str, Sequence[str]], examples: int, seed: int, encode: Callable[[str], bytes]) -> Figures:
    """Route all texts that are not among `examples` of each route drawn by `seed`."""
    drawn = {name: Random(f"{seed} {name}").sample(list(those), len(those)) for name, those in sorted(texts.items())}  # noqa: S311 - a repeatable draw
    routes = tuple(
        Route(name=RouteName(name), examples=tuple(those[:examples]))
        for name, those in drawn.items()
        if name != OUTSIDE
    )
    start = process_time()
    matcher = fit(RouteSet(name=RouteSetName("clinc"), digest=b"", routes=routes), encode, "benchmark")
    taken = process_time() - start
    asked = [(name, text) for name, those in drawn.items() if name != OUTSIDE for text in those[examples:]]
    inside = _similarities(matcher, [encode(text) for _, text in asked])
    outside = _similarities(matcher, [encode(text) for text in drawn[OUTSIDE]])
    bars = np.array(matcher.thresholds)
    right = inside.argmax(axis=1) == [matcher.routes.index(name) for name, _ in asked]
    kept = inside.max(axis=1) >= bars[inside.argmax(axis=1)]
    return Figures(
        accuracy=float(right.mean()),
        kept_and_right=float((right & kept).mean()),
        let_go=float(1 - kept.mean()),
        outside_let_go=float((outside.max(axis=1) < bars[outside.argmax(axis=1)]).mean()),
        outside_auc=auc(inside.max(axis=1), outside.max(axis=1)),
        fit_seconds=taken,
        match_us=_match_us(matcher, [encode(text) for _, text in asked[:500]]),
    )


def _similarities(matcher: Matcher, vectors: Sequence[bytes]) -> NDArray[np.int64]:
    return np.array([similarities(matcher, np.frombuffer(each, np.int8)) for each in vectors])


def auc(inside: NDArray[np.int64], outside: NDArray[np.int64]) -> float:
    """The chance that one of `inside` is nearer to its route than one of `outside`; ties count half (Mann and Whitney 1947)."""
    _, places, counts = np.unique(np.concatenate([inside, outside]), return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[places][: len(inside)]
    return float((ranks.sum() - len(inside) * (len(inside) + 1) / 2) / (len(inside) * len(outside)))


def _match_us(matcher: Matcher, vectors: Sequence[bytes]) -> float:
    best = float("inf")
    for _ in range(5):
        start = process_time()
        _similarities(matcher, vectors)
        best = min(best, process_time() - start)
    return best / len(vectors) * 1e6


def main(arguments: Sequence[str]) -> int:
    """Print the figures of each seed and their means."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.semantic_routes")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--examples", type=int, default=20)
    asked = parser.parse_args(arguments)
    path = shared() / "clinc150.parquet"
    if not path.exists():
        sys.stderr.write(f"{path} is not there: name a folder that has data/routing in TURNOUT_SHARED\n")
        return 2
    rows = parquet.read_table(path, columns=["text", "intent"])
    texts: dict[str, list[str]] = {}
    for text, intent in zip(rows["text"].to_pylist(), rows["intent"].to_pylist(), strict=True):
        texts.setdefault(str(intent), []).append(str(text))
    encoder = load()
    vectors = {text: encoder(text) for those in texts.values() for text in those}
    names = list(Figures.__dataclass_fields__)
    found = [measured(texts, asked.examples, seed, vectors.__getitem__) for seed in range(asked.seeds)]
    print(f"{encoder.name}, {len(texts) - 1} routes with {asked.examples} examples each")
    print("seed  " + "  ".join(f"{name:>14}" for name in names))
    for seed, one in enumerate(found):
        print(f"{seed:>4}  " + "  ".join(f"{getattr(one, name):>14.4f}" for name in names))
    print("mean  " + "  ".join(f"{np.mean([getattr(one, name) for one in found]):>14.4f}" for name in names))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
