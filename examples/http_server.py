"""libevent's sample http-server: /dump shows requests, everything else is a directory's files.

    python examples/http_server.py DIRECTORY [-p PORT] [-U UNIX-SOCKET]

Other than the sample it escapes what it lists, and follows nothing out of the directory.
"""

from __future__ import annotations

import argparse
import signal
import sys

from libevent_py import EventBase, HTTPRequest, HTTPServer, Signal
from libevent_py.http import HTTPDirectory


def dump(request: HTTPRequest) -> None:
    """Show a request on stdout, and answer that it came."""
    print(f"Received a {request.method} request for {request.target}")
    print("Headers:")
    for name, value in request.headers.fields():
        print(f"  {name}: {value}")
    print("Input data: <<<")
    sys.stdout.flush()
    sys.stdout.buffer.write(request.body)
    print(">>>", flush=True)
    request.reply(200)


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description="Serve a directory, and show the requests to /dump.")
    parser.add_argument("directory")
    parser.add_argument("-p", dest="port", type=int, default=0, help="a port (default: any free one)")
    parser.add_argument("-U", dest="unix", help="a unix socket instead")
    options = parser.parse_args()

    with EventBase() as base:
        server = HTTPServer(base, HTTPDirectory(options.directory, listing=True, index=None))
        server.route("/dump", dump)
        address = f"unix:{options.unix}" if options.unix else ("127.0.0.1", options.port)
        listener = server.listen(address)
        for number in signal.SIGINT, signal.SIGTERM:
            Signal(base, number, lambda _: base.loopexit())
        print("Listening on", listener.address, flush=True)
        base.dispatch()


if __name__ == "__main__":
    main()
