"""From the path of a request to an open file, and never out of the directory."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libevent_py.http.paths import open_beneath, split_path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A secret beside a directory with a file, a directory, and what leads elsewhere."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "file").write_text("file")
    (root / "sub" / "file").write_text("sub")
    (root / "..odd").write_text("hidden")
    (root / "name with % and ä").write_text("odd")
    (root / "link").symlink_to("file")
    (root / "out").symlink_to("../secret")
    (root / "outdir").symlink_to("..")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def root(tree: Path) -> Iterator[int]:
    """The descriptor of the tree."""
    descriptor = os.open(tree, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def content(root: int, path: str) -> str:
    """What a request for *path* would read."""
    parts = split_path(path)
    if parts is None:
        raise FileNotFoundError
    descriptor = open_beneath(root, parts)
    try:
        return os.read(descriptor, 100).decode()
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/file", "file"),
        ("file", "file"),
        ("/sub/file", "sub"),
        ("//sub//file", "sub"),
        ("/%73ub/file", "sub"),
        ("/name%20with%20%25%20and%20%C3%A4", "odd"),
        ("/%66ile", "file"),
    ],
)
def test_what_is_there_is_read(root: int, path: str, text: str) -> None:
    """By its decoded name."""
    assert content(root, path) == text


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/sub/../../secret",
        "/sub/../file",
        "/%2e%2e/secret",
        "/.%2e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/sub%2ffile",
        "/sub%2Ffile",
        "/file%00",
        "/file%00.html",
        "/\0",
        "/out",
        "/link",
        "/outdir/secret",
        "/outdir/root/file",
        "/..odd",
        "/./file",
        "/pipe",
        "/file/x",
        "/nothing",
        "/" + "x" * 300,
        "/..\\secret",
        "/%252e%252e/secret",
        "/%c0%ae%c0%ae/secret",
    ],
)
def test_what_leads_elsewhere_is_not_found(root: int, path: str) -> None:
    """As if it were not there: no answer tells what is."""
    with pytest.raises(FileNotFoundError):
        content(root, path)


@pytest.mark.parametrize("absolute", ["/etc/passwd", "//etc/passwd", "///etc/passwd", "/%2fetc/passwd"])
def test_absolute_paths_begin_at_the_root(root: int, absolute: str) -> None:
    """Of the tree, where there is no etc."""
    with pytest.raises(FileNotFoundError):
        content(root, absolute)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/", []),
        ("", []),
        ("/.well-known/acme", [b".well-known", b"acme"]),
        ("/a/.well-known", None),
        ("/.git/config", None),
        ("/a%FFb", [b"a\xffb"]),
        ("/a%zz", [b"a%zz"]),
    ],
)
def test_parts(path: str, parts: list[bytes] | None) -> None:
    """Bytes that are no UTF-8 stay; hidden names are none, but the one that is made to be seen."""
    assert split_path(path) == parts


def test_a_socket_is_not_found(tree: Path, root: int) -> None:
    """Nor waited for."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tree / "sock"))
        with pytest.raises(FileNotFoundError):
            content(root, "/sock")


def test_what_may_not_be_read_says_so(tree: Path, root: int) -> None:
    """PermissionError, to all but root."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tree / "file").chmod(0)
    with pytest.raises(PermissionError):
        content(root, "/file")


def test_the_root_may_be_a_link(tree: Path, tmp_path: Path) -> None:
    """What the program names itself is trusted."""
    (tmp_path / "alias").symlink_to(tree)
    descriptor = os.open(tmp_path / "alias", os.O_RDONLY)
    try:
        assert content(descriptor, "/file") == "file"
    finally:
        os.close(descriptor)


NAMES = st.sampled_from(
    [
        "..",
        ".",
        "sub",
        "file",
        "out",
        "outdir",
        "link",
        "secret",
        "%2e",
        "%2f",
        "/",
        "%00",
        "\0",
        "root",
        "%5c",
        "pipe",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(NAMES | st.text(max_size=3).map(quote), max_size=8), st.sampled_from(["", "/"]))
def test_nothing_leads_to_the_secret(root: int, words: list[str], between: str) -> None:
    """Whatever the words and however they are joined."""
    try:
        found = content(root, "/" + between.join(words))
    except (FileNotFoundError, IsADirectoryError):
        return
    assert found in ("file", "sub", "odd")
