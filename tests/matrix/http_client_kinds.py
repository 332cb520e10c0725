"""The callbacks of a client's requests."""

from __future__ import annotations

from typing import Any

from stage import LOOP, Poke, Stage, kind

from libevent_py import BufferEvent, EventFlags, HTTPConnection, Listener

_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"


def _asking(stage: Stage, which: str) -> Poke:
    """A request to a server that answers whatever comes."""

    def accept(listener: Listener, sock: Any, address: Any) -> None:
        bev = stage.there["peer"] = BufferEvent(stage.base, sock)
        bev.set_callbacks(on_data=lambda bev, data: bev.write(_RESPONSE))
        bev.enable(EventFlags.READ)

    def ignore(*arguments: object) -> None:
        pass

    def act(request: object, *arguments: object) -> None:
        stage.act(request)

    there = stage.there
    there["listener"] = Listener(stage.base, ("127.0.0.1", 0), accept)
    there["it"] = HTTPConnection(stage.base, there["listener"].address)
    callbacks: dict[str, Any] = {"on_complete": ignore, which: act}
    return lambda: there["it"].request("GET", "/", **callbacks)


@kind(LOOP, name="on_complete of a request")
def _on_complete(stage: Stage) -> Poke:
    """It has its outcome."""
    return _asking(stage, "on_complete")


@kind(LOOP, name="on_response of a request")
def _on_response(stage: Stage) -> Poke:
    """The head is there."""
    return _asking(stage, "on_response")


@kind(LOOP, name="on_data of a request")
def _on_data(stage: Stage) -> Poke:
    """The body is."""
    return _asking(stage, "on_data")
