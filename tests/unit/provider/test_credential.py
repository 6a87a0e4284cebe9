"""Secrets are found by reference, and not shown."""

import os
from pathlib import Path

import pytest

from dataplane.provider.credential import CredentialMissing, Credentials
from dataplane.provider.model import Call
from tests.support.recordings import HELLO, Recording

ENVIRONMENT = {"KEY": " sk-secret \n", "EMPTY": ""}


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(ENVIRONMENT.get)


def test_a_variable_is_looked_up(credentials: Credentials) -> None:
    assert credentials.resolve("env:KEY") == "sk-secret"


def test_no_reference_is_no_secret(credentials: Credentials) -> None:
    assert credentials.resolve("") == ""


def test_a_file_is_read_without_its_line_break(credentials: Credentials, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    assert credentials.resolve(f"file:{tmp_path}/key") == "sk-file"


def test_a_file_that_was_renewed_is_read_anew(credentials: Credentials, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first")
    assert credentials.resolve(f"file:{file}") == "first"
    (tmp_path / "next").write_text("other")
    (tmp_path / "next").rename(file)
    assert credentials.resolve(f"file:{file}") == "other"


def test_a_file_that_did_not_change_is_not_read_again(credentials: Credentials, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first")
    assert credentials.resolve(f"file:{file}") == "first"
    before = file.stat()
    file.write_text("other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert credentials.resolve(f"file:{file}") == "first"


@pytest.mark.parametrize("reference", ["env:OTHER", "env:EMPTY", "file:/nowhere/key", "vault:key", "KEY"])
def test_what_leads_nowhere_says_so_and_what_to_do(credentials: Credentials, reference: str) -> None:
    with pytest.raises(CredentialMissing, match=r"set|put|use"):
        credentials.resolve(reference)


def test_a_file_that_is_no_credential_is_not_read(credentials: Credentials, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 100_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("big", "binary"):
        with pytest.raises(CredentialMissing):
            credentials.resolve(f"file:{tmp_path}/{name}")


def test_neither_the_resolver_nor_a_call_shows_a_secret(credentials: Credentials, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file")
    credentials.resolve(f"file:{tmp_path}/key")
    recording = Recording(
        id="", provider="openai", method="POST", path="/v1/chat/completions", query="", request={"model": "m"}, status=200,
        content_type="", response={},
    )  # fmt: skip
    call: Call = recording.call(HELLO)
    assert call.credential
    assert "sk-" not in repr(credentials) + str(credentials)
    assert call.credential not in repr(call)
