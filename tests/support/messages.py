"""A log of a bufferevent's messages."""

from __future__ import annotations

import socket
from typing import Any

from bufferevents import READ

from libevent_py import BufferEvent, BufferEventEvents, EOLStyle, EventBase, LineFraming, LoopFlags

Pair = tuple[socket.socket, socket.socket]
LINES = LineFraming(EOLStyle.LF)


class Messages:
    """on_messages and on_event, recording."""

    def __init__(self, bev: Any, framing: Any = LINES, *, enable: bool = True) -> None:
        self.lists: list[list[bytes]] = []
        self.events: list[BufferEventEvents] = []
        self.error: Exception | None = None
        bev.set_callbacks(on_messages=self.on_messages, on_event=self.on_event, framing=framing)
        if enable:
            bev.enable(READ)

    @property
    def all(self) -> list[bytes]:
        """Every message so far."""
        return [message for messages in self.lists for message in messages]

    def on_messages(self, bev: BufferEvent, messages: list[bytes]) -> None:
        """Keep them."""
        self.lists.append(messages)

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """Keep it."""
        self.events.append(what)
        self.error = bev.error


def turn(base: EventBase) -> None:
    """Deliver what is there."""
    base.loop(LoopFlags.NONBLOCK)
