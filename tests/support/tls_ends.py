"""Both ends of a TLS connection in one loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bufferevents import Log

#: How the two ends are joined.
WAYS = ("tcp", "unix", "filter", "pair")


class Ends:
    """A server's and a client's end of one connection, each with its Log."""

    def __init__(self, server: Any, client: Any) -> None:
        self.server, self.client = server, client
        self.at_server, self.at_client = Log(server), Log(client)


Connect = Callable[..., Ends]


#: The fixture ``connect``: a way, contexts and options of the client's, and what comes of them.
Connect = Callable[..., Ends]
