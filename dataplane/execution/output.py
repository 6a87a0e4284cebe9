"""What becomes of the form that a request asked for: an answer's text is gathered, and judged when it is whole."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn

from dataplane.chat.model import (
    ChatResponse,
    FinishReason,
    FormatKind,
    ResponseFormat,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolCallDelta,
    Verbatim,
)

MOST_BYTES = 1 << 20
"""UTF-8 bytes of an answer that are gathered; a longer one is not judged."""

_NO_ANSWERS = frozenset({FinishReason.REFUSAL, FinishReason.CONTENT_FILTER, FinishReason.TOOL_CALLS})


class OutputCheck(StrEnum):
    """Whether an answer has the form that was asked for; UNSPECIFIED if nothing was asked or it was not judged."""

    UNSPECIFIED = "unspecified"
    VALID = "valid"
    NOT_JSON = "not_json"
    SCHEMA_MISMATCH = "schema_mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer that had to be JSON; its text shows in no representation."""

    form: ResponseFormat
    text: str = field(repr=False)


Fits = Callable[[object, Mapping[str, object]], bool | None]
"""Whether a JSON value fits a schema; None if that is not judged."""


class Gathered:
    """The text of one answer, as long as it may still be judged."""

    def __init__(self, form: ResponseFormat) -> None:
        self._form = form
        self._texts: list[str] | None = []
        self._bytes = 0

    def add(self, content: StreamEvent | Text | ToolCall | Thinking) -> None:
        """More of it; what was thought does not count. Too much text, or a call of a tool, and nothing is kept."""
        if isinstance(content, Verbatim):
            for told in content.tells:
                self.add(told)
        if self._texts is None:
            return
        if isinstance(content, TextDelta | Text):
            self._bytes += utf8_size(content.text)
            self._texts.append(content.text)
        if isinstance(content, ToolCallDelta | ToolCall) or self._bytes > MOST_BYTES:
            self._texts = None

    def answer(self, reason: FinishReason, response: ChatResponse | None = None) -> Answer | None:
        """What is to be judged of an answer that ended so, streamed or with all its parts in `response`."""
        for part in response.parts if response else ():
            self.add(part)
        if self._texts is None or reason in _NO_ANSWERS:
            return None
        return Answer(form=self._form, text="".join(self._texts))


def gathering(form: ResponseFormat) -> Gathered | None:
    """For the answer to a request with that format; None where no JSON was asked for."""
    return None if form.kind is FormatKind.TEXT else Gathered(form)


def judge(answer: Answer, fits: Fits) -> OutputCheck:
    """Whether `answer` has its form. NaN and infinities are no JSON; numbers and nesting beyond Python's are not judged.

    JSON without a schema means an object, as the contract says. Raises what `fits` raises.
    """
    try:
        value: object = _READER.decode(answer.text)
    except (json.JSONDecodeError, _NoJsonError):
        return OutputCheck.NOT_JSON
    except (ValueError, RecursionError):
        return OutputCheck.UNSPECIFIED
    schema = answer.form.schema if answer.form.kind is FormatKind.JSON_SCHEMA else None
    fitting = isinstance(value, dict) if schema is None else fits(value, schema)
    if fitting is None:
        return OutputCheck.UNSPECIFIED
    return OutputCheck.VALID if fitting else OutputCheck.SCHEMA_MISMATCH


def utf8_size(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


class _NoJsonError(Exception):
    """A word that Python's reader takes and JSON does not have."""


def _refuse(constant: str) -> NoReturn:
    raise _NoJsonError(constant)


_READER = json.JSONDecoder(parse_constant=_refuse)
