"""Finds a rule set's patterns in one pass over a text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import re2

MAX_MEM = 32 << 20
"""Bytes that a compiled set and its automaton may take. Too little makes matching slow, never wrong."""


class PatternError(ValueError):
    """A pattern that RE2 does not take; `signal` names it, `reason` says why."""

    def __init__(self, signal: str, reason: str) -> None:
        super().__init__(f"pattern {signal!r}: {reason}")
        self.signal = signal
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RulePatterns:
    """The patterns of one rule set, compiled together: matching takes linear time whatever they are.

    Case and Unicode are up to each pattern's own flags. Several patterns may raise the same signal.
    """

    digest: bytes
    _signals: tuple[str, ...]
    _set: re2.Set

    @classmethod
    def compiled(cls, pairs: Iterable[tuple[str, str]], digest: bytes) -> Self:
        """Compile (signal, regex) pairs of the rule set that `digest` names. Raises PatternError."""
        chosen = tuple(pairs)
        return cls(digest, tuple(signal for signal, _ in chosen), compiled_set(chosen))

    def match(self, text: str) -> tuple[str, ...]:
        """Signals whose pattern occurs in `text`, each once, in the rule set's order."""
        if not self._signals:
            return ()
        found = self._set.Match(text.encode("utf-8", "replace"))
        if not found:
            return ()
        found.sort()
        return tuple(dict.fromkeys([self._signals[index] for index in found]))


def compiled_set(pairs: Iterable[tuple[str, str]]) -> re2.Set:
    """One automaton for named patterns, searched anywhere in a text; a match gives their indexes.

    Raises PatternError with RE2's own words for the first that is not RE2 syntax.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEM
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
