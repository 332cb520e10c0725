"""BufferEvent.from_pointer on what its owner frees first."""

from __future__ import annotations

from child import check_child


def test_the_owner_frees_it_first() -> None:
    """The wrapper hears no more and can still be used and closed; then the descriptor is closed."""
    printed = check_child(
        """
        import os, socket
        from libevent_py import *
        before = os.listdir("/proc/self/fd")
        base = EventBase()
        ours, peer = socket.socketpair()
        owner = BufferEvent(base, ours)
        borrowed = BufferEvent.from_pointer(base, owner.pointer)
        borrowed.set_callbacks(on_data=print, on_event=print)
        borrowed.enable(EventFlags.READ)
        owner.close()
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
