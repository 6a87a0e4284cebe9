"""Settings of a single provider, merged into its request."""

from collections.abc import Mapping

from dataplane.provider.failure import not_sent


def merge(body: dict[str, object], options: Mapping[str, object], owned: frozenset[str], *, provider: str) -> None:
    """Put `options` into `body`, objects into objects.

    `owned` are dotted paths, in `canonical` form, that the contract has words for, or that lead around the decision:
    those and what `body` has already are refused with CallFailure `bad_request`, whether or not they would change it.
    """
    _merge(body, options, owned, path="", field=f"provider_options.{provider}")


def canonical(key: str) -> str:
    """One spelling for `maxOutputTokens` and `max_output_tokens`: Google's servers take both."""
    return key.replace("_", "").lower()


def _merge(
    body: dict[str, object], options: Mapping[str, object], owned: frozenset[str], *, path: str, field: str
) -> None:
    present = {canonical(key): key for key in body}
    for key, value in options.items():
        here, place = path + canonical(key), f"{field}.{key}"
        if here in owned:
            raise not_sent(place, "the request has a field for this, or the decision fixes it; set it there")
        held_under = present.get(canonical(key), key)
        held = body.get(held_under)
        if isinstance(value, Mapping) and (isinstance(held, dict) or _leads_to(here, owned)):
            inner = dict(held) if isinstance(held, dict) else {}
            _merge(inner, value, owned, path=f"{here}.", field=place)
            body[held_under] = inner
        elif held_under in body:
            raise not_sent(place, "the request sets this already; leave it out of provider_options")
        else:
            body[key] = value


def _leads_to(path: str, owned: frozenset[str]) -> bool:
    return any(entry.startswith(f"{path}.") for entry in owned)
