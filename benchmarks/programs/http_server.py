"""An HTTP server on a free port, which goes to stdout; every request gets the same page.

usage: http_server.py KIND
"""

from __future__ import annotations

import socket
import sys
from typing import Any

PAGE = b"hello world\n"
HEADERS = {"Content-Type": "text/plain"}


def uvicorn_server() -> None:
    """Uvicorn with uvloop and httptools, and an application that does nothing else."""
    import uvicorn

    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(PAGE))],
    }
    body = {"type": "http.response.body", "body": PAGE}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send(body)

    sock = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(sock.getsockname()[1], flush=True)
    config = uvicorn.Config(
        application, loop="uvloop", http="httptools", lifespan="off", log_level="error", access_log=False
    )
    uvicorn.Server(config).run(sockets=[sock])


def main(kind: str) -> None:
    """Serve until killed."""
    if kind == "uvicorn":
        uvicorn_server()
        return

    from libevent_py import EventBase, HTTPRequest, HTTPServer

    def handler(request: HTTPRequest) -> None:
        request.reply(200, PAGE, HEADERS)

    base = EventBase()
    server = HTTPServer(base, handler)
    if kind == "libevent_py-fixed":
        server.fixed("/", PAGE, headers=HEADERS)
    print(server.listen(("127.0.0.1", 0), backlog=4096).address[1], flush=True)
    base.dispatch()


if __name__ == "__main__":
    main(sys.argv[1])
