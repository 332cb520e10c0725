"""connect_hostname() of a TLS bufferevent with a DNSBase."""

from __future__ import annotations

import contextlib
import socket

from bufferevents import Log
from loops import run_until
from nameserver import name_server, zone

from libevent_py import BufferEventEvents, DNSBase, EventBase, TLSBufferEvent, TLSContext


def test_the_address_that_answers_shakes_hands(
    base: EventBase, server: TLSContext, client: TLSContext
) -> None:
    """The first one refuses; the certificate is expected to be the name's."""
    with socket.create_server(("127.0.0.1", 0)) as listening, \
            name_server(base, zone({"localhost": ["127.0.0.9", "127.0.0.1"]})) as names:  # fmt: skip
        bev = TLSBufferEvent(base, client)
        log = Log(bev)
        bev.write(b"early")
        bev.connect_hostname("localhost", listening.getsockname()[1], dns=DNSBase(base, [names.address]))
        listening.settimeout(0)
        others: list[Log] = []

        def accept() -> bool:
            with contextlib.suppress(BlockingIOError):
                others.append(Log(TLSBufferEvent(base, server, listening.accept()[0])))
            return bool(log.events and others and others[0].data)

        run_until(base, accept)
        assert log.events == [BufferEventEvents.CONNECTED]
        assert others[0].data == b"early"
        assert bev.server_hostname == "localhost"
