"""Every command of the pages is run, against one stack; what cannot be run here is listed with its reason."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf import json_format
from typer.testing import CliRunner

from controlplane.catalog.load import check
from tests.support.installing import install
from tests.support.pages import ROOT, Block, Step, page, pages, steps
from tests.support.s3 import S3
from tests.support.stacks import environment
from turnout.inference.v1 import chat_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2, routing_pb2_grpc
from turnout_cli.__main__ import app

NOT_RUN = {
    r"make ": "each is a suite of its own; test_pages holds that the target exists",
    r"(\.venv/bin/)?turnout up\b": "it stays up; the stack of these tests is `turnout up --sandbox`",
    r"python -m (controlplane|dataplane)\b": "they stay up; test_pages holds that they take the flags",
    r"export OPENAI_API_KEY=": "needs a real key",
    r"export OTEL_": "needs a collector",
    r"grpcurl ": "no dependency of ours; the request in it is sent below",
}
"""Commands that are not run, as regular expressions of their beginning, and why."""

LAID_OUT = [*(one.name for one in pages() if one.blocks("bash", "console"))]
SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A folder as a reader has it, with a running stack and a bucket, and the addresses that stand for those in the pages."""

    folder: Path
    variables: dict[str, str]
    addresses: dict[str, str]

    def here(self, text: str) -> str:
        """`text` with the addresses of this stack."""
        for written, real in self.addresses.items():
            text = text.replace(written, real)
        return text

    def run(self, *command: str) -> str:
        """What a command prints, errors too. Fails with that if the command does."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables, capture_output=False, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, s3: S3) -> Iterator[Desk]:
    s3.make("audit-logs")
    folder = tmp_path_factory.mktemp("desk")
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / ".venv").symlink_to(sys.prefix)
    variables = {**environment(), **s3.variables, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "COLUMNS": "200"}
    command = [f"{sys.prefix}/bin/turnout", "up", "--sandbox", "--json", "--control-port", "0", "--worker-port", "0"]
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True) as stack:
        try:
            assert stack.stdout is not None
            up = json.loads(stack.stdout.readline())
            written = [
                "127.0.0.1:7411",
                "127.0.0.1:7421",
                "127.0.0.1:7422",
                "http://127.0.0.1:7412",
                "http://127.0.0.1:7431",
                "http://127.0.0.1:7521",
            ]
            real = [up["control"], *up["workers"], up["http"], up["sandbox"], up["gateways"][0]]
            yield Desk(folder=folder, variables=variables, addresses=dict(zip(written, real, strict=True)))
        finally:
            stack.terminate()
            assert stack.wait(SECONDS) == 0


def why_not_run(command: str) -> str | None:
    """The reason for which a command is not run here."""
    return next((reason for begin, reason in NOT_RUN.items() if re.match(begin, command)), None)


def looks_alike(shown: str, printed: str) -> bool:
    """Whether output is as it is shown, but for figures, ids, blanks, and whatever `…` stands for."""
    parts = [re.escape(_plain(part)) for part in shown.split("…")]
    return re.fullmatch(".*".join(parts), _plain(printed)) is not None


def _plain(text: str) -> str:
    words = re.sub(r"\b[0-9a-f]{16}\b|\d+(?:[.,:-]\d+)*", "0", text)
    return re.sub(r"\s+", "", words)


def printed(desk: Desk, block: Block) -> Iterator[tuple[Step, str]]:
    """Each command of a block that can be run, and what it prints; what it sets holds for those after it."""
    settings: list[str] = []
    for step in steps(block):
        command = desk.here(step.command)
        if why_not_run(step.command) is not None:
            continue
        if re.match(r"\w+=", command):
            settings.append(command)
        words = shlex.split(command)
        if words[0] == "turnout" and not {"|", ">"} & set(words):
            yield step, invoked(desk, words[1:])
        else:
            yield step, desk.run("bash", "-c", "\n".join(["set -e -o pipefail", *settings, command]))


def invoked(desk: Desk, words: list[str]) -> str:
    """What `turnout` prints, run in this process; the README's commands are those that are run as processes."""
    result = CliRunner().invoke(app, words, env=desk.variables)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", LAID_OUT)
def test_every_command_runs_and_prints_what_is_shown(desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "\n$ curl " in page(name).text and shutil.which("curl") is None:
        pytest.skip("curl is not installed: the drills of the page cannot be run")
    monkeypatch.chdir(desk.folder)
    for block in page(name).blocks("bash", "console", "yaml"):
        if block.language == "yaml":
            Path("turnout.yaml").write_text(block.text, encoding="utf-8")
            continue
        for step, said in printed(desk, block):
            assert step.shown is None or looks_alike(step.shown, said), f"{name}:{block.line} {step.command}\n{said}"


@pytest.mark.parametrize("name", [one.name for one in pages() if one.blocks("python")])
def test_the_python_of_a_page_runs_from_its_beginning_to_its_end(desk: Desk, name: str) -> None:
    whole = "\n".join(block.text for block in page(name).blocks("python"))
    (desk.folder / "page.py").write_text(desk.here(whole), encoding="utf-8")
    assert desk.run(sys.executable, "-W", "error", "page.py").strip()


@pytest.mark.parametrize(
    "block", [block for one in pages() for block in one.blocks("yaml")], ids=lambda block: f"{block.page}:{block.line}"
)
def test_every_configuration_is_valid(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install("classifier", tmp_path / "site")))
    file = tmp_path / "turnout.yaml"
    file.write_text(block.text, encoding="utf-8")
    assert check(file) == []


def test_json_is_json() -> None:
    assert [json.loads(block.text) for one in pages() for block in one.blocks("json")]


def test_the_request_for_grpcurl_is_one(desk: Desk) -> None:
    command = next(step.command for block in page("docs/grpc.md").blocks("bash") for step in steps(block))
    written = re.search(r"-d '(.*?)'", command)
    assert written
    request = json_format.Parse(written[1], routing_pb2.DecideRouteRequest())
    asked = chat_pb2.ChatRequest.FromString(request.payload.body)
    assert asked.messages[0].parts[0].text == "Why is the sky blue?"
    token = (desk.folder / ".turnout" / "tokens" / "local").read_text(encoding="utf-8").strip()
    with grpc.insecure_channel(desk.addresses["127.0.0.1:7411"]) as control:
        decide = routing_pb2_grpc.RoutingServiceStub(control).DecideRoute
        decided = decide(request, metadata=(("authorization", f"Bearer {token}"),), timeout=SECONDS)
    assert decision_pb2.RouteDecision.FromString(decided.decision.payload).targets


def test_every_block_is_in_a_language_that_these_tests_know() -> None:
    known = {"bash", "console", "python", "yaml", "json", "text", "mermaid"}
    assert not [(one.name, block.line) for one in pages() for block in one.blocks() if block.language not in known]


def test_everything_that_is_not_run_is_in_the_pages() -> None:
    commands = [step.command for one in pages() for block in one.blocks("bash", "console") for step in steps(block)]
    assert all(any(re.match(begin, command) for command in commands) for begin in NOT_RUN)


def test_output_that_says_something_else_is_found() -> None:
    assert looks_alike("gpt-6-luna: cheapest of 14\n…\n", "gpt-6-luna:   cheapest of 9\nand more\n")
    assert not looks_alike("gpt-6-luna: cheapest of 14\n…\n", "gpt-6-luna: best of 14\nand more\n")
