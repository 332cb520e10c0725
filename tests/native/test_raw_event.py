"""What of event.h and thread.h no class uses, call by call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from child import check_child, run_child
from raw import RawBase, raw_base, timeval

from libevent_py import ffi, lib

needs_threads = pytest.mark.skipif(
    not hasattr(lib, "evthread_set_lock_callbacks"), reason="libevent without threads"
)


@pytest.fixture
def base() -> Iterator[RawBase]:
    """An event_base."""
    with raw_base() as made:
        yield made


def test_an_event_as_its_own_argument(base: RawBase) -> None:
    """event_self_cbarg stands for the event; while it runs it is the base's running event."""
    seen = []

    def on_event(fd: int, what: int, arg: Any) -> None:
        seen.append((arg, lib.event_base_get_running_event(base.pointer)))
        base.stop()

    callback = base.callback("event_callback_fn", on_event)
    event = lib.event_new(base.pointer, -1, 0, callback, lib.event_self_cbarg())
    assert lib.event_initialized(event)
    lib.event_active(event, lib.EV_TIMEOUT, 1)
    base.run()
    assert seen == [(event, event)]
    lib.event_free(event)


@pytest.mark.parametrize("delete", ["event_del_block", "event_del_noblock"])
def test_deleting(base: RawBase, delete: str) -> None:
    """Whether it waits for a running callback or not, the event waits for nothing then."""
    callback = base.callback("event_callback_fn", base.stop)
    event = lib.event_new(base.pointer, -1, 0, callback, ffi.NULL)
    lib.event_add(event, timeval(60))
    call = {"event_del_block": lib.event_del_block, "event_del_noblock": lib.event_del_noblock}[delete]
    assert call(event) == 0
    assert not lib.event_pending(event, lib.EV_TIMEOUT, ffi.NULL)
    lib.event_free(event)


def test_another_base(base: RawBase) -> None:
    """An event that was not added moves to another base."""
    event = lib.event_new(base.pointer, -1, 0, base.callback("event_callback_fn", base.stop), ffi.NULL)
    with raw_base() as other:
        assert lib.event_base_set(other.pointer, event) == 0
        assert lib.event_get_base(event) == other.pointer
        lib.event_free(event)


def test_an_event_in_memory_of_ones_own(base: RawBase) -> None:
    """Before it is used for something else, debug mode is to be told."""
    memory = ffi.new("char[]", lib.event_get_struct_event_size())
    event = ffi.cast("struct event *", memory)
    callback = base.callback("event_callback_fn", base.stop)
    assert lib.event_assign(event, base.pointer, -1, 0, callback, ffi.NULL) == 0
    lib.event_add(event, timeval(0))
    base.run()
    lib.event_debug_unassign(event)


def test_a_base_without_finalizers() -> None:
    """Is freed by event_base_free_nofinalize as well."""
    base = lib.event_base_new()
    lib.event_base_free_nofinalize(base)


def test_what_libevent_frees_at_last() -> None:
    """libevent_global_shutdown, at the end of a process of its own."""
    code = """
        from libevent_py import lib
        lib.event_base_free(lib.event_base_new())
        lib.libevent_global_shutdown()
    """
    assert check_child(code) == ""


def test_debug_mode() -> None:
    """Before the first base: then libevent watches over what is added."""
    code = """
        from libevent_py import lib
        lib.event_enable_debug_mode()
        base = lib.event_base_new()
        lib.event_base_loop(base, lib.EVLOOP_NONBLOCK)
        lib.event_base_free(base)
    """
    assert check_child(code, env={"LIBEVENT_PY_DEBUG": ""}) == ""


def test_debug_logging() -> None:
    """Is asked for; only a libevent that was built with it says more."""
    code = """
        from libevent_py import lib
        lib.event_enable_debug_logging(lib.EVENT_DBG_ALL)
        lib.event_enable_debug_logging(lib.EVENT_DBG_NONE)
    """
    assert check_child(code) == ""


def test_a_base_that_can_be_woken(base: RawBase) -> None:
    """With threads in use each base can; asking again changes nothing."""
    assert lib.evthread_make_base_notifiable(base.pointer) == 0


@needs_threads
def test_locks_of_ones_own() -> None:
    """It is too late for them; a function that tells threads apart may be another with the same answers."""
    code = """
        import cffi
        from libevent_py import ffi, lib
        locks = ffi.new("struct evthread_lock_callbacks *", [lib.EVTHREAD_LOCK_API_VERSION])
        print(lib.evthread_set_lock_callbacks(locks))
        conditions = ffi.new("struct evthread_condition_callbacks *", [lib.EVTHREAD_CONDITION_API_VERSION])
        print(lib.evthread_set_condition_callbacks(conditions))
        libc = cffi.FFI()
        libc.cdef("unsigned long pthread_self(void);")
        address = int(libc.cast("uintptr_t", libc.addressof(libc.dlopen(None), "pthread_self")))
        lib.evthread_set_id_callback(ffi.cast("unsigned long(*)(void)", address))
        base = lib.event_base_new()
        lib.event_base_loop(base, lib.EVLOOP_NONBLOCK)
        lib.event_base_free(base)
    """
    done = run_child(code)
    assert (done.returncode, done.stdout) == (0, "-1\n-1\n"), done.stderr
    assert "Can't change lock callbacks" in done.stderr


@needs_threads
@pytest.mark.parametrize(
    "call", ["lib.evthread_enable_lock_debugging()", "lib.evthread_enable_lock_debuging()"]
)
def test_locks_are_checked(call: str) -> None:
    """Under either spelling, before the first lock."""
    code = f"""
        from libevent_py import ffi, lib
        {call}
        buffer = lib.evbuffer_new()
        lib.evbuffer_enable_locking(buffer, ffi.NULL)
        lib.evbuffer_lock(buffer)
        lib.evbuffer_unlock(buffer)
        lib.evbuffer_free(buffer)
    """
    check_child(code)


@pytest.mark.skipif(not hasattr(lib, "evthread_use_pthreads_with_flags"), reason="libevent before 2.2")
def test_pthreads_with_flags() -> None:
    """Once more, as the package has asked for them already."""
    assert lib.evthread_use_pthreads_with_flags(0) == 0
