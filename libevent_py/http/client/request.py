"""HTTPClientRequest: one request, from the call that makes it to its one outcome (floor 7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ... import _convert
from ..._delivery import delivery_of
from ..._ffi import lib
from ...exceptions import ClosedError, HTTPError, UnsupportedError
from ..headers import HeaderItems, HTTPHeaders
from .body import Body, request_body
from .response import HTTPResponse

if TYPE_CHECKING:
    from ...base import EventBase
    from ...calls import ScheduledCall

#: What may be sent a second time without harm (RFC 9110, 9.2.2).
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))

_TARGET = re.compile(r"[!-~]+")

CompleteCallback = Callable[["HTTPClientRequest"], object]
ResponseCallback = Callable[["HTTPClientRequest", HTTPResponse], object]
DataCallback = Callable[["HTTPClientRequest", bytes], object]


class Server(Protocol):
    """What has a request in hand: a connection, or the pool while it waits for one."""

    def _abandon(self, request: HTTPClientRequest) -> None: ...

    def _read_again(self, request: HTTPClientRequest) -> None: ...


class Redirects(Protocol):
    """What sends a request on to where a response points."""

    def follows(self, request: HTTPClientRequest, response: HTTPResponse) -> bool:
        """Whether *response* is one of those, and nobody else's."""

    def follow(self, request: HTTPClientRequest, response: HTTPResponse) -> None:
        """Send *request* on, or let it fail; *response* is whole."""


class HTTPClientRequest:
    """A request under way (``struct evhttp_request``): what ``request()`` of a connection or client returns.

    It need not be kept.  It has exactly one outcome, of which ``on_complete`` hears once, from the
    loop: a response, or an exception.

    Example::

        def on_complete(request):
            if request.error is not None:
                print("failed:", request.error)
            else:
                print(request.result().status)
    """

    def __init__(self) -> None:
        raise TypeError("request() of an HTTPConnection or HTTPClient makes an HTTPClientRequest")

    def _start(
        self,
        base: EventBase,
        method: str,
        target: str,
        headers: HeaderItems,
        body: Body,
        on_complete: CompleteCallback,
        on_response: ResponseCallback | None,
        on_data: DataCallback | None,
        timeout: float | None,
        max_body_size: int | None,
    ) -> None:
        """Be made by request(), with its arguments."""
        self._method_code = method_code(method)
        self._method = method
        self._target = checked_target(target)
        self._headers = HTTPHeaders(headers)
        if not callable(on_complete):
            raise TypeError(f"on_complete must be callable, not {type(on_complete).__name__}")
        self._on_complete: CompleteCallback | None = on_complete
        self._on_response: ResponseCallback | None = _convert.callback(on_response, "on_response")
        self._on_data: DataCallback | None = _convert.callback(on_data, "on_data")
        if timeout is not None and _convert.seconds(timeout) == 0:
            raise ValueError("timeout must be more than 0 seconds; None is for no timeout")
        self._max_body_size = -1 if max_body_size is None else _convert.size(max_body_size, "max_body_size")
        self._base = base
        self._delivery = delivery_of(base)
        self._body = request_body(body)
        self._check_framing()
        #: Who has it; None once it has its outcome.
        self._server: Server | None = None
        self._response: HTTPResponse | None = None
        self._error: Exception | None = None
        self._pieces: list[bytes] = []
        self._paused = False
        #: It was sent before, on a connection that the server then dropped.
        self._retried = False
        self._url: str | None = None
        self._redirects: Redirects | None = None
        #: The response is a redirect that is followed, and nobody's.
        self._following = False
        self._call: ScheduledCall | None = None
        if timeout is not None:
            self._call = base.call_later(timeout, self._expire)

    def _check_framing(self) -> None:
        headers, body = self._headers, self._body
        if "Transfer-Encoding" in headers:
            raise ValueError("Transfer-Encoding follows from the body; leave it out")
        lengths = headers.get_all("Content-Length")
        if not lengths:
            return
        if len(lengths) > 1 or not lengths[0].isascii() or not lengths[0].isdigit():
            raise ValueError(f"Content-Length must be one number, not {', '.join(lengths)!r}")
        length = 0 if body is None else body.length
        if length is not None and int(lengths[0]) != length:
            raise ValueError(f"Content-Length says {lengths[0]}, but the body has {length} bytes")

    # For everybody.

    @property
    def method(self) -> str:
        """``"GET"``, say."""
        return self._method

    @property
    def target(self) -> str:
        """What is asked for: ``"/path?query"``."""
        return self._target

    @property
    def url(self) -> str | None:
        """Of an HTTPClient's: the URL, after redirects the last one."""
        return self._url

    @property
    def done(self) -> bool:
        """Whether it has its outcome."""
        return self._error is not None or (self._response is not None and self._server is None)

    @property
    def response(self) -> HTTPResponse | None:
        """The response as far as it is there: from on_response on, its body at the end; None before."""
        return self._response

    @property
    def error(self) -> Exception | None:
        """Why there is no response: an OSError, a TLSError, an HTTPError, TimeoutError; else None."""
        return self._error

    def result(self) -> HTTPResponse:
        """The response.

        Raises:
            Exception: What :attr:`error` is, where there is none.
            RuntimeError: The request is not done.
        """
        if self._error is not None:
            raise self._error
        if self._response is None or not self.done:
            raise RuntimeError(f"{self._method} {self._target}: not done yet; on_complete tells")
        return self._response

    def cancel(self) -> None:
        """Give up (``evhttp_cancel_request``): on_complete comes from the loop, with an HTTPError.

        Nothing happens where it is done.  A connection that is busy with it is closed.
        """
        if self._server is not None and self._delivery.pointer is not None:
            self._delivery.claimed(self._cancel)

    def pause_reading(self) -> None:
        """Let the server wait: nothing is read, and on_data not called, until :meth:`resume_reading`."""
        self._paused = True

    def resume_reading(self) -> None:
        """Undo :meth:`pause_reading`: on_data comes again, from the loop."""
        if self._paused:
            self._paused = False
            if self._server is not None:
                self._delivery.claimed(self._server._read_again, self)

    def __repr__(self) -> str:
        state = self._error or ("waiting" if self._response is None else self._response.status)
        return f"<HTTPClientRequest {self._method} {self._target}: {state}>"

    # For who has it in hand.

    def _cancel(self) -> None:
        self._drop(HTTPError(lib.EVREQ_HTTP_REQUEST_CANCEL, f"{self._method} {self._target} was cancelled"))

    def _expire(self) -> None:
        self._call = None
        server = self._server
        self._fail_with(TimeoutError(f"{self._method} {self._target}: no response in time"))
        if server is not None:
            server._abandon(self)
        self._conclude()

    def _drop(self, error: Exception) -> None:
        """End with *error*, and tell from the loop."""
        server = self._server
        self._fail_with(error)
        if server is not None:
            server._abandon(self)
        self._tell_later()

    def _fail_with(self, error: Exception) -> None:
        self._server = None
        self._error = error
        self._pieces.clear()

    def _tell_later(self) -> None:
        self._stop_call()
        try:
            self._call = self._base.call_soon(self._conclude)
        except ClosedError:
            self._on_complete = None  # the base's own end tells nobody

    def _stop_call(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _responded(self, response: HTTPResponse) -> None:
        """The head is there."""
        self._response = response
        self._following = self._redirects is not None and self._redirects.follows(self, response)
        if self._on_response is not None and not self._following:
            self._on_response(self, response)

    def _received(self, data: bytes) -> None:
        """Some of the body is."""
        if self._on_data is None:
            self._pieces.append(data)
        elif not self._following:
            self._on_data(self, data)

    def _complete(self) -> None:
        """The response is whole."""
        assert self._response is not None
        self._response.body = b"".join(self._pieces)
        self._pieces.clear()
        self._server = None
        if self._following and self._redirects is not None:
            response, self._response = self._response, None
            self._redirects.follow(self, response)
        else:
            self._conclude()

    def _conclude(self) -> None:
        """Tell the outcome."""
        self._stop_call()
        callback, self._on_complete = self._on_complete, None
        self._on_response = self._on_data = self._body = self._redirects = None
        if callback is not None:
            callback(self)


def method_code(method: str) -> int:
    """evhttp's number for *method*."""
    if not isinstance(method, str):
        raise TypeError(f"method must be a str, not {type(method).__name__}")
    if method == "CONNECT":
        raise ValueError("CONNECT is what a connection with proxy=... does by itself")
    code: Any = getattr(lib, f"EVHTTP_REQ_{method}", None) if method.isalpha() and method.isupper() else None
    if code is None:
        raise UnsupportedError(f"the libevent of this build has no method {method!r}")
    return int(code)


def checked_target(target: str) -> str:
    """*target*, which can stand in a request line."""
    if not isinstance(target, str):
        raise TypeError(f"target must be a str, not {type(target).__name__}")
    if not _TARGET.fullmatch(target):
        raise ValueError(f"{target!r} has characters that no target has; uriencode() is for those")
    if not target.startswith("/") and target != "*":
        raise ValueError(f'a target begins with a slash, or is "*": not {target!r}')
    return target
