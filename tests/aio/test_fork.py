"""Forked children: what they do with loops, their parents do not feel."""

from __future__ import annotations

from pathlib import Path

import pytest
from child import check_child

#: What the programs begin with: ``forked(function)`` gives what a child prints of it.
BEGIN = """
import asyncio, os, signal, socket, sys, threading, warnings
from libevent_py import ForkError, aio

warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12's, of forking beside threads

def forked(function):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            result = repr(function())
        except BaseException as error:
            result = repr(error)
        os.write(writing, result.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with open(reading, "rb") as pipe:
        return pipe.read().decode()

async def work():
    await asyncio.sleep(0.001)
    return os.getpid()

loop = aio.new_event_loop()
loop.run_until_complete(work())
"""


def run(code: str) -> str:
    """What the program prints."""
    return check_child(BEGIN + code)


def test_a_loop_of_its_own() -> None:
    """Made in the child while the parent's runs, which nobody is running there."""
    assert (
        run(
            """
async def main():
    assert forked(asyncio._get_running_loop) == "None"
    assert forked(lambda: aio.run(work()) == os.getpid()) == "True"
    return await work() == os.getpid()

print(loop.run_until_complete(main()))
loop.close()
"""
        )
        == "True\n"
    )


def test_the_parents_is_used() -> None:
    """It becomes the child's own: events and wake-ups of either stay there."""
    assert (
        run(
            """
left, right = socket.socketpair()
seen = []
loop.add_reader(left, lambda: (seen.append(left.recv(10)), loop.stop()))

def child():
    assert loop.run_until_complete(work()) == os.getpid()
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()
    loop.remove_reader(left)
    loop.run_until_complete(work())
    loop.close()
    return "child"

print(forked(child))
right.send(b"parent")
loop.run_forever()
loop.call_soon_threadsafe(loop.stop)
loop.run_forever()
print(seen)
loop.close()
"""
        )
        == "'child'\n[b'parent']\n"
    )


@pytest.mark.parametrize("use", ["loop.add_reader(right, print)", "loop.remove_reader(left)", "loop.close()"])
def test_the_first_use(use: str) -> None:
    """Whatever it is, the parent's watchers go on."""
    assert (
        run(
            f"""
left, right = socket.socketpair()
loop.add_reader(left, loop.stop)
print(forked(lambda: {use}) in ("None", "True"))
right.send(b"x")
loop.run_forever()
print(loop.remove_reader(left))
loop.close()
"""
        )
        == "True\nTrue\n"
    )


def test_transports_in_the_child() -> None:
    """The child may close and abort what it has; the parent's connection stays."""
    assert (
        run(
            """
class Protocol(asyncio.Protocol):
    def __init__(self):
        self.received = loop.create_future()
    def data_received(self, data):
        self.received.set_result(data)

left, right = socket.socketpair()
transport, protocol = loop.run_until_complete(loop.create_connection(Protocol, sock=left))

def child():
    transport.close()
    loop.run_until_complete(work())
    return transport.is_closing()

print(forked(child))
right.send(b"parent")
print(loop.run_until_complete(protocol.received))
transport.close()
loop.run_until_complete(work())
loop.close()
"""
        )
        == "True\nb'parent'\n"
    )


def test_a_child_that_goes_on_in_the_loop() -> None:
    """Where it returns into the parent's running loop, that refuses to run there, until it is used there."""
    assert (
        run(
            """
async def main(use):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid and use:
        loop.remove_reader(0)
        loop.add_reader(reading, print)
        loop.remove_reader(reading)
    future = loop.create_future()
    loop.call_later(0.001, future.set_result, None)
    await future
    if not pid:
        os._exit(7)
    os.close(reading)
    os.close(writing)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def attempt(use):
    parent = os.getpid()
    try:
        return loop.run_until_complete(main(use))
    except ForkError:
        assert os.getpid() != parent
        os._exit(8)

print(attempt(False), attempt(True))
loop.close()
"""
        )
        == "8 7\n"
    )


def test_the_parents_signal_handlers() -> None:
    """A signal to the child does not run the parent's."""
    assert (
        run(
            """
seen = []
loop.add_signal_handler(signal.SIGUSR1, seen.append, "parent")

def child():
    os.kill(os.getpid(), signal.SIGUSR1)
    return "child"

print(forked(child))
loop.run_until_complete(work())
print(seen)
os.kill(os.getpid(), signal.SIGUSR1)
loop.run_until_complete(work())
print(seen)
loop.close()
"""
        )
        == "'child'\n[]\n['parent']\n"
    )


def test_another_thread_ran_it() -> None:
    """Such a loop is lost in the child: it says so, and can be closed."""
    assert (
        run(
            """
thread = threading.Thread(target=loop.run_forever)
thread.start()
while not loop.is_running():
    pass

def child():
    try:
        loop.add_reader(0, print)
    except ForkError:
        return aio.run(work()) == os.getpid()

print(forked(child))
loop.call_soon_threadsafe(loop.stop)
thread.join()
loop.close()
"""
        )
        == "True\n"
    )


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(method: str, tmp_path: Path) -> None:
    """Its processes run loops of theirs, started from a running one."""
    (tmp_path / "program.py").write_text(
        """
import asyncio, multiprocessing, sys, warnings
from libevent_py import aio

warnings.simplefilter("ignore", DeprecationWarning)

async def double(number):
    await asyncio.sleep(0.001)
    return number * 2

def work(number, queue):
    queue.put(aio.run(double(number)))

async def main(context):
    queue = context.SimpleQueue()
    loop = asyncio.get_running_loop()
    processes = [context.Process(target=work, args=(number, queue)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        await loop.run_in_executor(None, process.join)
    print(sorted(queue.get() for _ in processes), [process.exitcode for process in processes])

if __name__ == "__main__":
    aio.run(main(multiprocessing.get_context(sys.argv[1])))
"""
    )
    code = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    assert check_child(code, str(tmp_path / "program.py"), method) == "[0, 2] [0, 0]\n"
