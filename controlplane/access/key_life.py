"""The life of an API key: pure rules, from one value to the next."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from controlplane.access.model import ApiKey, ApiKeyState, Caller, Change, Note, Secret
from turnout_wire.failure import Failure

MOST_SECRETS = 4
"""Secrets of one key that are kept at the same time; the oldest goes first."""


def ended(when: datetime | None, now: datetime) -> bool:
    """Whether something that ends at `when`, if ever, is over."""
    return when is not None and when <= now


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two ends; None is never."""
    return min((end for end in (one, other) if end is not None), default=None)


def rotated(key: ApiKey, secret: Secret, overlap: timedelta, *, by: str, now: datetime) -> ApiKey:
    """The key with `secret` in front; what it had before is void after `overlap`, or earlier if that was so before.

    Raises Failure KEY_STATE.
    """
    state = key.state(now)
    if state is not ApiKeyState.ACTIVE:
        told = f"the key {key.key_id} is {state}; make another one with `turnout key create`"
        raise Failure("KEY_STATE", told, field="key_id")
    until = now + overlap
    before = (replace(one, expires_at=earlier(one.expires_at, until)) for one in key.secrets)
    kept = [one for one in before if not ended(one.expires_at, now)]
    return replace(key, secrets=(secret, *kept)[:MOST_SECRETS], note=_next(key, Change.ROTATED, by, now))


def revoked(key: ApiKey, *, by: str, now: datetime) -> ApiKey:
    """The key, ended; as it is if it was before."""
    if key.revoked_at is not None:
        return key
    return replace(key, revoked_at=now, note=_next(key, Change.REVOKED, by, now))


def _next(key: ApiKey, change: Change, by: str, now: datetime) -> Note:
    return Note(number=key.note.number + 1, change=change, by=by, at=now)


def callers_of(key: ApiKey) -> Iterator[Caller]:
    """A caller for each secret of a key that is not revoked, whether its time is over or not: clocks decide that where it is shown."""
    if key.revoked_at is not None:
        return
    for secret in key.secrets:
        yield Caller(
            name=key.name,
            tenant=key.tenant,
            token_sha256=secret.token_sha256,
            roles=key.roles,
            expires_at=earlier(key.expires_at, secret.expires_at),
        )
