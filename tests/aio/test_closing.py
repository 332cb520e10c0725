"""Closing a loop with everything alive leaves nothing; quiet also in ``-X dev``."""

from __future__ import annotations

from child import run_child

#: A loop in which everything is alive: what() fills it, and its tasks are cancelled when it is closed.
ALIVE = """
import asyncio, gc, os, signal, socket, sys
import libevent_py
from libevent_py import aio

class Protocol(asyncio.Protocol, asyncio.DatagramProtocol):
    pass

async def fill(loop):
    kept = []
    left, right = socket.socketpair()
    reading, writing = os.pipe()
    kept += [left, right]
    loop.add_reader(left, int)
    loop.add_writer(left, int)
    loop.call_later(1000, int)
    loop.call_soon(int)
    loop.add_signal_handler(signal.SIGUSR1, int)
    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    client, _ = await loop.create_connection(Protocol, *server.sockets[0].getsockname())
    paused, _ = await loop.create_connection(Protocol, *server.sockets[0].getsockname())
    paused.pause_reading()
    full, _ = await loop.create_connection(Protocol, sock=right.dup())
    full.write(b"x" * 1_000_000)
    datagrams, _ = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
    reader, _ = await loop.connect_read_pipe(Protocol, open(reading, "rb", buffering=0))
    writer, _ = await loop.connect_write_pipe(Protocol, open(writing, "wb", buffering=0))
    libevent_py.Timer(loop.base, 1000, print)
    bev = libevent_py.BufferEvent(loop.base)
    return kept + [server, client, paused, full, datagrams, reader, writer, bev]

def descriptors():
    return len(os.listdir("/proc/self/fd"))
"""


def test_descriptors_and_memory() -> None:
    """Nothing of it is left, each time again: no descriptor, no handle, not the loop itself."""
    done = run_child(
        ALIVE
        + """
import warnings, weakref
warnings.simplefilter("ignore", ResourceWarning)

def once():
    loop = aio.new_event_loop()
    kept = loop.run_until_complete(fill(loop))
    loop.close()
    print(loop.base.closed, loop._delivery.table.open_count)
    return weakref.ref(loop)

def collect():
    for _ in range(8):  # PyPy lets go of what finalizers hold one after the other
        gc.collect()

once()
collect()
before = descriptors()
loops = [once() for _ in range(10)]
collect()
print(descriptors() - before, [loop() for loop in loops if loop()])
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "True 0\n" * 11 + "0 []\n"


def test_the_warnings_are_asyncios() -> None:
    """Of open transports and sockets; libevent_py adds none, nor an error."""
    done = run_child(
        ALIVE
        + """
import warnings
loop = aio.new_event_loop()
kept = loop.run_until_complete(fill(loop))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    loop.close()
    del loop, kept
    for _ in range(8):
        gc.collect()
for warning in seen:
    text = str(warning.message)
    assert warning.category is ResourceWarning, text
    assert any(word in text for word in ("transport", "socket.socket", "_io.FileIO", "Server")), text
print(len(seen) > 0)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


#: What ends in order.
CLEAN = """
import asyncio
from libevent_py import aio

async def echo(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()
    await writer.wait_closed()

async def main():
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\\n")
    print(await reader.read())
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    process = await asyncio.create_subprocess_exec("echo", "child", stdout=asyncio.subprocess.PIPE)
    print((await process.communicate())[0])
    datagrams, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    datagrams.sendto(b"x", datagrams.get_extra_info("sockname"))
    await asyncio.sleep(0.01)
    datagrams.close()
    await loop.run_in_executor(None, int)

aio.run(main())
"""


def test_a_clean_program_is_quiet() -> None:
    """In Python's development mode (asyncio's debug mode too), with all warnings as errors."""
    done = run_child(CLEAN, env={"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error"})
    assert (done.stdout, done.stderr) == ("b'hello\\n'\nb'child\\n'\n", "")
