"""libevent's source for the vendored build: what is taken, what is refused, what is kept."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from vendor import debian, pins, source, static, toolchain
from vendor.toolchain import BuildError

FIXED = "int evhttp_str_is_chunked_(const char *);\n"


@pytest.fixture(autouse=True)
def work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A place of its own for fetched sources and builds."""
    folder = tmp_path / "vendored"
    monkeypatch.setattr(source, "WORK", folder)
    return folder


def tree(folder: Path, http: str = FIXED) -> Path:
    """A source tree as far as it is looked at before CMake."""
    folder.mkdir(parents=True)
    (folder / "http.c").write_text(http)
    (folder / "CMakeLists.txt").write_text("project(libevent)\n")
    return folder


def tarball(path: Path, http: str = FIXED) -> Path:
    """The same as a release tarball."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (("http.c", http), ("CMakeLists.txt", "project(libevent)\n")):
            member = tarfile.TarInfo(f"libevent-9/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def no_distribution(folder: Path) -> Path:
    """Stand in for a system without apt."""
    raise debian.NotAvailable("there is no apt-get here")


def test_given_tree_is_used_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree is neither copied nor changed, and what it holds decides its identity."""
    given = tree(tmp_path / "mine")
    monkeypatch.setenv("LIBEVENT_SOURCE", str(given))
    before = source.obtain()
    assert before.tree == str(given)
    (given / "http.c").write_text(FIXED + "/* changed */\n")
    assert source.obtain().identity != before.identity


def test_given_tarball_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Path) -> None:
    """A second run finds the first one's tree."""
    monkeypatch.setenv("LIBEVENT_SOURCE", str(tarball(tmp_path / "libevent-9.tar.gz")))
    first = source.obtain()
    Path(first.tree, "mark").touch()
    second = source.obtain()
    assert first == second
    assert Path(second.tree, "mark").exists()
    assert Path(second.tree).parent.parent == work


def test_given_tarball_with_a_wrong_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file under a release's name must be that release."""
    monkeypatch.setenv("LIBEVENT_SOURCE", str(tarball(tmp_path / pins.UPSTREAM_FILE)))
    with pytest.raises(BuildError, match="checksum of libevent-2.1.13-stable.tar.gz is wrong"):
        source.obtain()


@pytest.mark.parametrize("content", [b"", b"not a tarball", b"\x1f\x8b\x08 damaged"])
def test_given_file_that_is_no_tarball(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Path
) -> None:
    """A damaged file is an error in one sentence, and leaves nothing behind."""
    (tmp_path / "x.tar.gz").write_bytes(content)
    monkeypatch.setenv("LIBEVENT_SOURCE", str(tmp_path / "x.tar.gz"))
    with pytest.raises(BuildError, match="cannot be unpacked|does not hold libevent"):
        source.obtain()
    assert not [path for path in work.iterdir() if path.name.startswith("unfinished")]


def test_given_path_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error in the path is named."""
    monkeypatch.setenv("LIBEVENT_SOURCE", "/no/such/place")
    with pytest.raises(BuildError, match="neither a source tree nor a tarball"):
        source.obtain()


def test_given_tree_of_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without libevent's files is refused."""
    monkeypatch.setenv("LIBEVENT_SOURCE", str(tmp_path))
    with pytest.raises(BuildError, match="does not hold libevent"):
        source.obtain()


@pytest.mark.parametrize("packed", [False, True])
def test_unpatched_source_is_refused(packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lacks the security fixes is used only when that is allowed, at each use anew."""
    given = tarball(tmp_path / "a.tar.gz", "old\n") if packed else tree(tmp_path / "a", "old\n")
    monkeypatch.setenv("LIBEVENT_SOURCE", str(given))
    with pytest.raises(BuildError, match="CVE-2026-63379.*LIBEVENT_PY_ALLOW_UNPATCHED=1"):
        try:
            source.obtain()
        except BuildError as error:
            raise BuildError(str(error).replace("\n", " ")) from None
    monkeypatch.setenv("LIBEVENT_PY_ALLOW_UNPATCHED", "1")
    assert source.obtain().patches == []
    monkeypatch.delenv("LIBEVENT_PY_ALLOW_UNPATCHED")
    with pytest.raises(BuildError):
        source.obtain()


def test_unpatched_distribution_gives_way_to_upstream(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A distribution without the fixes is passed over for the upstream release that has them."""
    package = {
        "release": tarball(tmp_path / "o.tar.gz", "old\n"),
        "packaging": tarball(tmp_path / "d.tar.gz"),
    }
    monkeypatch.setattr(debian, "download", lambda folder: tmp_path / "libevent_9-1.dsc")
    monkeypatch.setattr(debian, "verified_files", lambda dsc: tuple(package.values()))
    fixed = tree(tmp_path / "upstream")
    monkeypatch.setattr(
        source, "_fetch_from_upstream", lambda folder: source.Source("upstream", str(fixed), "u", [])
    )
    assert source.obtain().name == "upstream"


def test_nothing_can_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way that was tried says why it failed."""
    monkeypatch.setattr(debian, "download", no_distribution)
    monkeypatch.setattr(pins, "UPSTREAM_URL", "http://127.0.0.1:1/libevent.tar.gz")
    with pytest.raises(source.NoSource) as error:
        source.obtain()
    assert "no apt-get here" in str(error.value)
    assert "127.0.0.1:1" in str(error.value)


def test_upstream_with_a_wrong_checksum(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A changed download stops the build; it is no reason to look elsewhere."""
    served = tarball(tmp_path / "served.tar.gz")
    monkeypatch.setattr(debian, "download", no_distribution)
    monkeypatch.setattr(pins, "UPSTREAM_URL", served.as_uri())
    with pytest.raises(BuildError, match="checksum"):
        source.obtain()


def test_interrupted_fetch_leaves_nothing_that_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, work: Path
) -> None:
    """Only a complete source gets its name; the next run fetches again."""

    def interrupted(folder: Path) -> source.Source:
        tree(folder / "half")
        raise KeyboardInterrupt

    monkeypatch.setattr(source, "_fetch_from_distribution", interrupted)
    with pytest.raises(KeyboardInterrupt):
        source.obtain()
    assert list(work.iterdir()) == []


def test_no_cmake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without CMake the error says that pip has it."""
    monkeypatch.setenv("LIBEVENT_SOURCE", str(tree(tmp_path / "mine")))
    monkeypatch.setattr(static, "cmake", lambda: None)
    with pytest.raises(static.Unavailable, match="pip install cmake"):
        static.build_vendored(tls=False)


def fake_cmake(path: Path, body: str) -> str:
    """A cmake that is a shell script."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_failing_build_shows_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, work: Path) -> None:
    """What the compiler said last is in the error, and the next run builds again."""
    monkeypatch.setenv("LIBEVENT_SOURCE", str(tarball(tmp_path / "a.tar.gz")))
    monkeypatch.setattr(static, "cmake", lambda: fake_cmake(tmp_path / "cmake", "echo on purpose; exit 1"))
    with pytest.raises(BuildError, match="on purpose"):
        static.build_vendored(tls=False)
    assert not list(work.glob("libevent-*")) + list(work.glob("unfinished-*"))


def test_build_is_kept_by_source_and_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same source with the same settings is built once; another setting builds another."""
    log = tmp_path / "log"
    make = 'case $a in -DCMAKE_INSTALL_PREFIX=*) mkdir -p "${a#*=}/lib";; esac'
    script = f"echo run >> {log}; for a; do {make}; done"
    monkeypatch.setenv("LIBEVENT_SOURCE", str(tree(tmp_path / "mine")))
    monkeypatch.setattr(static, "cmake", lambda: fake_cmake(tmp_path / "cmake", script))
    first, again = static.build_vendored(tls=False), static.build_vendored(tls=False)
    assert first == again
    assert len(log.read_text().splitlines()) == 2  # configure and install
    assert static.build_vendored(tls=True).library != first.library
    monkeypatch.setenv("CFLAGS", "-O1")
    assert static.build_vendored(tls=False).library != first.library
    assert toolchain.HIDE_ARCHIVES or static.sys.platform == "darwin"
