"""WSGI servers under wrk: what one request costs the process that answers."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from machine import LOAD_CORE, Program
from subjects import Sample, Samples, server

#: Servers that need not be installed, and what they need.
GEVENT, BJOERN = "gunicorn, gevent", "bjoern"
_NEEDED = {"gunicorn, libevent_py": "gunicorn", GEVENT: "gunicorn, gevent", BJOERN: "bjoern"}
#: How many connections at a time, kept alive.
CONNECTIONS = 64
_TICK = os.sysconf("SC_CLK_TCK")


def wsgi(program: Program, quick: bool) -> Samples:
    """A greeting to each request of wrk's 64 connections; CPU microseconds per request."""
    with server(program, command=program.command("wsgi_server")) as (port, pid):
        measured = _worker_of(pid) if program.kind.startswith("gunicorn") else pid
        _wrk(port, 1)
        before, started = _cpu_seconds(measured), time.perf_counter()
        requests = _wrk(port, 2 if quick else 5)
        wall = time.perf_counter() - started
        return {"hello": Sample((_cpu_seconds(measured) - before) / requests * 1e6, requests / wall)}


def is_installed(kind: str, python: str) -> bool:
    """Whether *python* has what a kind of program needs."""
    needed = _NEEDED.get(kind)
    return (
        needed is None
        or not subprocess.run([python, "-c", f"import {needed}"], capture_output=True).returncode
    )


def _wrk(port: int, seconds: int) -> int:
    """How many requests it made; all of them must be answered as they should."""
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"http://127.0.0.1:{port}/"]
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), *words], capture_output=True, text=True, check=True
    )
    assert "Non-2xx" not in done.stdout, done.stdout
    found = re.search(r"(\d+) requests in", done.stdout)
    assert found, done.stdout
    return int(found[1])


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _worker_of(pid: int) -> int:
    """gunicorn's only worker."""
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.05)
