"""A WSGI application's "Hello world!" on a free port, which goes to stdout.

usage: wsgi_server.py KIND
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any


def app(environ: Any, start_response: Any) -> list[bytes]:
    """The application."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "12")])
    return [b"Hello world!"]


def main(kind: str) -> None:
    """Serve until killed."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(sock.getsockname()[1], flush=True)
    if kind.startswith("gunicorn"):
        os.set_inheritable(sock.fileno(), True)
        worker = "gevent" if kind.endswith("gevent") else "libevent_py.http.gunicorn.Worker"
        words = ["-k", worker, "--bind", f"fd://{sock.fileno()}", "--chdir", os.path.dirname(__file__)]
        words += ["--log-level", "error", "wsgi_server:app"]
        os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *words])
    if kind == "bjoern":
        import bjoern

        bjoern.server_run(sock, app)
        return

    from libevent_py import EventBase, HTTPServer
    from libevent_py.http.wsgi import WSGIHandler

    base = EventBase()
    server = HTTPServer(base, WSGIHandler(app, threads=4 if kind.endswith("threads") else 0))
    server.listen(sock)
    base.dispatch()


if __name__ == "__main__":
    main(sys.argv[1])
