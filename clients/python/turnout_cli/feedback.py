"""`turnout feedback`: saying how good an answer was."""

from dataclasses import dataclass

from rich.console import Console

from turnout_cli.ask import emit
from turnout_client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of the answer to a decision."""

    decision_id: str
    quality: float | None
    success: bool | None
    label: str | None
    comment: str


async def feedback(client: Client, said: Said, console: Console, *, as_json: bool) -> int:
    """Send it, and tell that it was taken. Raises TurnoutError."""
    fresh = await client.feedback(
        said.decision_id, quality=said.quality, success=said.success, label=said.label, comment=said.comment
    )
    if as_json:
        emit({"decision_id": said.decision_id, "fresh": fresh})
    else:
        console.print(f"taken for decision {said.decision_id}", highlight=False)
    return 0
