"""One request and its response by evhttp, over whatever bufferevent (floor 7).

``shim/http_client.c`` has evhttp without a socket; ``docs/topics/http_client.md`` tells why.
"""

from __future__ import annotations

import errno
import os

from ..._errors import raise_errno
from ..._ffi import CData, ffi, lib
from ...bufferevent.common import BaseBufferEvent
from ..headers import HTTPHeaders
from .response import HTTPResponse, cut_short, fault

#: What came of a step: nothing more for now, the response's head, some of its body, its end.
WAIT, HEAD, BODY, DONE = range(4)


def begin(
    client: CData, code: int, target: str, headers: HTTPHeaders, chunked: bool, max_body_size: int
) -> bytes:
    """Let evhttp make a request: its head, to be sent."""
    fields = "".join(f"{name}\0{value}\0" for name, value in headers.fields()).encode("latin-1")
    result = lib.lepy_http_client_request(
        client, code, target.encode(), fields, len(fields), chunked, max_body_size
    )
    if result < 0:
        if ffi.errno == errno.ENOMEM:
            raise MemoryError("libevent found no memory for the request")
        raise_errno("cannot begin the request")
    return taken(client.output)


def taken(buffer: CData) -> bytes:
    """All that an evbuffer of the shim's holds."""
    size = lib.evbuffer_get_length(buffer)
    if not size:
        return b""
    memory = ffi.new("char[]", size)
    lib.evbuffer_remove(buffer, memory, size)
    return bytes(ffi.buffer(memory, size))


class Exchange:
    """Takes a response from a bufferevent's input, step by step.

    Args:
        client: The shim's ``struct lepy_http_client``, with a request under way.
        bev: Where the response comes.
    """

    def __init__(self, client: CData, bev: BaseBufferEvent) -> None:
        self._client = client
        self._source = bev.input.pointer
        self._news = 0
        self.response: HTTPResponse | None = None

    @property
    def has_begun(self) -> bool:
        """Whether anything of the response has come."""
        return self.response is not None or lib.evbuffer_get_length(self._source) > 0

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing but the connection's end tells the body's."""
        return self.response is not None and self._client.framing == lib.LEPY_BODY_CLOSE

    def step(self) -> tuple[int, bytes]:
        """What comes next of the response, with the bytes of a body.

        Raises:
            HTTPError: It is none, or too long.
        """
        if not self._news:
            self._news = lib.lepy_http_client_feed(self._client, self._source)
        return self._next()

    def end(self) -> tuple[int, bytes]:
        """The same where the server has ended the stream, and step() waits for more.

        Raises:
            HTTPError: Something is missing.
        """
        self._news = lib.lepy_http_client_end(self._client)
        if not self._news:
            raise cut_short("before" if self.response is None else "in the middle of")
        return self._next()

    def _next(self) -> tuple[int, bytes]:
        if self._news & lib.LEPY_RESPONSE_HEAD:
            self._news &= ~lib.LEPY_RESPONSE_HEAD
            client = self._client
            self.response = HTTPResponse._from_head(client.status, client.minor, taken(client.head))
            return HEAD, b""
        if self._news & lib.LEPY_RESPONSE_BODY:
            self._news &= ~lib.LEPY_RESPONSE_BODY
            return BODY, taken(self._client.body)
        if self._news & lib.LEPY_RESPONSE_FAILED:
            raise fault(self._client.error)
        if self._news & lib.LEPY_RESPONSE_DONE:
            return DONE, b""
        return WAIT, b""


def is_reset(error: Exception | None) -> bool:
    """Whether *error* is what writing to a connection that the server has closed comes to."""
    return isinstance(error, (BrokenPipeError, ConnectionAbortedError, ConnectionResetError))


def timed_out(what: str) -> TimeoutError:
    """The exception for *what* did not happen in time."""
    return TimeoutError(errno.ETIMEDOUT, f"{what}: {os.strerror(errno.ETIMEDOUT)}")
