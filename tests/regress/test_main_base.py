"""Ports of libevent's regress group main: bases, methods, versions (docs/regress.md has the table)."""

from __future__ import annotations

import re
import time

import pytest

from libevent_py import (
    Event,
    EventBase,
    EventBaseFeatures,
    EventBaseFlags,
    EventConfig,
    EventFlags,
    UnsupportedError,
    build_info,
    ffi,
    lib,
)
from libevent_py.config import supported_methods

ENVIRONMENT = "EVENT_NOEPOLL", "EVENT_NOPOLL", "EVENT_NOSELECT", "EVENT_EPOLL_USE_CHANGELIST"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the settings of whoever runs the tests."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


def test_methods(plain: None) -> None:
    """A base that shall not have the first method has another; without any method left there is none."""
    names = list(supported_methods())
    config = EventConfig(avoid_methods=names[:1], flags=EventBaseFlags.IGNORE_ENV)
    if len(names) > 1:
        with EventBase(config=config) as base:
            assert base.method == names[1]
    with pytest.raises(UnsupportedError):
        EventBase(config=EventConfig(avoid_methods=names))


def test_version() -> None:
    """Text and number are the same version, and that of the headers."""
    text = ffi.string(lib.event_get_version()).decode()
    number = lib.event_get_version_number()
    assert text == build_info()["libevent_version"]
    assert ffi.string(lib.LIBEVENT_VERSION).decode() == build_info()["libevent_version_header"]
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    assert found is not None
    major, minor, patch = map(int, found.groups())
    assert number & 0xFFFFFF00 == major << 24 | minor << 16 | patch << 8


def test_base_features(plain: None) -> None:
    """A backend with edge-triggered events, where one is required; none is an error."""
    config = EventConfig(require_features=EventBaseFeatures.ET)
    if any(features & EventBaseFeatures.ET for features in supported_methods().values()):
        with EventBase(config=config) as base:
            assert base.features & EventBaseFeatures.ET
    else:
        with pytest.raises(UnsupportedError):
            EventBase(config=config)


def test_base_environ(plain: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """EVENT_NOxxx takes a method away, and IGNORE_ENV gives it back."""
    with EventBase() as base:
        default = base.method
    monkeypatch.setenv(f"EVENT_NO{default.upper()}", "1")
    if len(supported_methods()):
        with EventBase(config=EventConfig()) as base:
            assert base.method != default
    else:
        with pytest.raises(UnsupportedError):
            EventBase()
    with EventBase(config=EventConfig(flags=EventBaseFlags.IGNORE_ENV)) as base:
        assert base.method == default


@pytest.mark.parametrize("slow", [True, False], ids=["sleep", "nosleep"])
@pytest.mark.parametrize("cached", [True, False], ids=["cached", "disabled"])
def test_gettimeofday_cached(cached: bool, slow: bool) -> None:
    """In a native loop all callbacks of a pass have one time; without the cache each has its own."""
    flags = EventBaseFlags(0) if cached else EventBaseFlags.NO_CACHE_TIME
    times: list[float] = []

    def note(event: Event, what: EventFlags) -> None:
        times.append(base.gettimeofday_cached())
        end = time.monotonic() + 0.02 * slow
        while time.monotonic() < end:
            pass

    with EventBase(config=EventConfig(flags=flags)) as base:
        before = time.time()
        assert base.gettimeofday_cached() >= before - 0.01
        events = [Event(base, None, EventFlags(0), note) for _ in range(3)]
        for event in events:
            event.active()
        lib.event_base_dispatch(base.pointer)
    assert len(times) == 3
    if cached:
        assert times[0] == times[1] == times[2]
    elif slow:
        assert times[1] - times[0] > 0.01
        assert times[2] - times[1] > 0.01
    else:
        assert times == sorted(times)
