"""A string for a regular expression: the subset that JSON schemas use."""

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dataplane.provider.sandbox.draws import Draws

_TRIES = 40
_WORD = string.ascii_letters + string.digits + "_"
_PRINTABLE = "".join(chr(code) for code in range(32, 127))
_CLASSES: Mapping[str, str] = MappingProxyType(
    {"d": string.digits, "w": _WORD, "s": " ", "D": string.ascii_letters, "W": "-", "S": _WORD}
)
_CONTROLS: Mapping[str, str] = MappingProxyType({"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"})
_ASSERTIONS = frozenset("bBAZz")
_OPEN_END = 3
_MOST_REPEATS = 256
Node = Callable[[Draws], str]


class PatternError(ValueError):
    """The pattern uses what this generator does not know."""


def matching(pattern: str, draws: Draws, *, shortest: int = 0, longest: int | None = None) -> str | None:
    """A string that `pattern` finds a match in and whose length is allowed; None where none was found."""
    try:
        node, compiled = _Parser(pattern).parse(), re.compile(pattern)
    except (ValueError, re.error):
        return None
    for _ in range(_TRIES):
        text = node(draws)
        if shortest <= len(text) and (longest is None or len(text) <= longest) and compiled.search(text):
            return text
    return None


@dataclass(slots=True)
class _Parser:
    pattern: str
    at: int = 0

    def parse(self) -> Node:
        node = self._choice()
        if self.at < len(self.pattern):
            raise PatternError(f"unbalanced ) at {self.at}")
        return node

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _take(self) -> str:
        taken = self._peek()
        if not taken:
            raise PatternError("the pattern ends too early")
        self.at += 1
        return taken

    def _choice(self) -> Node:
        branches = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else lambda draws: draws.pick(branches)(draws)

    def _sequence(self) -> Node:
        nodes: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            nodes.append(self._repeated(self._atom()))
        return lambda draws: "".join(node(draws) for node in nodes)

    def _repeated(self, node: Node) -> Node:
        bounds = self._bounds()
        if bounds is None:
            return node
        if self._peek() in ("?", "+") and self._peek():
            self.at += 1
        low, high = bounds
        return lambda draws: "".join(node(draws) for _ in range(draws.between(low, high)))

    def _bounds(self) -> tuple[int, int] | None:
        found = re.compile(r"\*|\+|\?|\{(\d*)(,?)(\d*)\}").match(self.pattern, self.at)
        if found is None:
            return None
        self.at = found.end()
        simple = {"*": (0, _OPEN_END), "+": (1, _OPEN_END), "?": (0, 1)}.get(found.group())
        if simple:
            return simple
        low = int(found.group(1) or 0)
        high = int(found.group(3)) if found.group(3) else low + _OPEN_END if found.group(2) else low
        if low > _MOST_REPEATS:
            raise PatternError(f"more than {_MOST_REPEATS} repeats")
        return low, min(max(low, high), low + _MOST_REPEATS)

    def _atom(self) -> Node:
        taken = self._take()
        if taken in "^$":
            return lambda _draws: ""
        if taken == "(":
            return self._group()
        if taken == "[":
            return _one_of(self._set())
        if taken == "\\":
            return self._escape()
        return _one_of(string.ascii_lowercase if taken == "." else taken)

    def _group(self) -> Node:
        if self._peek() == "?":
            opening = re.compile(r"\?(?::|P?<\w+>)").match(self.pattern, self.at)
            if opening is None:
                raise PatternError(f"lookaround or flags at {self.at}")
            self.at = opening.end()
        node = self._choice()
        if self._take() != ")":
            raise PatternError(f"no ) at {self.at}")
        return node

    def _escape(self) -> Node:
        if self._peek() in _ASSERTIONS:
            self.at += 1
            return lambda _draws: ""
        if self._peek() in set("123456789"):
            raise PatternError(f"back reference at {self.at}")
        return _one_of(self._escaped())

    def _escaped(self) -> str:
        taken = self._take()
        if taken in ("x", "u"):
            digits = 2 if taken == "x" else 4
            code, self.at = self.pattern[self.at : self.at + digits], self.at + digits
            return chr(int(code, 16))
        return _CLASSES.get(taken) or _CONTROLS.get(taken) or taken

    def _set(self) -> str:
        negated = self._peek() == "^"
        self.at += negated
        members = ""
        while self._peek() != "]" or not members:
            members += self._range()
        self.at += 1
        return "".join(char for char in _PRINTABLE if char not in members) if negated else members

    def _range(self) -> str:
        first = self._member()
        if len(first) != 1 or self._peek() != "-" or self.pattern[self.at + 1 : self.at + 2] in ("]", ""):
            return first
        self.at += 1
        last = self._member()
        # Only the first hundred: enough to choose from, however wide the range.
        return "".join(chr(code) for code in range(ord(first), min(ord(last), ord(first) + 100) + 1))

    def _member(self) -> str:
        taken = self._take()
        return self._escaped() if taken == "\\" else taken


def _one_of(chars: str) -> Node:
    if not chars:
        raise PatternError("a class without members")
    return lambda draws: draws.pick(chars)
