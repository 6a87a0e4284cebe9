"""Takes out of a recorded request what the contract has no word for, and remembers what that was."""

from collections.abc import Callable, Collection
from typing import Any

Json = dict[str, Any]


class Unknown:
    """The paths that were taken out; `[]` stands for any place in an array, `[type=x]` for entries of a kind."""

    def __init__(self) -> None:
        self.paths: set[str] = set()

    def keys(self, value: Json, known: Collection[str], path: str) -> None:
        """Take all keys but the known ones out of `value`."""
        for key in [key for key in value if key not in known]:
            del value[key]
            self.paths.add(f"{path}.{key}" if path else key)

    def entries(self, values: list[Any], kind: Callable[[Any], str], known: Collection[str], path: str) -> list[Any]:
        """The entries of `values` whose kind is known."""
        for value in values:
            if kind(value) not in known:
                self.paths.add(f"{path}[type={kind(value)}]")
        return [value for value in values if kind(value) in known]
