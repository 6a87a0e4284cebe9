"""What the pages say of files, commands and options is so."""

import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.main import get_command

from controlplane.config import read_config as control_config
from dataplane.config import read_config as worker_config
from dataplane.provider.sandbox.flags import read_flags
from tests.support.pages import ROOT, Page, page, pages, steps
from tools import reference
from turnout_cli.__main__ import app

TOPS = ("clients", "conformance", "controlplane", "dataplane", "docs", "examples", "protos", "tests", "tools")
HAND_WRITTEN = [one for one in pages() if "reference/" not in one.name]


def commands_of(one: Page) -> Iterator[str]:
    """Every command that a page names, in a block or in its prose."""
    for block in one.blocks("bash", "console"):
        yield from (step.command for step in steps(block))
    yield from one.spans


def target_of(one: Page, link: str) -> tuple[str, str]:
    """The file, below the repository, and the anchor that a link of a page leads to."""
    path, _, anchor = link.partition("#")
    file = (ROOT / one.name).parent / path if path else ROOT / one.name
    return file.resolve().relative_to(ROOT).as_posix(), anchor


@pytest.mark.parametrize("one", pages(), ids=lambda one: one.name)
def test_every_link_leads_to_a_file_and_a_heading(one: Page) -> None:
    targets = [target_of(one, link) for link in one.links if "://" not in link]
    assert not [path for path, _ in targets if not (ROOT / path).exists()]
    assert not [f"{path}#{anchor}" for path, anchor in targets if anchor and anchor not in page(path).anchors]


def test_every_page_can_be_reached_from_the_first() -> None:
    reached, left = set[str](), ["README.md"]
    while left:
        name = left.pop()
        if name not in reached and name.endswith(".md"):
            reached.add(name)
            left += [target_of(page(name), link)[0] for link in page(name).links if "://" not in link]
    assert {one.name for one in pages()} <= reached


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "images").iterdir()}
    assert sizes
    assert not {name: size for name, size in sizes.items() if size > 300_000}


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    drawn = (ROOT / "docs" / "images" / "demo.svg").read_text(encoding="utf-8")
    assert not re.findall(r"(?:href=|url\(|@import)[\"' ]*https?:", drawn)


def test_the_reference_is_current() -> None:
    assert not reference.differences(), "run `make docs` and commit what it changes"


@pytest.mark.parametrize("one", HAND_WRITTEN, ids=lambda one: one.name)
def test_every_make_target_exists(one: Page) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {match[1] for command in commands_of(one) if (match := re.match(r"make ([a-z-]+)", command))}
    assert named <= known


def test_the_map_of_the_house_names_what_is_there() -> None:
    named = [span for span in page("CONTRIBUTING.md").spans if re.fullmatch(r"[\w./-]+(?:/|\.py|\.yaml|\.proto)", span)]
    paths = [f"/{path.relative_to(ROOT)}" for top in TOPS for path in (ROOT / top).rglob("*")]
    assert len(named) > 30
    assert not [name for name in named if not any(path.endswith(f"/{name.rstrip('/')}") for path in paths)]


def turnout_words(command: str) -> list[str] | None:
    """The words after `turnout` in a command line, up to a pipe or a redirection; None if it is not called."""
    words = shlex.split(command.replace("|", " | ").replace(">", " > ").replace("…", ""))
    starts = [at for at, word in enumerate(words) if word.removeprefix(".venv/bin/") == "turnout"]
    if not starts or (starts[0] and words[starts[0] - 1] != "|"):
        return None
    rest = words[starts[0] + 1 :]
    if rest and not re.fullmatch(r"[a-z]+|-.*", rest[0]):
        return None
    return rest[: next((at for at, word in enumerate(rest) if word in "|>"), len(rest))]


def unknown_words(words: list[str]) -> list[str]:
    """Commands and options among `words` that `turnout` does not have."""
    command: Any = get_command(app)
    while words and hasattr(command, "commands"):
        if words[0].startswith("-"):
            break
        if words[0] not in command.commands:
            return [words[0]]
        command, words = command.commands[words[0]], words[1:]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help", "-h"}
    return [word for word in words if re.match(r"-{1,2}[a-z]", word) and word not in known]


@pytest.mark.parametrize("one", HAND_WRITTEN, ids=lambda one: one.name)
def test_every_turnout_command_and_option_exists(one: Page) -> None:
    named = [words for command in commands_of(one) if (words := turnout_words(command))]
    assert not [word for words in named for word in unknown_words(words)]


def test_an_unknown_option_is_found() -> None:
    assert unknown_words(["route", "hello", "--min-qualty", "0.9"]) == ["--min-qualty"]
    assert unknown_words(["keys", "burn"]) == ["burn"]
    assert turnout_words('echo "x" | turnout route - --json > out') == ["route", "-", "--json"]


@pytest.mark.parametrize("one", HAND_WRITTEN, ids=lambda one: one.name)
def test_every_process_is_started_with_flags_that_it_takes(one: Page) -> None:
    readers: dict[str, Callable[[list[str]], object]] = {
        "controlplane": control_config,
        "dataplane": worker_config,
        "dataplane.provider.sandbox": read_flags,
    }
    for command in commands_of(one):
        words = shlex.split(command) if command.startswith("python -m ") else []
        if len(words) > 2 and words[2] in readers:
            readers[words[2]](words[3:])
