"""libevent's sample https-client: asks for a URL, or posts a file to it, and prints the response.

usage: python examples/https_client.py -url URL [-data FILE] [-crt CA] [-ignore-cert] [-retries N]
                                       [-timeout S]
       python examples/https_client.py -url https://www.example.org/
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import IO

from libevent_py import URI, EventBase, HTTPClientRequest, HTTPConnection, HTTPResponse, TLSContext


def main() -> int:
    """Print what came, or why nothing did."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-url", required=True, help="http://... or https://...")
    parser.add_argument("-data", metavar="FILE", help="what to POST")
    parser.add_argument("-crt", metavar="CA", help="the CAs to trust (default: the system's)")
    parser.add_argument("-ignore-cert", action="store_true", help="whoever the server is")
    parser.add_argument(
        "-retries", type=int, default=0, metavar="N", help="how often to try to connect again"
    )
    parser.add_argument("-timeout", type=float, metavar="S", help="seconds for all of it")
    options = parser.parse_args()
    uri = URI.parse(options.url)
    if uri.scheme not in ("http", "https") or not uri.host:
        parser.error("url must be http or https, and have a host")
    context = None
    if uri.scheme == "https":
        context = TLSContext.client(options.crt, verify=not options.ignore_cert)
    address = uri.host.strip("[]"), uri.port or (80 if context is None else 443)
    target = (uri.path or "/") + ("" if uri.query is None else f"?{uri.query}")
    left = options.retries

    def on_response(request: HTTPClientRequest, response: HTTPResponse) -> None:
        print(f"Response line: {response.status} {response.reason}", flush=True)

    def on_data(request: HTTPClientRequest, data: bytes) -> None:
        sys.stdout.buffer.write(data)

    def ask(data: IO[bytes] | None) -> HTTPClientRequest:
        return connection.request(
            "GET" if data is None else "POST",
            target,
            {"Connection": "close"},
            data,
            on_response=on_response,
            on_data=on_data,
            on_complete=on_complete,
            timeout=options.timeout,
        )

    def on_complete(request: HTTPClientRequest) -> None:
        nonlocal left
        if isinstance(request.error, ConnectionError) and left:
            left -= 1
            base.call_later(0.1, again)
        elif request.error is not None:
            errors.append(request.error)

    def again() -> None:
        ask(data)

    errors: list[Exception] = []
    with contextlib.ExitStack() as stack:
        data = None if options.data is None else stack.enter_context(open(options.data, "rb"))
        base = stack.enter_context(EventBase())
        connection = stack.enter_context(HTTPConnection(base, address, context=context))
        ask(data)
        base.dispatch()
    sys.stdout.flush()
    for error in errors:
        print(f"{options.url}: {error}", file=sys.stderr)
    return len(errors)


if __name__ == "__main__":
    sys.exit(main())
