"""`GET /v1beta/models` and `GET /v1beta/models/{model}`."""

from collections.abc import Iterator

from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.gemini import errors
from dataplane.gateway.model import Problem, Refused
from dataplane.snapshot.model import WorkerSnapshot

Json = dict[str, object]

_METHODS = ("generateContent", "streamGenerateContent", "countTokens")


class Models:
    """All that can be asked for by name: `auto`, `auto:WORKLOAD`, aliases, and the models that chat."""

    def all(self, snapshot: WorkerSnapshot) -> bytes:
        """One page with all of them, whatever page was asked for."""
        return json_bytes({"models": list(_entries(snapshot))})

    def one(self, snapshot: WorkerSnapshot, name: str) -> bytes | None:
        """One of them, with or without `models/` before its name."""
        wanted = f"models/{name.removeprefix('models/')}"
        found = next((entry for entry in _entries(snapshot) if entry["name"] == wanted), None)
        return None if found is None else json_bytes(found)

    def refuse(self, problem: Problem) -> Refused:
        """An error."""
        return errors.refuse(problem)


def _entries(snapshot: WorkerSnapshot) -> Iterator[Json]:
    for name in ("auto", *(f"auto:{workload}" for workload in sorted(snapshot.workloads))):
        yield _entry(name)
    for alias in sorted(set(snapshot.aliases) - set(snapshot.models)):
        yield _entry(alias)
    for name, model in sorted(snapshot.models.items()):
        if not model.embeds:
            limits = {"inputTokenLimit": model.context_window, "outputTokenLimit": model.max_output_tokens}
            yield {**_entry(name), **{key: limit for key, limit in limits.items() if limit}}


def _entry(name: str) -> Json:
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": list(_METHODS)}
