"""Port of libevent's bufferevent_pair_release_lock: docs/regress.md has the table."""

from __future__ import annotations

import pytest
from child import check_child

PROGRAM = """
from libevent_py import BufferEventOptions, BufferEventPair, EventBase, LoopFlags, ffi, lib, threads

memory = {{}}

@ffi.callback("void *(size_t)")
def allocate(size):
    block = ffi.new("char[]", size or 1)
    memory[int(ffi.cast("uintptr_t", block))] = block
    return ffi.cast("void *", block)

@ffi.callback("void *(void *, size_t)")
def reallocate(old, size):
    new = allocate(size)
    if old:
        block = memory.pop(int(ffi.cast("uintptr_t", old)))
        ffi.memmove(new, block, min(size, len(block)))
    return new

@ffi.callback("void(void *)")
def free(block):
    if block:
        del memory[int(ffi.cast("uintptr_t", block))]

def work(options):
    pair = BufferEventPair(base, options)
    most = len(memory)
    ends = list(pair)
    for end in ({order}):
        end.close()
        base.loop(LoopFlags.NONBLOCK)
    return most

lib.event_set_mem_functions(allocate, reallocate, free)
base = EventBase()
work(BufferEventOptions(0))  # what is made once
before = len(memory)
plain = work(BufferEventOptions(0))
locked = work(BufferEventOptions.THREADSAFE)
assert locked > plain > before, (locked, plain, before)
# libevent's debug mode keeps notes on a pair's timers for good.
assert threads.debug_mode or len(memory) == before, (len(memory), before)
base.close()
print("ok")
"""


@pytest.mark.parametrize("order", ["ends", "ends[::-1]"])
@pytest.mark.parametrize("debug", ["0", "1"])
def test_pair_release_lock(order: str, debug: str) -> None:
    """A THREADSAFE pair's locks are freed with it; in debug mode libevent aborts over one that is held."""
    assert check_child(PROGRAM.format(order=order), env={"LIBEVENT_PY_DEBUG": debug}) == "ok\n"
