"""The callbacks of HTTP."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from stage import LOOP, Poke, Stage, kind

from libevent_py import HTTPRequest, HTTPServer

_GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Held(list[HTTPRequest]):
    """Requests that are not answered yet."""

    def close(self) -> None:
        """Let them go."""
        self.clear()


def _asking(stage: Stage, **options: Any) -> Callable[[], socket.socket]:
    """Make the server "it", and a function that asks it on a connection of its own."""
    server = stage.there["it"] = HTTPServer(stage.base, **options)
    address = server.listen(("127.0.0.1", 0)).address

    def ask() -> socket.socket:
        sock = socket.socket()
        stage.there[f"client {sock.fileno()}"] = sock
        with contextlib.suppress(ConnectionError):
            sock.connect(address)
            sock.send(_GET)
        return sock

    return ask


@kind(LOOP, name="handler of an HTTPServer")
def _handler(stage: Stage) -> Poke:
    """A request comes."""

    def handler(request: HTTPRequest) -> None:
        request.reply()
        stage.act(request)

    return _asking(stage, handler=handler)


@kind(LOOP, name="access log of an HTTPServer")
def _access_log(stage: Stage) -> Poke:
    """C has answered by itself."""
    ask = _asking(stage, access_log=stage.act)
    stage.there["it"].fixed("/", b"fixed")
    return ask


@kind(LOOP, name="on_disconnect of an HTTPRequest")
def _on_disconnect(stage: Stage) -> Poke:
    """A client goes away while its request is pending."""
    held = stage.there["held"] = Held()

    def handler(request: HTTPRequest) -> None:
        request.set_callbacks(on_disconnect=stage.act)
        held.append(request)

    ask = _asking(stage, handler=handler)
    return lambda: ask().shutdown(socket.SHUT_WR)
