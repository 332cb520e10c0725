"""One loop for Python and a real C library: hiredis with its own libevent adapter, and a Redis server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cffi import FFI
from native import compile_c, compiles, need_shared_libevent

from libevent_py import BufferEvent, Event, EventBase, EventFlags, Timer, build_info
from libevent_py import ffi as libevent_ffi
from libevent_py import lib as libevent_lib

SOURCE = Path(__file__).with_name("redis_client.c")
DEADLINE = 20.0

CDEF = """
struct redis_client { void *context; int connected; int replies; int errors; int wake_fd; char last[64]; };
struct redis_client *redis_client_new(void *base, const char *path, int wake_fd);
int redis_client_command(struct redis_client *, const char *command);
void redis_client_disconnect(struct redis_client *);
void redis_client_free(struct redis_client *);
int redis_client_dispatch(void *base);
const void *redis_client_libevent(void);
"""

ffi = FFI()
ffi.cdef(CDEF)


@pytest.fixture(scope="module")
def client_lib(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """redis_client.c as a shared library, loaded."""
    options = need_shared_libevent()
    if not compiles("#include <stdlib.h>\n#include <hiredis/adapters/libevent.h>\n", options):
        pytest.skip("hiredis's headers are not installed (libhiredis-dev)")
    target = tmp_path_factory.mktemp("hiredis") / "redis_client.so"
    compile_c(SOURCE, target, "-shared", "-fPIC", *options, "-lhiredis", "-levent_core")
    lib = ffi.dlopen(str(target))
    ours = int(libevent_ffi.cast("uintptr_t", libevent_lib.event_get_version()))
    if int(ffi.cast("uintptr_t", lib.redis_client_libevent())) != ours:
        assert build_info()["libevent"] == "prefix", "two copies of libevent"
        pytest.skip("the extension's libevent is not the one that the linker finds")
    return lib


@pytest.fixture(scope="module")
def redis_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Unix socket of a Redis server of ours."""
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("there is no redis-server")
    path = tmp_path_factory.mktemp("redis") / "s"
    settings = ["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"]
    server = subprocess.Popen(
        [program, *settings, "--unixsocket", str(path), "--dir", str(path.parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:  # ends with the server
            if "ready to accept connections" in line.lower():
                break
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(DEADLINE)
            probe.connect(str(path))
        yield str(path)
    finally:
        server.kill()
        server.communicate(timeout=DEADLINE)


@pytest.fixture(params=["EventBase.dispatch", "event_base_dispatch in C"])
def run(request: pytest.FixtureRequest, client_lib: Any, base: EventBase) -> Any:
    """Run the loop until something breaks it, driven by Python and by C."""

    def run() -> None:
        guard = Timer(base, DEADLINE, lambda timer: base.loopbreak())
        if request.param == "EventBase.dispatch":
            base.dispatch()
        else:
            assert client_lib.redis_client_dispatch(address(base)) >= 0
        assert guard.pending, "it did not happen in time"
        guard.close()

    return run


def address(base: EventBase) -> Any:
    """The base's pointer for another FFI instance, whose pointer types are not ours."""
    return ffi.cast("void *", int(libevent_ffi.cast("uintptr_t", base.pointer)))


class Client:
    """The C client, and the pipe on which it tells Python of replies."""

    def __init__(self, lib: Any, base: EventBase, path: str) -> None:
        self.lib = lib
        self.base = base
        self.read_fd, self.write_fd = os.pipe()
        os.set_blocking(self.read_fd, False)
        self.raw = lib.redis_client_new(address(base), path.encode(), self.write_fd)
        assert self.raw != ffi.NULL
        self.heard = 0
        self.on_reply: Any = lambda: None
        self.event = Event(base, self.read_fd, EventFlags.READ | EventFlags.PERSIST, self.readable)
        self.event.add()

    def readable(self, event: Event, what: EventFlags) -> None:
        """A Python callback of the same loop: counts what C wrote."""
        self.heard += len(os.read(self.read_fd, 4096))
        self.on_reply()

    def send(self, command: str) -> None:
        """Send *command* through hiredis."""
        assert self.lib.redis_client_command(self.raw, command.encode()) == 0

    @property
    def last(self) -> bytes:
        """The last reply's text."""
        return bytes(ffi.string(self.raw.last))

    def close(self) -> None:
        """Free the C client, which needs the base, and the pipe."""
        self.event.close()
        self.lib.redis_client_free(self.raw)
        os.close(self.read_fd)
        os.close(self.write_fd)


@pytest.fixture
def client(client_lib: Any, base: EventBase, redis_path: str) -> Iterator[Client]:
    """A connected client of the base."""
    client = Client(client_lib, base, redis_path)
    yield client
    client.close()


def test_replies_arrive_in_c_and_python(run: Any, base: EventBase, client: Client) -> None:
    """SET, GET and PING are answered in C callbacks of the loop that Python's events share."""
    answers: list[bytes] = []
    commands = ["SET color green", "GET color", "PING"]

    def next_command() -> None:
        answers.append(client.last)
        if commands:
            client.send(commands.pop(0))
        else:
            base.loopbreak()

    client.on_reply = next_command
    client.send(commands.pop(0))
    run()
    assert answers == [b"OK", b"green", b"PONG"]
    assert (client.raw.connected, client.raw.replies, client.raw.errors) == (1, 3, 0)


def test_all_at_once(run: Any, base: EventBase, client: Client, socket_pair: Any) -> None:
    """A burst of commands, Python timers and a Python connection make progress side by side."""
    ours, peer = socket_pair
    ticks: list[int] = []
    echoed: list[bytes] = []
    Timer(base, 0.001, lambda timer: (ticks.append(1), client.send("INCR ticks")), repeat=True)
    bev = BufferEvent(base, ours)
    bev.set_callbacks(on_data=lambda bev, data: (echoed.append(data), client.send("PING")))
    bev.enable(EventFlags.READ)
    for number in range(500):
        client.send(f"SET key:{number} {number}")
    peer.sendall(b"hello")

    def done() -> None:
        if client.heard >= 550 and echoed:
            base.loopbreak()

    client.on_reply = done
    run()
    assert echoed == [b"hello"]
    assert len(ticks) > 1
    assert client.raw.replies >= 550
    assert client.raw.errors == 0


def test_an_exception_in_python_leaves_hiredis_alone(
    run: Any, request: pytest.FixtureRequest, base: EventBase, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dispatch() raises it, the C loop goes on; either way the replies come."""
    reported: list[BaseException] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, error, traceback: reported.append(error))
    Timer(base, 0, lambda timer: 1 / 0)
    client.on_reply = base.loopbreak
    client.send("PING")
    if "C" in request.node.name:
        run()
        assert [type(error) for error in reported] == [ZeroDivisionError]
    else:
        with pytest.raises(ZeroDivisionError):
            base.dispatch()
        run()
    assert client.last == b"PONG"


def test_hanging_up(run: Any, base: EventBase, client: Client) -> None:
    """hiredis frees its events inside a callback of the shared loop, and Python's go on."""
    Timer(base, 0.001, lambda timer: client.lib.redis_client_disconnect(client.raw))

    def look(timer: Timer) -> None:
        if client.raw.context == ffi.NULL:
            base.loopbreak()

    Timer(base, 0.002, look, repeat=True)
    client.send("PING")
    run()
    assert client.raw.replies == 1
    assert client.raw.connected == 0


def test_nobody_listens(run: Any, base: EventBase, client_lib: Any, tmp_path: Path) -> None:
    """Where nobody listens hiredis tells so, and Python's base is none the worse."""
    raw = client_lib.redis_client_new(address(base), f"{tmp_path}/nobody".encode(), -1)
    assert raw == ffi.NULL
    Timer(base, 0, lambda timer: base.loopbreak())
    run()
