"""A trace as a tree in the terminal."""

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.tree import Tree

from turnout_wire.sink import ReceivedSpan

_SHOWN = (
    "turnout.decision.id",
    "gen_ai.request.model",
    "turnout.deployment",
    "http.response.status_code",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "turnout.cost_nanousd",
    "error.type",
)


def trace_tree(spans: Sequence[ReceivedSpan]) -> Tree:
    """The spans of one trace: each with service, time from the trace's begin, duration, facts and events."""
    known = {span.span_id for span in spans}
    begin = min(span.start_ns for span in spans)
    children: dict[str, list[ReceivedSpan]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    tree = Tree(f"[bold]trace {spans[0].trace_id}[/bold]")
    _grow(tree, "", children, begin)
    return tree


def _grow(tree: Tree, parent: str, children: Mapping[str, Sequence[ReceivedSpan]], begin: int) -> None:
    for span in children.get(parent, ()):
        branch = tree.add(_line(span, begin))
        for name, attributes in span.events:
            branch.add(f"[dim]· {escape(name)} {_facts(attributes)}[/dim]")
        _grow(branch, span.span_id, children, begin)


def _line(span: ReceivedSpan, begin: int) -> str:
    colour = "red" if span.failed else "green"
    after, took = (span.start_ns - begin) / 1e6, (span.end_ns - span.start_ns) / 1e6
    shown = {name: span.attributes[name] for name in _SHOWN if name in span.attributes}
    return (
        f"[{colour}]{escape(span.name)}[/{colour}] [cyan]{escape(span.service)}[/cyan] "
        f"+{after:.1f} ms, took {took:.1f} ms  [dim]{_facts(shown)}[/dim]"
    )


def _facts(attributes: Mapping[str, object]) -> str:
    return escape(" ".join(f"{name.rpartition('.')[2]}={value}" for name, value in attributes.items()))
