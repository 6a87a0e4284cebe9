"""Runs the demonstration and takes docs/images/demo.svg of it (`make picture`)."""

import asyncio
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tools import protoc
from turnout_cli.demo.run import Demo, DemoSettings

PICTURE = protoc.ROOT / "docs" / "images" / "demo.svg"
WIDTH = 118
HEAD = 12
"""Lines that are shown of the first prompts at least."""

_BEGIN = re.compile(r" {0,3}\d+ |▶|$")
"""How the lines of a prompt, a note or an empty line begin."""

GAP = "\x1b[2m     …\x1b[0m"
THEME = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)],
    [(110, 118, 129), (255, 161, 152), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255), (86, 212, 221), (240, 246, 252)],
)  # fmt: skip

# A window with a ground of its own, so that it reads on light and dark pages. rich's own frame loads a font from a
# server; this one takes what the reader has, and every run of characters has its length, so that columns stand.
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="What make demo prints">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def played() -> list[str]:
    """The lines that the packaged demonstration prints, with their colours."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system="truecolor", width=WIDTH, legacy_windows=False)
    settings = DemoSettings(
        prompts=None, limit=None, concurrency=4, latency_scale=0.05, seed=7, drills=True, as_json=False,
        environment=dict(os.environ),
    )  # fmt: skip
    if asyncio.run(Demo(settings, console).run()):
        raise SystemExit("the demonstration ended with a defect; see `make demo`")
    return screen.getvalue().splitlines()


def shortened(lines: Sequence[str]) -> Iterator[str]:
    """The beginning, what the outage does, and everything after the prompts: several hundred lines on one page."""
    plain = [Text.from_ansi(line).plain for line in lines]
    outage, summary = _first(plain, "fails from now on"), _first(plain, "What came out")
    yield from lines[: _end(plain, HEAD)]
    yield from (GAP, lines[outage], GAP)
    for words in ("overloaded", "breaker_open, not called"):
        found = _first(plain, words, outage)
        begin = max(number for number in range(outage, found) if _BEGIN.match(plain[number]))
        yield from (*lines[begin : _end(plain, found)], GAP)
    yield from lines[summary - 1 :]


def _end(lines: Sequence[str], end: int) -> int:
    """`end`, or where the prompt that it cuts is told to its end."""
    return next(number for number in range(end, len(lines)) if _BEGIN.match(lines[number]))


def _first(lines: Sequence[str], words: str, start: int = 0) -> int:
    for number, line in enumerate(lines[start:], start=start):
        if words in line:
            return number
    raise SystemExit(f"the demonstration did not show {words!r}; run it again, or mend tools/picture.py")


def drawn(lines: Sequence[str]) -> str:
    """The lines as a picture."""
    console = Console(record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor", width=WIDTH)
    for line in lines:
        console.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis")
    return console.export_svg(title="", theme=THEME, code_format=FRAME, unique_id="demo")


def main() -> int:
    """Play, shorten, draw, write."""
    lines = list(shortened(played()))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(drawn(lines), encoding="utf-8")
    print(f"{PICTURE.relative_to(protoc.ROOT)}: {len(lines)} lines, {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
