"""Finds a rule set's patterns in one pass over a text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import re2

MAX_MEM = 32 << 20
"""Bytes that a compiled set and its automaton may take. Too little makes matching slow, never wrong."""

GROUP = 12
"""Patterns that are searched together. The automaton of a set remembers which of them occurred so far: together, all 200 of
a rule set go through new states without end, and making states is a hundred times slower than going through them."""

GROUPS = 16
"""At most so many groups of patterns, for each goes over the text by itself."""

GROUP_MEM = 8 << 20
"""Bytes for each of them; the packaged rules take about 20 MiB after many thousand texts."""


class PatternError(ValueError):
    """A pattern that RE2 does not take; `signal` names it, `reason` says why."""

    def __init__(self, signal: str, reason: str) -> None:
        super().__init__(f"pattern {signal!r}: {reason}")
        self.signal = signal
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RulePatterns:
    """The patterns of one rule set, compiled in groups: matching takes linear time whatever they are.

    Case and Unicode are up to each pattern's own flags. Several patterns may raise the same signal.
    """

    digest: bytes
    _signals: tuple[str, ...]
    _groups: tuple[tuple[re2.Set, tuple[int, ...]], ...]

    @classmethod
    def compiled(cls, pairs: Iterable[tuple[str, str]], digest: bytes) -> Self:
        """Compile (signal, regex) pairs of the rule set that `digest` names. Raises PatternError."""
        chosen = tuple(pairs)
        groups = tuple(
            (_group([chosen[number] for number in numbers]), numbers)
            for numbers in _grouped([regex for _, regex in chosen])
        )
        return cls(digest, tuple(signal for signal, _ in chosen), groups)

    def match(self, text: str) -> tuple[str, ...]:
        """Signals whose pattern occurs in `text`, each once, in the rule set's order."""
        sought = text.encode("utf-8", "replace")
        found: list[int] = []
        for compiled, numbers in self._groups:
            if hits := compiled.Match(sought):
                found += [numbers[hit] for hit in hits]
        found.sort()
        return tuple(dict.fromkeys([self._signals[number] for number in found]))


def _grouped(regexes: Sequence[str]) -> list[tuple[int, ...]]:
    """Numbers of the patterns that are searched together: neighbours, which often occur together.

    Those with letters beyond ASCII are one group, for of many languages few occur in one text.
    """
    plain = [number for number, regex in enumerate(regexes) if regex.isascii()]
    others = [number for number, regex in enumerate(regexes) if not regex.isascii()]
    size = max(GROUP, -(-len(plain) // (GROUPS - 1)))
    groups = [tuple(plain[start : start + size]) for start in range(0, len(plain), size)]
    return [*groups, tuple(others)] if others else groups


def _group(pairs: Sequence[tuple[str, str]]) -> re2.Set:
    """Their automaton, small if that is possible."""
    try:
        return compiled_set(pairs, GROUP_MEM)
    except re2.error:  # they alone take more
        return compiled_set(pairs)


def compiled_set(pairs: Iterable[tuple[str, str]], max_mem: int = MAX_MEM) -> re2.Set:
    """One automaton for named patterns, searched anywhere in a text; a match gives their indexes.

    Raises PatternError with RE2's own words for the first that is not RE2 syntax, and re2.error if they take more than
    `max_mem` bytes together.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max_mem
    compiled = re2.Set.SearchSet(options)
    for signal, regex in pairs:
        try:
            compiled.Add(regex)
        except (re2.error, UnicodeEncodeError) as error:
            raise PatternError(signal, _reason(regex, options)) from error
    compiled.Compile()
    return compiled


def _reason(regex: str, options: re2.Options) -> str:
    """Why `regex` is refused; a set says only that it is."""
    try:
        re2.compile(regex, options)
    except (re2.error, UnicodeEncodeError) as error:
        cause = error.args[0]
        return cause.decode("utf-8", "replace") if isinstance(cause, bytes) else str(error)
    return "too large"
