"""Interpreter exit and fork with live objects."""

from __future__ import annotations

import pytest
from child import check_child, run_child

ALIVE = """
import os, signal, socket, sys, threading, warnings
from libevent_py import Buffer, BufferEvent, Event, EventBase, EventFlags, Listener, Signal, Timer, ffi, lib

base = EventBase()
ours, peer = socket.socketpair()
timer = Timer(base, 100, print)
event = Event(base, peer, EventFlags.READ | EventFlags.PERSIST, lambda event, what: base.loopbreak())
event.add()
idle = Event(base, None, EventFlags(0), print)
listener = Listener(base, ("127.0.0.1", 0), print)
bev = BufferEvent(base, ours)
bev.set_callbacks(on_data=print)
bev.enable(EventFlags.READ)
bev.write(b"x")
handler = Signal(base, signal.SIGUSR1, print)
buffer = Buffer(b"x" * 1000)
"""


def test_a_closed_program_is_silent() -> None:
    """A program that closes what it opened prints not even a ResourceWarning."""
    assert check_child(ALIVE + "\nbase.close(); peer.close()", env={"PYTHONDEVMODE": "1"}) == ""


def test_an_exception_at_exit_keeps_its_code() -> None:
    """An exception out of dispatch() ends the program with 1 and its traceback."""
    done = run_child(
        """
        from libevent_py import EventBase, Timer
        base = EventBase()
        def fail(timer):
            raise ZeroDivisionError("here")
        Timer(base, 0, fail)
        base.dispatch()
        """
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("ZeroDivisionError: here")


@pytest.mark.parametrize(
    "ending", ["os._exit(0)", "sys.exit(0)", "base.close(); os._exit(0)", "raise SystemExit(0)"]
)
def test_a_forked_child_that_only_exits(ending: str) -> None:
    """The parent's events go on firing after a child came and went."""
    printed = check_child(
        ALIVE
        + f"""
warnings.simplefilter("ignore")
pid = os.fork()
if not pid:
    with base:
        {ending}
assert os.waitpid(pid, 0)[1] == 0
ours_fired = []
bev.set_callbacks(on_data=lambda bev, data: (ours_fired.append(data), base.loopbreak()))
peer.recv(1)
peer.send(b"still here")
guard = Timer(base, 5, lambda timer: base.loopbreak())
event.close()
base.dispatch()
assert ours_fired == [b"still here"], ours_fired
accepted = []
listener.close()
with socket.socketpair()[0]:
    pass
other, end = socket.socketpair()
watched = Event(base, other, EventFlags.READ, lambda event, what: (accepted.append(what), base.loopbreak()))
watched.add()
end.send(b"x")
base.dispatch()
assert accepted
base.close()
for sock in (peer, other, end):
    sock.close()
print("ok")
"""
    )
    assert printed == "ok\n"


def test_events_pending_at_fork_fire_in_the_parent() -> None:
    """A descriptor that was watched at the fork, and closed by the child's base.close(), still fires here."""
    printed = check_child(
        """
        import os, socket
        from libevent_py import Event, EventBase, EventFlags, Timer
        base = EventBase()
        ours, peer = socket.socketpair()
        fired = []
        event = Event(base, ours, EventFlags.READ, lambda event, what: fired.append(what))
        event.add()
        pid = os.fork()
        if not pid:
            base.close()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        peer.send(b"x")
        guard = Timer(base, 2, lambda timer: base.loopbreak())
        while not fired and base.running is False and guard.pending:
            base.loop(1)
        assert fired, "the child took the parent's registration away"
        base.close()
        print("ok")
        """
    )
    assert printed == "ok\n"


def test_a_child_with_a_base_of_its_own() -> None:
    """A new base in the child works, and leaves the parent's alone."""
    printed = check_child(
        """
        import os, socket
        from libevent_py import Event, EventBase, EventFlags, Timer
        base = EventBase()
        ours, peer = socket.socketpair()
        fired = []
        event = Event(base, ours, EventFlags.READ, lambda event, what: fired.append(what))
        event.add()
        pid = os.fork()
        if not pid:
            with EventBase() as mine:
                done = []
                Timer(mine, 0, done.append)
                mine.dispatch()
            os._exit(0 if done else 1)
        assert os.waitpid(pid, 0)[1] == 0
        peer.send(b"x")
        base.dispatch()
        assert fired
        base.close()
        print("ok")
        """
    )
    assert printed == "ok\n"
