"""libevent's locks and its debug mode, which the import turns on."""

from __future__ import annotations

import signal

import pytest
from child import check_child, run_child

DEBUG = {"LIBEVENT_PY_DEBUG": "1"}

# C's rule is that a pending event must not be assigned again.
MISUSE = """
    from libevent_py import ffi, lib

    @ffi.callback("void(evutil_socket_t, short, void *)")
    def callback(fd, what, arg):
        pass

    base = lib.event_base_new()
    event = lib.event_new(base, -1, 0, callback, ffi.NULL)
    lib.event_add(event, ffi.new("struct timeval *", (10, 0)))
    print(lib.event_assign(event, base, -1, 0, callback, ffi.NULL), flush=True)
    import os
    os._exit(0)
    """

BLOCKING = """
    import os
    from libevent_py import Event, EventBase, EventFlags

    reader, writer = os.pipe()
    with EventBase() as base:
        try:
            Event(base, reader, EventFlags.READ, print)
        except ValueError as error:
            print(error)
        os.set_blocking(reader, False)
        with Event(base, reader, EventFlags.READ, print) as event:
            event.add()
    """


def test_debug_mode_aborts_on_misuse() -> None:
    """With LIBEVENT_PY_DEBUG libevent notices a mistake in raw C calls and aborts, without it not."""
    done = run_child(MISUSE, env=DEBUG)
    assert (done.returncode, done.stdout) == (-signal.SIGABRT, "")
    assert "event_debug_assert_not_added_" in done.stderr


@pytest.mark.parametrize("value", ["", "0"])
def test_debug_mode_is_off_by_default(value: str) -> None:
    """The same mistake goes unnoticed with the variable empty or 0."""
    assert check_child(MISUSE, env={"LIBEVENT_PY_DEBUG": value}) == "0\n"


def test_debug_mode_refuses_blocking_descriptors() -> None:
    """An Event on one is a ValueError that says what to do, where libevent itself would abort."""
    assert "os.set_blocking(fd, False)" in check_child(BLOCKING, env=DEBUG)
    assert check_child(BLOCKING, env={"LIBEVENT_PY_DEBUG": ""}) == ""


def test_the_resolver_is_right_in_debug_mode() -> None:
    """connect_hostname's own pipe does not block."""
    code = """
        from libevent_py import BufferEvent, EventBase

        with EventBase() as base:
            bev = BufferEvent(base)
            told = []
            bev.set_callbacks(on_event=lambda bev, what: (told.append(what), base.loopbreak()))
            bev.connect_hostname("127.0.0.1", 1)
            base.dispatch()
            print(len(told))
        """
    assert check_child(code, env=DEBUG) == "1\n"
