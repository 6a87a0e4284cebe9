"""What readers get: the pages with their links, headings and blocks of code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of code, and the line that it begins on."""

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command and the output that is shown for it; `…` in that stands for anything. None: nothing is shown."""

    command: str
    shown: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the documentation; `name` is its path below the repository."""

    name: str
    text: str

    def blocks(self, *languages: str) -> list[Block]:
        """The fenced blocks in these languages."""
        found = (
            Block(page=self.name, line=self.text.count("\n", 0, at.start()) + 1, language=at[1], text=at[2])
            for at in _FENCE.finditer(self.text)
        )
        return [block for block in found if not languages or block.language in languages]

    @property
    def prose(self) -> str:
        """Everything but the blocks."""
        return _FENCE.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        """What stands in the prose as code."""
        return _SPAN.findall(self.prose.replace("\n", " "))

    @property
    def links(self) -> list[str]:
        """Where the page points to."""
        return _LINK.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """The anchors of its headings, as GitHub makes them."""
        return {anchor(heading) for heading in _HEADING.findall(self.prose)}


def anchor(heading: str) -> str:
    """The anchor of a heading: lower case, no punctuation, hyphens for blanks."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@cache
def page(name: str) -> Page:
    """The page of that path."""
    return Page(name, (ROOT / name).read_text(encoding="utf-8"))


@cache
def pages() -> list[Page]:
    """Every page for readers."""
    named = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md", "conformance/envelope/README.md"]
    below = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    return [page(name) for name in [*named, *below]]


def steps(block: Block) -> Iterator[Step]:
    """The commands of a `bash` block, or of a `console` block with what follows each."""
    text = block.text.replace("\\\n", "")
    if block.language == "bash":
        yield from (Step(command=line, shown=None) for line in text.splitlines() if line.strip())
        return
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield Step(command=command, shown=shown)
