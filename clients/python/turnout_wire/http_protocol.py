"""uvicorn's protocol on httptools, with the limit on heads that it has on h11 alone."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 32 * 1024
"""Bytes of a request's head at most, whose end did not come yet."""


class BoundedHeads(HttpToolsProtocol):
    """Refuses who sends a head without end."""

    _in_head = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self.send_400_response(f"the head of the request is larger than {MAX_HEAD} bytes")

    def on_message_begin(self) -> None:
        """See httptools."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._in_head = False
        super().on_headers_complete()
