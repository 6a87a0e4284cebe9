"""YAML text as nodes: libyaml's events, with every construct refused that a configuration does not need."""

from collections.abc import Iterator

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from controlplane.catalog.document.node import At, Entry, Items, Node, Scalar, Table
from controlplane.catalog.document.problem import Problem, ProblemKind, Refused

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 24
MAX_NODES = 200_000


def parse(data: bytes, source: str) -> tuple[At, list[Problem]]:
    """The root of the document `data`, and what is wrong with its form but leaves it readable.

    Aliases and tags are refused (a few lines of aliases stand for gigabytes of nodes). Raises Refused if there is no
    tree to go on with: not UTF-8, not YAML, empty, several documents, or above a bound.
    """
    start = At(source=source, path="", line=1, node=Scalar(text=""))
    if len(data) > MAX_BYTES:
        raise start.refuse(ProblemKind.TOO_LARGE, f"the file has {len(data)} bytes", f"keep it under {MAX_BYTES}")
    builder = _Builder(start)
    try:
        node = builder.document(yaml.parse(_decoded(data, start), Loader=_LOADER))
    except yaml.YAMLError as error:
        raise Refused(_syntax_problem(error, data, source), *builder.problems) from error
    if any(problem.kind is ProblemKind.ALIAS for problem in builder.problems):
        # What aliases stand for is not known, so that anything said about the rest would be a guess.
        raise Refused(*builder.problems)
    return At(source=source, path="", line=node.line, node=node), builder.problems


# Without libyaml (a platform that has no wheel) the pure parser does the same, only more slowly.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _decoded(data: bytes, start: At) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused(
            Problem(
                kind=ProblemKind.NOT_UTF8,
                source=start.source,
                line=line,
                field="",
                reason=f"byte {error.start} is not UTF-8",
                way_out="save the file as UTF-8",
            )
        ) from error


def _syntax_problem(error: yaml.YAMLError, data: bytes, source: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    position = getattr(error, "position", None)
    line = mark.line + 1 if mark is not None else data.count(b"\n", 0, position or 0) + 1
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    return Problem(
        kind=ProblemKind.YAML_SYNTAX,
        source=source,
        line=line,
        field="",
        reason=f"this is not YAML ({said})",
        way_out="look at the indentation, quotes and brackets of this line and the one before",
    )


class _Builder:
    """Makes nodes of events and keeps what is wrong on the way."""

    def __init__(self, start: At) -> None:
        self.problems: list[Problem] = []
        self._start = start
        self._count = 0

    def document(self, events: Iterator[Event]) -> Node:
        """The only document of the stream."""
        root: Node | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent) and root is not None:
                raise self._refuse(event, ProblemKind.SEVERAL_DOCUMENTS, "a second document begins", "keep to one")
            if isinstance(event, NodeEvent):
                root = self._node(event, events, 0)
        if root is None or (isinstance(root, Scalar) and not root.text):
            way_out = "write `version: 1` and `extends: default`, and then what is different"
            raise self._start.refuse(ProblemKind.EMPTY_DOCUMENT, "the document is empty", way_out)
        return root

    def _node(self, event: NodeEvent, events: Iterator[Event], depth: int) -> Node:
        self._check(event, depth)
        line = _line(event)
        match event:
            case SequenceStartEvent():
                return Items(items=tuple(self._items(events, depth + 1)), line=line)
            case MappingStartEvent():
                return Table(entries=tuple(self._entries(events, depth + 1)), line=line)
            case ScalarEvent():
                return Scalar(text=event.value, line=line, quoted=event.style is not None and event.style != "")
            case _:
                return Scalar(text="", line=line)

    def _items(self, events: Iterator[Event], depth: int) -> Iterator[Node]:
        for event in events:
            if isinstance(event, SequenceEndEvent):
                return
            if isinstance(event, NodeEvent):
                yield self._node(event, events, depth)

    def _entries(self, events: Iterator[Event], depth: int) -> Iterator[Entry]:
        seen: dict[str, int] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                return
            if not isinstance(event, NodeEvent):
                continue
            key = self._key(self._node(event, events, depth))
            node = self._node(_node_event(next(events)), events, depth)
            if key.text in seen:
                reason = f"`{key.text}` is in this table twice, first on line {seen[key.text]}"
                self._report(key.line, ProblemKind.DUPLICATE_KEY, reason, "remove one of the two")
                continue
            seen[key.text] = key.line
            yield Entry(name=key.text, node=node, line=key.line)

    def _key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar):
            return node
        self._report(node.line, ProblemKind.WRONG_TYPE, "the name of a field is not a text", "write a word before `:`")
        return Scalar(text="", line=node.line)

    def _check(self, event: NodeEvent, depth: int) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._refuse(event, ProblemKind.TOO_LARGE, f"more than {MAX_NODES} values", "make the file smaller")
        if depth > MAX_DEPTH:
            raise self._refuse(event, ProblemKind.TOO_DEEP, f"more than {MAX_DEPTH} levels", "nest less deeply")
        line = _line(event)
        if isinstance(event, AliasEvent) or event.anchor is not None:
            sign = "*" if isinstance(event, AliasEvent) else "&"
            reason = f"`{sign}{event.anchor}`: anchors and aliases are not read"
            self._report(line, ProblemKind.ALIAS, reason, "write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            self._report(line, ProblemKind.TAG, f"the tag `{tag}` is not read", "remove it")

    def _report(self, line: int, kind: ProblemKind, reason: str, way_out: str) -> None:
        self.problems.append(
            Problem(kind=kind, source=self._start.source, line=line, field="", reason=reason, way_out=way_out)
        )

    def _refuse(self, event: Event, kind: ProblemKind, reason: str, way_out: str) -> Refused:
        self._report(_line(event), kind, reason, way_out)
        return Refused(*self.problems)


def _node_event(event: Event) -> NodeEvent:
    if not isinstance(event, NodeEvent):
        raise TypeError(f"libyaml gave {event} where a value must be")
    return event


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
