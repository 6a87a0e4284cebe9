"""`GET /v1/models` and `GET /v1/models/{id}`."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.model import Problem, Refused
from dataplane.gateway.openai import errors
from dataplane.snapshot.model import WorkerSnapshot

Json = dict[str, object]

OWNER = "turnout"
"""Who owns what is no model of a provider."""


class Models:
    """What `model` may be; see ModelsFace."""

    def all(self, snapshot: WorkerSnapshot) -> bytes:
        """`auto`, every `auto:WORKLOAD`, aliases and models, each kind by name."""
        return json_bytes({"object": "list", "data": list(_all(snapshot))})

    def one(self, snapshot: WorkerSnapshot, name: str) -> bytes | None:
        """One of them, None if there is none of that name."""
        found = next((model for model in _all(snapshot) if model["id"] == name), None)
        return None if found is None else json_bytes(found)

    def refuse(self, problem: Problem) -> Refused:
        """An error as the SDK knows it."""
        return errors.refuse(problem)


def _all(snapshot: WorkerSnapshot) -> Iterator[Json]:
    since = snapshot.created_at
    for name in ("auto", *(f"auto:{workload}" for workload in sorted(snapshot.workloads))):
        yield _model(name, since, OWNER)
    for alias in sorted(set(snapshot.aliases) - set(snapshot.models)):
        yield _model(alias, since, OWNER)
    for name, listed in sorted(snapshot.models.items()):
        yield _model(name, _day(listed.as_of, since), listed.provider)


def _model(name: str, created: datetime, owner: str) -> Json:
    return {"id": name, "object": "model", "created": int(created.timestamp()), "owned_by": owner}


def _day(text: str, otherwise: datetime) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
