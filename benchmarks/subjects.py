"""What is measured: each subject runs one program once, and tells what it took."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from machine import BUILT, HERE, LOAD_CORE, MEASURED_CORE, Program, ProgramFailed, answers, start

#: Echo: how many connections at a time.
CONNECTIONS = 100
TLS_CONNECTIONS = 50
SIZES = {"1 KiB": 1024, "64 KiB": 64 * 1024}

#: Seconds of warming up, and of measuring; quick ones last.
TIMES = (1.0, 1.5), (0.5, 1.0)

#: HTTP: how many clients wrk is.
CLIENTS = 64

#: Datagrams of so many bytes; by case: how many sockets send them, and how many each has under way.
DATAGRAM = 1024
DATAGRAM_CASES = {
    "1 socket, 64 deep": (1, 64),
    "16 sockets, 16 deep": (16, 16),
    "100 sockets, 1 deep": (100, 1),
}

#: Relay and lines: how many connections; the size of a line, and how many go at once.
RELAYED = 50
LINE, PIPELINED = 64, 50
#: By case: the message's size, the backend, what the client is told.
RELAY_CASES: dict[str, tuple[int, str, list[str]]] = {
    "1 KiB": (1024, "echo_raw", []),
    "64 KiB": (64 * 1024, "echo_raw", []),
    "64 KiB, light peers": (64 * 1024, "echo_light", ["light"]),
    "1 MiB": (1024 * 1024, "echo_raw", []),
}
#: Servers and proxies that are no program of ours, or of another kind than the rest.
RAW, HAPROXY = "C, raw sockets", "HAProxy"

#: The cases of the program ``calls``.
CALLS = {
    "call_soon": "call_soon, a thousand in a pass",
    "call_soon_threadsafe": "call_soon_threadsafe in the loop's own thread",
    "chain": "call_soon, one in a pass",
    "timeout": "call_later and cancel",
}
#: The same, of asyncio loops alone.
ASYNCIO_CALLS = {"sleep": "asyncio.sleep(0)"}

#: What asyncio loops echo: how, a message's size, over how many connections.
ASYNCIO_SIZES = {"1 KiB": 1024, "10 KiB": 10 * 1024, "100 KiB": 100 * 1024}
ASYNCIO_CONNECTIONS = (1, 10, 100, 1000)
ASYNCIO_WAYS = ("buffered", "streams", "sockets")


@dataclass(frozen=True)
class Sample:
    """What one process took: *cost* of one operation, and how many a second of wall clock."""

    cost: float
    rate: float = 0.0


#: By case: a subject's processes may measure several things.
Samples = dict[str, Sample]


def cascade(program: Program, quick: bool) -> Samples:
    """libevent's bench: a byte goes from pipe to pipe; CPU microseconds per event."""
    events, rounds = (20_000, 5) if quick else (50_000, 9)
    return {
        f"{active} of {pipes} pipes active": _median_of(
            answers(program.command("cascade", pipes, active, events, rounds), MEASURED_CORE)
        )
        for pipes, active in ((100, 1), (1000, 100))
    }


def timers(program: Program, quick: bool) -> Samples:
    """Timers: all added, all cancelled; all added, all fired; CPU microseconds per timer."""
    count = 100_000 if quick else 1_000_000
    found = answers(program.command("timers", count, 1), MEASURED_CORE)
    return {f"added and {each['name']}": _median_of([each]) for each in found}


def calls(program: Program, quick: bool) -> Samples:
    """Calls that a running loop is given; CPU microseconds per call."""
    count = 200_000 if quick else 500_000
    count = 200_000 if quick else 2_000_000
    cases = CALLS if program.kind == "libevent_py" else {**CALLS, **ASYNCIO_CALLS}
    return {
        name: _median_of(answers(program.command("calls", case, count), MEASURED_CORE))
        for case, name in cases.items()
    }


def echo(program: Program, quick: bool) -> Samples:
    """Echo over 100 connections; the server's CPU microseconds per message."""
    warm_up, seconds = TIMES[quick]
    found = {}
    for name, size in SIZES.items():
        with server(program) as (port, pid):
            load = Program("C").command("echo_client", port, CONNECTIONS, size, warm_up, -seconds, pid)
            found[name] = _median_of(answers(load, LOAD_CORE))
    return found


def datagrams(program: Program, quick: bool) -> Samples:
    """UDP echo of 1 KiB; the server's CPU microseconds per datagram."""
    warm_up, seconds = TIMES[quick]
    found = {}
    for name, (sockets, deep) in DATAGRAM_CASES.items():
        with _listening(program.command("datagram_server"), MEASURED_CORE) as (port, pid):
            words = (port, sockets, deep, DATAGRAM, warm_up, seconds, pid)
            found[name] = _median_of(answers(Program("C").command("datagram_client", *words), LOAD_CORE))
def asyncio_echo(program: Program, quick: bool) -> Samples:
    """Echo of asyncio loops, by size and connections, and in other ways; CPU microseconds per message."""
    warm_up, seconds = (0.2, 0.6) if quick else (0.5, 1.5)
    cases = [("protocol", name, count) for name in ASYNCIO_SIZES for count in ASYNCIO_CONNECTIONS]
    cases += [(way, name, 100) for way in ASYNCIO_WAYS for name in ASYNCIO_SIZES]
    found = {}
    for way, name, count in cases:
        with server(program, command=program.command("echo_server", way)) as (port, pid):
            size = ASYNCIO_SIZES[name]
            load = Program("C").command("echo_client", port, count, size, warm_up, -seconds, pid)
            found[f"{way}, {name} over {count}"] = _median_of(answers(load, LOAD_CORE))
    return found


def tls(program: Program, quick: bool) -> Samples:
    """Echo by TLS 1.3 over 50 connections; the server's CPU microseconds per message."""
    warm_up, seconds = TIMES[quick]
    found = {}
    pem = certificate()
    for name, size in SIZES.items():
        with server(program, command=program.command("tls_echo_server", pem)) as (port, pid):
            words = (port, TLS_CONNECTIONS, size, warm_up, -seconds, pid, "tls")
            found[name] = _median_of(answers(Program("C").command("echo_client", *words), LOAD_CORE))
    return found


def certificate() -> Path:
    """A PEM file with a key and its self-signed certificate, made once by the openssl command."""
    pem = BUILT / "certificate.pem"
    if not pem.exists():
        key = BUILT / "key.pem"
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        words += ["-nodes", "-subj", "/CN=localhost", "-days", "3650", "-keyout", str(key)]
        made = subprocess.run(words, check=True, capture_output=True).stdout
        pem.write_bytes(key.read_bytes() + made)
    return pem


def idle(program: Program, quick: bool) -> Samples:
    """Memory of the server per connection, in bytes: just accepted, and after an echo of 1 KiB."""
    count = 1_000 if quick else 5_000
    socks = []
    with server(program) as (port, pid), contextlib.ExitStack() as stack:
        # What the first connections cost once is no connection's memory.
        for number in range(count + 20):
            if number == 20:
                _echo_on(socks)
                before = _anonymous_memory(pid)
            socks.append(stack.enter_context(socket.create_connection(("127.0.0.1", port))))
        _wait_for_descriptors(pid, len(socks))
        accepted = _anonymous_memory(pid)
        _echo_on(socks)
        echoed = _anonymous_memory(pid)
    return {
        "accepted": Sample((accepted - before) / count),
        "after one echo": Sample((echoed - before) / count),
    }


def relay(program: Program, quick: bool) -> Samples:
    """A proxy between 50 clients and an echo server; its CPU microseconds per message and its echo."""
    warm_up, seconds = TIMES[quick]
    found = {}
    for name, (size, backend_program, words) in RELAY_CASES.items():
        with contextlib.ExitStack() as stack:
            backend, _ = stack.enter_context(_listening([str(BUILT / backend_program)], LOAD_CORE))
            port, pid = stack.enter_context(_listening(_proxy(program, backend), MEASURED_CORE))
            load = Program("C").command("echo_client", port, RELAYED, size, warm_up, -seconds, pid, *words)
            found[name] = _median_of(answers(load, LOAD_CORE))
    return found


def lines(program: Program, quick: bool) -> Samples:
    """Lines of 64 bytes are sent back, 50 at a time on each of 50 connections; CPU microseconds per line."""
    warm_up, seconds = TIMES[quick]
    with _listening(program.command("lines_server"), MEASURED_CORE) as (port, pid):
        size = LINE * PIPELINED
        load = Program("C").command("echo_client", port, RELAYED, size, warm_up, -seconds, pid, LINE)
        sample = _median_of(answers(load, LOAD_CORE))
    return {f"{LINE} bytes, {PIPELINED} deep": Sample(sample.cost / PIPELINED, sample.rate * PIPELINED)}


def http(program: Program, quick: bool) -> Samples:
    """A small page to 64 keep-alive connections of wrk; CPU microseconds per request."""
    seconds = 1 if quick else 3
    with _listening(program.command("http_server"), MEASURED_CORE) as (port, pid):
        load = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}", f"http://127.0.0.1:{port}/"]
        _run_on(LOAD_CORE, load)
        before = _cpu_seconds(pid)
        said = _run_on(LOAD_CORE, load)
        cpu = _cpu_seconds(pid) - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    requests = re.search(r"(\d+) requests in ([\d.]+)s", said)
    assert requests
    count = int(requests[1])
    return {f"{CLIENTS} connections": Sample(cpu / count * 1e6, count / float(requests[2]))}


def _run_on(core: int, command: list[str]) -> str:
    """What *command* says, run to its end."""
    with start(command, core) as process:
        said, _ = process.communicate()
    return said


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _proxy(program: Program, backend: int) -> list[str]:
    """The command of a proxy to the port *backend*."""
    if program.kind == RAW:
        return [str(BUILT / "relay_raw"), str(backend)]
    if program.kind.startswith(HAPROXY):
        return [sys.executable, str(HERE / "programs" / "haproxy.py"), program.kind, str(backend)]
    return program.command("relay", backend)


def _median_of(found: list[dict[str, float]]) -> Sample:
    cost = median(each["cpu"] / each["operations"] for each in found)
    return Sample(cost * 1e6, median(each["operations"] / each["wall"] for each in found))


def server(
    program: Program, *prefix: str, command: list[str] | None = None
) -> contextlib.AbstractContextManager[tuple[int, int]]:
    """Run an echo server, or *command*, with *prefix* before it; its port and process."""
    own = [str(BUILT / "echo_raw")] if program.kind == RAW else program.command("echo_server")
    return _listening([*prefix, *(command or own)], MEASURED_CORE)


@contextlib.contextmanager
def _listening(command: list[str], core: int) -> Iterator[tuple[int, int]]:
    """Run what prints its port; that, and its process."""
    with start(command, core) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline()
            if not port:
                raise ProgramFailed(f"{' '.join(command)} failed")
            yield int(port), process.pid
        finally:
            process.terminate()


def _anonymous_memory(pid: int) -> int:
    found = re.search(r"^Anonymous: +(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def _wait_for_descriptors(pid: int, count: int) -> None:
    # The connection is there before the server has accepted it.
    deadline = time.monotonic() + 30
    while sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()) < count:
        if time.monotonic() > deadline:
            raise ProgramFailed(f"the server does not accept {count} connections")
        time.sleep(0.01)
    time.sleep(0.2)


def _echo_on(socks: list[socket.socket]) -> None:
    message = b"x" * 1024
    for sock in socks:
        sock.sendall(message)
        left = len(message)
        while left:
            left -= len(sock.recv(left))
