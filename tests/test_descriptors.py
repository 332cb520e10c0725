"""Out of file descriptors: what needs one raises and loses nothing, a listener waits."""

from __future__ import annotations

import pytest
from child import check_child

#: Everything that opens a descriptor, and what it needs: `make(base)` gives the call.
SCARCE = """
import errno, os, resource, socket, sys
from libevent_py import *
from libevent_py import lib

server = socket.create_server(("127.0.0.1", 0))
file = open(sys.executable, "rb")

def connect(base):
    bev = BufferEvent(base)
    return lambda: bev.connect(server.getsockname())

def connect_hostname(base):
    bev = BufferEvent(base)
    return lambda: bev.connect_hostname("127.0.0.1", 1)

def listener(base):
    return lambda: Listener(base, ("127.0.0.1", 0), print).close()

def unix_listener(base):
    return lambda: Listener(base, "unix:@libevent_py " + str(os.getpid()), print).close()

def add_file(base):
    buffer = Buffer()
    return lambda: buffer.add_file(file, 0, 100)

def file_segment(base):
    return lambda: FileSegment(file, 0, 100).close()

def borrowed_base(base):
    native = lib.event_base_new()
    def borrow():
        EventBase.from_pointer(native).close()
    borrow.free = lambda: lib.event_base_free(native)
    return borrow

MAKERS = [connect, connect_hostname, listener, unix_listener, add_file, file_segment, borrowed_base]
"""


def test_what_needs_a_descriptor_raises() -> None:
    """With 0, 1, 2… free ones: OSError with EMFILE until there are enough; nothing stays open for it."""
    printed = check_child(
        SCARCE
        + """
EventBase().close()  # what is opened once
base = EventBase()
spare = [os.dup(0) for _ in range(12)]  # the first to be freed
resource.setrlimit(resource.RLIMIT_NOFILE, (max(spare) + 40, max(spare) + 40))
for make in MAKERS:
    call = make(base)
    held = []
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    worked = []
    for free in range(12):
        before = os.listdir("/proc/self/fd") if free else None
        try:
            call()
            worked.append(True)
            break
        except OSError as error:
            assert error.errno == errno.EMFILE, error
            worked.append(False)
            assert before is None or os.listdir("/proc/self/fd") == before, make.__name__
        os.close(held.pop())
    print(make.__name__, worked)
    assert worked[0] is False and worked[-1] is True
    for fd in held:
        os.close(fd)
    getattr(call, "free", lambda: None)()
base.close()
"""
    )
    assert len(printed.splitlines()) == 7


def test_what_needs_no_descriptor_works() -> None:
    """With none free: traffic, timers, signals, wake-ups, half-close and close go on."""
    printed = check_child(
        """
        import os, resource, signal, socket, threading
        from libevent_py import *

        near, far = socket.socketpair()
        base = EventBase()
        held = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        try:
            while True:
                held.append(os.dup(0))
        except OSError:
            pass
        seen = []
        bev = BufferEvent(base, near)
        def answer(bev, data):
            seen.append(data)
            bev.write(data)
            bev.shutdown_write()

        bev.set_callbacks(on_data=answer)
        bev.enable(EventFlags.READ)
        one, other = BufferEventPair(base)
        other.set_callbacks(on_data=lambda bev, data: seen.append(data))
        other.enable(EventFlags.READ)
        one.write(b"pair")
        term = Signal(base, signal.SIGTERM, lambda event: seen.append("signal"))
        Timer(base, 0.01, lambda timer: (os.kill(os.getpid(), signal.SIGTERM), seen.append("timer")))
        thread = threading.Thread(target=base.call_soon_threadsafe, args=(seen.append, "call"))
        Timer(base, 0.02, lambda timer: thread.start())
        far.send(b"data")
        guard = Timer(base, 10, lambda timer: base.loopbreak())
        while len(seen) < 5 and guard.pending:
            base.loop(LoopFlags.ONCE)
        thread.join()
        assert set(seen) == {b"data", b"pair", "signal", "timer", "call"}, seen
        far.settimeout(5)
        assert (far.recv(100), far.recv(100)) == (b"data", b"")
        base.close()
        print("ok")
        """
    )
    assert printed == "ok\n"


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_listener_waits(kind: str) -> None:
    """Out of descriptors it costs next to no CPU, and recovers by itself, time after time."""
    printed = check_child(
        """
        import errno, os, resource, socket, sys, time
        from libevent_py import *

        base = EventBase()
        errors, accepted = [], []
        listener = Listener(
            base,
            ("127.0.0.1", 0) if sys.argv[1] == "tcp" else f"unix:@libevent_py test {os.getpid()}",
            lambda listener, sock, address: (accepted.append(sock), base.loopbreak()),
            on_error=lambda listener, error: (errors.append(error.errno), base.loopbreak()),
        )

        def dispatch():
            guard = Timer(base, 10, lambda timer: sys.exit("nothing happened"))
            base.dispatch()
            guard.close()

        def connect():
            client = socket.socket(socket.AF_INET if sys.argv[1] == "tcp" else socket.AF_UNIX)
            client.connect(listener.address)
            return client

        connect().close()
        dispatch()
        accepted.pop().close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        for cycle in range(2):
            client = connect()
            held = []
            try:
                while True:
                    held.append(os.dup(0))
            except OSError:
                pass
            dispatch()  # until it notices
            began, spent = time.monotonic(), time.process_time()
            dispatch()  # until it notices again
            lasted, spent = time.monotonic() - began, time.process_time() - spent
            assert spent < 0.05 * lasted, (spent, lasted)
            assert errors == [errno.EMFILE] * 2 and not accepted, (errors, accepted)
            errors.clear()
            for fd in held:
                os.close(fd)
            dispatch()
            assert len(accepted) == 1 and not errors
            accepted.pop().close()
            client.close()
        base.close()
        print("ok")
        """,
        kind,
    )
    assert printed == "ok\n"
