"""What came of one prompt, and of all of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

NANO = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One prompt. Times in milliseconds, money in nano-dollars; `skipped` are targets that open breakers kept away.

    `baseline_nanousd` prices the tokens that were really used at the baseline model's prices. `error` is a public reason,
    empty on success; then the model is the one that answered, which need not be `chosen` at `provider`.
    """

    number: int
    name: str
    prompt: str
    task_type: str
    complexity: str
    confidence: float
    chosen: str
    provider: str
    model: str
    reason: str
    decision_id: str
    attempts: int
    failed_calls: tuple[str, ...]
    skipped: tuple[str, ...]
    input_tokens: int
    output_tokens: int
    cost_nanousd: int
    baseline_nanousd: int
    decide_ms: float
    execute_ms: float
    first_token_ms: float | None
    error: str = ""

    @property
    def fell_back(self) -> bool:
        """Whether another model answered than the one that was chosen, or the same one elsewhere after a failure."""
        return not self.error and bool(self.failed_calls or self.skipped)

    def document(self) -> dict[str, object]:
        """The row for `--json`."""
        return {"kind": "prompt", **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All prompts together; percentiles in milliseconds."""

    prompts: int
    answered: int
    errors: Mapping[str, int]
    models: Mapping[str, int]
    classes: Mapping[str, int]
    cost_nanousd: int
    baseline_nanousd: int
    baseline_model: str
    fallbacks: int
    input_tokens: int
    output_tokens: int
    decide_ms: Mapping[str, float]
    execute_ms: Mapping[str, float]
    seconds: float

    @property
    def saved(self) -> float:
        """The share of the baseline's cost that was not spent, 0 to 1."""
        return 1 - self.cost_nanousd / self.baseline_nanousd if self.baseline_nanousd else 0.0

    def document(self) -> dict[str, object]:
        """The summary for `--json`."""
        return {"kind": "summary", **asdict(self), "saved": self.saved}


def summarize(rows: Sequence[Row], baseline_model: str, seconds: float) -> Summary:
    """Everything that is said of all rows."""
    answered = [row for row in rows if not row.error]
    return Summary(
        prompts=len(rows),
        answered=len(answered),
        errors=dict(Counter(row.error for row in rows if row.error).most_common()),
        models=dict(Counter(row.model for row in answered).most_common()),
        classes=dict(Counter(f"{row.task_type}/{row.complexity}" for row in rows if row.task_type).most_common()),
        cost_nanousd=sum(row.cost_nanousd for row in rows),
        baseline_nanousd=sum(row.baseline_nanousd for row in rows),
        baseline_model=baseline_model,
        fallbacks=sum(row.fell_back for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        decide_ms=percentiles(row.decide_ms for row in rows),
        execute_ms=percentiles(row.execute_ms for row in answered),
        seconds=seconds,
    )


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """p50 and p99 by the nearest rank; nothing for no values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def dollars(nanousd: int) -> str:
    """Money for people: six decimals below a cent, else four."""
    usd = Decimal(nanousd) / NANO
    return f"${usd:.6f}" if abs(usd) < Decimal("0.01") else f"${usd:,.4f}"
