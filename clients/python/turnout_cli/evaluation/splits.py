"""Divides prompts so that no question, nor one nearly like it, is on both sides."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

WORDS = 5
"""Words of a shingle."""

COMMON = 20
"""A shingle of more prompts than this is a phrase of a template and tells no questions apart."""

LIKE = 0.5
"""The share of shingles, of the one that has fewer, from which two questions are near-duplicates."""

SHORT = 8
"""A question of fewer words is told apart only together with its options."""

_OPTIONS = re.compile(r"\n\s*(?:options:|choices:|\(?a[.):])", re.IGNORECASE)
_WORD = re.compile(r"\w+")


def essence(prompt: str) -> tuple[str, ...]:
    """The words of a question without its options, in lower case; with them if it is short."""
    words = _WORD.findall(_OPTIONS.split(prompt, maxsplit=1)[0].lower())
    return tuple(words if len(words) >= SHORT else _WORD.findall(prompt.lower()))


def groups(prompts: Sequence[str]) -> NDArray[np.int64]:
    """A number for each prompt: the same for those that are the same question, or nearly, through any chain of such."""
    essences = [essence(prompt) for prompt in prompts]
    parent = list(range(len(prompts)))
    first: dict[tuple[str, ...], int] = {}
    for at, words in enumerate(essences):
        _join(parent, at, first.setdefault(words, at))
    for left, right in _near(essences, first.values()):
        _join(parent, left, right)
    return np.array([_root(parent, at) for at in range(len(prompts))], dtype=np.int64)


def folds(group: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """A fold for each prompt, groups whole, drawn by `seed`."""
    known, places = np.unique(group, return_inverse=True)
    return np.random.default_rng(seed).permutation(len(known))[places] % count


def apart(train: Sequence[str], test: Sequence[str]) -> NDArray[np.bool_]:
    """For each prompt of `train`, whether no prompt of `test` is the same question, or nearly."""
    group = groups([*test, *train])
    return ~np.isin(group[len(test) :], group[: len(test)])


def _near(essences: Sequence[tuple[str, ...]], once: Iterable[int]) -> Iterable[tuple[int, int]]:
    """Pairs of different questions that share LIKE of their telling shingles."""
    shingles = {at: _shingles(essences[at]) for at in once}
    places: dict[int, list[int]] = defaultdict(list)
    for at, found in shingles.items():
        for shingle in found:
            places[shingle].append(at)
    telling = {shingle: where for shingle, where in places.items() if len(where) <= COMMON}
    sizes = {at: sum(shingle in telling for shingle in found) for at, found in shingles.items()}
    for at, found in shingles.items():
        shared = Counter(other for shingle in found if shingle in telling for other in telling[shingle] if other < at)
        for other, count in shared.items():
            if count >= 3 and count >= LIKE * min(sizes[at], sizes[other]):
                yield at, other


def _shingles(words: tuple[str, ...]) -> set[int]:
    return {hash(words[at : at + WORDS]) for at in range(max(1, len(words) - WORDS + 1))}


def _root(parent: list[int], at: int) -> int:
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = parent[at]
    return at


def _join(parent: list[int], left: int, right: int) -> None:
    left, right = _root(parent, left), _root(parent, right)
    parent[max(left, right)] = min(left, right)
