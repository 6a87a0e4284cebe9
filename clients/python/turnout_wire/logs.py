"""Log lines as JSON on standard error, each with the decision that it is about."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

_OWN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}

MOST_CAUSES = 8

_JSON = json.JSONEncoder(default=str, ensure_ascii=False)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and whatever `extra` brought."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line for one record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({key: value for key, value in record.__dict__.items() if key not in _OWN})
        if record.exc_info:
            line["exception"] = where(record.exc_info[1])
        return _JSON.encode(line)


def where(error: BaseException | None) -> str:
    """The types of an exception and of its causes, and where each came from.

    Not what they say: messages quote values, and a value may be somebody's prompt.
    """
    told: list[str] = []
    while error is not None and len(told) < MOST_CAUSES:
        told.append("".join([f"{type(error).__qualname__} at\n", *traceback.format_tb(error.__traceback__)]))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "caused by\n".join(told)


def start_logs(service: str, level: str) -> None:
    """Log everything of at least `level` as JSON lines on standard error.

    What no line says is not found out for each record either: where in the source, in which thread and process. That is most
    of what a record costs (https://docs.python.org/3/howto/logging.html#optimization).
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
