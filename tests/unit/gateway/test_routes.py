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


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/chat/completions", Route.CHAT_COMPLETIONS),
        ("/v1/responses", Route.RESPONSES),
        ("/v1/embeddings", Route.EMBEDDINGS),
        ("/v1/messages", Route.MESSAGES),
        ("/v1/messages/count_tokens", Route.COUNT_TOKENS),
    ],
)
def test_what_is_asked_for_is_posted_and_nothing_else(path: str, route: Route) -> None:
    assert find("POST", path, {}) == Found(route=route)
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        told = find(method, path, {})
        assert isinstance(told, str)
        assert told.endswith(f"is not for {path}; send POST")


def test_a_head_finds_what_a_get_finds() -> None:
    assert find("HEAD", "/v1/models", {}) == find("GET", "/v1/models", {}) == Found(route=Route.MODELS)


@pytest.mark.parametrize(
    ("method", "path", "why"),
    [
        ("POST", "/chat/completions", "is /v1 missing in the base_url?"),
        ("POST", "/v1/v1/messages", "there is nothing at POST /v1/v1/messages"),
        ("POST", "/v1/models", "there is nothing at POST /v1/models"),
        ("DELETE", "/v1/models/m", "there is nothing at DELETE"),
        ("POST", "/v1beta/models/:generateContent", "there is nothing"),
        ("POST", "/v2/models/m:generateContent", "there is nothing"),
        ("GET", "/", "there is nothing at GET /"),
    ],
)
def test_what_there_is_not_is_told_with_what_may_be_wrong(method: str, path: str, why: str) -> None:
    told = find(method, path, {})
    assert isinstance(told, str)
    assert why in told


def test_a_long_path_is_not_told_back_whole() -> None:
    told = find("GET", "/" + "x" * 10_000, {})
    assert isinstance(told, str)
    assert len(told) < 300
