"""The wire protocol of Bedrock's Converse."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from dataplane.chat.model import ChatResponse, EmbedResponse
from dataplane.provider import bedrock_answer, bedrock_request, conversation
from dataplane.provider.adapter import Outgoing
from dataplane.provider.aws_signature import signed_headers
from dataplane.provider.endpoint import below, host
from dataplane.provider.event_stream import AWS_EVENT_STREAM, EventStreamDecoder
from dataplane.provider.model import Call, EmbedCall, Endpoint
from dataplane.snapshot.model import Deployment

_REGION = re.compile(r"(?:.*\.)?bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\..+")


class BedrockAdapter:
    """`POST {base_url}/model/{model}/converse`, or `/converse-stream`; `base_url` is `https://bedrock-runtime.REGION.amazonaws.com`.

    The credential is a Bedrock API key, or `ACCESS_KEY_ID:SECRET[:SESSION_TOKEN][@REGION]`, with which requests are signed;
    the region must stand there where the host does not name it.
    """

    stream_type = AWS_EVENT_STREAM

    def takes(self, endpoint: Endpoint, deployment: Deployment) -> bool:  # noqa: ARG002 - none has any
        """None: no face of ours speaks Converse."""
        return False

    def url(self, deployment: Deployment, *, stream: bool, endpoint: Endpoint | None = None) -> str:  # noqa: ARG002 - there is one
        """The model is part of the path here; a colon stands as it is, so that what is signed is what is sent."""
        model = quote(conversation.model_name(deployment), safe=":")
        return below(deployment.base_url, f"/model/{model}/{'converse-stream' if stream else 'converse'}")

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
    """The AWS region that the host names, empty if it names none."""
    found = _REGION.fullmatch(host(base_url))
    return found[1] if found else ""
