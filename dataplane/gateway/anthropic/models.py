"""`GET /v1/models` for callers that send `anthropic-version`."""

from collections.abc import Iterator

from dataplane.gateway.anthropic import errors
from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.model import Problem, Refused
from dataplane.snapshot.model import Listed, WorkerSnapshot

Json = dict[str, object]

_UNKNOWN_DAY = "1970-01-01T00:00:00Z"
"""What Anthropic gives for a model whose release date is not known."""


class Models:
    """All that can be asked for by name: `auto`, `auto:WORKLOAD`, aliases, and the models that chat."""

    def all(self, snapshot: WorkerSnapshot) -> bytes:
        """One page with all of them, whatever page was asked for."""
        entries = list(_entries(snapshot))
        page = {"data": entries, "has_more": False, "first_id": entries[0]["id"], "last_id": entries[-1]["id"]}
        return json_bytes(page)

    def one(self, snapshot: WorkerSnapshot, name: str) -> bytes | None:
        """One of them."""
        found = next((entry for entry in _entries(snapshot) if entry["id"] == name), None)
        return None if found is None else json_bytes(found)

    def refuse(self, problem: Problem) -> Refused:
        """An error."""
        return errors.refuse(problem)


def _entries(snapshot: WorkerSnapshot) -> Iterator[Json]:
    yield _routed("auto", "The model that fits")
    for workload in sorted(snapshot.workloads):
        yield _routed(f"auto:{workload}", f"The model that fits, as workload {workload}")
    for alias in sorted(set(snapshot.aliases) - set(snapshot.models)):
        yield _routed(alias, f"{alias} ({snapshot.aliases[alias]})")
    for _, model in sorted(snapshot.models.items()):
        if not model.embeds:
            yield _model(model)


def _routed(name: str, display_name: str) -> Json:
    return {
        "type": "model",
        "id": name,
        "display_name": display_name,
        "created_at": _UNKNOWN_DAY,
        "lifecycle": "active",
    }


def _model(model: Listed) -> Json:
    return {
        **_routed(model.name, model.name),
        "created_at": f"{model.as_of}T00:00:00Z" if model.as_of else _UNKNOWN_DAY,
        "max_input_tokens": model.context_window or None,
        "max_tokens": model.max_output_tokens or None,
    }
