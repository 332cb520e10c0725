"""Raw calls: events, the macros that are functions here, and the substitutes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import libevent_py
from libevent_py import ffi, lib


@pytest.fixture
def base() -> Iterator[Any]:
    """A fresh event_base."""
    made = lib.event_base_new()
    assert made != ffi.NULL
    yield made
    lib.event_base_free(made)


@pytest.fixture
def buffer() -> Iterator[Any]:
    """A fresh evbuffer."""
    made = lib.evbuffer_new()
    yield made
    lib.evbuffer_free(made)


def timeval(seconds: float) -> Any:
    """A ``struct timeval`` of that many seconds."""
    whole = int(seconds)
    return ffi.new("struct timeval *", (whole, round((seconds - whole) * 1_000_000)))


def content(buffer: Any) -> bytes:
    """All that *buffer* holds, taken out of it."""
    length = lib.evbuffer_get_length(buffer)
    room = ffi.new("char []", length)
    assert lib.evbuffer_remove(buffer, room, length) == length
    return bytes(ffi.buffer(room, length))


def test_versions_agree() -> None:
    """The headers' version and the linked library's are one."""
    assert ffi.string(lib.LIBEVENT_VERSION) == ffi.string(lib.event_get_version())
    assert lib.event_get_version_number() == lib.LIBEVENT_VERSION_NUMBER >= 0x02010C00


def test_an_event_runs(base: Any) -> None:
    """A pipe that becomes readable runs its callback in the loop."""
    seen = []

    @ffi.callback("event_callback_fn")
    def on_read(fd: int, what: int, arg: Any) -> None:
        seen.append((os.read(fd, 10), what, ffi.from_handle(arg)))

    reader, writer = os.pipe()
    handle = ffi.new_handle("mine")
    event = lib.event_new(base, reader, lib.EV_READ, on_read, handle)
    assert lib.event_add(event, ffi.NULL) == 0
    os.write(writer, b"ping")
    assert lib.event_base_dispatch(base) == 1
    assert seen == [(b"ping", lib.EV_READ, "mine")]
    lib.event_free(event)
    os.close(reader)
    os.close(writer)


def test_evtimer_macros(base: Any) -> None:
    """The evtimer macros make, add, test and delete a timer."""
    fired = []

    @ffi.callback("event_callback_fn")
    def on_time(fd: int, what: int, arg: Any) -> None:
        fired.append((fd, what))

    timer = lib.evtimer_new(base, on_time, ffi.NULL)
    assert lib.evtimer_initialized(timer)
    assert not lib.evtimer_pending(timer, ffi.NULL)
    assert lib.evtimer_add(timer, timeval(60)) == 0
    assert lib.evtimer_pending(timer, ffi.NULL)
    assert lib.evtimer_del(timer) == 0
    assert lib.event_base_dispatch(base) == 1
    assert fired == []
    assert lib.evtimer_add(timer, timeval(0)) == 0
    assert lib.event_base_dispatch(base) == 1
    assert fired == [(-1, lib.EV_TIMEOUT)]
    lib.event_free(timer)


def test_evtimer_assign_in_our_own_memory(base: Any) -> None:
    """event_assign and its macros work in memory of event_get_struct_event_size bytes."""
    fired = []

    @ffi.callback("event_callback_fn")
    def on_time(fd: int, what: int, arg: Any) -> None:
        fired.append(what)

    memory = ffi.new("char []", lib.event_get_struct_event_size())
    event = ffi.cast("struct event *", memory)
    assert lib.evtimer_assign(event, base, on_time, ffi.NULL) == 0
    assert lib.evtimer_add(event, timeval(0)) == 0
    lib.event_base_dispatch(base)
    assert fired == [lib.EV_TIMEOUT]


def test_evsignal_macros(base: Any) -> None:
    """The evsignal macros know their signal, and event_active delivers it."""
    fired = []

    @ffi.callback("event_callback_fn")
    def on_signal(signum: int, what: int, arg: Any) -> None:
        fired.append((signum, what))

    event = lib.evsignal_new(base, 10, on_signal, ffi.NULL)
    assert lib.evsignal_initialized(event)
    assert lib.event_get_signal(event) == 10
    assert lib.evsignal_add(event, ffi.NULL) == 0
    assert lib.evsignal_pending(event, ffi.NULL)
    lib.event_active(event, lib.EV_SIGNAL, 1)
    assert lib.event_base_loop(base, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK) == 0
    assert fired == [(10, lib.EV_SIGNAL)]
    assert lib.evsignal_del(event) == 0
    memory = ffi.new("char []", lib.event_get_struct_event_size())
    assigned = ffi.cast("struct event *", memory)
    assert lib.evsignal_assign(assigned, base, 12, on_signal, ffi.NULL) == 0
    assert lib.event_get_signal(assigned) == 12
    lib.event_free(event)


def test_evuser_macros(base: Any) -> None:
    """A user event runs when triggered, and at no other time."""
    fired = []

    @ffi.callback("event_callback_fn")
    def on_user(fd: int, what: int, arg: Any) -> None:
        fired.append(what)

    event = lib.evuser_new(base, on_user, ffi.NULL)
    assert lib.evuser_initialized(event)
    assert not lib.evuser_pending(event, ffi.NULL)
    lib.evuser_trigger(event)
    lib.event_base_loop(base, lib.EVLOOP_NONBLOCK)
    assert fired == [0]
    assert lib.evuser_del(event) == 0
    lib.event_free(event)


def test_socket_error_macros() -> None:
    """The socket error macros read and write errno, which is ffi.errno."""
    lib.EVUTIL_SET_SOCKET_ERROR(errno.ECONNREFUSED)
    assert ffi.errno == errno.ECONNREFUSED
    assert lib.EVUTIL_SOCKET_ERROR() == errno.ECONNREFUSED
    assert lib.evutil_socket_geterror(-1) == errno.ECONNREFUSED
    text = ffi.string(lib.evutil_socket_error_to_string(errno.ECONNREFUSED)).decode()
    assert text == os.strerror(errno.ECONNREFUSED)


def test_closesocket_macro() -> None:
    """EVUTIL_CLOSESOCKET closes, and closing again fails with EBADF."""
    reader, writer = os.pipe()
    os.close(writer)
    assert lib.EVUTIL_CLOSESOCKET(reader) == 0
    assert lib.EVUTIL_CLOSESOCKET(reader) == -1
    assert ffi.errno == errno.EBADF


def test_time_macros() -> None:
    """Times add, subtract, clear, compare and tell whether they are set."""
    left, right, result = timeval(1.75), timeval(0.5), timeval(0)
    assert not lib.evutil_timerisset(result)
    lib.evutil_timeradd(left, right, result)
    assert (result.tv_sec, result.tv_usec) == (2, 250_000)
    lib.evutil_timersub(left, right, result)
    assert (result.tv_sec, result.tv_usec) == (1, 250_000)
    assert lib.evutil_timerisset(result)
    assert lib.lepy_evutil_timercmp(left, right) == 1
    assert lib.lepy_evutil_timercmp(right, left) == -1
    assert lib.lepy_evutil_timercmp(left, left) == 0
    lib.evutil_timerclear(result)
    assert not lib.evutil_timerisset(result)


def test_gettimeofday_macro() -> None:
    """evutil_gettimeofday is the system's clock."""
    now = timeval(0)
    before = int(time.time())
    assert lib.evutil_gettimeofday(now, ffi.NULL) == 0
    assert before <= now.tv_sec <= time.time()


def test_date_takes_a_struct_tm() -> None:
    """A ``struct tm`` made in Python reaches C."""
    room = ffi.new("char [64]")
    when = ffi.new("struct tm *", {"tm_year": 94, "tm_mon": 10, "tm_mday": 6, "tm_hour": 8, "tm_min": 49})
    lib.evutil_date_rfc1123(room, len(room), when)
    assert ffi.string(room) == b"Sun, 06 Nov 1994 08:49:00 GMT"


@pytest.mark.parametrize("function", ["evbuffer_add_printf", "lepy_evbuffer_add_vprintf"])
def test_printf_into_a_buffer(buffer: Any, function: str) -> None:
    """Both ways to print into a buffer format typed arguments, and return the length."""
    word = ffi.new("char []", b"five")
    added = getattr(lib, function)(buffer, b"%s=%d %5.2f", word, ffi.cast("int", 5), ffi.cast("double", 2.5))
    assert added == len(b"five=5  2.50")
    assert content(buffer) == b"five=5  2.50"


@pytest.mark.parametrize("function", ["evutil_snprintf", "lepy_evutil_vsnprintf"])
def test_snprintf_always_ends_the_string(function: str) -> None:
    """Both ways to print into memory cut to size, end with NUL and tell the full length."""
    room = ffi.new("char [4]")
    assert getattr(lib, function)(room, 4, b"%ld!", ffi.cast("long", 12345)) == 6
    assert ffi.string(room) == b"123"


def test_the_raw_walk_ends_well() -> None:
    """The example that goes through the raw calls one by one finds all as it expects."""
    example = Path(__file__).resolve().parents[2] / "examples" / "raw_walk.py"
    if not example.exists():
        pytest.skip("the examples are not here")
    done = subprocess.run(
        [sys.executable, str(example)],
        env={**os.environ, "PYTHONPATH": str(Path(libevent_py.__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("event_base_free; done\n")
