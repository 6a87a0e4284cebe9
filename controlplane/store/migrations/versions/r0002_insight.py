"""Revision 0002: what is learned from the log: the list of decisions, rollups, sketches, and how far they follow it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# By code points in both databases, so that order is the same as Python's.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTERS = (
    "decided", "refused", "executed", "succeeded", "successful", "fallbacks", "escalations", "low_confidence",
    "confidence_ppm", "adopted", "cost_nanousd", "estimated_nanousd", "compared_nanousd", "baseline_nanousd",
    "input_tokens", "output_tokens", "quality_count", "quality_ppm", "calls", "failed_calls",
    "latency_count", "latency_us", "first_token_count", "first_token_us",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables."""
    _decisions()
    _rollups()
    _progress()


def _decisions() -> None:
    texts = ("tenant", "workload", "owner", "feature", "policy", "model", "deployment", "reason", "result")
    op.create_table(
        "decision_row",
        sa.Column("decision_id", KEY, primary_key=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        *(sa.Column(name, KEY, nullable=False) for name in texts),
        sa.Column("cost_nanousd", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("decision_row_at", "decision_row", ["at_us", "decision_id"])
    op.create_index("decision_row_tenant", "decision_row", ["tenant", "at_us", "decision_id"])
    op.create_index("decision_row_unit", "decision_row", ["unit", "at_us"])


def _rollups() -> None:
    names = ("tenant", "workload", "owner", "feature", "task_type", "complexity", "model", "deployment")
    op.create_table(
        "segment",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=False),
        *(sa.Column(name, KEY, nullable=False) for name in names),
    )
    op.create_table(
        "rollup",
        *_cell(),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTERS),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tally",
        *_cell(),
        sa.Column("name", KEY, primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sketch",
        *_cell(),
        sa.Column("latency", sa.LargeBinary(), nullable=False),
        sa.Column("first_token", sa.LargeBinary(), nullable=True),
        sqlite_with_rowid=False,
    )


def _cell() -> "list[sa.Column[int]]":
    """A bucket of time, by its width and begin in seconds, and a segment."""
    return [
        sa.Column("width", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("begins", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("segment", sa.BigInteger(), primary_key=True, autoincrement=False),
    ]


def _progress() -> None:
    op.create_table(
        "fold_cursor",
        sa.Column("generation", SERIAL, primary_key=True, autoincrement=False),
        sa.Column("next_index", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "document_use",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "dropped",
        sa.Column("kind", KEY, primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
    )
