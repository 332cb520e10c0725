"""The exceptions' places in Python's tree."""

from __future__ import annotations

import socket

import pytest

from libevent_py import ClosedError, DNSError, LibeventError, UnsupportedError, WrongThreadError


@pytest.mark.parametrize(
    ("error", "standard"),
    [
        (ClosedError, ValueError),
        (WrongThreadError, RuntimeError),
        (UnsupportedError, NotImplementedError),
        (DNSError, socket.gaierror),
    ],
)
def test_each_is_caught_as_ours_and_as_pythons(error: type[Exception], standard: type[Exception]) -> None:
    """``except LibeventError`` and ``except`` of the standard exception both catch it."""
    assert issubclass(error, LibeventError)
    assert issubclass(error, standard)


def test_the_root_is_a_plain_exception() -> None:
    """LibeventError is no OSError: those keep their own classes."""
    assert LibeventError.__bases__ == (Exception,)
