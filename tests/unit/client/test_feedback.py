"""Feedback is checked before it is sent."""

import pytest

from turnout.outcome.v1 import outcome_pb2
from turnout_client import FeedbackLabel, InvalidRequest
from turnout_client.feedback import feedback_request

ID = "01939e6e-0000-7000-8000-000000000001"


def request(**said: object) -> outcome_pb2.SubmitFeedbackRequest:
    """Of the decision with that id."""
    told = {"quality": None, "success": None, "label": None, "comment": "", **said}
    return feedback_request(ID, **told)  # type: ignore[arg-type]


def test_what_was_not_said_is_not_sent() -> None:
    sent = request(success=False)
    assert (sent.HasField("quality"), sent.HasField("success"), sent.success) == (False, True, False)


@pytest.mark.parametrize("label", ["accepted", FeedbackLabel.ACCEPTED])
def test_a_label_is_a_word_or_its_name(label: str) -> None:
    assert request(label=label).label == outcome_pb2.FEEDBACK_LABEL_ACCEPTED


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "feedback"),
        ({"quality": 1.5}, "quality"),
        ({"label": "great"}, "label"),
        ({"label": "unknown"}, "label"),
        ({"comment": "x" * 2001}, "comment"),
    ],
)
def test_what_the_contract_does_not_allow_is_refused_with_its_field(said: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest, match=field):
        request(**said)
