"""BufferEvent.from_pointer on what its owner frees first, and on what Python owns."""

from __future__ import annotations

import socket

import pytest
from child import check_child

from libevent_py import BufferEvent, BufferEventPair, EventBase, FilterBufferEvent

Pair = tuple[socket.socket, socket.socket]


def test_what_python_owns(base: EventBase, socket_pair: Pair) -> None:
    """A second object on it would take the first one's callbacks, or a filter's: ValueError."""
    bev = BufferEvent(base, socket_pair[0])
    pointer = bev.pointer
    shout = FilterBufferEvent(bev)
    one, other = BufferEventPair(base)
    for owned in (pointer, shout.pointer, one.pointer, other.pointer):
        with pytest.raises(ValueError, match="use that"):
            BufferEvent.from_pointer(base, owned)


def test_the_owner_frees_it_first() -> None:
    """The wrapper hears no more and can still be used and closed; then the descriptor is closed."""
    printed = check_child(
        """
        import os, socket
        from libevent_py import *
        before = os.listdir("/proc/self/fd")
        base = EventBase()
        ours, peer = socket.socketpair()
        native = lib.bufferevent_socket_new(base.pointer, ours.detach(), lib.BEV_OPT_CLOSE_ON_FREE)
        borrowed = BufferEvent.from_pointer(base, native)
        borrowed.set_callbacks(on_data=print, on_event=print)
        borrowed.enable(EventFlags.READ)
        lib.bufferevent_free(native)
        for _ in range(3):
            base.loop(LoopFlags.NONBLOCK)
        borrowed.write(b"y")
        print(borrowed.fileno() >= 0, bytes(borrowed.output))
        borrowed.close()
        base.loop(LoopFlags.NONBLOCK)
        base.close()
        print(peer.recv(1))
        peer.close()
        assert os.listdir("/proc/self/fd") == before
        """,
        env={"MALLOC_PERTURB_": "165"},
    )
    assert printed.splitlines() == ["True b'y'", "b''"]
