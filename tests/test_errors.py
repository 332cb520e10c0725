"""C's failures as exceptions."""

from __future__ import annotations

import errno

import pytest

from libevent_py import LibeventError, WrongThreadError, _errors, ffi, lib


def test_a_success_is_given_back() -> None:
    """check() hands on what is not negative."""
    assert _errors.check(0, "x") == 0
    assert _errors.check(7, "x") == 7


def test_errno_becomes_its_oserror() -> None:
    """A failure with errno is the subclass of OSError that Python has for it, and says what failed."""
    ffi.errno = errno.ECONNREFUSED
    with pytest.raises(ConnectionRefusedError, match=r"cannot jump: ") as caught:
        _errors.check(-1, "cannot jump")
    assert caught.value.errno == errno.ECONNREFUSED


def test_a_failure_without_errno_is_ours() -> None:
    """Where C leaves no errno the exception is LibeventError, not ``OSError(0)``."""
    ffi.errno = 0
    with pytest.raises(LibeventError, match="cannot jump"):
        _errors.check(-1, "cannot jump")


def test_a_foreign_thread_has_its_own_exception() -> None:
    """The shim's LEPY_FOREIGN_THREAD is WrongThreadError."""
    with pytest.raises(WrongThreadError, match="another thread"):
        _errors.check(lib.real.LEPY_FOREIGN_THREAD, "x")


def test_a_pointer_is_given_back() -> None:
    """check_pointer() hands on what is not NULL."""
    pointer = ffi.new("int *")
    assert _errors.check_pointer(pointer, "x") is pointer


@pytest.mark.parametrize(
    ("number", "expected"), [(0, MemoryError), (errno.ENOMEM, MemoryError), (errno.EMFILE, OSError)]
)
def test_null_is_an_exception(number: int, expected: type[Exception]) -> None:
    """NULL without errno can only be memory; with errno it is that."""
    ffi.errno = number
    with pytest.raises(expected, match="made nothing"):
        _errors.check_pointer(ffi.NULL, "made nothing")
