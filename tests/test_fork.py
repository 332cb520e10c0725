"""A forked child and the event_base that it inherits: refused until reinit(), harmless to the parent."""

from __future__ import annotations

import pytest
from forking import BACKENDS, check_forking

every_backend = pytest.mark.parametrize("env", BACKENDS.values(), ids=BACKENDS.keys())


def test_every_use_is_refused() -> None:
    """ForkError, saying what to do, from each method; what only tells of Python's side works."""
    check_forking(
        """
        end, other = socket.socketpair()
        bev = BufferEvent(base, end)
        timer = Timer(base, 100, print)
        listener = Listener(base, ("127.0.0.1", 0), print)
        sig = Signal(base, signal.SIGUSR1, print)
        uses = {
            "loop": base.loop, "dispatch": base.dispatch, "loopexit": base.loopexit,
            "delayed loopexit": lambda: base.loopexit(1), "loopbreak": base.loopbreak,
            "loopcontinue": base.loopcontinue, "pointer": lambda: base.pointer,
            "Timer": lambda: Timer(base, 1, print), "Event": lambda: Event(base, peer, READ, print),
            "Signal": lambda: Signal(base, signal.SIGUSR2, print),
            "BufferEvent": lambda: BufferEvent(base), "Pair": lambda: BufferEventPair(base),
            "Listener": lambda: Listener(base, ("127.0.0.1", 0), print),
            "Filter": lambda: FilterBufferEvent(bev),
            "add": event.add, "remove": event.remove, "active": event.active,
            "pending": lambda: event.pending,
            "write": lambda: bev.write(b"x"), "read": bev.read, "enable": lambda: bev.enable(READ),
            "call_soon": lambda: base.call_soon(print), "call_later": lambda: base.call_later(1, print),
            "threadsafe": lambda: base.call_soon_threadsafe(print), "input": lambda: bev.input,
            "listener": listener.disable, "signal": sig.remove,
        }
        for name, use in uses.items():
            said = in_child(use)
            assert said.startswith("ForkError: this EventBase comes from the parent"), (name, said)
            assert "reinit()" in said
        told = in_child(lambda: (base.closed, base.running, base.method, repr(base), repr(event)))
        assert told.startswith("(False, False")
        still_works()
        """
    )


@every_backend
def test_reinit(env: dict[str, str]) -> None:
    """After reinit() all that was pending is pending in both processes, and each wakes only itself."""
    check_forking(
        """
        def child():
            base.reinit()
            ticks = []
            Timer(base, 0.001, ticks.append)
            Timer(base, 0.01, lambda timer: base.loopbreak())
            base.dispatch()
            assert len(ticks) == 1
            event.close()
            mine, there = socket.socketpair()
            got = []
            watched = Event(base, mine, READ, lambda event, what: got.append(what))
            watched.add()
            there.send(b"x")
            timer.close()
            assert base.dispatch() is True
            assert got == [READ]
            base.close()
            return "fine"

        timer = Timer(base, 100, print)
        for _ in range(3):
            assert in_child(child) == "fine"
            still_works()
        base.reinit()  # without a fork it is harmless
        still_works()
        """,
        env,
    )


@every_backend
def test_a_grandchild(env: dict[str, str]) -> None:
    """Each generation has to reinit."""
    check_forking(
        """
        def grandchild():
            try:
                base.loop()
            except ForkError:
                base.reinit()
            still_works()
            return "grand"

        def child():
            base.reinit()
            said = in_child(grandchild)
            still_works()
            return said

        assert in_child(child) == "grand"
        still_works()
        """,
        env,
    )


@every_backend
def test_a_descriptor_that_the_child_closed(env: dict[str, str]) -> None:
    """reinit() says EBADF, and the base works without it, wake-ups by other threads included."""
    check_forking(
        """
        def child():
            peer.close()
            ours.close()
            try:
                base.reinit()
            except OSError as error:
                said = f"{error.errno}"
            poke = Event(base, None, EventFlags(0), lambda event, what: base.loopbreak())
            late = Timer(base, 8, print)
            thread = threading.Timer(0.05, poke.active)
            thread.start()
            started = time.monotonic()
            base.dispatch()
            assert time.monotonic() - started < 5  # not by the timer, that is
            late.close()
            thread.join()
            assert not event.pending
            event.close()
            return said

        assert in_child(child) == "9"
        still_works()
        """,
        env,
    )


def test_too_few_descriptors() -> None:
    """reinit() raises EMFILE where libevent would end the process, and can be called again."""
    check_forking(
        """
        def child():
            import resource
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                base.reinit()
            except OSError as error:
                said = error.errno
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            base.reinit()
            still_works()
            return said

        assert in_child(child) == "24"
        still_works()
        """
    )


@every_backend
@pytest.mark.parametrize(
    "how",
    [
        "base.close()",
        "event.close(); listener.close(); bev.close(); sig.close()",
        "del event, listener, bev, sig; base = None; gc.collect(); gc.collect()",
    ],
)
def test_closing_in_the_child(how: str, env: dict[str, str]) -> None:
    """The child's copies are closed, and the parent feels nothing."""
    check_forking(
        f"""
        end, other = socket.socketpair()
        bev = BufferEvent(base, end)
        got = []
        bev.set_callbacks(on_data=lambda bev, data: (got.append(data), base.loopbreak()))
        bev.enable(READ)
        listener = Listener(base, ("127.0.0.1", 0), lambda *args: (got.append(args), base.loopbreak()))
        sig = Signal(base, signal.SIGUSR1, lambda sig: (got.append("signal"), base.loopbreak()))
        number = bev.fileno()

        def child():
            global base, event, listener, bev, sig, ours
            {how}
            if base is not None:
                try:
                    base.loop() if not base.closed else None
                except ForkError:
                    pass
                base.close()
            try:
                os.fstat(number)
            except OSError:
                return "closed"

        assert in_child(child) == "closed"
        still_works()
        other.send(b"y")
        base.dispatch()
        assert got == [b"y"]
        os.kill(os.getpid(), signal.SIGUSR1)
        base.dispatch()
        assert got == [b"y", "signal"]
        client = socket.create_connection(listener.address)
        base.dispatch()
        assert len(got) == 3
        got[2][1].close()
        client.close()
        """,
        env,
    )


@every_backend
def test_signals(env: dict[str, str]) -> None:
    """A child's signals are its own: the handler before the Signal's, and after reinit() its own Signal."""
    check_forking(
        """
        handled, told = [], []
        signal.signal(signal.SIGUSR1, lambda *args: handled.append(args))
        one = Signal(base, signal.SIGUSR1, lambda sig: told.append(os.getpid()))
        two = Signal(base, signal.SIGTERM, print)

        def before():
            os.kill(os.getpid(), signal.SIGUSR1)
            return f"{len(handled)} {len(told)}"

        def after():
            base.reinit()
            os.kill(os.getpid(), signal.SIGUSR1)
            Timer(base, 0.02, lambda timer: base.loopbreak())
            base.dispatch()
            assert told == [os.getpid()]
            one.close()
            os.kill(os.getpid(), signal.SIGUSR1)
            return f"{len(handled)} {len(told)}"

        assert in_child(before) == "1 0"
        assert in_child(after) == "1 1"
        assert in_child(lambda: os.kill(os.getpid(), signal.SIGTERM)) == "died: 15"
        Timer(base, 0.05, lambda timer: base.loopbreak())
        base.dispatch()
        assert told == []
        os.kill(os.getpid(), signal.SIGUSR1)
        base.loop(LoopFlags.ONCE)
        assert told == [os.getpid()] and handled == []
        """,
        env,
    )
