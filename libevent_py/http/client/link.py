"""One connection that is there, and the request that it carries (floor 7)."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Protocol

from ..._errors import check
from ..._ffi import CData, lib
from ...bufferevent.common import BaseBufferEvent
from ...constants import BufferEventEvents, EventFlags
from ...exceptions import HTTPError
from ..headers import HTTPHeaders
from .body import BodySender
from .exchange import BODY, DONE, HEAD, WAIT, Exchange, begin, is_reset, timed_out
from .request import IDEMPOTENT, HTTPClientRequest
from .response import cut_short

if TYPE_CHECKING:
    from ...base import EventBase
    from ...calls import ScheduledCall


class LinkOwner(Protocol):
    """Whom a link tells what has become of its request."""

    def _finished(self, keeps: bool) -> None:
        """The response is whole; *keeps*: the link can carry another request."""

    def _fail(self, error: Exception) -> None:
        """There will be no response; called from the loop."""

    def _fail_later(self, error: Exception) -> None:
        """The same, called from wherever."""

    def _retry(self) -> None:
        """The server has dropped the link, and the request may be sent on another one."""

    def _unused(self) -> None:
        """The server has ended the link while it carried nothing."""


class Link:
    """Carries one request after the other over a bufferevent that is connected.

    Args:
        owner: Whom to tell.
        base: Whose loop it is.
        client: The shim's ``struct lepy_http_client``.
        bev: The connection, which is the link's from now on.
        idle_timeout: Seconds in which nothing moves, while there is a request.
    """

    def __init__(
        self,
        owner: LinkOwner,
        base: EventBase,
        client: CData,
        bev: BaseBufferEvent,
        idle_timeout: float | None,
    ) -> None:
        self._owner = owner
        self._base = base
        self._client = client
        self._bev: BaseBufferEvent | None = bev
        self._idle_timeout = idle_timeout
        self._request: HTTPClientRequest | None = None
        self._exchange: Exchange | None = None
        self._sender: BodySender | None = None
        #: Why nothing more will come; None while it may.
        self._end: Exception | None = None
        #: Responses have come here.
        self._used = False
        self._working = False
        #: Reading is off, because the request is paused.
        self._halted = False
        #: When something moved last, and how much waited to be sent then.
        self._progress = 0.0
        self._output_size = 0
        self._watch: ScheduledCall | None = None
        bev.set_callbacks(on_read=self._readable, on_event=self._event)
        try:
            check(lib.lepy_http_client_open(client), "no connection of evhttp's")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; nobody is told."""
        self._stop_watch()
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.stop()
        self._request = self._exchange = None
        bev, self._bev = self._bev, None
        if bev is not None:
            bev.close()
            lib.lepy_http_client_shut(self._client)

    def send(self, request: HTTPClientRequest, host: str) -> None:
        """Send *request*, whose Host is *host* where it says nothing else.

        Raises:
            OSError: There is no descriptor left, which evhttp wants.
        """
        bev = self._bev
        assert bev is not None
        headers, length = _fields(request, host)
        chunked = "Transfer-Encoding" in headers
        code, limit = request._method_code, request._max_body_size
        head = begin(self._client, code, request._target, headers, chunked, limit)
        self._request = request
        self._exchange = Exchange(self._client, bev)
        bev.write(head)
        bev.enable(EventFlags.READ)
        self._halted = False
        self._progress = monotonic()
        self._output_size = 0
        if self._idle_timeout is not None:
            self._watch = self._base.call_later(self._idle_timeout, self._look, self._idle_timeout)
        if request._body is not None:
            self._sender = BodySender(
                self._base, bev, request._body, chunked, length, self._owner._fail_later
            )
            self._sender.go_on()

    def read_again(self) -> None:
        """The request is not paused any more."""
        self._progress = monotonic()
        self._base.call_soon(self._work)

    # What comes from the server.

    def _readable(self, bev: BaseBufferEvent) -> None:
        self._progress = monotonic()
        self._work()

    def _event(self, bev: BaseBufferEvent, what: BufferEventEvents) -> None:
        error = bev.error if what & (BufferEventEvents.ERROR | BufferEventEvents.TIMEOUT) else None
        self._end = error or cut_short("before")
        self._work()

    def _work(self) -> None:
        """Take what has come, unless that is going on."""
        if self._working or self._bev is None:
            return
        request = self._request
        self._working = True
        try:
            if request is None:
                self._owner._unused()  # the server has closed it, or tells what nobody has asked
            else:
                self._take(request)
        except BaseException:
            if request is not None and request is self._request:
                self._base.call_soon(self._work)  # a callback has raised: the rest comes in the next pass
            raise
        finally:
            self._working = False

    def _take(self, request: HTTPClientRequest) -> None:
        while request is self._request and self._exchange is not None and self._bev is not None:
            if request._paused:
                self._bev.disable(EventFlags.READ)
                self._halted = True
                return
            try:
                step, data = self._exchange.step()
                if step == WAIT and self._end is not None:
                    if self._may_retry(request):
                        self._owner._retry()
                        return
                    if not isinstance(self._end, HTTPError):
                        raise self._end
                    step, data = self._exchange.end()
            except Exception as error:
                self._owner._fail(error)
                return
            if step == HEAD and self._exchange.response is not None:
                request._responded(self._exchange.response)
            elif step == BODY:
                request._received(data)
            elif step == DONE:
                self._owner._finished(self._finish(request))
            else:
                if self._halted:
                    self._halted = False
                    self._bev.enable(EventFlags.READ)
                return

    def _finish(self, request: HTTPClientRequest) -> bool:
        """The response is whole: whether another one may follow."""
        exchange, sender, bev = self._exchange, self._sender, self._bev
        assert exchange is not None and exchange.response is not None and bev is not None
        self._request = self._exchange = self._sender = None
        self._stop_watch()
        self._used = True
        keeps = (
            exchange.response._keeps_connection()
            and not exchange.ends_with_connection
            and (sender is None or sender.done)
            and self._end is None
            and not len(bev.input)
            and "close" not in request._headers.get("Connection", "").lower()
        )
        if sender is not None:
            sender.stop()
        return keeps

    def _may_retry(self, request: HTTPClientRequest) -> bool:
        """Whether the server has just dropped a kept connection, and asking again does no harm."""
        return (
            self._used
            and self._exchange is not None
            and not self._exchange.has_begun
            and not request._retried
            and request._method in IDEMPOTENT
            and (request._body is None or request._body.replayable)
            and (isinstance(self._end, HTTPError) or is_reset(self._end))
        )

    # Time.

    def _look(self, idle_timeout: float) -> None:
        """The idle timeout may be over."""
        self._watch = None
        bev, request = self._bev, self._request
        if bev is None or request is None:
            return
        now = monotonic()
        waits = bev.output_size
        if waits != self._output_size or request._paused:
            self._progress = now
        self._output_size = waits
        left = self._progress + idle_timeout - now
        if left <= 0:
            self._owner._fail(timed_out(f"{request.method} {request.target}: nothing moves"))
        else:
            self._watch = self._base.call_later(left, self._look, idle_timeout)

    def _stop_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()


def _fields(request: HTTPClientRequest, host: str) -> tuple[HTTPHeaders, int]:
    """The fields that go with *request*, and how long its body is where that is known."""
    headers, body = HTTPHeaders(), request._body
    headers.add("Host", request._headers.get("Host", host))
    for name, value in request._headers.fields():
        if name.lower() != "host":
            headers.add(name, value)
    if body is not None:
        if body.length is not None:
            headers["Content-Length"] = str(body.length)
        elif "Content-Length" not in headers:
            headers["Transfer-Encoding"] = "chunked"
    return headers, int(headers.get("Content-Length", 0))
