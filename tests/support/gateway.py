"""The official SDKs as clients of a gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from openai import AsyncOpenAI

from tests.support.backbone import Backbone


@dataclass(slots=True, kw_only=True)
class Desk:
    """A gateway at `url`, and clients of it as applications have them: only address and key are not the SDK's own."""

    planes: Backbone
    url: str
    key: str
    http: httpx.AsyncClient
    openai: AsyncOpenAI


@asynccontextmanager
async def desk(planes: Backbone) -> AsyncIterator[Desk]:
    """Clients of the worker's gateway."""
    url = f"http://{planes.worker.plane.gateway_address}"
    key = planes.control.token("local")
    async with (
        httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}) as http,
        AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client,
    ):
        yield Desk(planes=planes, url=url, key=key, http=http, openai=client)
