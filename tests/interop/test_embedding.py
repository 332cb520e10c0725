"""A C program that owns the loop and embeds Python: examples/embedding."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from child import PACKAGE_PARENT
from native import compile_c, need_shared_libevent

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="the host embeds CPython: PyPy has another interface"
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "embedding"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def embedding_options() -> list[str]:
    """What ``python3-config --embed`` says of this interpreter; skips where libpython is missing."""
    get = sysconfig.get_config_var
    include, library = sysconfig.get_path("include"), f"python{get('LDVERSION')}"
    if not (Path(include) / "Python.h").exists():
        pytest.skip("Python.h is not installed (python3-dev)")
    for directory in get("LIBDIR"), get("LIBPL"):
        if any(Path(directory or "").glob(f"lib{library}.*")):
            break
    else:
        pytest.skip("this interpreter comes without libpython")
    link = f"-L{directory} -l{library} -Wl,-rpath,{directory} {get('LINKFORSHARED')}".split()
    return [f"-I{include}", *link, *f"{get('LIBS')} {get('SYSLIBS')}".split()]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/embedding/host.c, compiled."""
    options = [*need_shared_libevent(), *embedding_options(), "-levent_pthreads", "-levent_core"]
    return compile_c(EXAMPLE / "host.c", tmp_path_factory.mktemp("host") / "host", *options)


@pytest.fixture
def run(host: Path, tmp_path: Path) -> Run:
    """Run the host with the example's plugin, or with one made of *code*."""

    def run(code: str = "", command: tuple[str, ...] = (), timeout: float = 30, **env: str) -> object:
        if code:
            (tmp_path / "other.py").write_text(code)
        paths = [str(tmp_path), str(EXAMPLE), str(PACKAGE_PARENT), *filter(None, sys.path)]
        settings = {"PYTHONHOME": sys.base_prefix, "PYTHONPATH": os.pathsep.join(paths), **env}
        return subprocess.run(
            [*command, str(host), "other" if code else "plugin"],
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


def test_the_example(run: Run) -> None:
    """C and Python callbacks interleave, an exception stops nothing, and the end is clean."""
    done = run()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    with_python, alone = lines[: lines.index("Python is gone")], lines[lines.index("Python is gone") + 1 :]
    assert [line for line in with_python if line.startswith("C")] == [f"C tick {n}" for n in range(1, 7)]
    ticks = [line for line in with_python if line.startswith("Python tick")]
    assert ticks == [f"Python tick {n}" for n in range(1, len(ticks) + 1)]
    assert with_python.index("C tick 1") < with_python.index(ticks[-1])
    assert with_python.index(ticks[0]) < with_python.index("C tick 6")
    assert "Python got HELLO" in with_python
    assert alone == ["C tick 7", "C tick 8", "bye"]
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ValueError: a mistake in the plugin\n")
    assert done.stderr.count("Traceback") == 1


FORGETFUL = """
import sys
from libevent_py import Event, EventBase, EventFlags, Listener, Timer

def start(address):
    global base, client
    base = EventBase.from_pointer(address)
    Timer(base, 0.001, lambda timer: None, repeat=True)
    Event(base, None, EventFlags.PERSIST, print).add(0.001)

def stop():
    pass
"""


def test_the_host_goes_on_after_a_plugin_that_forgets_to_close(run: Run) -> None:
    """Timers of a finalized interpreter fire into nothing instead of crashing the host."""
    done = run(FORGETFUL.replace("print", "lambda event, what: None"), MALLOC_PERTURB_="165")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-4:] == ["Python is gone", "C tick 7", "C tick 8", "bye"]
    assert done.stderr == ""


THREAD = """
import threading
from libevent_py import Event, EventBase, EventFlags

def start(address):
    global base, thread
    base = EventBase.from_pointer(address, on_error=lambda error: print("on_error", error, flush=True))
    event = Event(base, None, EventFlags(0), fail)
    event.add(30)
    thread = threading.Thread(target=event.active)
    thread.start()

def fail(event, what):
    raise LookupError(threading.current_thread() is threading.main_thread())

def stop():
    thread.join()
    base.close()
"""


def test_a_thread_of_pythons_wakes_the_hosts_loop(run: Run) -> None:
    """Event.active from another thread is served in the loop's own, and on_error gets what it raises."""
    done = run(THREAD)
    assert done.returncode == 0, done.stderr
    assert "on_error True" in done.stdout.splitlines()
    assert done.stderr == ""


def test_a_plugin_that_cannot_start(run: Run) -> None:
    """What start() raises is printed, and the host frees its base all the same."""
    done = run(
        "from libevent_py import EventBase\ndef start(address): EventBase.from_pointer(0)\ndef stop(): pass\n"
    )
    assert done.returncode == 1
    assert "ValueError: 0 is not the address" in done.stderr
    assert done.stdout.splitlines()[-1] == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("plugin", ["the example's", "forgetful"])
def test_under_valgrind(run: Run, plugin: str) -> None:
    """No invalid access from start to end, nor after Python's end."""
    if not shutil.which("valgrind"):
        pytest.skip("there is no valgrind")
    code = "" if plugin == "the example's" else FORGETFUL.replace("print", "lambda event, what: None")
    done = run(
        code, ("valgrind", "-q", "--undef-value-errors=no", "--error-exitcode=9"), 240, PYTHONMALLOC="malloc"
    )
    assert done.returncode == 0, done.stderr
