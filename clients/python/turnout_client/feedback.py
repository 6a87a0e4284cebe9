"""Saying how good an answer was."""

from turnout.outcome.v1 import outcome_pb2
from turnout_client.answer import Answer
from turnout_client.context import Caller, Context
from turnout_client.control import ControlPlane
from turnout_client.decision import Decision
from turnout_client.invalid import invalid, naming
from turnout_client.words import FeedbackLabel, numbers

_LABELS = numbers(FeedbackLabel, outcome_pb2.FeedbackLabel, "FEEDBACK_LABEL")
MAX_COMMENT = 2000
"""Characters that the contract allows."""


def feedback_request(
    about: Decision | Answer | str,
    *,
    quality: float | None,
    success: bool | None,
    label: FeedbackLabel | str | None,
    comment: str,
) -> outcome_pb2.SubmitFeedbackRequest:
    """The request without its id. Raises InvalidRequest."""
    if quality is None and success is None and label is None and not comment:
        raise invalid("feedback", "say at least one of quality, success, label and comment")
    if quality is not None and not 0 <= quality <= 1:
        raise invalid("quality", f"write a number from 0 to 1, not {quality!r}")
    if len(comment) > MAX_COMMENT:
        raise invalid("comment", f"write at most {MAX_COMMENT} characters, not {len(comment)}")
    with naming("feedback"):
        return outcome_pb2.SubmitFeedbackRequest(
            decision_id=about if isinstance(about, str) else about.decision_id,
            quality=quality,
            success=success,
            label=_number(label),
            comment=comment,
        )


def _number(label: FeedbackLabel | str | None) -> outcome_pb2.FeedbackLabel.ValueType:
    if label is None:
        return outcome_pb2.FEEDBACK_LABEL_UNSPECIFIED
    if label not in _LABELS:
        raise invalid("label", f"write one of {', '.join(_LABELS)}, not {label!r}")
    return outcome_pb2.FeedbackLabel.Value(f"FEEDBACK_LABEL_{FeedbackLabel(label).name}")


async def submit(
    control: ControlPlane, caller: Caller, request: outcome_pb2.SubmitFeedbackRequest, context: Context
) -> bool:
    """Whether it is new. May be sent again: its id makes it count once. Raises TurnoutError."""
    request.request_id = context.request_id
    response: outcome_pb2.SubmitFeedbackResponse = await control.call(
        lambda line: line.outcomes.SubmitFeedback,
        request,
        context.deadline,
        caller.metadata(context),
    )
    return response.fresh
