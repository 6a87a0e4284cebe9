"""A change to the protos that breaks a caller is refused, and so is one that breaks the rules of style."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import buf, protoc

DECISION = Path("turnout/routing/v1/decision.proto")
Edit = Callable[[str], str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the protos that a test may change."""
    return shutil.copytree(protoc.PROTOS, tmp_path / "protos")


def edit(root: Path, change: Edit) -> None:
    """Change the decision's proto, and make sure that it changed."""
    path = root / DECISION
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    path.write_text(after, encoding="utf-8")


def without_the_digest(text: str) -> str:
    return re.sub(r"\n  //[^\n]*\n  bytes request_digest = [^;]*;", "", text)


def with_the_digest_as_text(text: str) -> str:
    return re.sub(r"bytes (request_digest = \d+)[^;]*;", r"string \1;", text)


def with_a_new_field(text: str) -> str:
    return text.replace("message RouteDecision {\n", "message RouteDecision {\n  // New.\n  string fresh = 999;\n")


def with_a_field_without_comment(text: str) -> str:
    return text.replace("message RouteDecision {\n", "message RouteDecision {\n  string fresh = 999;\n")


def with_a_badly_named_field(text: str) -> str:
    return text.replace("message RouteDecision {\n", "message RouteDecision {\n  // New.\n  string Fresh = 999;\n")


def with_loose_spacing(text: str) -> str:
    return text.replace("message RouteDecision {\n", "message RouteDecision   {\n")


def test_the_protos_are_as_they_should_be(root: Path) -> None:
    assert buf.check(root, buf.BASELINE) == 0


def test_a_new_field_breaks_nobody(root: Path) -> None:
    edit(root, with_a_new_field)
    assert buf.check(root, buf.BASELINE) == 0


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (without_the_digest, 'field "8" with name "request_digest" on message "RouteDecision" was deleted'),
        (with_the_digest_as_text, 'Field "8" with name "request_digest" on message "RouteDecision" changed type'),
        (with_a_field_without_comment, "should have a non-empty comment"),
        (with_a_badly_named_field, "should be lower_snake_case"),
        (with_loose_spacing, "-message RouteDecision   {"),
    ],
)
def test_a_bad_change_is_refused(root: Path, capfd: pytest.CaptureFixture[str], change: Edit, finding: str) -> None:
    edit(root, change)
    assert buf.check(root, buf.BASELINE) == 1
    assert finding in capfd.readouterr().out


def test_a_removed_file_is_refused(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (root / "turnout/outcome/v1/outcome.proto").unlink()
    assert buf.check(root, buf.BASELINE) == 1
    assert "outcome.proto" in capfd.readouterr().out


def test_a_proto_that_does_not_compile_is_refused(root: Path) -> None:
    edit(root, lambda text: text.replace("string issuer", "strange issuer"))
    with pytest.raises(protoc.ProtocError, match="strange"):
        buf.check(root, buf.BASELINE)


def test_every_proto_is_in_the_judged_folder() -> None:
    assert {name.partition("/")[0] for name in protoc.sources()} == {"turnout"}
