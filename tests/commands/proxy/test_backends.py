"""Which backend is next."""

from __future__ import annotations

import logging
import time

import pytest

from libevent_py._commands.proxy.backends import Backend, Pool


def names(pool: Pool, count: int) -> list[str]:
    """The next ones."""
    found = [pool.choose(set()) for _ in range(count)]
    return [backend.name for backend in found if backend is not None]


def pool(*, least: bool = False, eject: float = 100) -> Pool:
    """Three of them."""
    return Pool([("a", 1), ("b", 1), "unix:/c"], least, eject)


def test_one_after_the_other() -> None:
    """By their names, as people write them."""
    assert names(pool(), 6) == ["a:1", "b:1", "unix:/c"] * 2


def test_the_one_with_fewest() -> None:
    """Equals take turns."""
    some = pool(least=True)
    some.backends[0].active = 1
    assert names(some, 4) == ["b:1", "unix:/c", "b:1", "b:1"] or set(names(some, 9)) == {"b:1", "unix:/c"}
    assert "a:1" not in names(some, 20)


def test_one_that_failed_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """The log says so once, until it is back."""
    caplog.set_level(logging.INFO, "libevent_py.proxy")
    some = pool()
    bad = some.backends[1]
    some.failed(bad, OSError("refused"))
    some.failed(bad, OSError("refused"))
    assert "b:1" not in names(some, 10)
    assert not bad.is_up
    some.reached(bad)
    assert bad.is_up
    assert "b:1" in names(some, 3)
    assert [record.getMessage() for record in caplog.records] == [
        "b:1 is left out for 100 s: refused",
        "b:1 is back",
    ]


def test_its_time_passes() -> None:
    """Then it is tried again."""
    some = pool(eject=0.01)
    some.failed(some.backends[0], OSError("refused"))
    until = time.monotonic() + 5
    while not some.backends[0].is_up and time.monotonic() < until:
        pass
    assert "a:1" in names(some, 3)


def test_rather_a_try_than_none() -> None:
    """With all left out, the one whose time ends first comes, and each comes once."""
    some = pool()
    for backend in some.backends:
        some.failed(backend, OSError("refused"))
    tried: set[Backend] = set()
    while (backend := some.choose(tried)) is not None:
        tried.add(backend)
    assert tried == set(some.backends)


def test_another_list_keeps_who_stays() -> None:
    """With all that is known of it."""
    some = pool()
    kept = some.backends[1]
    some.configure([("b", 1), ("d", 1)], False, 1)
    assert some.backends[0] is kept
    assert names(some, 2) in (["b:1", "d:1"], ["d:1", "b:1"])
