"""WSGIHandler: an HTTPServer's handler that calls an application (floor 7)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ... import _convert
from ..request import HTTPRequest
from .environ import constant_environ, make_environ
from .exchange import Exchange
from .threads import ThreadExchange

#: What PEP 3333 calls an application.
Application = Callable[..., Any]


class WSGIHandler:
    """Answers requests by a WSGI application (PEP 3333).

    Without threads the application is called in the loop, one request at a time: the fastest way, for
    applications that never wait. With threads so many requests are worked on at a time, while the
    loop goes on; others wait for their turn, at most as many as the server has connections.

    Request bodies are whole before the application is called, within the server's limit. Whoever
    streams is held back while its client reads slowly: the iterable is asked for more when what it
    gave before is sent. ``write()`` waits too, but in the loop, which cannot: there it keeps what it is
    given. A client that goes away ends an answer: the iterable is closed, and ``write()`` raises
    ConnectionError.

    What the application raises is logged (``libevent_py.http.wsgi``) and answered 500, or, where an answer
    has begun, by closing the connection; the loop goes on. Only what is no Exception ends it.

    Args:
        application: The application.
        threads: How many to call it in; 0 for the loop's own.
        is_forked: Other processes serve the same application (``wsgi.multiprocess``).

    Example::

        handler = WSGIHandler(app, threads=4)
        server = HTTPServer(base, handler)
        server.listen(("127.0.0.1", 8000))
        base.dispatch()
        handler.close()
    """

    def __init__(self, application: Application, *, threads: int = 0, is_forked: bool = False) -> None:
        if not callable(application):
            raise TypeError(f"a WSGI application is callable, which {type(application).__name__} is not")
        _convert.integer(threads, "threads", 0, 10_000)
        self.application = application
        #: Those that wait for their client.
        self.active: set[Exchange] = set()
        self._constant = constant_environ(is_threaded=threads > 0, is_forked=bool(is_forked))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="wsgi") if threads else None
        self._is_closed = False

    def __call__(self, request: HTTPRequest) -> None:
        """Answer *request*; HTTPServer calls it."""
        if self._is_closed:
            request.reply(503, b"503 Service Unavailable\n", {"Content-Type": "text/plain"})
            return
        environ = make_environ(self._constant, request)
        if self._threads is None:
            Exchange(self, request).run(environ)
        else:
            exchange = ThreadExchange(self, request)
            self.active.add(exchange)
            self._threads.submit(exchange.run, environ)

    def close(self) -> None:
        """End the threads, and wait for what runs in them; then requests are answered 503.

        Close the server first, or let :meth:`HTTPServer.shutdown` finish what runs.
        """
        self._is_closed = True
        for exchange in list(self.active):
            exchange.give_up()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
