"""wsgi.file_wrapper."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from served import Served, serving

from libevent_py.http.wsgi import FileWrapper, WSGIHandler

GET = "GET / HTTP/1.1\nHost: a\nConnection: close\n\n"
DATA = bytes(range(256)) * 4096  # a megabyte


class File(io.FileIO):
    """A file that counts what Python reads of it."""

    read_by_python = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.was_closed = threading.Event()

    def close(self) -> None:
        """Tell who waits for it."""
        super().close()
        self.was_closed.set()

    def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]
        """Count."""
        data = super().read(-1 if size is None else size)
        type(self).read_by_python += len(data or b"")
        return data or b""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of a megabyte."""
    file = tmp_path / "file"
    file.write_bytes(DATA)
    return file


def wrapping(opened: Any, *headers: tuple[str, str], status: str = "200 OK") -> Any:
    """An application that gives what *opened* makes in a wrapper."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response(status, list(headers))
        return environ["wsgi.file_wrapper"](opened(), 8192)

    return application


def body(served: Served, request: str = GET) -> bytes:
    """The body of the answer."""
    return served.say(request).partition(b"\r\n\r\n")[2]


def test_a_file_is_sent_by_the_kernel(threads: int, path: Path) -> None:
    """Not a byte of it passes through Python, and its length is told."""
    File.read_by_python = 0
    files = []

    def opened() -> File:
        files.append(File(path))
        return files[-1]

    with serving(WSGIHandler(wrapping(opened), threads=threads)) as served:
        answer = served.say(GET)
    assert f"Content-Length: {len(DATA)}".encode() in answer
    assert answer.endswith(DATA)
    assert File.read_by_python == 0
    assert files[0].was_closed.wait(10)  # behind the answer, in a thread of its own


def test_from_where_it_stands(serve: Any, path: Path) -> None:
    """What was read before is not sent."""

    def opened() -> Any:
        file = path.open("rb")
        assert file.read(1000)
        return file

    assert body(serve(wrapping(opened))) == DATA[1000:]


def test_the_content_length_counts(serve: Any, path: Path) -> None:
    """Only so much is sent."""
    assert body(serve(wrapping(lambda: path.open("rb"), ("Content-Length", "10")))) == DATA[:10]


def test_a_content_length_beyond_the_file(serve: Any, path: Path) -> None:
    """Is the application's mistake."""
    served = serve(wrapping(lambda: path.open("rb"), ("Content-Length", str(len(DATA) + 1))))
    assert served.say(GET).startswith(b"HTTP/1.1 500 ")


def test_head(serve: Any, path: Path) -> None:
    """The length, and no byte."""
    answer = serve(wrapping(lambda: path.open("rb"))).say(GET.replace("GET", "HEAD"))
    assert f"Content-Length: {len(DATA)}".encode() in answer
    assert answer.endswith(b"\r\n\r\n")


def test_statuses_without_a_body(serve: Any, path: Path) -> None:
    """Send none of it."""
    assert body(serve(wrapping(lambda: path.open("rb"), status="304 Not Modified"))) == b""


def test_what_is_no_file_is_read(serve: Any) -> None:
    """An object with read(), which need not have anything else."""

    class Reader:
        def __init__(self) -> None:
            self.left = 3

        def read(self, size: int) -> bytes:
            self.left -= 1
            return b"x" * size if self.left >= 0 else b""

    assert body(serve(wrapping(Reader))).count(b"x") == 3 * 8192
    assert b"hello" in body(serve(wrapping(lambda: io.BytesIO(b"hello"))))


def test_a_pipe_is_read(serve: Any) -> None:
    """It has a descriptor, but no place and no size."""

    def opened() -> Any:
        ours, theirs = os.pipe()
        os.write(theirs, b"through a pipe")
        os.close(theirs)
        return os.fdopen(ours, "rb")

    assert b"through a pipe" in body(serve(wrapping(opened)))


def test_the_wrapper_is_an_iterable_too(path: Path) -> None:
    """For middleware that looks at the pieces."""
    with path.open("rb") as file:
        pieces = list(FileWrapper(file, 1000))
        assert b"".join(pieces) == DATA
        assert len(pieces[0]) == 1000
    FileWrapper(object()).close()


def test_an_empty_file(serve: Any, tmp_path: Path) -> None:
    """Is an answer of no bytes."""
    (tmp_path / "empty").touch()
    answer = serve(wrapping(lambda: (tmp_path / "empty").open("rb"))).say(GET)
    assert b"Content-Length: 0" in answer
