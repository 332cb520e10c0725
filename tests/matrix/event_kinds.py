"""The callbacks of events, scheduled calls, listeners and the base itself."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable

from stage import LOOP, Poke, Stage, kind

from libevent_py import Event, EventFlags, Listener, Signal, Timer, ffi, lib

READ, PERSIST = EventFlags.READ, EventFlags.PERSIST

# Events.


@kind(LOOP)
def event(stage: Stage) -> Poke:
    """A descriptor is readable."""
    near, _ = stage.sockets()

    def readable(event: Event, what: EventFlags) -> None:
        near.recv(100)
        stage.act(event)

    stage.there["it"] = Event(stage.base, near, READ | PERSIST, readable)
    stage.there["it"].add()
    return stage.send


@kind(LOOP)
def user_event(stage: Stage) -> Poke:
    """An event that is only ever activated."""
    there = stage.there
    there["it"] = Event(stage.base, None, EventFlags(0), lambda event, what: stage.act(event))
    return lambda: there["it"].active()


@kind(LOOP)
def event_timeout(stage: Stage) -> Poke:
    """An event's timeout."""
    near, _ = stage.sockets()
    there = stage.there
    there["it"] = Event(stage.base, near, READ, lambda event, what: stage.act(event))
    return lambda: there["it"].add(0.001)


@kind(LOOP)
def timer(stage: Stage) -> Poke:
    """A timer, once."""
    return lambda: stage.there.update(it=Timer(stage.base, 0.001, stage.act))


@kind(LOOP)
def repeating_timer(stage: Stage) -> Poke:
    """A timer that goes on."""

    def fire(timer: Timer) -> None:
        timer.remove()  # for the next time
        stage.act(timer)

    there = stage.there
    there["it"] = Timer(stage.base, 30, fire, repeat=True)
    return lambda: there["it"].add(0.001)


@kind(LOOP, name="signal")
def _signal(stage: Stage) -> Poke:
    """A signal of the process."""
    stage.there["it"] = Signal(stage.base, signal.SIGUSR1, stage.act)
    return lambda: os.kill(os.getpid(), signal.SIGUSR1)


@kind(LOOP)
def finalizer(stage: Stage) -> Poke:
    """libevent is done with an event."""

    def finalize() -> None:
        event = Event(stage.base, None, EventFlags(0), print)
        event.finalize(stage.act)
        stage.there["it"] = event

    return finalize


# Scheduled calls.


@kind(LOOP)
def call_soon(stage: Stage) -> Poke:
    """The next pass."""
    return lambda: stage.base.call_soon(stage.act)


@kind(LOOP)
def call_later(stage: Stage) -> Poke:
    """After some time."""
    return lambda: stage.base.call_later(0.001, stage.act)


@kind(LOOP)
def call_at(stage: Stage) -> Poke:
    """At some time."""
    return lambda: stage.base.call_at(time.monotonic(), stage.act)


@kind(LOOP)
def call_soon_threadsafe(stage: Stage) -> Poke:
    """Of another thread."""
    return lambda: stage.base.call_soon_threadsafe(stage.act)


# The base's own.


@kind(LOOP, on_error=True)
def on_error(stage: Stage) -> Poke:
    """What takes the exceptions of the others."""

    def fail() -> None:
        raise ZeroDivisionError

    return lambda: stage.base.call_soon(fail)


class _Handler(logging.Handler):
    def __init__(self, act: Callable[..., None]) -> None:
        super().__init__()
        self.act = act
        logging.getLogger("libevent").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a message of libevent's."""
        self.act()

    def close(self) -> None:
        """Take no more."""
        logging.getLogger("libevent").removeHandler(self)
        super().close()


@kind(LOOP)
def log_handler(stage: Stage) -> Poke:
    """A handler of logging's, which gets libevent's message before the callbacks of the pass."""
    stage.there["handler"] = _Handler(stage.act)

    def warn() -> None:
        memory = ffi.new("char[]", 512)  # an event that belongs to no base
        lib.event_del(ffi.cast("struct event *", memory))

    return warn


# Listeners.


def _listen(stage: Stage, on_accept: Callable[..., object], on_error: Callable[..., object]) -> Listener:
    stage.there["it"] = listener = Listener(stage.base, ("127.0.0.1", 0), on_accept, on_error=on_error)
    return listener


@kind(LOOP)
def on_accept(stage: Stage) -> Poke:
    """A new connection."""
    address = _listen(stage, lambda listener, sock, peer: (sock.close(), stage.act(listener)), print).address

    def connect() -> None:
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(address)
        stage.there[f"client {client.fileno()}"] = client

    return connect


@kind(LOOP)
def on_accept_error(stage: Stage) -> Poke:
    """accept() fails: the socket listens no more."""

    def failed(listener: Listener, error: OSError) -> None:
        listener.disable()  # else it fails in each pass
        stage.act(listener)

    there = stage.there
    with socket.socket(fileno=os.dup(_listen(stage, print, failed).fileno())) as sock:
        sock.shutdown(socket.SHUT_RDWR)
    there["it"].disable()
    return lambda: there["it"].enable()
