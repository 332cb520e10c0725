"""A UDP echo server on a free port, which goes to stdout.

usage: datagram_server.py KIND
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from measure import asyncio_loop


class Echo(asyncio.DatagramProtocol):
    """Sends each datagram back."""

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Send it back."""
        self.transport.sendto(data, addr)


def main(kind: str) -> None:
    """Serve until killed."""
    loop = asyncio_loop(kind)
    transport, _ = loop.run_until_complete(loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0)))
    print(transport.get_extra_info("sockname")[1], flush=True)
    loop.run_forever()


if __name__ == "__main__":
    main(sys.argv[1])
