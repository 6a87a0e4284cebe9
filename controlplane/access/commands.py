"""What an operator does with API keys: one object for each use case."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.access import key_life
from controlplane.access.callers import token_hash
from controlplane.access.directory import Directory
from controlplane.access.key_book import KeyBook, Keys
from controlplane.access.model import ApiKey, ApiKeyId, ApiKeyState, Change, Note, Role, Secret
from controlplane.catalog.page import Page, page_of
from controlplane.store.protocols import StoreUnavailable
from turnout_wire.failure import Failure

_log = logging.getLogger(__name__)

MARK = "to"
"""What secrets begin with, so that people and scanners of source code know them."""
TAIL = 4
"""Characters of a secret that are kept for recognizing it."""
MOST = 5_000
"""Keys at the same time: every worker has them all."""
REMEMBERED = timedelta(days=90)
"""How long a key that is over stays in the list."""
LISTING = "api keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the use cases share.

    `new_id` makes a public id, `new_token` at least 128 random bits that can stand in a URL; `changed` hears of every
    change that is kept and returns when it is published.
    """

    book: KeyBook
    directory: Directory
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    new_token: Callable[[], str]
    changed: Callable[[ApiKey], Awaitable[None]]

    async def keep(self, work: Callable[[Keys], ApiKey], by: str) -> ApiKey:
        """Change a key, write it down and publish it. Raises what `work` raises, or Failure STORE_UNAVAILABLE."""
        over = self.clock() - REMEMBERED
        try:
            key = await self.book.change(work, lambda one: _ended_by(one, over))
        except StoreUnavailable as unavailable:
            told = f"API keys cannot be changed now ({unavailable}); try again"
            raise Failure("STORE_UNAVAILABLE", told, retry_after=timedelta(seconds=1)) from unavailable
        await self.changed(key)
        _log.warning("API key %s", key.note.change, extra={"key_id": key.key_id, "caller": key.name, "by": by})
        return key

    def secret(self, key_id: ApiKeyId, now: datetime) -> tuple[Secret, str]:
        """A new secret as it is kept, and the secret itself."""
        token = f"{MARK}_{key_id}_{self.new_token()}"
        return Secret(token_sha256=token_hash(token), last_characters=token[-TAIL:], created_at=now), token


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A key that is asked for; `expires_at` None: until it is revoked."""

    name: str
    tenant: str
    roles: frozenset[Role]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey:
    """Makes a key."""

    around: Around

    async def __call__(self, wanted: Wanted, *, by: str) -> tuple[ApiKey, str]:
        """The key and its secret, which nobody can tell again.

        Raises Failure: ALREADY_EXISTS, INVALID_FIELD for an end that is past, KEY_STATE if there are too many keys.
        """
        around, now = self.around, self.around.clock()
        if key_life.ended(wanted.expires_at, now):
            raise Failure("INVALID_FIELD", "expires_at: it is past; give a later time", field="expires_at")
        key_id = ApiKeyId(around.new_id())
        secret, token = around.secret(key_id, now)

        def work(keys: Keys) -> ApiKey:
            self._check(wanted.name, keys, now)
            return ApiKey(
                key_id=key_id,
                name=wanted.name,
                tenant=wanted.tenant,
                roles=wanted.roles,
                secrets=(secret,),
                created_at=now,
                expires_at=wanted.expires_at,
                revoked_at=None,
                note=Note(number=1, change=Change.CREATED, by=by, at=now),
            )

        return await around.keep(work, by), token

    def _check(self, name: str, keys: Keys, now: datetime) -> None:
        if len(keys) >= MOST:
            raise Failure(
                "KEY_STATE", f"there are {len(keys)} API keys, as many as there may be; revoke what is not used"
            )
        if self.around.directory.built_in(name):
            told = f"name: `{name}` is a caller of the state folder; choose another name"
            raise Failure("ALREADY_EXISTS", told, field="name")
        for key in keys.values():
            if key.name == name and key.state(now) is ApiKeyState.ACTIVE:
                told = f"name: `{name}` has the key {key.key_id}; rotate or revoke that, or choose another name"
                raise Failure("ALREADY_EXISTS", told, field="name")


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateApiKey:
    """Gives the caller of a key a new secret."""

    around: Around

    async def __call__(self, key_id: str, overlap: timedelta, *, by: str) -> tuple[ApiKey, str]:
        """The key and its new secret; those before last for `overlap`. Raises Failure NOT_FOUND or KEY_STATE."""
        now = self.around.clock()
        secret, token = self.around.secret(ApiKeyId(key_id), now)

        def work(keys: Keys) -> ApiKey:
            return key_life.rotated(_found(keys, key_id), secret, overlap, by=by, now=now)

        return await self.around.keep(work, by), token


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey:
    """Ends a key."""

    around: Around

    async def __call__(self, key_id: str, *, by: str) -> ApiKey:
        """The key; nothing that it could open opens when this returns. Raises Failure NOT_FOUND."""
        now = self.around.clock()
        return await self.around.keep(lambda keys: key_life.revoked(_found(keys, key_id), by=by, now=now), by)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApiKeys:
    """Lists keys by id."""

    book: KeyBook

    def __call__(self, *, tenant: str, page_size: int, page_token: str) -> Page[ApiKey]:
        """A page of those of `tenant`, of all if empty. Raises Failure PAGE_TOKEN_INVALID."""
        keys = self.book.keys
        ids = sorted(key_id for key_id, key in keys.items() if tenant in ("", key.tenant))
        page = page_of(ids, listing=LISTING, size=page_size, token=page_token)
        entries = tuple(keys[ApiKeyId(key_id)] for key_id in page.entries)
        return Page(entries=entries, next_page_token=page.next_page_token)


def _found(keys: Keys, key_id: str) -> ApiKey:
    key = keys.get(ApiKeyId(key_id))
    if key is None:
        told = "there is no such API key; see `turnout key list` (signing keys are those of `turnout keys`)"
        raise Failure("NOT_FOUND", f"key_id: {told}", field="key_id")
    return key


def _ended_by(key: ApiKey, when: datetime) -> bool:
    """Whether a key was over at that time already."""
    return key_life.ended(key_life.earlier(key.revoked_at, key.expires_at), when)
