"""Running the proxy: in this process, signals included, or as one of several workers."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import socket
from typing import Any

from ...base import EventBase
from ...bufferevent import BufferEvent, LineFraming
from ...constants import BufferEventEvents, EOLStyle, EventFlags
from ...signal_event import Signal
from .options import FAILURES, Options, from_json, read, reason
from .reporting import Reporter
from .server import Proxy

log = logging.getLogger("libevent_py.proxy")

#: Between the master and a worker: one JSON object a line.
CHANNEL = LineFraming(EOLStyle.LF, 1 << 24)


def tell(bev: BufferEvent, message: dict[str, Any]) -> None:
    """Send one message over the channel."""
    bev.write(CHANNEL.join([json.dumps(message).encode()]))


def report(error: Exception) -> None:
    """A bug of ours in one callback is no reason to drop all connections."""
    log.error("a bug in the proxy", exc_info=error)


def serve(given: argparse.Namespace, options: Options) -> None:
    """Be the proxy until a signal ends it."""
    with EventBase(on_error=report) as base:
        proxy = Proxy(base, options)
        if options.stats:
            Reporter(base, f"unix:{options.stats}", lambda then: then(proxy.counters()))
        if options.metrics:
            Reporter(base, options.metrics, lambda then: then(proxy.counters()))

        def on_stop(_: Signal) -> None:
            proxy.stop(base.loopexit)

        def on_reload(_: Signal) -> None:
            try:
                proxy.reload(read(given))
            except FAILURES as error:
                log.error("nothing is changed: %s", reason(error))
            else:
                log.info("the options were read again; listening on %s", ", ".join(proxy.addresses))

        for number in signal.SIGTERM, signal.SIGINT:
            Signal(base, number, on_stop)
        Signal(base, signal.SIGHUP, on_reload)
        log.info("listening on %s", ", ".join(proxy.addresses))
        base.dispatch()
        log.info("stopped")


class Worker:
    """One of several processes; does what the master says over a socket, and ends with it."""

    def __init__(self, base: EventBase, fd: int) -> None:
        self._base = base
        self._proxy: Proxy | None = None
        self._channel = BufferEvent(base, socket.socket(fileno=fd))
        self._channel.set_callbacks(on_messages=self._on_messages, on_event=self._on_event, framing=CHANNEL)
        self._channel.enable(EventFlags.READ)

    def _on_messages(self, bev: BufferEvent, messages: list[bytes]) -> None:
        for message in messages:
            words = json.loads(message)
            if words["do"] == "configure":
                self._configure(from_json(words["options"]))
            elif words["do"] == "stop":
                self._stop()
            elif self._proxy is not None:
                tell(bev, {"counters": self._proxy.counters(), "question": words["question"]})

    def _configure(self, options: Options) -> None:
        try:
            if self._proxy is None:
                self._proxy = Proxy(self._base, options, shares_port=True)
            else:
                self._proxy.reload(options)
        except FAILURES as error:
            tell(self._channel, {"error": reason(error)})
        else:
            tell(self._channel, {"ready": self._proxy.addresses})

    def _stop(self) -> None:
        if self._proxy is None:
            self._base.loopexit()
        else:
            self._proxy.stop(self._base.loopexit)

    def _on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """The master is gone."""
        self._stop()


def work(fd: int) -> None:
    """Be a worker; *fd* is its end of the channel."""
    # A terminal's Ctrl-C is for the master, who tells.
    for number in signal.SIGINT, signal.SIGHUP, signal.SIGTERM:
        signal.signal(number, signal.SIG_IGN)
    with EventBase(on_error=report) as base:
        worker = Worker(base, fd)
        base.dispatch()
        del worker
