"""Serving in one process: alone, or as one of several workers."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...base import EventBase
from ...constants import EventFlags
from ...event import Event
from ...exceptions import LibeventError
from ...http import HTTPAccess, HTTPServer
from ...http.directory import HTTPDirectory
from ...http.wsgi import WSGIHandler
from ...signal_event import Signal
from ...tls import TLSContext
from .application import ApplicationError, load
from .sockets import Sockets
from .workers import CannotBegin

log = logging.getLogger("libevent_py.http")

#: Seconds between two looks whether all is answered.
_LOOK = 0.05


@dataclass
class Site:
    """What is served and where."""

    options: argparse.Namespace
    is_directory: bool
    sockets: Sockets

    def handler(self) -> Any:
        """What answers the requests."""
        options = self.options
        if self.is_directory:
            return HTTPDirectory(options.what, listing=options.list)
        return WSGIHandler(load(options.what), threads=options.threads or 0, is_forked=options.workers > 1)


class Serving:
    """One process's server, until it is told to stop.

    Args:
        base: Where to serve.
        site: What.
        handler: What answers.
    """

    def __init__(self, base: EventBase, site: Site, handler: Any) -> None:
        self._base = base
        self._grace = site.options.grace
        self._is_stopping = False
        tls = TLSContext.server(*site.options.tls) if site.options.tls else None
        self._server = HTTPServer(
            base,
            handler,
            tls=tls,
            max_body_size=site.options.max_body,
            access_log=write_access if site.options.access_log else None,
        )
        for sock in site.sockets.all:
            self._server.listen(sock)

    def stop(self, _: object = None) -> None:
        """Finish what runs; the second time end at once."""
        if self._is_stopping:
            self._base.loopexit()
            return
        self._is_stopping = True
        self._server.shutdown(self._grace)
        self._look()

    def _look(self) -> None:
        if self._server.closed:
            self._base.loopexit()
        else:
            self._base.call_later(_LOOK, self._look)


def serve(site: Site, alive: int | None = None) -> None:
    """Serve until a signal ends it.

    Args:
        site: What and where.
        alive: In a worker: a descriptor whose end says that the master is gone.

    Raises:
        CannotBegin: There is nothing that could be served.
    """
    try:
        handler = site.handler()
    except ApplicationError as error:
        raise CannotBegin(str(error)) from None
    close: Callable[[], None] = getattr(handler, "close", lambda: None)
    try:
        with EventBase(on_error=_report) as base:
            try:
                serving = Serving(base, site, handler)
            except (OSError, LibeventError) as error:
                raise CannotBegin(str(error)) from None
            Signal(base, signal.SIGTERM, serving.stop)
            if alive is None:
                Signal(base, signal.SIGINT, serving.stop)
            else:
                Event(base, alive, EventFlags.READ, lambda *_: serving.stop()).add()
            log.info(
                "serving %s at %s",
                site.options.what,
                ", ".join(site.sockets.urls("https" if site.options.tls else "http")),
            )
            base.dispatch()
    finally:
        close()
    log.info("stopped")


def write_access(access: HTTPAccess) -> None:
    """A line as web servers write it, without the time that nobody can parse."""
    address = access.remote_address
    client = address[0] if isinstance(address, tuple) else "-"
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    line = access.request_line.replace('"', "%22")
    sys.stdout.write(f'{client} {now} "{line}" {access.status} {access.size}\n')
    sys.stdout.flush()


def _report(error: Exception) -> None:
    """A bug of ours in one request is no reason to drop all connections."""
    log.error("a bug in the server", exc_info=error)
