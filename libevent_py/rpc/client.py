"""RPCPool: calling, the client's side of evrpc, over an HTTPClient (floor 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

from ..buffer import Buffer
from ..exceptions import RPCError
from ..http import URI, HTTPClient, HTTPClientRequest
from .method import HEADERS, Reply, Request, RPCMethod, checked_method


class RPCCall(Generic[Reply]):
    """A call under way (``struct evrpc_request_wrapper``): what :meth:`RPCPool.call` returns.

    It need not be kept. It has exactly one outcome, of which ``on_complete`` hears once, from the loop.
    """

    __slots__ = ("_error", "_http", "_method", "_on_complete", "_replied", "_reply")

    _error: Exception | None
    _http: HTTPClientRequest
    _method: RPCMethod[Any, Reply]
    _on_complete: Callable[[RPCCall[Reply]], object]
    _reply: Reply
    _replied: bool

    def __init__(self) -> None:
        raise TypeError("call() of an RPCPool makes an RPCCall")

    @classmethod
    def _make(
        cls, method: RPCMethod[Any, Reply], on_complete: Callable[[RPCCall[Reply]], object]
    ) -> RPCCall[Reply]:
        self = cls.__new__(cls)
        self._method = method
        self._on_complete = on_complete
        self._error = None
        self._replied = False
        return self

    def _complete(self, http: HTTPClientRequest) -> None:
        if http.error is not None:
            self._error = http.error
        else:
            try:
                self._reply = self._read(http)
                self._replied = True
            except Exception as error:
                self._error = error
        self._on_complete(self)

    def _read(self, http: HTTPClientRequest) -> Reply:
        response = http.result()
        name = self._method.name
        if response.status != 200:
            raise RPCError(
                f"the server answered {response.status}: it has no method {name}, or took the message for "
                f"none, or the call has failed there"
            )
        with Buffer(response.body) as buffer:
            try:
                return self._method.unmarshal_reply(buffer)
            except (ValueError, EOFError) as error:
                raise RPCError(f"what the server answered is no reply of {name}: {error}") from error

    @property
    def http(self) -> HTTPClientRequest:
        """What it goes out in, and the response when there is one (``evrpc_status.http_req``)."""
        return self._http

    @property
    def done(self) -> bool:
        """Whether it has its outcome."""
        return self._replied or self._error is not None

    @property
    def error(self) -> Exception | None:
        """Why there is no reply: an RPCError, or what HTTPClientRequest.error may be; else None."""
        return self._error

    def result(self) -> Reply:
        """The reply, as the method's unmarshal_reply gave it.

        Raises:
            Exception: What :attr:`error` is, where there is none.
            RuntimeError: The call is not done.
        """
        if self._error is not None:
            raise self._error
        if not self._replied:
            raise RuntimeError(f"{self._method.name}: not done yet; on_complete tells")
        return self._reply

    def cancel(self) -> None:
        """Give up: on_complete comes from the loop, with an HTTPError. Nothing happens where it is done."""
        self._http.cancel()

    def __repr__(self) -> str:
        return f"<RPCCall {self._method.name}{' (done)' if self.done else ''}>"


class RPCPool:
    """Calls the methods of one server, over an HTTPClient's connections (``struct evrpc_pool``).

    Args:
        client: The connections, their limits, timeouts and TLS.
        url: The server: ``"http://127.0.0.1:8080"``.

    Raises:
        ValueError: *url* is no server's, or has a path.

    Example::

        pool = RPCPool(HTTPClient(base), "http://127.0.0.1:8080")
        pool.call(UPPER, "hello", lambda call: print(call.result()))
        base.dispatch()
    """

    def __init__(self, client: HTTPClient, url: str) -> None:
        if not isinstance(client, HTTPClient):
            raise TypeError(f"need an HTTPClient, not {type(client).__name__}")
        uri = URI.parse(url)
        if uri.scheme not in ("http", "https") or not uri.host:
            raise ValueError(f'a server is "http://host:port" or "https://host", not {url!r}')
        if uri.path not in ("", "/") or uri.query is not None or uri.fragment is not None:
            raise ValueError(f"calls go to the server's root; leave the path out of {url!r}")
        self._client = client
        self._server = url.rstrip("/")

    def call(
        self,
        method: RPCMethod[Request, Reply],
        message: Request,
        on_complete: Callable[[RPCCall[Reply]], object],
        *,
        timeout: float | None = None,
    ) -> RPCCall[Reply]:
        """Call *method* (``evrpc_send_request_generic``).

        Args:
            method: What to call.
            message: What the method's marshal_request takes; what that raises comes out here.
            on_complete: Called as ``on_complete(call)`` with the outcome, once, from the loop.
            timeout: Seconds from now until the outcome (``evrpc_pool_set_timeout``); None is none.

        Raises:
            ClosedError: The client is closed.
        """
        checked_method(method)
        if not callable(on_complete):
            raise TypeError(f"on_complete must be callable, not {type(on_complete).__name__}")
        with Buffer() as buffer:
            method.marshal_request(buffer, message)
            body = bytes(buffer)
        call = RPCCall._make(method, on_complete)
        url = self._server + method.path
        call._http = self._client.request(
            "POST", url, HEADERS, body, on_complete=call._complete, timeout=timeout
        )
        return call
