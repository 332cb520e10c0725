"""The examples run, and do what they say."""

from __future__ import annotations

import ast
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates import Authority
from command import ROOT, run, start

from libevent_py._features import has

EXAMPLES = ROOT / "examples"


def example(name: str) -> str:
    """The path of an example."""
    return str(EXAMPLES / name)


@contextmanager
def echo_server() -> Iterator[str]:
    """echo_server.py on a free port, which is yielded."""
    with start("-u", example("echo_server.py"), "127.0.0.1", "0") as process:
        assert process.stdout is not None
        found = re.search(r"\('127.0.0.1', (\d+)\)", process.stdout.readline())
        assert found
        yield found[1]


def test_the_client_gets_its_lines_back() -> None:
    """Lines given as arguments come back in order, an empty one too."""
    with echo_server() as port:
        done = run(example("echo_client.py"), "127.0.0.1", port, "one", "", "two words")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "one\n\ntwo words\n"


def test_the_client_reads_standard_input() -> None:
    """Without lines it sends what it is fed; the last one has no newline of its own."""
    with echo_server() as port:
        done = run(example("echo_client.py"), "127.0.0.1", port, stdin=None, input="eins\nzwei")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "eins\nzwei\n"


def test_a_long_line_comes_back() -> None:
    """More than the server's high watermark and more than one read."""
    line = "long " * 20_000
    with echo_server() as port:
        done = run(example("echo_client.py"), "127.0.0.1", port, line)
    assert done.stdout == line + "\n"


def test_the_client_tells_who_refuses() -> None:
    """Nobody listens: the reason on stderr, and status 1."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = str(bound.getsockname()[1])
        done = run(example("echo_client.py"), "127.0.0.1", port, "hello")
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_zlib_filter_gets_its_text_through() -> None:
    """All of it, and much smaller on the way."""
    done = run(example("zlib_filter.py"))
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == "read 1100000 bytes, the same as were written"
    assert int(second.split()[0]) < 10_000


def test_the_event_walk_ends_by_itself() -> None:
    """Two messages, the end of file, and a dispatch() that returns."""
    done = run(example("event_pipe.py"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "readable: hello",
        "readable: goodbye",
        "end of file",
        "pending after remove(): False",
        "no event was left, so dispatch() returned",
    ]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_explained_and_listed(path: object) -> None:
    """Each has a docstring that says how to run it, and a row in the index."""
    from pathlib import Path

    assert isinstance(path, Path)
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text
    assert f"python examples/{path.name}" in text
    assert f"]({path.name})" in (EXAMPLES / "README.md").read_text()


def test_tls_echo(tmp_path: Path) -> None:
    """The client gets its line back from the server that it trusts, and refuses another."""
    if not has("bufferevent_openssl_socket_new"):
        pytest.skip("this build has no OpenSSL")
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    pem = str(authority.certificate("localhost"))
    with start("-u", example("tls_echo_server.py"), pem, pem, "127.0.0.1", "0") as process:
        assert process.stdout is not None
        found = re.search(r"\('127.0.0.1', (\d+)\)", process.stdout.readline())
        assert found
        done = run(example("tls_echo_client.py"), "localhost", found[1], str(authority.ca), "good day")
        assert (done.returncode, done.stdout, done.stderr) == (0, "good day\n", "")
        assert re.match(r"TLSv1.3, TLS_\w+\n", process.stdout.readline())
        assert process.stdout.readline() == "finished\n"
        done = run(example("tls_echo_client.py"), "localhost", found[1], str(other.ca), "good day")
        assert (done.returncode, done.stdout) == (1, "")
        assert "not to be trusted" in done.stderr
