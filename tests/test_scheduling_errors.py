"""Scheduled calls that raise, Ctrl-C among them, and bases that are dropped."""

from __future__ import annotations

import gc
import sys
import time
import weakref

import pytest
from child import check_child
from schedules import drives

from libevent_py import EventBase, LoopFlags, Timer, lib


@pytest.mark.parametrize("priorities", [1, 3])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_an_exception_comes_out_and_the_rest_is_kept(priorities: int, error: type[BaseException]) -> None:
    """dispatch() raises it; what else was due is made by the next call, each once and in order."""
    with EventBase(priorities=priorities) as base:
        made: list[int] = []

        def fail() -> None:
            made.append(-1)
            raise error

        for n in range(3):
            base.call_soon(made.append, n)
            base.call_soon(fail)
        base.call_at(0, fail)
        base.call_at(1, made.append, 3)
        for _ in range(4):
            with pytest.raises(error):
                base.dispatch()
        assert base.dispatch() is True
        assert sorted(made) == [-1, -1, -1, -1, 0, 1, 2, 3]
        assert [n for n in made if n >= 0] == sorted(n for n in made if n >= 0)


@pytest.mark.parametrize("priorities", [1, 3])
def test_on_error_takes_it(priorities: int) -> None:
    """The loop goes on with the next call."""
    errors: list[Exception] = []
    made: list[int] = []
    with EventBase(priorities=priorities, on_error=errors.append) as base:
        base.call_soon(lambda: 1 / 0)
        base.call_soon(made.append, 1)
        base.call_later(0, lambda: 1 / 0)
        base.call_later(0, made.append, 2)
        assert base.dispatch() is True
    assert made == [1, 2]
    assert [type(error) for error in errors] == [ZeroDivisionError] * 2


def test_an_error_in_a_native_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to sys.excepthook, and the rest is made."""
    errors: list[type] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, traceback: errors.append(kind))
    made: list[int] = []
    with EventBase() as base:
        base.call_soon(lambda: 1 / 0)
        base.call_soon(made.append, 1)
        base.call_later(0, lambda: 1 / 0)
        base.call_later(0, made.append, 2)
        assert lib.event_base_dispatch(base.pointer) == 1
    assert made == [1, 2]
    assert errors == [ZeroDivisionError] * 2


@pytest.mark.parametrize("kind", list(drives))
def test_an_on_error_that_raises(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exception comes out, and is not given to it once more; the other calls are made."""
    told: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, traceback: told.append(kind))
    got: list[type[BaseException]] = []

    def on_error(error: Exception) -> None:
        got.append(type(error))
        raise LookupError

    made: list[int] = []
    with drives[kind]() as (base, dispatch):
        base._delivery.on_error = on_error
        base.call_soon(lambda: 1 // 0)
        base.call_soon(made.append, 1)
        try:
            dispatch()
        except LookupError:
            told.append(LookupError)
        dispatch()
    assert (got, told, made) == ([ZeroDivisionError], [LookupError], [1])


def test_a_dropped_base_warns() -> None:
    """Calls do not keep their base; dropping it is told, and cancels them."""
    base = EventBase()
    seen = weakref.ref(base)
    calls = [base.call_soon(print), base.call_later(60, print)]
    with pytest.warns(ResourceWarning, match="unclosed <EventBase"):
        del base
        gc.collect()
    assert seen() is None
    assert [call.cancelled() for call in calls] == [True, True]


def test_a_cycle_through_a_call_is_collected() -> None:
    """A call that refers to its own base goes with it."""
    base = EventBase()
    seen = weakref.ref(base)
    base.call_later(60, base.call_soon, print)
    with pytest.warns(ResourceWarning, match="unclosed <EventBase"):
        del base
        gc.collect()
    assert seen() is None


def test_a_nested_loop_of_the_raw_layer(base: EventBase) -> None:
    """event_base_loop in a call neither loses nor repeats the others."""
    made: list[int] = []

    def nested() -> None:
        base.call_later(0, made.append, 3)
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)

    base.call_soon(made.append, 1)
    base.call_soon(nested)
    base.call_soon(made.append, 2)
    base.dispatch()
    assert made == [1, 2, 3]


def test_half_the_calls_by_each_kind_of_loop(base: EventBase) -> None:
    """Whoever runs the loop next makes what the other one left."""
    made: list[int] = []
    for n in range(6):
        base.call_soon(made.append, n)
        base.call_soon(base.loopbreak)
    for n in range(3):
        assert base.loop() is False
        lib.event_base_loop(base.pointer, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)
        assert made == list(range(2 * n + 2))
    assert base.loop(LoopFlags.NONBLOCK) is True


def test_what_python_leaves_a_native_loop_makes(base: EventBase) -> None:
    """Also what was scheduled in Python's loop, which has told libevent nothing of it yet."""
    made: list[str] = []

    def schedule(timer: Timer) -> None:
        base.call_later(0.001, made.append, "later")
        base.call_soon(made.append, "soon")
        base.loopbreak()

    Timer(base, 0, schedule)
    assert base.dispatch() is False
    assert made == []
    assert lib.event_base_dispatch(base.pointer) == 1
    assert made == ["soon", "later"]


def test_what_python_cancels_a_native_loop_does_not_wait_for(base: EventBase) -> None:
    """libevent's timer goes with the last call that needs it."""
    call = base.call_later(60, print)
    base.call_later(0.001, base.call_soon, lambda: (call.cancel(), base.loopbreak()))
    assert base.dispatch() is False
    started = time.monotonic()
    assert lib.event_base_dispatch(base.pointer) == 1
    assert time.monotonic() - started < 30


STORM = """
    import os, signal, sys, time, traceback
    from libevent_py import EventBase

    is_default = sys.argv[1] == "default"
    sys.unraisablehook = lambda info: None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    base = EventBase(priorities=int(sys.argv[2]))
    sender = os.fork()
    if not sender:
        parent = os.getppid()
        while os.getppid() == parent:
            os.kill(parent, signal.SIGINT)
            time.sleep(0.0007)
        os._exit(0)

    raised = []

    def interrupt(number, frame):
        if base.running:  # nowhere else does this program expect it
            raised.append(number)
            raise KeyboardInterrupt

    made = []

    def call(n):
        made.append(n)

    def block():
        '''No more interrupts; pthread_sigmask itself raises one that came before.'''
        while True:
            try:
                return signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            except KeyboardInterrupt:
                pass

    def one_loop():
        '''Whether an interrupt came out, and whether it struck a call.'''
        try:
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
                base.dispatch()
            finally:
                block()
        except KeyboardInterrupt as error:
            block()  # it may have struck before the other one did
            codes = []
            while error is not None:  # one interrupt may strike while another is on its way out
                codes += [frame.f_code for frame, line in traceback.walk_tb(error.__traceback__)]
                error = error.__context__
            return True, call.__code__ in codes
        return False, False

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler if is_default else interrupt)
    number = interrupts = struck = 0
    end = time.monotonic() + 1
    while time.monotonic() < end:
        for _ in range(20):
            base.call_soon(call, number)
            number += 1
            base.call_at(time.monotonic() - 1, call, number)
            number += 1
            base.call_later(60, call, -1).cancel()
        interrupted = True
        while interrupted:
            interrupted, in_call = one_loop()
            interrupts += interrupted
            struck += in_call
    os.kill(sender, signal.SIGKILL)
    os.waitpid(sender, 0)
    base.dispatch()
    assert interrupts > 20, interrupts
    assert len(made) > 100
    assert len(set(made)) == len(made), "a call was made twice"
    # An interrupt can cut the call off that it strikes, and no other.
    lost = number - len(made)
    assert lost <= (struck if is_default else len(raised)), (lost, struck, len(raised))
    base.close()
    print("ok")
"""


@pytest.mark.parametrize("priorities", [1, 3])
@pytest.mark.parametrize(
    "handler",
    [
        "own",
        pytest.param(
            "default",
            marks=pytest.mark.skipif(
                sys.implementation.name == "pypy", reason="a handler runs some bytecodes after its signal"
            ),
        ),
    ],
)
def test_a_storm_of_interrupts(handler: str, priorities: int) -> None:
    """Each call is made once; Python's own Ctrl-C loses none, a handler that raises the one it strikes."""
    assert check_child(STORM, handler, str(priorities), timeout=40) == "ok\n"
