"""libevent's sample http-connect: asks for a URL through an HTTP proxy, by CONNECT, and prints the body.

usage: python examples/http_connect.py PROXY URL
       python examples/http_connect.py http://127.0.0.1:3128 http://example.org/
"""

from __future__ import annotations

import argparse
import sys

from libevent_py import URI, EventBase, HTTPClient, HTTPClientRequest


def main() -> int:
    """Print what came, or why nothing did."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("proxy", metavar="PROXY", help="http://HOST:PORT of the proxy")
    parser.add_argument("url", metavar="URL", help="what to ask for; of https the system's CAs are trusted")
    options = parser.parse_args()
    proxy = URI.parse(options.proxy)
    if not proxy.host or not proxy.port:
        parser.error("PROXY must be http://HOST:PORT")

    def on_data(request: HTTPClientRequest, data: bytes) -> None:
        sys.stdout.buffer.write(data)

    def on_complete(request: HTTPClientRequest) -> None:
        client.close()

    with EventBase() as base, HTTPClient(base, proxy=(proxy.host.strip("[]"), proxy.port)) as client:
        request = client.request("GET", options.url, on_data=on_data, on_complete=on_complete)
        base.dispatch()
    sys.stdout.flush()
    if request.error is not None:
        print(f"{options.url}: {request.error}", file=sys.stderr)
    return int(request.error is not None)


if __name__ == "__main__":
    sys.exit(main())
