"""The callers of an installation: made once, kept by their hashes, read whole or not at all."""

import hashlib
import json
from itertools import count
from pathlib import Path

import pytest

from controlplane.access.callers import DOCUMENT, TOKENS, CallersInvalid, open_callers, token_hash
from controlplane.access.model import Role


def opened(folder: Path) -> dict[str, frozenset[Role]]:
    numbers = count(1)
    callers = open_callers(folder, lambda: f"token-{next(numbers)}")
    return {caller.name: caller.roles for caller in callers.values()}


def test_three_callers_are_made_on_the_first_start(tmp_path: Path) -> None:
    assert opened(tmp_path) == {
        "operator": {Role.OPERATOR, Role.CALLER},
        "worker": {Role.WORKER},
        "local": {Role.CALLER},
    }
    assert (tmp_path / TOKENS / "worker").read_text() == "token-2"


def test_tokens_are_for_their_owner_alone_and_the_document_has_only_hashes(tmp_path: Path) -> None:
    opened(tmp_path)
    for path in (tmp_path / DOCUMENT, *(tmp_path / TOKENS).iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / TOKENS).stat().st_mode & 0o777 == 0o700
    written = (tmp_path / DOCUMENT).read_text()
    assert "token-" not in written
    assert token_hash("token-1").hex() in written


def test_later_starts_make_no_new_tokens(tmp_path: Path) -> None:
    first = open_callers(tmp_path, lambda: "first")
    assert open_callers(tmp_path, lambda: "second") == first
    assert (tmp_path / TOKENS / "local").read_text() == "first"


def test_a_start_that_was_cut_is_made_again(tmp_path: Path) -> None:
    """The document is written last."""
    (tmp_path / TOKENS).mkdir()
    (tmp_path / TOKENS / "operator").write_text("half")
    open_callers(tmp_path, lambda: "whole")
    assert (tmp_path / TOKENS / "operator").read_text() == "whole"


def test_callers_are_found_by_the_hash_of_their_token(tmp_path: Path) -> None:
    callers = open_callers(tmp_path, iter(["one", "two", "three"]).__next__)
    assert callers[hashlib.sha256(b"two").digest()].name == "worker"
    assert hashlib.sha256(b"four").digest() not in callers


GOOD = {"name": "app", "tenant": "acme", "roles": ["caller"], "token_sha256": "00" * 32}


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        json.dumps({"callers": [{"name": "app"}]}),
        json.dumps({"callers": [{**GOOD, "roles": ["king"]}]}),
        json.dumps({"callers": [{**GOOD, "roles": "caller"}]}),
        json.dumps({"callers": [{**GOOD, "token_sha256": "xyz"}]}),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_whole_with_the_way_out(tmp_path: Path, document: str) -> None:
    (tmp_path / DOCUMENT).write_text(document)
    with pytest.raises(CallersInvalid, match="mend it, or remove it") as refused:
        opened(tmp_path)
    assert str(tmp_path / DOCUMENT) in str(refused.value)


def test_an_operators_own_callers_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / DOCUMENT).write_text(json.dumps({"callers": [GOOD]}))
    assert opened(tmp_path) == {"app": {Role.CALLER}}
