"""Ctrl-C at any moment: each interrupt is raised, and no record is lost by it."""

from __future__ import annotations

import sys

import pytest
from child import check_child

STORM = """
    import os, signal, socket, time, traceback
    from libevent_py import BufferEvent, EventBase, EventFlags, LoopFlags

    def block():
        '''No more interrupts; pthread_sigmask itself raises one that came before.'''
        while True:
            try:
                return signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            except KeyboardInterrupt:
                pass

    base = EventBase()
    pairs = [socket.socketpair() for _ in range(20)]
    got = {}

    def take(bev, data):
        got[bev] += data

    for ours, peer in pairs:
        bev = BufferEvent(base, ours)
        got[bev] = b""
        bev.set_callbacks(on_data=take)
        bev.enable(EventFlags.READ)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    sender = os.fork()
    if not sender:
        parent = os.getppid()
        while os.getppid() == parent:
            os.kill(parent, signal.SIGINT)
            time.sleep(0.0007)
        os._exit(0)

    def one_loop():
        '''Whether an interrupt came out, and whether it struck the callback.'''
        try:
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
                base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
            finally:
                block()
        except KeyboardInterrupt as error:
            block()  # it may have struck before the other one did
            codes = []
            while error is not None:  # one interrupt may strike while another is on its way out
                codes += [frame.f_code for frame, line in traceback.walk_tb(error.__traceback__)]
                error = error.__context__
            return True, take.__code__ in codes
        return False, False

    interrupts = struck = sent = 0
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        for ours, peer in pairs:
            peer.send(b"%08d" % sent)
        sent += 1
        while sum(map(len, got.values())) + 8 * struck < 20 * 8 * sent:
            assert time.monotonic() < end + 5, "bytes are missing"
            interrupted, in_callback = one_loop()
            interrupts += interrupted
            struck += in_callback
    os.kill(sender, signal.SIGKILL)
    os.waitpid(sender, 0)
    signal.sigtimedwait({signal.SIGINT}, 0)  # the last one
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    base.loop(LoopFlags.NONBLOCK)
    for whole in got.values():
        numbers = [int(whole[n : n + 8]) for n in range(0, len(whole), 8)]
        assert numbers == sorted(set(numbers)), "twice, or out of order"
    assert sent > 10 and interrupts > 10, (sent, interrupts)
    missing = 20 * 8 * sent - sum(map(len, got.values()))
    assert 0 <= missing <= 8 * struck, (missing, struck)  # some strike it when it has added
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    base.close()
    print("ok")
"""


@pytest.mark.skipif(
    sys.implementation.name == "pypy",
    reason="PyPy runs a handler some bytecodes after its signal: the program cannot know where one strikes",
)
def test_a_storm_of_interrupts_loses_no_bytes() -> None:
    """Bytes that ride along are lost only by an interrupt that strikes the callback itself."""
    assert check_child(STORM, timeout=40) == "ok\n"


NESTED = """
    import signal, sys, textwrap
    from libevent_py import EventBase, Timer, signals

    code = signals.MainThreadSignals.__enter__.__code__

    TRACE = '''
    def trace(frame, event, argument):
        if frame.f_code is code:
            if event == "call":
                return trace
            if event == "line" and frame.f_lineno - code.co_firstlineno == line:
                sys.settrace(None)
                struck.append(line)
                signal.raise_signal(signal.SIGINT)
            if event == "return":  # a line that it did not come to
                inner.call_soon(inner.loopbreak)
    '''

    # Signals' handlers shall find the package's code above, and not this one's.
    exec(compile(textwrap.dedent(TRACE), signals.__file__, "exec"))

    def inner_loop(timer):
        global inner
        try:
            with EventBase() as inner:
                inner.call_later(60, print)
                sys.settrace(trace)
                inner.dispatch()
        except KeyboardInterrupt:
            interrupted.append(line)
            raise
        finally:
            sys.settrace(None)

    lines = sorted({line - code.co_firstlineno for _, _, line in code.co_lines() if line} - {0})
    struck, interrupted = [], []
    for line in lines:
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"hangs after a Ctrl-C at line {line}"))
        signal.alarm(5)
        try:
            with EventBase() as outer:
                Timer(outer, 0, inner_loop)
                outer.dispatch()
        except KeyboardInterrupt:
            pass
    assert struck == interrupted, (struck, interrupted)
    print(len(struck) > 8)
"""


@pytest.mark.skipif(sys.version_info < (3, 10), reason="code objects tell of their lines since 3.10")
@pytest.mark.skipif(sys.implementation.name == "pypy", reason="the same")
def test_at_the_beginning_of_a_loop_in_a_callback() -> None:
    """An interrupt at any line of loop()'s preparations ends that loop, and not only the one around it."""
    assert check_child(NESTED) == "True\n"
