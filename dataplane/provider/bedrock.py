"""The wire protocol of Bedrock's Converse."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from dataplane.chat.model import ChatResponse, EmbedResponse
from dataplane.provider import bedrock_answer, bedrock_request, conversation
from dataplane.provider.adapter import Outgoing
from dataplane.provider.aws_signature import signed_headers
from dataplane.provider.endpoint import below, host
from dataplane.provider.event_stream import AWS_EVENT_STREAM, EventStreamDecoder
from dataplane.provider.failure import Fault, misconfigured
from dataplane.provider.model import Call, EmbedCall, Endpoint
from dataplane.snapshot.model import Deployment

_REGION = re.compile(r"(?:.*\.)?bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\..+")


class BedrockAdapter:
    """`POST {base_url}/model/{model}/converse`, or `/converse-stream`; `base_url` is `https://bedrock-runtime.REGION.amazonaws.com`.

    The credential is a Bedrock API key, or `ACCESS_KEY_ID:SECRET[:SESSION_TOKEN]`, with which requests are signed. Behind
    another host the region for that is a query of `base_url`: `https://proxy.internal?region=eu-central-1`.
    """

    stream_type = AWS_EVENT_STREAM

    def takes(self, endpoint: Endpoint, deployment: Deployment) -> bool:  # noqa: ARG002 - none has any
        """None: no face of ours speaks Converse."""
        return False

    def url(self, deployment: Deployment, *, stream: bool, endpoint: Endpoint | None = None) -> str:  # noqa: ARG002 - there is one
        """The model is part of the path here; a colon stands as it is, so that what is signed is what is sent."""
        parts = urlsplit(deployment.base_url)
        base = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        model = quote(conversation.model_name(deployment), safe=":")
        return below(base, f"/model/{model}/{'converse-stream' if stream else 'converse'}")

    def headers(self, deployment: Deployment, credential: str, outgoing: Outgoing) -> Mapping[str, str]:
        """A bearer token, or a signature. Raises CallFailure `credential` or `base_url`."""
        if ":" in credential:
            return signed_headers(credential, region(deployment.base_url), outgoing)
        return {"Authorization": f"Bearer {credential}"} if credential else {}

    def body(self, call: Call, *, stream: bool) -> Mapping[str, object]:  # noqa: ARG002 - the address says whether to stream
        """The request."""
        return bedrock_request.render(call)

    def answer(self, call: Call, body: object, *, endpoint: Endpoint | None = None) -> ChatResponse:  # noqa: ARG002 - there is one
        """The message."""
        model = conversation.model_name(call.deployment)
        return bedrock_answer.read_answer(body, bedrock_request.answer_tool(call), model)

    def reader(self, call: Call, *, endpoint: Endpoint | None = None) -> bedrock_answer.ConverseReader:  # noqa: ARG002 - there is one
        """A reader of Converse events."""
        model = conversation.model_name(call.deployment)
        return bedrock_answer.ConverseReader(bedrock_request.answer_tool(call), model)

    def decoder(self) -> EventStreamDecoder:
        """AWS' own frames."""
        return EventStreamDecoder()

    def embed_body(self, call: EmbedCall) -> Mapping[str, object]:
        """Nothing: Converse has no embeddings."""
        raise conversation.no_embeddings(call)

    def embed_answer(self, call: EmbedCall, body: object) -> EmbedResponse:  # noqa: ARG002 - there is none
        """Nothing: Converse has no embeddings."""
        raise conversation.no_embeddings(call)


def region(base_url: str) -> str:
    """The AWS region: of the host, else of the query. Raises CallFailure `base_url`."""
    found = _REGION.fullmatch(host(base_url))
    given = parse_qs(urlsplit(base_url).query).get("region")
    if given:
        return given[0]
    if found is None:
        reason = "no AWS region in base_url: use bedrock-runtime.REGION.amazonaws.com, or append ?region=REGION"
        raise misconfigured(reason, fault=Fault.BASE_URL)
    return found[1]
