"""`turnout audit` with a bucket."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.integration.audit.test_command import ask, runner, state
from tests.support.s3 import S3

__all__ = ["runner", "state"]


@pytest.fixture
def target(bucket: str) -> str:
    return f"s3://{bucket}/audit"


def one_line(runner: CliRunner, *arguments: str) -> str:
    """What a command says that cannot be done as it is: one line, and no secret."""
    found = ask(runner, *arguments)
    assert found.exit_code == 2, found.output
    assert found.stderr.count("\n") == 1
    assert "a-secret" not in found.output
    return found.stderr


def test_a_log_is_exported_and_read_without_the_store(runner: CliRunner, state: Path, target: str) -> None:
    done = ask(runner, "export", target)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"62 entries in {target}, 62 of them new, in ")
    kept = state / "kept.txt"
    kept.write_text(ask(runner, "checkpoint").stdout)
    again = ask(runner, "export", target, "--json")
    assert json.loads(again.stdout) == {
        "target": target, "entries": 62, "added": 0, "objects": 0, "holding_erased": [],
    }  # fmt: skip
    (state / "turnout.db").unlink()
    found = ask(runner, "verify", "--export", target, "--from", str(kept))
    assert found.exit_code == 0, found.output
    assert "62 leaves, 1 checkpoints, 40 signatures, 40 decisions made again, byte for byte" in found.output
    assert ask(runner, "checkpoint", "--export", target).stdout == kept.read_text()
    assert json.loads(ask(runner, "reconcile", "--export", target, "--json").stdout)["receipts"] == 20


def test_an_altered_object_exits_with_1(runner: CliRunner, target: str, bucket: str, s3: S3) -> None:
    assert ask(runner, "export", target).exit_code == 0
    s3.request("PUT", f"{bucket}/audit/entries/000000000000-000000000061.jsonl.gz", b"rubbish")
    found = ask(runner, "verify", "--export", target)
    assert found.exit_code == 1
    assert "entries/000000000000-000000000061.jsonl.gz: it is damaged" in found.stderr


@pytest.mark.parametrize("command", [("export",), ("verify", "--export"), ("checkpoint", "--export")])
def test_a_missing_bucket_is_told_in_one_line(runner: CliRunner, target: str, command: tuple[str, ...]) -> None:
    said = one_line(runner, *command, "s3://nowhere-at-all/audit")
    assert "s3://nowhere-at-all/audit: the bucket is not there: make it first, or correct its name" in said


def test_an_empty_prefix_is_told(runner: CliRunner, target: str) -> None:
    found = ask(runner, "verify", "--export", target)
    assert found.exit_code == 1
    assert "no log was exported there" in found.stderr


@pytest.mark.parametrize(
    "names", [("AWS_ACCESS_KEY_ID",), ("AWS_SECRET_ACCESS_KEY",), ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
)
def test_missing_credentials_are_told(
    runner: CliRunner, target: str, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    for name in names:
        monkeypatch.delenv(name)
    assert "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in one_line(runner, "export", target)


def test_refused_credentials_are_told(runner: CliRunner, target: str, s3: S3) -> None:
    s3.request("POST", "moto-api/reset-auth", b"0")
    try:
        assert "the store refuses these credentials (InvalidAccessKeyId)" in one_line(runner, "export", target)
    finally:
        s3.request("POST", "moto-api/reset-auth", b"inf")


def test_an_endpoint_that_nobody_serves_is_told(
    runner: CliRunner, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert "error sending request; is the endpoint right, and reached?" in one_line(runner, "export", target)


def test_plain_http_is_only_spoken_where_that_is_meant(
    runner: CliRunner, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    assert "its endpoint is not https: set AWS_ALLOW_HTTP=true if that is meant" in one_line(runner, "export", target)


def test_a_missing_extra_is_told(runner: CliRunner, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    assert "object stores need obstore; install turnout[objects]" in one_line(runner, "export", target)


@pytest.mark.parametrize("address", ["ftp://somewhere/else", "s3://", "https://bucket.example/x"])
def test_the_address_of_something_else_is_refused(runner: CliRunner, address: str) -> None:
    assert "give a file, or s3://BUCKET/PREFIX" in one_line(runner, "export", address)


def test_an_account_of_azure_has_to_be_named(runner: CliRunner, target: str) -> None:
    assert "set AZURE_STORAGE_ACCOUNT_NAME" in one_line(runner, "export", "az://container/audit")


def profile(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Credentials in a file instead of the environment."""
    file = folder / "credentials"
    file.write_text("[audits]\naws_access_key_id = an-id\naws_secret_access_key = a-secret-in-a-file\n")
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", name)


def test_a_profile_is_enough(runner: CliRunner, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile(tmp_path, monkeypatch, "audits")
    done = ask(runner, "export", target)
    assert done.exit_code == 0, done.output


def test_a_profile_that_is_not_there_is_told(
    runner: CliRunner, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile(tmp_path, monkeypatch, "others")
    assert "AWS_PROFILE=others: The config profile (others) could not be found" in one_line(runner, "export", target)


def test_a_profile_without_boto3_is_told(
    runner: CliRunner, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile(tmp_path, monkeypatch, "audits")
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert "AWS_PROFILE needs boto3; install it, or run eval" in one_line(runner, "export", target)
