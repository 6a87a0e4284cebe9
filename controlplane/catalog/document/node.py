"""A document as nodes with line numbers, whether it was YAML or plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controlplane.catalog.document.problem import Problem, ProblemKind, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A text; `quoted` if the writer said that it is one, so that `"1"` is no number and `""` not nothing."""

    text: str
    line: int = 0
    quoted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Nodes in order."""

    items: tuple["Node", ...]
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A field of a table and the line that its name is on."""

    name: str
    node: "Node"
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Fields in the order of the document, each name once."""

    entries: tuple[Entry, ...]
    line: int = 0

    def find(self, name: str) -> Entry | None:
        """The field of that name."""
        return next((entry for entry in self.entries if entry.name == name), None)


Node = Scalar | Items | Table


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A node and where it stands."""

    source: str
    path: str
    line: int
    node: Node

    def field(self, entry: Entry) -> "At":
        """The place of a field of this table."""
        path = f"{self.path}.{entry.name}" if self.path else entry.name
        return At(source=self.source, path=path, line=entry.line, node=entry.node)

    def item(self, index: int, node: Node) -> "At":
        """The place of an item of this list."""
        return At(source=self.source, path=f"{self.path}[{index}]", line=node.line, node=node)

    def down(self, *steps: str | int) -> "At":
        """The place below that `steps` lead to, or the last one on the way that exists."""
        here = self
        for step in steps:
            match here.node, step:
                case Table() as table, str() if entry := table.find(step):
                    here = here.field(entry)
                case Items(items=items), int() if step < len(items):
                    here = here.item(step, items[step])
                case _:
                    return here
        return here

    def problem(self, kind: ProblemKind, reason: str, way_out: str) -> Problem:
        """Something that is wrong here."""
        return Problem(kind=kind, source=self.source, line=self.line, field=self.path, reason=reason, way_out=way_out)

    def refuse(self, kind: ProblemKind, reason: str, way_out: str) -> Refused:
        """The exception for one problem here."""
        return Refused(self.problem(kind, reason, way_out))


NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
"""What YAML takes for no value, unless it stands in quotes."""

Plain = str | int | bool | Sequence["Plain"] | Mapping[str, "Plain"]
"""What a document may consist of when it does not come from a file; fractions are texts, so that they stay exact."""


def node_of(plain: Plain) -> Node:
    """Plain values as nodes, without lines. A text in them is a text as it is, even where YAML would read it as nothing."""
    if isinstance(plain, str):
        return Scalar(text=plain, quoted=plain in NOTHING)
    if isinstance(plain, bool):
        return Scalar(text="true" if plain else "false")
    if isinstance(plain, int):
        return Scalar(text=str(plain))
    if isinstance(plain, Mapping):
        return Table(entries=tuple(Entry(name=name, node=node_of(value)) for name, value in plain.items()))
    return Items(items=tuple(node_of(value) for value in plain))
