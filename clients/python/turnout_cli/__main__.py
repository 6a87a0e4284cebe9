"""The `turnout` command."""

from turnout_cli.api_keys import key
from turnout_cli.app import app
from turnout_cli.audit import audit
from turnout_cli.budget import budget
from turnout_cli.calibrate import calibrate
from turnout_cli.catalog import catalog
from turnout_cli.decisions import decision, decisions
from turnout_cli.evaluation.app import evaluate
from turnout_cli.figures import drift, feedback, report
from turnout_cli.keys import keys
from turnout_cli.learned import learned
from turnout_cli.store import backup, db, restore
from turnout_cli.training import train

__all__ = ["app", "main"]

app.add_typer(
    key, name="key", help="API keys, which applications call with: make, list, rotate and revoke them, as the operator."
)
app.add_typer(
    keys,
    name="keys",
    help="Signing keys, which decisions are signed with: list and rotate them, as the operator. For callers see `key`.",
)
app.add_typer(
    catalog, name="catalog", help="The configuration document, turnout.yaml: check one, or see the packaged one."
)
app.add_typer(
    learned,
    name="learned",
    help="Quality models, which `turnout train` makes: import one, let decisions use it, go back, as the operator.",
)
app.add_typer(db, name="db", help="The store: change its schema, and check that everything in it fits together.")
app.add_typer(
    audit,
    name="audit",
    help="The audit log: verify it offline, reconcile it with what was executed, export it, keep a checkpoint.",
)
app.add_typer(
    evaluate, name="eval", help="Measure, on tables with known results, how well requests are understood and routed."
)
app.add_typer(
    drift,
    name="drift",
    help="Tell whether requests and results are as they were, as the operator; exit with 1 if something left its band.",
)
app.command()(train)
app.command()(calibrate)
app.command()(decision)
app.command()(decisions)
app.command()(feedback)
app.command()(report)
app.command()(budget)
app.command()(backup)
app.command()(restore)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
