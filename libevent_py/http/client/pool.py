"""HTTPClient: requests to whatever server, over connections that are kept (floor 7)."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ... import _convert
from ..._claim import guarded, unguarded
from ..._delivery import delivery_of
from ..._ffi import lib
from ...exceptions import ClosedError, HTTPError
from ...tls import TLSContext
from ..headers import HeaderItems, HTTPHeaders
from ..uri import URI
from .body import Body
from .connection import MAX_BODY_SIZE, MAX_HEADERS_SIZE, HTTPConnection
from .redirects import (
    Origin,
    following_headers,
    following_method,
    following_url,
    leads_on,
    origin,
    parse_url,
    target,
)
from .request import (
    CompleteCallback,
    DataCallback,
    HTTPClientRequest,
    ResponseCallback,
    checked_target,
    method_code,
)
from .response import HTTPResponse

if TYPE_CHECKING:
    from ...base import EventBase
    from ...dns import DNSBase


@guarded
class HTTPClient:
    """Asks HTTP servers by URL, over a pool of :class:`HTTPConnection`.

    Args:
        base: The EventBase to work in.
        context: A client's TLSContext for https; None for one that verifies by the system's CAs.
        max_connections: Connections to one server at the same time; more requests wait.
        proxy: The address of an HTTP proxy that all is asked through (CONNECT).
        proxy_headers: Fields for the proxy alone.
        dns: What looks host names up; None for the system's resolver, in a thread.
        connect_timeout: Seconds until there is a connection, with TLS.
        idle_timeout: Seconds in which nothing comes and nothing is sent while a request is under way.
        keep_alive: Seconds for which an unused connection is kept.
        max_headers_size: Bytes of a response's head.
        max_body_size: Bytes of a body that is not taken by on_data; None for no limit.

    Example::

        with HTTPClient(base) as client:
            client.request("GET", "https://www.example.org/", on_complete=print, redirects=5)
            base.dispatch()
    """

    def __init__(
        self,
        base: EventBase,
        *,
        context: TLSContext | None = None,
        max_connections: int = 8,
        proxy: _convert.Address | None = None,
        proxy_headers: HeaderItems = (),
        dns: DNSBase | None = None,
        connect_timeout: float | None = 30.0,
        idle_timeout: float | None = 60.0,
        keep_alive: float = 15.0,
        max_headers_size: int = MAX_HEADERS_SIZE,
        max_body_size: int | None = MAX_BODY_SIZE,
    ) -> None:
        self._delivery = delivery_of(base)
        self._base = base
        self._context = context
        self._max_connections = _convert.integer(max_connections, "max_connections", 1, 1 << 16)
        self._max_body_size = max_body_size
        self._settings: dict[str, Any] = {
            "proxy": proxy,
            "proxy_headers": HTTPHeaders(proxy_headers),
            "dns": dns,
            "connect_timeout": connect_timeout,
            "idle_timeout": idle_timeout,
            "keep_alive": keep_alive,
            "max_headers_size": max_headers_size,
            "max_body_size": max_body_size,
        }
        self._closed = False
        self._hosts: dict[Origin, _Host] = {}
        # What is wrong with the settings is said now, not with the first request.
        HTTPConnection(base, ("localhost", 80), context=context, **self._settings).close()

    def request(
        self,
        method: str,
        url: str | URI,
        headers: HeaderItems = (),
        body: Body = None,
        *,
        on_complete: CompleteCallback,
        on_response: ResponseCallback | None = None,
        on_data: DataCallback | None = None,
        timeout: float | None = None,
        max_body_size: int | None = None,
        redirects: int = 0,
    ) -> HTTPClientRequest:
        """Ask whatever server *url* names, over a connection that is kept, or another one.

        Redirects are followed as RFC 9110 says: 303, and 301 and 302 of a POST, are asked with GET and
        without the body. Authorization, Cookie and Proxy-Authorization go to no other scheme, host or
        port than they were given for. From https nothing leads to http.

        Args:
            method: As for :meth:`HTTPConnection.request`, and so are those that are not told of here.
            url: ``"https://example.org/path?query"``, percent-encoded; its fragment is not sent.
            headers: Fields of the request.
            body: What goes along.
            on_complete: ``on_complete(request)`` with the outcome, once, from the loop.
            on_response: ``on_response(request, response)``; not for a redirect that is followed.
            on_data: ``on_data(request, data)``; likewise.
            timeout: Seconds from now until the outcome, redirects included.
            max_body_size: Bytes of the response's body.
            redirects: How many to follow; more are an HTTPError. With 0 a redirect is a response.

        Raises:
            ValueError: Not an http or https URL, or one with a password in it; that goes into headers.
        """
        if self._closed:
            raise ClosedError("this HTTPClient is closed")
        uri = parse_url(url)
        if uri.userinfo is not None:
            raise ValueError("a user name in a URL is not sent; put an Authorization field into headers")
        _convert.integer(redirects, "redirects", 0, 1000)
        if max_body_size is None and on_data is None:
            max_body_size = self._max_body_size
        request = HTTPClientRequest.__new__(HTTPClientRequest)
        request._start(
            self._base,
            method,
            target(uri),
            headers,
            body,
            on_complete,
            on_response,
            on_data,
            timeout,
            max_body_size,
        )
        if redirects:
            request._redirects = _Following(self, uri, redirects)
        self._submit(request, uri)
        return request

    @property
    def connections(self) -> int:
        """How many connections there are, in use or kept."""
        return sum(len(host.connections) for host in self._hosts.values())

    @unguarded
    def close(self) -> None:
        """Close all connections; requests without an outcome fail, from the loop, with ClosedError.

        Idempotent, and allowed in any callback.
        """
        self._closed = True
        if self._delivery.pointer is None:
            self._hosts.clear()  # the base has closed them
        else:
            self._delivery.claimed(self._close)

    def _close(self) -> None:
        hosts, self._hosts = list(self._hosts.values()), {}
        for host in hosts:
            host.close()

    def __enter__(self) -> HTTPClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, request: HTTPClientRequest, uri: URI) -> None:
        if self._closed:
            raise ClosedError("this HTTPClient is closed")
        key = origin(uri)
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = _Host(self, key)
        request._url = str(uri)
        host.take(request)

    def _connect(self, key: Origin) -> HTTPConnection:
        scheme, name, port = key
        context = None
        if scheme == "https":
            context = self._context
            if context is None:
                context = self._context = TLSContext.client()
        return HTTPConnection(self._base, (name, port), context=context, **self._settings)


class _Host:
    """The connections to one server, and the requests that wait for one of them."""

    def __init__(self, client: HTTPClient, key: Origin) -> None:
        self._client = client
        self._key = key
        self._waiting: deque[HTTPClientRequest] = deque()
        self.connections: list[HTTPConnection] = []

    def take(self, request: HTTPClientRequest) -> None:
        """Let a connection have *request*, now or when one is free."""
        connection = next((each for each in self.connections if not each.pending), None)
        if connection is None and len(self.connections) < self._client._max_connections:
            connection = self._client._connect(self._key)
            connection._pool = self
            self.connections.append(connection)
        if connection is not None:
            connection._take(request)
        else:
            request._server = self
            self._waiting.append(request)

    def next_request(self, connection: HTTPConnection) -> list[HTTPClientRequest]:
        """What *connection* is to do next."""
        if not self._waiting:
            return []
        request = self._waiting.popleft()
        request._server = connection
        return [request]

    def unused(self, connection: HTTPConnection) -> None:
        """*connection* has nothing to do, and is not connected."""
        connection._pool = None
        connection.close()
        self.connections.remove(connection)
        if not self.connections and self._client._hosts.get(self._key) is self:
            del self._client._hosts[self._key]

    def _abandon(self, request: HTTPClientRequest) -> None:
        self._waiting.remove(request)

    def _read_again(self, request: HTTPClientRequest) -> None:
        """Nothing is read yet."""

    def close(self) -> None:
        """Close the connections, and let fail what waits."""
        waiting, self._waiting = self._waiting, deque()
        for connection in self.connections:
            connection._pool = None
            connection.close()
        self.connections.clear()
        for request in waiting:
            request._fail_with(ClosedError("the HTTPClient was closed"))
            request._tell_later()


class _Following:
    """Sends one request on where redirects lead, so often at most."""

    def __init__(self, client: HTTPClient, uri: URI, limit: int) -> None:
        self._client = client
        self._uri = uri
        self._limit = self._left = limit

    def follows(self, request: HTTPClientRequest, response: HTTPResponse) -> bool:
        """Whether *response* leads on."""
        return leads_on(response)

    def follow(self, request: HTTPClientRequest, response: HTTPResponse) -> None:
        """Send *request* on."""
        try:
            self._redirect(request, response)
            self._client._submit(request, self._uri)
        except Exception as error:
            request._fail_with(error)
            request._conclude()

    def _redirect(self, request: HTTPClientRequest, response: HTTPResponse) -> None:
        """Make of *request* what is asked next."""
        if not self._left:
            raise HTTPError(lib.EVREQ_HTTP_INVALID_HEADER, f"more than {self._limit} redirects")
        self._left -= 1
        try:
            uri = following_url(self._uri, response)
            request._target = checked_target(target(uri))
        except ValueError as error:
            text = f"a redirect from {self._uri} cannot be followed: {error}"
            raise HTTPError(lib.EVREQ_HTTP_INVALID_HEADER, text) from None
        method = following_method(request._method, response.status)
        if method != request._method:
            request._method, request._method_code = method, method_code(method)
            request._body = None
        elif request._body is not None and not request._body.replayable:
            text = f"a redirect from {self._uri} wants the body once more, which cannot be sent again"
            raise HTTPError(lib.EVREQ_HTTP_INVALID_HEADER, text)
        same_origin = origin(uri) == origin(self._uri)
        request._headers = following_headers(request._headers, same_origin, request._body is not None)
        request._retried = False
        self._uri = uri
