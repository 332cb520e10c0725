"""A gunicorn worker: ``gunicorn -k libevent_py.http.gunicorn.Worker module:app`` (floor 7).

gunicorn binds the sockets and starts the processes; each serves them by an HTTPServer.
"""

from __future__ import annotations

import datetime
import os
from types import FrameType, SimpleNamespace

from gunicorn.workers.base import Worker as BaseWorker

from ..base import EventBase
from ..timer import Timer
from ..tls import TLSContext
from .request import HTTPRequest
from .server import HTTPAccess, HTTPServer
from .wsgi import WSGIHandler

#: Seconds between two signs of life for gunicorn's master, and between two looks at the end.
_BEAT = 1.0
_LOOK = 0.05


class Worker(BaseWorker):  # type: ignore[misc]
    """Serves gunicorn's sockets.

    With gunicorn's ``threads`` above 1 the application is called in so many threads, else in the
    loop. Beside what gunicorn does by itself (processes, signals, logs, users), these settings
    are heeded: ``threads``, ``certfile`` and ``keyfile``, ``worker_connections``,
    ``max_requests``, ``graceful_timeout``. The access log has no durations, and no fields of
    requests and answers.
    """

    def run(self) -> None:
        """Serve until gunicorn says that it is enough."""
        threads = self.cfg.threads if self.cfg.threads > 1 else 0
        handler = WSGIHandler(self.wsgi, threads=threads, is_forked=self.cfg.workers > 1)
        tls = TLSContext.server(self.cfg.certfile, self.cfg.keyfile) if self.cfg.certfile else None
        try:
            with EventBase(on_error=self._report) as base:
                self._base = base
                self._handler = handler
                self._server = HTTPServer(
                    base,
                    self._serve,
                    tls=tls,
                    max_connections=self.cfg.worker_connections,
                    access_log=self._log_access if self._has_access_log() else None,
                )
                for each in self.sockets:
                    self._server.listen(each.sock)
                Timer(base, _BEAT, self._beat, repeat=True)
                base.call_soon(self.notify)
                base.dispatch()
        finally:
            handler.close()

    def _serve(self, request: HTTPRequest) -> None:
        self.nr += 1
        self._handler(request)
        if self.nr == self.max_requests:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
            self._stop()

    def _beat(self, timer: Timer) -> None:
        self.notify()
        if self.alive and self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False
        if not self.alive:  # gunicorn's reloader says it in this way alone
            self._stop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: finish what runs."""
        self.alive = False
        self._base.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if not self._server.closed and self._server.listeners:  # not stopped before
            self._server.shutdown(self.cfg.graceful_timeout)
            Timer(self._base, _LOOK, self._look, repeat=True)

    def _look(self, timer: Timer) -> None:
        if self._server.closed:
            self._base.loopexit()

    def _report(self, error: Exception) -> None:
        self.log.error("an error in the worker", exc_info=error)

    def _has_access_log(self) -> bool:
        # Older releases do not tell, and look for themselves.
        return bool(getattr(self.log, "access_log_enabled", True))

    def _log_access(self, access: HTTPAccess) -> None:
        method, _, rest = access.request_line.partition(" ")
        target, _, protocol = rest.rpartition(" ")
        path, _, query = target.partition("?")
        address = access.remote_address
        environ = {
            "REMOTE_ADDR": address[0] if isinstance(address, tuple) else "-",
            "REQUEST_METHOD": method,
            "RAW_URI": target,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": protocol,
        }
        answer = SimpleNamespace(status=str(access.status), sent=access.size, headers=[])
        self.log.access(answer, SimpleNamespace(headers=[]), environ, datetime.timedelta())
