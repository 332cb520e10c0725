"""Answering calls: the server's side of evrpc, on an HTTPServer (floor 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from ..buffer import Buffer
from ..http import HTTPRequest
from ..http.host import HTTPHost
from .method import HEADERS, Reply, Request, RPCMethod, checked_method

#: What evrpc answers to all that it cannot do.
_UNAVAILABLE = 503


class RPCRequest(Generic[Request, Reply]):
    """A call that a client has made, to be answered once (``struct evrpc_req_generic``).

    The handler gets it, and may answer it there, later, or in another thread, as any HTTPRequest. One
    that is dropped without an answer is answered 500.
    """

    __slots__ = ("_http", "_message", "_method")

    _http: HTTPRequest
    _method: RPCMethod[Request, Reply]
    _message: Request

    def __init__(self) -> None:
        raise TypeError("register() makes requests, and gives them to its handlers")

    @classmethod
    def _make(
        cls, http: HTTPRequest, method: RPCMethod[Request, Reply], message: Request
    ) -> RPCRequest[Request, Reply]:
        self = cls.__new__(cls)
        self._http, self._method, self._message = http, method, message
        return self

    @property
    def http(self) -> HTTPRequest:
        """What it has come in: headers, and who asks (``EVRPC_REQUEST_HTTP``)."""
        return self._http

    @property
    def message(self) -> Request:
        """What is asked, as the method's unmarshal_request gave it (``evrpc_get_request``)."""
        return self._message

    def reply(self, message: Reply) -> None:
        """Answer (``evrpc_get_reply``, ``evrpc_request_done``).

        Args:
            message: What the method's marshal_reply takes; where that raises, the call waits on.

        Raises:
            RuntimeError: It is answered already.
            ClosedError: The server is closed.
        """
        with Buffer() as buffer:
            self._method.marshal_reply(buffer, message)
            self._http.reply(body=bytes(buffer), headers=HEADERS)

    def fail(self) -> None:
        """Answer that nothing came of it: the client gets an RPCError, and one in C the status BADPAYLOAD."""
        self._http.reply(_UNAVAILABLE)

    def __repr__(self) -> str:
        return f"<RPCRequest {self._method.name}>"


def register(
    host: HTTPHost, method: RPCMethod[Request, Reply], handler: Callable[[RPCRequest[Request, Reply]], object]
) -> None:
    """Let *handler* answer the calls of *method* (``evrpc_register_generic``).

    What is no POST or no such message is answered 503, as evrpc does.

    Args:
        host: An HTTPServer, or a virtual host of one.
        method: What is called.
        handler: Called as ``handler(request)`` from the loop, with an RPCRequest.

    Raises:
        ValueError: The host has the method already.
    """
    if not isinstance(host, HTTPHost):
        raise TypeError(f"need an HTTPServer or a virtual host, not {type(host).__name__}")
    checked_method(method)
    if not callable(handler):
        raise TypeError(f"handler must be callable, not {type(handler).__name__}")

    def answer(http: HTTPRequest) -> None:
        if http.method != "POST" or not http.body:
            http.reply(_UNAVAILABLE)
            return
        with Buffer(http.body) as buffer:
            try:
                message = method.unmarshal_request(buffer)
            except (ValueError, EOFError):
                http.reply(_UNAVAILABLE)
                return
        handler(RPCRequest._make(http, method, message))

    host.route(method.path, answer)
