"""Arguments, checked and converted."""

from __future__ import annotations

import array
import math
import os
import socket
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libevent_py import EventFlags, _convert, ffi


def sockaddr_of(sock: socket.socket) -> bytes:
    """The ``struct sockaddr`` of a bound TCP socket, as Linux lays it out."""
    host, port, *rest = sock.getsockname()
    head = struct.pack("=H", sock.family) + struct.pack("!H", port)
    if sock.family == socket.AF_INET:
        return head + socket.inet_aton(host) + bytes(8)
    flow, scope = rest
    return head + struct.pack("!I", flow) + socket.inet_pton(sock.family, host) + struct.pack("=I", scope)


class TestSeconds:
    """Timeouts."""

    @pytest.mark.parametrize(
        ("value", "expected"), [(None, -1.0), (0, 0.0), (1, 1.0), (0.25, 0.25), (1e9, 1e9)]
    )
    def test_what_is_a_timeout(self, value: float | None, expected: float) -> None:
        """Seconds as a number, None for none."""
        assert _convert.seconds(value) == expected

    @pytest.mark.parametrize("value", [-1, -0.001, math.nan, math.inf, -math.inf, 1e10, 10**400])
    def test_a_number_that_is_no_timeout(self, value: float) -> None:
        """Negative, NaN, infinite, and what overflows in C."""
        with pytest.raises(ValueError, match="must be between 0 and 1000000000 seconds"):
            _convert.seconds(value)

    @pytest.mark.parametrize("value", ["1", b"1", [], object(), 1j])
    def test_what_is_no_number(self, value: Any) -> None:
        """A wrong type says which it was."""
        with pytest.raises(TypeError, match=type(value).__name__):
            _convert.seconds(value)


class TestInteger:
    """Counts, ports, priorities."""

    @pytest.mark.parametrize("value", [1.0, "1", None, b"", 2.5])
    def test_what_is_no_int(self, value: Any) -> None:
        """Only an int is one."""
        with pytest.raises(TypeError, match="thing must be an int"):
            _convert.integer(value, "thing", 0, 9)

    @pytest.mark.parametrize("value", [-1, 10, 2**64, -(2**64)])
    def test_out_of_range(self, value: int) -> None:
        """The message tells the range and the value."""
        with pytest.raises(ValueError, match=f"thing must be between 0 and 9, not {value}"):
            _convert.integer(value, "thing", 0, 9)

    def test_the_ends_belong_to_it(self) -> None:
        """Low and high are allowed."""
        assert _convert.integer(0, "thing", 0, 9) == 0
        assert _convert.integer(9, "thing", 0, 9) == 9


class TestDescriptor:
    """File descriptors."""

    def test_an_int_and_an_object(self) -> None:
        """A number and anything with fileno() do."""
        with socket.socket() as sock:
            assert _convert.descriptor(sock) == sock.fileno()
            assert _convert.descriptor(sock.fileno()) == sock.fileno()

    def test_a_closed_socket(self) -> None:
        """Its descriptor is -1: a ValueError that asks about it."""
        sock = socket.socket()
        sock.close()
        with pytest.raises(ValueError, match="is the socket closed"):
            _convert.descriptor(sock)

    def test_a_closed_descriptor(self) -> None:
        """A number that is not open is EBADF."""
        fd = os.dup(0)
        os.close(fd)
        with pytest.raises(OSError, match="Bad file descriptor"):
            _convert.descriptor(fd)

    @pytest.mark.parametrize("value", [-1, -(2**40), 1 << 27, 10**9, 2**70])
    def test_numbers_that_are_none(self, value: int) -> None:
        """A huge one would make libevent's table as huge."""
        with pytest.raises(ValueError, match="file descriptor"):
            _convert.descriptor(value)

    @pytest.mark.parametrize("value", ["0", 0.0, None, b"", object()])
    def test_what_has_none(self, value: Any) -> None:
        """A wrong type says so."""
        with pytest.raises(TypeError, match="need a file descriptor"):
            _convert.descriptor(value)

    def test_a_fileno_that_gives_no_int(self) -> None:
        """fileno() may be anybody's."""

        class Odd:
            def fileno(self) -> str:
                return "zero"

        with pytest.raises(TypeError, match="Odd"):
            _convert.descriptor(Odd())  # type: ignore[arg-type]


class TestData:
    """Bytes for C."""

    def test_bytes_are_taken_as_they_are(self) -> None:
        """No copy, no wrapping."""
        value = b"abc"
        assert _convert.data(value) is value

    @pytest.mark.parametrize("value", [bytearray(b"abc"), array.array("B", b"abc")])
    def test_what_has_a_buffer(self, value: Any) -> None:
        """Anything contiguous does."""
        found = _convert.data(value)
        assert ffi.buffer(found)[:] == b"abc"
        assert len(found) == 3

    def test_a_view_is_copied(self) -> None:
        """A memoryview gives its bytes, and is free again."""
        view = memoryview(b"abc")
        assert _convert.data(view) == b"abc"
        view.release()

    @pytest.mark.parametrize("value", ["abc", 3, None, [1, 2], object()])
    def test_what_has_none(self, value: Any) -> None:
        """Text and numbers do not."""
        with pytest.raises(TypeError, match="need "):
            _convert.data(value)

    def test_holes_are_refused(self) -> None:
        """A strided view is not one piece of memory."""
        with pytest.raises(TypeError, match="contiguous"):
            _convert.data(memoryview(b"abcdef")[::2])

    def test_a_released_view(self) -> None:
        """A memoryview that was released is an exception, not freed memory."""
        view = memoryview(b"abc")
        view.release()
        with pytest.raises((TypeError, ValueError)):
            _convert.data(view)


class TestSocketAddress:
    """Addresses."""

    @pytest.mark.parametrize(
        ("address", "family"),
        [
            (("127.0.0.1", 80), socket.AF_INET),
            (("0.0.0.0", 0), socket.AF_INET),
            (("::1", 65535), socket.AF_INET6),
            (("fe80::1%lo", 80), socket.AF_INET6),
            (("::1", 80, 0, 0), socket.AF_INET6),
        ],
    )
    def test_numeric_addresses(self, address: tuple[Any, ...], family: int) -> None:
        """The family comes from the host."""
        assert _convert.socket_address(address) == (family, address)

    def test_a_path(self) -> None:
        """``unix:`` is taken off."""
        assert _convert.socket_address("unix:/tmp/x") == (socket.AF_UNIX, "/tmp/x")

    @pytest.mark.parametrize(
        "address",
        ["", "unix:", "/tmp/x", "127.0.0.1:80", "unix:/a\0b", ("localhost", 80), ("", 80), ("127.0.0.1", -1),
         ("127.0.0.1", 65536), ("1.2.3", 80), ("127.0.0.1\0", 80)],
    )  # fmt: skip
    def test_no_numeric_address(self, address: Any) -> None:
        """Names, missing parts and ports out of range are ValueErrors."""
        with pytest.raises(ValueError):
            _convert.socket_address(address)

    @pytest.mark.parametrize(
        "address",
        [None, 80, b"unix:/tmp/x", ("127.0.0.1",), (), ("127.0.0.1", "80"), (b"127.0.0.1", 80), (None, 80),
         ("127.0.0.1", 80, 0, 0, 0), ["127.0.0.1", 80]],
    )  # fmt: skip
    def test_no_address_at_all(self, address: Any) -> None:
        """Wrong types are TypeErrors."""
        with pytest.raises(TypeError):
            _convert.socket_address(address)


class TestPythonAddress:
    """C's addresses as Python's."""

    @pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
    def test_round_trip(self, family: socket.AddressFamily, host: str) -> None:
        """What the kernel wrote reads as getsockname shows it."""
        with socket.socket(family) as sock:
            try:
                sock.bind((host, 0))
            except OSError:
                pytest.skip("no IPv6 here")
            assert _convert.python_address(sockaddr_of(sock)) == sock.getsockname()

    def test_a_path(self) -> None:
        """A UNIX address ends at its NUL."""
        raw = int(socket.AF_UNIX).to_bytes(2, "little") + b"/tmp/x\0\0\0"
        assert _convert.python_address(raw) == "/tmp/x"

    def test_an_abstract_name(self) -> None:
        """It begins with NUL and stays bytes."""
        raw = int(socket.AF_UNIX).to_bytes(2, "little") + b"\0name"
        assert _convert.python_address(raw) == b"\0name"

    @given(st.binary(max_size=40))
    def test_anything_else_is_none(self, raw: bytes) -> None:
        """No bytes, however short or odd, are an error."""
        found = _convert.python_address(raw)
        assert found is None or isinstance(found, (tuple, str, bytes))


class TestPointer:
    """Addresses from elsewhere."""

    def test_a_number_and_a_cdata(self) -> None:
        """Both become a pointer of the wanted type."""
        memory = ffi.new("char[]", 8)
        number = int(ffi.cast("uintptr_t", memory))
        for value in (ffi.cast("void *", memory), ffi.cast("struct event *", memory), number):
            found = _convert.pointer(value, "struct event *")
            assert ffi.typeof(found) is ffi.typeof("struct event *")
            assert int(ffi.cast("uintptr_t", found)) == number

    @pytest.mark.parametrize("value", [0, -1, 1 << 64, ffi.NULL])
    def test_no_address(self, value: Any) -> None:
        """NULL and what no pointer holds are ValueErrors."""
        with pytest.raises(ValueError, match="struct event"):
            _convert.pointer(value, "struct event *")

    @pytest.mark.parametrize("value", [None, "0", 1.0, True, object(), ffi.new("char[]", 8)])
    def test_wrong_types(self, value: Any) -> None:
        """Anything else is a TypeError."""
        with pytest.raises(TypeError, match="need an address"):
            _convert.pointer(value, "struct event *")


class TestFlags:
    """Flags of an IntFlag."""

    def test_known_ones(self) -> None:
        """Numbers become the flags that they are."""
        assert _convert.flags(6, EventFlags, "flags") is EventFlags.READ | EventFlags.WRITE
        assert _convert.flags(0, EventFlags, "flags") == EventFlags(0)

    @pytest.mark.parametrize("value", [0x1000, 0x1002, -1, 1 << 31, 1 << 70])
    def test_unknown_ones(self, value: int) -> None:
        """A bit that no flag has, and what C cannot hold, is a ValueError."""
        with pytest.raises(ValueError, match="flags"):
            _convert.flags(value, EventFlags, "flags")

    @pytest.mark.parametrize("value", ["READ", None, 2.0])
    def test_what_is_no_flag(self, value: Any) -> None:
        """Only an int is one."""
        with pytest.raises(TypeError, match="flags must be an int"):
            _convert.flags(value, EventFlags, "flags")
