"""Raising, closing and dropping in every callback of every kind of bufferevent."""

from __future__ import annotations

import pytest
from child import check_child

CODE = """
    import gc, os, socket, sys, time
    from libevent_py import *

    kind, callback, *deeds = sys.argv[1:]
    READ, WRITE = EventFlags.READ, EventFlags.WRITE

    class Mine(Exception):
        pass

    def make(base):
        if kind == "pair":
            return tuple(BufferEventPair(base))
        ours = [BufferEvent(base, sock) for sock in socket.socketpair()]
        if kind == "filter":
            return tuple(FilterBufferEvent(bev, lambda d, m: d, lambda d, m: d) for bev in ours)
        if kind == "limited":
            group = RateLimitGroup(base, RateLimit(read=100_000, tick=0.01))
            for bev in ours:
                bev.set_rate_limit(RateLimit(write=100_000, tick=0.01))
                bev.join_group(group)
        return tuple(ours)

    def run(deed):
        base = EventBase()
        one, other = make(base)
        raised = 0
        calls = []

        def act(bev, *rest):
            nonlocal one, other
            calls.append(1)
            if deed == "raise" and len(calls) == 1:
                raise Mine
            if deed == "interrupt" and len(calls) == 1:
                raise KeyboardInterrupt
            if deed == "close":
                bev.close()
            if deed == "close both":
                one.close()
                other.close()
            if deed == "close base":
                base.close()
            if deed == "drop":
                one = other = bev = None
                gc.collect()
            if deed == "end":
                bev.close_when_flushed(0.05)

        ignore = lambda *rest: None
        for bev in (one, other):
            how = dict(on_data=ignore, on_write=ignore, on_event=ignore)
            if callback == "on_read":
                del how["on_data"]
            if callback in ("on_pause", "on_resume"):
                bev.set_output_limit(20_000, 10_000, **{callback: act})
            else:
                how[callback] = act
            bev.set_callbacks(**how)
            bev.enable(READ)
        bev = None

        def step(function, *arguments):
            nonlocal raised
            try:
                function(*arguments)
            except (Mine, KeyboardInterrupt):
                raised += 1
            except (ClosedError, BrokenPipeError):
                pass

        if callback in ("on_pause", "on_resume"):
            step(other.disable, READ)
        for _ in range(40):
            if one is not None:
                step(one.write, b"x" * 20_000)
        step(base.loop, LoopFlags.NONBLOCK)
        if other is not None:
            step(other.enable, READ)
        for turn in range(400):
            step(base.loop, LoopFlags.NONBLOCK)
            if calls and turn > 5:
                break
            if callback == "on_event" and turn == 3:
                other.close()
            time.sleep(0.002)
        for _ in range(4):
            step(base.loop, LoopFlags.NONBLOCK)
        assert calls, "the callback never came"
        assert raised == (deed in ("raise", "interrupt")), raised
        base.close()

    run(deeds[0])
    gc.collect()
    before = os.listdir("/proc/self/fd")
    for deed in deeds:
        print(deed, flush=True)
        run(deed)
        gc.collect()
        assert os.listdir("/proc/self/fd") == before
"""


DEEDS = ["raise", "interrupt", "close", "close both", "close base", "drop", "end"]


@pytest.mark.parametrize("callback", ["on_data", "on_read", "on_write", "on_event", "on_pause", "on_resume"])
@pytest.mark.parametrize("kind", ["socket", "pair", "filter", "limited"])
def test_nothing_crashes_or_leaks(kind: str, callback: str) -> None:
    """What was raised comes out once; no descriptor is left."""
    assert check_child(CODE, kind, callback, *DEEDS).splitlines() == DEEDS
