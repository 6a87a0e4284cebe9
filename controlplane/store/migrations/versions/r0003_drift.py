"""Revision 0003: what drift is told from: sums of squares beside the sums, and which alarms there are."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# By code points in both databases, so that order is the same as Python's.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SQUARES = {"confidence_square_ppm": "confidence_ppm", "quality_square_ppm": "quality_ppm"}
"""Each new sum, and what stands for it in what was counted before: of values in [0, 1] none has a square above itself, so bands
that follow from it are rather too wide than too narrow.
"""


def upgrade() -> None:
    """Add the columns, and the table of alarms."""
    for name in SQUARES:
        op.add_column("rollup", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE rollup SET " + ", ".join(f"{name} = {bound}" for name, bound in SQUARES.items()))
    op.create_table(
        "drift_alarm",
        *(sa.Column(name, KEY, primary_key=True) for name in ("tenant", "workload", "task_type", "measure")),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
