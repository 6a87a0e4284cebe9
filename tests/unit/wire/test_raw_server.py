"""The server that tests put in the way of clients leaves nothing open, whenever it ends."""

import asyncio
import gc
import socket
import warnings

import pytest

from tests.support.raw_server import Connection, raw_server


@pytest.mark.parametrize("turns", range(8))
async def test_a_connection_that_is_being_accepted_when_it_ends_is_closed(turns: int) -> None:
    with warnings.catch_warnings(record=True) as left, socket.socket() as client:
        warnings.simplefilter("always", ResourceWarning)
        async with raw_server(Connection.gone) as url:
            client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
            for _ in range(turns):
                await asyncio.sleep(0)
        gc.collect()
    assert not [str(warning.message) for warning in left]
