"""What ``make`` says and does before anything is compiled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vendor import bootstrap, discover
from vendor.toolchain import BuildError


@pytest.fixture(autouse=True)
def no_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test installs anything."""
    monkeypatch.setattr(bootstrap, "_is_root_on_debian", lambda: False)


def test_one_message_for_all_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user gets one command line to have run by root."""
    monkeypatch.setattr(bootstrap, "_can_make_venv", lambda: False)
    monkeypatch.setattr(bootstrap, "_can_compile", lambda: False)
    monkeypatch.setattr(bootstrap.sysconfig, "get_path", lambda name: "/no/such/place")
    monkeypatch.setattr(bootstrap, "_debian_python", lambda: "python3")
    monkeypatch.setattr(bootstrap, "_PYPY", False)
    with pytest.raises(BuildError) as error:
        bootstrap.prepare_machine()
    packages = "python3-venv python3-dev gcc libc6-dev libssl-dev"
    assert f"Have root run:  apt-get install {packages}\n" in str(error.value)


def test_root_gets_it_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root on Debian is not asked to type what can be done at once."""
    installed: list[str] = []
    monkeypatch.setattr(bootstrap, "_is_root_on_debian", lambda: True)
    monkeypatch.setattr(bootstrap, "_apt_install", installed.extend)
    monkeypatch.setattr(
        bootstrap, "missing_packages", lambda: {} if installed else {"python3-dev": "headers"}
    )
    monkeypatch.setattr(bootstrap, "missing_openssl", dict)
    bootstrap.prepare_machine()
    assert installed == ["python3-dev"]


def test_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that is too old is told how to choose another."""
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 8, 18))
    with pytest.raises(BuildError, match=r"Python 3\.9 or newer.*PYTHON="):
        bootstrap.prepare_machine()


def test_without_openssl_the_build_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No root and no OpenSSL headers: a build without TLS, which says so."""
    monkeypatch.setattr(bootstrap, "missing_packages", dict)
    monkeypatch.setattr(bootstrap, "_can_compile", lambda: True)
    monkeypatch.setattr(discover, "has_openssl", lambda: False)
    monkeypatch.setenv("LIBEVENT_PY_OPENSSL", "")
    monkeypatch.delenv("LIBEVENT_PY_OPENSSL")
    bootstrap.prepare_machine()
    assert os.environ.pop("LIBEVENT_PY_OPENSSL") == "no"
    assert "WITHOUT TLS" in capsys.readouterr().err


def test_openssl_that_was_asked_for_is_not_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever set the variable meant it; the build then says what is missing."""
    monkeypatch.setattr(bootstrap, "missing_packages", dict)
    monkeypatch.setattr(bootstrap, "missing_openssl", lambda: {"libssl-dev": "TLS"})
    monkeypatch.setenv("LIBEVENT_PY_OPENSSL", "yes")
    bootstrap.prepare_machine()
    assert os.environ["LIBEVENT_PY_OPENSSL"] == "yes"


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("LIBEVENT_PY_LIBEVENT", "vendored", True),
        ("LIBEVENT_PY_LIBEVENT", "system", False),
        ("LIBEVENT_PREFIX", "/opt", False),
    ],
)
def test_settings_decide_about_vendoring(
    setting: str, value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CMake is fetched only where it will be needed."""
    monkeypatch.setenv(setting, value)
    assert bootstrap.needs_vendored() is expected


def test_no_network() -> None:
    """pip's many lines about a missing network become two sentences."""
    said = (
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...)'\nERROR: x\n"
    )
    with pytest.raises(BuildError, match="is there a network"):
        bootstrap._explain_pip_failure(said, ("cffi",), Path("build/pip.log"))


def test_our_own_error_comes_through() -> None:
    """The build's own text is shown alone, not wrapped in pip's."""
    said = "  Preparing\n\n  libevent_py: error: first line\n  second line\n\n  error: subprocess-exited\n"
    with pytest.raises(BuildError) as error:
        bootstrap._explain_pip_failure(said, (".",), Path("build/pip.log"))
    assert str(error.value).strip() == "libevent_py: error: first line\nsecond line"


def test_other_failures_show_their_end() -> None:
    """A compiler error is shown as far as a screen goes."""
    with pytest.raises(BuildError, match="error: expected"):
        bootstrap._explain_pip_failure("x.c:1: error: expected ';'\n", (".",), Path("build/pip.log"))


def test_requirements_are_those_of_pyproject() -> None:
    """Nothing is written down twice."""
    assert any(requirement.startswith("cffi") for requirement in bootstrap.requirements("requires"))
    assert any(requirement.startswith("pytest") for requirement in bootstrap.requirements("test"))


def test_fingerprint_follows_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another setting is another build."""
    before = bootstrap.fingerprint(Path("python"))
    assert bootstrap.fingerprint(Path("python")) == before
    monkeypatch.setenv("CFLAGS", "-O1")
    assert bootstrap.fingerprint(Path("python")) != before


def test_settings_are_those_of_the_documentation(root: Path) -> None:
    """Every variable that changes the build is documented, and changes the fingerprint."""
    text = (root / "docs" / "building.md").read_text()
    for name in bootstrap._SETTINGS:
        assert f"`{name}" in text, name


def test_makefile_lists_its_targets(root: Path) -> None:
    """A bare ``make`` shows what there is."""
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    answer = subprocess.run(["make", "-s", "--no-print-directory"], cwd=root, capture_output=True, text=True)
    for target in ("demo", "test", "vendored", "check", "clean"):
        assert f"\n{target} " in f"\n{answer.stdout}"


def test_bootstrap_runs_on_the_standard_library_alone(root: Path) -> None:
    """The system's Python has no packages when make runs."""
    program = "import sys; sys.path.insert(0, '.'); import vendor.bootstrap"
    subprocess.run([sys.executable, "-S", "-c", program], cwd=root, check=True)
