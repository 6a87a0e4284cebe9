"""The floor: the same gRPC server with a handler that does nothing but answer bytes of a given size."""

import argparse
from typing import Any

import grpc
import grpc.aio
import uvloop

from turnout_wire.process import announce, die_with_parent, until_signal


async def serve(size: int) -> None:
    """Answer every call of /bench.Echo/Call with `size` bytes."""
    answer = bytes(size)

    async def call(request: bytes, context: Any) -> bytes:
        return answer

    server = grpc.aio.server(maximum_concurrent_rpcs=1000)
    handlers: dict[str, Any] = {"Call": grpc.unary_unary_rpc_method_handler(call)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    announce(address=f"127.0.0.1:{port}")
    await until_signal()
    await server.stop(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--die-with-parent", action="store_true")
    given = parser.parse_args()
    if given.die_with_parent:
        die_with_parent()
    uvloop.run(serve(given.size))
