"""A gRPC server with our layers, health and, where asked for, reflection."""

import errno
from collections.abc import Iterable, Sequence

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from turnout_wire.server import Layer, Service, rpc_handlers

MAX_MESSAGE = 12 * 1024 * 1024
"""Above the 8 MiB that the contract allows, so that a payload that is a little too large gets our reason and not the transport's."""

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)

CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 3_000),
)
"""What clients of such a server use."""


class Host:
    """Serves services on one loopback or given address until it is stopped."""

    def __init__(
        self, services: Sequence[Service], layers: Sequence[Layer], *, max_concurrent: int, reflect: bool = False
    ) -> None:
        self._server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=max_concurrent)
        self._health = health.aio.HealthServicer()
        self._server.add_generic_rpc_handlers(tuple(rpc_handlers(service, layers) for service in services))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._names = [service.descriptor.full_name for service in services]
        if reflect:
            names: Iterable[str] = (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    async def start(self, address: str) -> int:
        """Listen on `host:port` (port 0: any) and give the port. Raises OSError if that cannot be."""
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            way_out = "another process may listen there: stop it, or give another port (0 takes any)"
            raise OSError(errno.EADDRINUSE, f"cannot listen on {address}; {way_out}") from error
        await self._server.start()
        return port

    async def set_serving(self, *, serving: bool) -> None:
        """What health answers, for the server and each service."""
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, state)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let those that run finish within `grace` seconds, then cut them."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)

    async def wait(self) -> None:
        """Until the server is stopped."""
        await self._server.wait_for_termination()
