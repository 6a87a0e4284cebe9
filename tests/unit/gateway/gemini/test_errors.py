import json
from datetime import timedelta

from dataplane.gateway.gemini.errors import STATUS_OF, STATUSES, refuse
from dataplane.gateway.model import Problem
from turnout_wire.failure import CODES


def test_every_reason_of_the_contract_has_its_status() -> None:
    assert STATUS_OF.keys() == CODES.keys()
    assert set(STATUS_OF.values()) == STATUSES.keys()


def test_an_error_says_reason_field_and_when_to_come_again() -> None:
    problem = Problem(
        reason="RATE_LIMITED", message="must wait", field="contents", retry_after=timedelta(milliseconds=1500)
    )
    refused = refuse(problem)
    assert refused.status == 429
    assert json.loads(refused.body) == {
        "error": {
            "code": 429,
            "message": "contents: must wait",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMITED", "domain": "turnout"},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"},
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [{"field": "contents", "description": "must wait"}],
                },
            ],
        }
    }
