"""Settings of a single provider go into its request, and not around the contract."""

import pytest

from dataplane.provider.model import CallFailure, Verdict
from dataplane.provider.options import canonical, merge

OWNED = frozenset({canonical("model"), "generationconfig.maxoutputtokens"})


def test_a_setting_is_put_beside_the_others() -> None:
    body: dict[str, object] = {"model": "m"}
    merge(body, {"reasoning_effort": "low"}, OWNED, provider="p")
    assert body == {"model": "m", "reasoning_effort": "low"}


def test_an_object_goes_into_the_object() -> None:
    body: dict[str, object] = {"generationConfig": {"maxOutputTokens": 5}}
    merge(body, {"generation_config": {"thinkingConfig": {"thinkingBudget": 0}}}, OWNED, provider="p")
    assert body == {"generationConfig": {"maxOutputTokens": 5, "thinkingConfig": {"thinkingBudget": 0}}}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"model": "other"}, "provider_options.p.model"),
        ({"Model": "other"}, "provider_options.p.Model"),
        ({"messages": []}, "provider_options.p.messages"),
        ({"generationConfig": {"max_output_tokens": 9}}, "provider_options.p.generationConfig.max_output_tokens"),
        ({"generation_config": {"maxOutputTokens": 9}}, "provider_options.p.generation_config.maxOutputTokens"),
        ({"output": {"format": "x"}}, "provider_options.p.output.format"),
        ({"output": "x"}, "provider_options.p.output"),
    ],
)
@pytest.mark.parametrize("body", [{"messages": [1], "output": {"format": "y"}}])
def test_what_the_contract_sets_is_not_replaced(
    options: dict[str, object], field: str, body: dict[str, object]
) -> None:
    with pytest.raises(CallFailure) as caught:
        merge(dict(body), options, OWNED, provider="p")
    failure = caught.value
    assert (failure.verdict, failure.error, failure.field) == (Verdict.IGNORED, "bad_request", field)
    assert failure.unsent


def test_the_request_s_own_objects_stay_as_they_were() -> None:
    inner: dict[str, object] = {"a": 1}
    body: dict[str, object] = {"x": inner}
    merge(body, {"x": {"b": 2}}, OWNED, provider="p")
    assert inner == {"a": 1}
    assert body == {"x": {"a": 1, "b": 2}}
