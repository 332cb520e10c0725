"""HTTPResponse, and what is wrong with those that are none (floor 7)."""

from __future__ import annotations

from dataclasses import dataclass

from ..._ffi import lib
from ...exceptions import HTTPError
from ..headers import HTTPHeaders


@dataclass
class HTTPResponse:
    """What a server has answered.

    Args:
        status: The number: 200, 404.
        reason: What the server says of it, often ``"OK"`` or nothing.
        version: ``(1, 1)`` or ``(1, 0)``.
        headers: Its fields, trailers left out.
        body: All of it; ``b""`` until it is whole, and where ``on_data`` has it.

    Example::

        def on_complete(request):
            response = request.result()
            print(response.status, response.headers.get("Content-Type"), len(response.body))
    """

    status: int
    reason: str
    version: tuple[int, int]
    headers: HTTPHeaders
    body: bytes = b""

    @classmethod
    def _from_head(cls, status: int, minor: int, head: bytes) -> HTTPResponse:
        """From what the shim gives: the reason, then names and values, each with a NUL behind."""
        reason, *parts = head.decode("latin-1").split("\0")[:-1]
        return cls(status, reason, (1, minor), HTTPHeaders(zip(parts[::2], parts[1::2])))

    def _keeps_connection(self) -> bool:
        """Whether the server takes another request on the same connection (RFC 9112, 9.3)."""
        options = {
            option.strip().lower()
            for field in self.headers.get_all("Connection")
            for option in field.split(",")
        }
        return "close" not in options and (self.version >= (1, 1) or "keep-alive" in options)


_FAULTS = {
    lib.LEPY_RESPONSE_BAD_HEAD: (
        lib.EVREQ_HTTP_INVALID_HEADER,
        "what the server sent is no HTTP/1 response; is it an HTTP server, and TLS where it wants TLS?",
    ),
    lib.LEPY_RESPONSE_BAD_LENGTH: (
        lib.EVREQ_HTTP_INVALID_HEADER,
        "the response has a Content-Length that is no number, or several",
    ),
    lib.LEPY_RESPONSE_BAD_CODING: (
        lib.EVREQ_HTTP_INVALID_HEADER,
        "the response has a Transfer-Encoding other than chunked, or a Content-Length beside it",
    ),
    lib.LEPY_RESPONSE_BAD_CHUNK: (
        lib.EVREQ_HTTP_INVALID_HEADER,
        "the response's chunks are not what RFC 9112 says",
    ),
    lib.LEPY_RESPONSE_HEAD_TOO_LONG: (
        lib.EVREQ_HTTP_DATA_TOO_LONG,
        "the response's head is longer than max_headers_size",
    ),
    lib.EVREQ_HTTP_DATA_TOO_LONG: (
        lib.EVREQ_HTTP_DATA_TOO_LONG,
        "the response's body is longer than max_body_size; take it with on_data",
    ),
}


def fault(error: int) -> HTTPError:
    """The exception for what the shim, or evhttp, has found wrong with a response."""
    return HTTPError(*_FAULTS.get(error, (lib.EVREQ_HTTP_BUFFER_ERROR, "libevent found no memory")))


def cut_short(when: str) -> HTTPError:
    """The exception for a connection that the server has ended too early."""
    return HTTPError(lib.EVREQ_HTTP_EOF, f"the server closed the connection {when} its answer")
