"""The callers of an installation, kept in its state folder; three are made on first start."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from controlplane.access.model import Caller, Role

DOCUMENT = "callers.json"
TOKENS = "tokens"
_FIRST = (
    ("operator", frozenset({Role.OPERATOR, Role.CALLER})),
    ("worker", frozenset({Role.WORKER})),
    ("local", frozenset({Role.CALLER})),
)


class CallersInvalid(Exception):
    """The document of callers cannot be used; the message says why and what to do."""


def open_callers(folder: Path, new_token: Callable[[], str]) -> Mapping[bytes, Caller]:
    """Callers by hash of their token. On first start makes operator, worker and local of tenant `default`.

    Their tokens lie in `tokens/NAME`, mode 0600, for the processes of the same user; the document has only hashes.
    Raises CallersInvalid.
    """
    path = folder / DOCUMENT
    if not path.exists():
        _make_first(folder, new_token)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["callers"]
        callers = [_caller(entry) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise CallersInvalid(f"{path}: {error!r}; mend it, or remove it to have new callers made") from error
    return {caller.token_sha256: caller for caller in callers}


def _caller(entry: Mapping[str, object]) -> Caller:
    roles = entry["roles"]
    if not isinstance(roles, list):
        raise TypeError("roles must be a list")
    return Caller(
        name=str(entry["name"]),
        tenant=str(entry["tenant"]),
        token_sha256=bytes.fromhex(str(entry["token_sha256"])),
        roles=frozenset(Role(role) for role in roles),
    )


def _make_first(folder: Path, new_token: Callable[[], str]) -> None:
    tokens = folder / TOKENS
    tokens.mkdir(mode=0o700, parents=True, exist_ok=True)
    entries = []
    for name, roles in _FIRST:
        token = new_token()
        _write_private(tokens / name, token)
        entries.append(
            {"name": name, "tenant": "default", "roles": sorted(roles), "token_sha256": token_hash(token).hex()}
        )
    _write_private(folder / DOCUMENT, json.dumps({"callers": entries}, indent=2))


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all: the document is written last, so a start that was cut is simply made again."""
    scratch = path.with_name(path.name + ".new")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def token_hash(token: str) -> bytes:
    """How a token is known."""
    return hashlib.sha256(token.encode()).digest()
