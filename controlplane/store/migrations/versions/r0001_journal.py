"""Revision 0001: the journal with its log, budgets, request ids, and what control planes share."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# By code points in both databases, so that order is the same as Python's, and prefixes can be found by an index.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# What a key is on SQLite only if it is called INTEGER.
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EMPTY = sa.text("''")


def upgrade() -> None:
    """Make the tables."""
    _journal()
    _log()
    _budgets()
    _shared()


def _journal() -> None:
    op.create_table(
        "entry",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("ref", KEY, nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.UniqueConstraint("kind", "ref", name="entry_kind_ref"),
        sqlite_autoincrement=True,
    )
    about_a_decision = sa.column("decision_id") != EMPTY
    op.create_index(
        "entry_decision", "entry", ["decision_id"], sqlite_where=about_a_decision, postgresql_where=about_a_decision
    )
    op.create_table(
        "pending",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "document",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "request",
        sa.Column("tenant", KEY, primary_key=True),
        sa.Column("presenter", KEY, primary_key=True),
        sa.Column("request_id", KEY, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("request_expires", "request", ["expires_us"])


def _log() -> None:
    op.create_table(
        "leaf",
        sa.Column("idx", SERIAL, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, unique=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "tile",
        sa.Column("level", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("idx", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", SERIAL, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
    )


def _budgets() -> None:
    op.create_table(
        "reservation",
        sa.Column("decision_id", KEY, primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    still_open = sa.column("state") == sa.text("'open'")
    op.create_index(
        "reservation_open", "reservation", ["expires_us"], sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_table(
        "balance",
        sa.Column("account", KEY, primary_key=True),
        sa.Column("window_start", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def _shared() -> None:
    op.create_table(
        "setting",
        sa.Column("name", KEY, primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "snapshot_version",
        sa.Column("version", SERIAL, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "worker_view",
        sa.Column("worker", KEY, primary_key=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
