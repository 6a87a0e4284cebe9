"""Azure OpenAI: OpenAI's protocol with a key header of its own, and the model in the path."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from dataplane.provider.sandbox.call import Call
from dataplane.provider.sandbox.wire.model import Target, Wire, bearer
from dataplane.provider.sandbox.wire.reading import Json


def keyed(wire: Wire) -> Wire:
    """`wire` with Azure's header."""
    return replace(wire, key=_key)


def deployed(wire: Wire) -> Wire:
    """`wire` for the path of a deployment, whose name stands for a model."""
    return replace(keyed(wire), parse=_in_path(wire.parse))


def _key(headers: Mapping[str, str]) -> str | None:
    return headers.get("api-key") or bearer(headers)


def _in_path(
    parse: Callable[[Json, Target, Mapping[str, str]], Call],
) -> Callable[[Json, Target, Mapping[str, str]], Call]:
    def named(data: Json, target: Target, headers: Mapping[str, str]) -> Call:
        return parse({**data, "model": target.model}, target, headers)

    return named
