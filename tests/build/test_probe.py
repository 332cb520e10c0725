"""The probes that find which symbols a libevent has."""

from __future__ import annotations

from pathlib import Path

import pytest

from vendor import discover, probe, toolchain

PRESENT = ["event_base_new", "EVENT_BASE_FLAG_NOLOCK", "EV_READ", "evhttp_new", "evutil_secure_rng_init"]


@pytest.fixture(scope="module")
def libevent() -> toolchain.Libevent:
    """The system's libevent without TLS, so that OpenSSL is not needed here."""
    try:
        return discover.find_system(tls=False)
    except discover.Unusable as reason:
        pytest.skip(f"the system's libevent {reason}")


def test_functions_macros_and_enumerators(libevent: toolchain.Libevent) -> None:
    """Every kind of name is found, and names that do not exist are not."""
    asked = [*PRESENT, "no_such_function", "NO_SUCH_MACRO"]
    assert probe.present_symbols(asked, libevent) == set(PRESENT)


def test_nothing_asked(libevent: toolchain.Libevent) -> None:
    """No names, no symbols."""
    assert probe.present_symbols([], libevent) == set()


def test_many_absent_names_cost_few_compiler_runs(
    libevent: toolchain.Libevent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absent names are learnt from one run's messages, not by a run each."""
    runs = []
    run_cc = toolchain.run_cc
    monkeypatch.setattr(toolchain, "run_cc", lambda *args: runs.append(1) or run_cc(*args))
    absent = [f"no_such_function_{number}" for number in range(200)]
    assert probe.present_symbols([*absent, *PRESENT], libevent) == set(PRESENT)
    assert len(runs) <= 3


def test_declared_but_not_in_the_library(
    libevent: toolchain.Libevent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A header's promise that the library does not keep counts as absent."""
    monkeypatch.setattr(probe, "_SHIM", tmp_path)
    (tmp_path / "headers.h").write_text(
        "#include <event2/event.h>\nint lepy_ghost(void), lepy_ghoul(void);\n"
    )
    asked = ["lepy_ghost", "event_base_new", "lepy_ghoul"]
    assert probe.present_symbols(asked, libevent) == {"event_base_new"}


def test_headers_that_do_not_compile(
    libevent: toolchain.Libevent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When the error is not about a name, it is shown instead of an endless search."""
    monkeypatch.setattr(probe, "_SHIM", tmp_path)
    (tmp_path / "headers.h").write_text("#error broken on purpose\n")
    with pytest.raises(toolchain.BuildError, match="broken on purpose"):
        probe.present_symbols(["event_base_new"], libevent)
