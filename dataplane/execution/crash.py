"""Faults of ours in the log."""

import logging

LOG = logging.getLogger(__name__)


def log_crash(what: str, error: BaseException, *, decision_id: str) -> None:
    """Log where `error` was raised, without its message, which may quote content."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace else None
    where = f"{code.co_filename}:{trace.tb_lineno}" if trace and code else "unknown"
    LOG.error("%s: %s at %s, decision %s", what, type(error).__name__, where, decision_id)
