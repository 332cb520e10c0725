"""Which libevent is chosen, and what is said where there is none."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vendor import discover, static, toolchain
from vendor.toolchain import BuildError


def fake_prefix(folder: Path, number: str, version: str) -> Path:
    """An installed libevent as far as its headers tell."""
    (folder / "include" / "event2").mkdir(parents=True)
    (folder / "lib").mkdir()
    (folder / "lib" / "libevent_core.a").touch()
    text = f'#define LIBEVENT_VERSION "{version}"\n#define LIBEVENT_VERSION_NUMBER {number}\n'
    (folder / "include" / "event2" / "event.h").write_text(text)
    return folder


@pytest.fixture
def openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take OpenSSL as present, whatever this machine has."""
    monkeypatch.setattr(discover, "has_openssl", lambda: True)


def no_system(tls: bool) -> toolchain.Libevent:
    """Stand in for a machine without libevent."""
    raise discover.Unusable("has no headers here")


def no_vendored(tls: bool) -> static.Vendored:
    """Stand in for a machine that cannot fetch a source."""
    raise static.Unavailable("there is no network")


@pytest.mark.parametrize(
    ("name", "choices"),
    [("LIBEVENT_PY_LIBEVENT", "auto or system or vendored"), ("LIBEVENT_PY_OPENSSL", "yes or no")],
)
def test_wrong_value(name: str, choices: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is not known is an error that names those that are."""
    monkeypatch.setenv(name, "maybe")
    with pytest.raises(BuildError, match=f"{name}='maybe'.*{choices}"):
        discover.find_libevent()


def test_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """``VAR= make`` means unset."""
    monkeypatch.setenv("LIBEVENT_PY_OPENSSL", "")
    assert discover.wants_tls()


def test_openssl_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenSSL's headers the remedies are the package and the build without TLS."""
    monkeypatch.setattr(discover, "has_openssl", lambda: False)
    with pytest.raises(BuildError) as error:
        discover.find_libevent()
    assert "libssl-dev" in str(error.value)
    assert "LIBEVENT_PY_OPENSSL=no" in str(error.value)


def test_openssl_is_found_missing_by_the_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A broken openssl/ssl.h, found first, is as good as none."""
    (tmp_path / "openssl").mkdir()
    (tmp_path / "openssl" / "ssl.h").write_text("#error broken on purpose\n")
    monkeypatch.setenv("CFLAGS", f"-I{tmp_path}")
    assert not discover.has_openssl()


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that is not there is named, with what to install."""
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    with pytest.raises(BuildError, match=r"'no-such-compiler'.*apt-get install gcc"):
        toolchain.compiler()


def test_prefix_too_old(openssl: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An old libevent is refused by the version that its header says."""
    monkeypatch.setenv("LIBEVENT_PREFIX", str(fake_prefix(tmp_path, "0x02001600", "2.0.22-stable")))
    with pytest.raises(BuildError, match=r"2\.0\.22-stable, older than the 2\.1\.12"):
        discover.find_libevent()


def test_prefix_that_does_not_link(openssl: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Headers without their library are refused, with the linker's words."""
    monkeypatch.setenv("LIBEVENT_PREFIX", str(fake_prefix(tmp_path, "0x02010d00", "2.1.13-stable")))
    with pytest.raises(BuildError, match=r"2\.1\.13-stable does not link with .*-levent_core"):
        discover.find_libevent()


def test_prefix_without_libevent(openssl: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A prefix that holds no libevent is an error, not a reason to take another one."""
    monkeypatch.setenv("LIBEVENT_PREFIX", str(tmp_path))
    with pytest.raises(BuildError, match=r"has no event2/event\.h"):
        discover.find_libevent()


def test_half_a_prefix(openssl: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Headers of one libevent must not meet the library of another."""
    monkeypatch.setenv("LIBEVENT_INCLUDE_DIR", str(tmp_path))
    with pytest.raises(BuildError, match="set both"):
        discover.find_libevent()


def test_prefix_contradicts_vendored(openssl: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two contradictory wishes are an error."""
    monkeypatch.setenv("LIBEVENT_PREFIX", str(fake_prefix(tmp_path, "0x02010d00", "2.1.13-stable")))
    monkeypatch.setenv("LIBEVENT_PY_LIBEVENT", "vendored")
    with pytest.raises(BuildError, match="contradicts"):
        discover.find_libevent()


def test_rpath_only_for_shared_libraries_of_a_prefix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A prefix with shared libraries is remembered in the extension; one with archives need not be."""
    monkeypatch.setenv("LIBEVENT_PREFIX", str(fake_prefix(tmp_path, "0x02010d00", "2.1.13-stable")))
    archive = discover._explicit_prefix(tls=False)
    (tmp_path / "lib" / "libevent_core.so").touch()
    shared = discover._explicit_prefix(tls=False)
    assert archive is not None
    assert shared is not None
    assert not any("-rpath" in word for word in archive.link_args)
    assert f"-Wl,-rpath,{tmp_path}/lib" in shared.link_args


def test_system_only_and_missing(openssl: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the system's would do and it is not there, every other way is named."""
    monkeypatch.setenv("LIBEVENT_PY_LIBEVENT", "system")
    monkeypatch.setattr(discover, "find_system", no_system)
    with pytest.raises(BuildError) as error:
        discover.find_libevent()
    for remedy in ("apt-get install libevent-dev", "LIBEVENT_PREFIX", "LIBEVENT_PY_LIBEVENT=vendored"):
        assert remedy in str(error.value)


def test_nothing_works(openssl: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither a system libevent nor a vendored one, one error says why and names the remedies."""
    monkeypatch.setattr(discover, "find_system", no_system)
    monkeypatch.setattr(static, "build_vendored", no_vendored)
    with pytest.raises(BuildError) as error:
        discover.find_libevent()
    for words in ("no headers here", "no network", "libevent-dev", "LIBEVENT_SOURCE", "pip install cmake"):
        assert words in str(error.value)


def test_never_the_catch_all_library() -> None:
    """``-levent`` would be a second copy of core and extra, with globals of its own."""
    found = discover._describe("system", "", True, [], [])
    assert "event" not in found.libraries
    assert {"event_core", "event_extra", "event_openssl", "event_pthreads"} <= set(found.libraries)


def test_without_pkg_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no pkg-config, the compiler's default paths are tried."""
    monkeypatch.setattr(discover, "_pkg_config_dirs", lambda modules: None)
    try:
        assert discover.find_system(tls=False).source == "the compiler's default paths"
    except discover.Unusable as reason:
        pytest.skip(f"the system's libevent {reason}")


def test_error_has_no_traceback(root: Path) -> None:
    """The person who runs the build sees the text, and nothing around it."""
    if not importlib.util.find_spec("setuptools"):
        pytest.skip("setuptools is not installed")
    command = [sys.executable, "setup.py", "-q", "build_ext"]
    env = {**os.environ, "LIBEVENT_PY_LIBEVENT": "bundled"}
    answer = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    assert answer.returncode == 1
    assert "libevent_py: error: LIBEVENT_PY_LIBEVENT='bundled' is not known" in answer.stderr
    assert "Traceback" not in answer.stderr
