"""The table of what callers see when a provider goes wrong is that of the drills."""

from tests.conftest import ROOT
from tests.integration.drills.table import DRILLS
from tests.support.drills import Drill, Way

BILLS = {"free": "nothing", "estimated": "an estimate"}


def seen(drills: list[Drill]) -> str:
    """The exception of an SDK; of several the first."""
    for drill in drills:
        kind, status, *_ = drill.seen.split()
        return f"`{kind}` in mid stream" if drill.receipt.startswith("broken") else f"`{kind}` ({status})"
    return ""


def row(name: str) -> str:
    """The line of the table for a fault."""
    left = [drill for drill in DRILLS if drill.name == name and drill.seen]
    _, _, *error, bill = left[0].calls[0].split()
    claude = [drill for drill in left if drill.way is Way.CLAUDE]
    openai = [drill for drill in left if drill.way is not Way.CLAUDE]
    cells = (name, seen(openai), seen(claude), f"`{error[0]}`", BILLS[bill])
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def test_the_page_has_a_line_for_each_fault_as_the_drills_have_it() -> None:
    page = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
    names = list(dict.fromkeys(drill.name for drill in DRILLS))
    missing = [row(name) for name in names if row(name) not in page]
    assert not missing, "\n".join(missing)
