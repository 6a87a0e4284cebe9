import pytest

from dataplane.gateway.routes import Found, Route, find

ANTHROPIC = {"anthropic-version": "2023-06-01", "x-api-key": "k"}
GOOGLE = {"x-goog-api-key": "k"}


@pytest.mark.parametrize(
    ("path", "headers", "route", "parameters"),
    [
        ("/v1/models", {}, Route.MODELS, {}),
        ("/v1/models/", ANTHROPIC, Route.ANTHROPIC_MODELS, {}),
        ("/v1/models", GOOGLE, Route.GEMINI_MODELS, {}),
        ("/v1beta/models", {}, Route.GEMINI_MODELS, {}),
        ("/v1/models/auto:chat", {}, Route.MODEL, {"model": "auto:chat"}),
        ("/v1/models/a/b", ANTHROPIC, Route.ANTHROPIC_MODEL, {"model": "a/b"}),
        ("/v1/models/m-1", GOOGLE, Route.GEMINI_MODEL, {"model": "m-1"}),
        ("/v1beta/models/m-1", {}, Route.GEMINI_MODEL, {"model": "m-1"}),
    ],
)
def test_each_sdk_is_given_the_models_in_its_own_shape(
    path: str, headers: dict[str, str], route: Route, parameters: dict[str, str]
) -> None:
    assert find("GET", path, headers) == Found(route=route, parameters=parameters)


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_content_is_generated_under_every_version(version: str) -> None:
    found = find("POST", f"/{version}/models/auto:chat:streamGenerateContent", {})
    parameters = {"model": "auto:chat", "action": "streamGenerateContent"}
    assert found == Found(route=Route.GENERATE_CONTENT, parameters=parameters)
    counted = find("POST", f"/{version}/models/auto:countTokens", {})
    assert isinstance(counted, Found)
    assert counted.route is Route.GEMINI_COUNT_TOKENS
