"""Checking and converting arguments before C sees them (floor 2)."""

from __future__ import annotations

import enum
import os
import socket
import struct
import sys
from typing import Any, Protocol, TypeVar, Union

from ._ffi import CData, ffi


class HasFileno(Protocol):
    """Anything with a descriptor: sockets, files, pipes."""

    def fileno(self) -> int: ...


_F = TypeVar("_F", bound=enum.IntFlag)

FileDescriptor = Union[int, HasFileno]
Buffered = Union[bytes, bytearray, memoryview]

#: ``(host, port)``, ``(host, port, flowinfo, scope)``, ``"unix:/path"`` or, on Linux, ``"unix:@name"``.
Address = Union[tuple[Any, ...], str]

#: About 31 years: more overflows where libevent adds it to the clock, and fires at once.
MAX_SECONDS = 1e9

#: libevent's tables grow with the highest descriptor; no system hands out more.
MAX_DESCRIPTOR = 1 << 26


def seconds(value: float | None, what: str = "timeout") -> float:
    """A timeout in seconds for the shim, which reads -1 as none."""
    if value is None:
        return -1.0
    if not isinstance(value, (int, float)):
        raise TypeError(f"{what} must be seconds as a number, or None, not {type(value).__name__}")
    if not 0 <= value <= MAX_SECONDS:  # False for NaN too
        raise ValueError(f"{what} must be between 0 and {MAX_SECONDS:.0f} seconds, not {value!r}")
    return float(value)


def number(value: float, what: str) -> float:
    """*value*, a number."""
    if not isinstance(value, (int, float)):
        raise TypeError(f"{what} must be a number, not {type(value).__name__}")
    return value


def integer(value: int, what: str, low: int, high: int) -> int:
    """*value*, an int between *low* and *high*."""
    if not isinstance(value, int):
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    if not low <= value <= high:
        raise ValueError(f"{what} must be between {low} and {high}, not {value}")
    return value


def flags(value: int, kind: type[_F], what: str) -> _F:
    """*value* as flags of *kind*, which knows them all."""
    integer(value, what, 0, (1 << 31) - 1)
    unknown = value & ~sum(int(flag) for flag in kind)
    if unknown:
        raise ValueError(f"unknown {what}: {unknown:#x}")
    return kind(value)


def size(value: int, what: str) -> int:
    """*value*, a count of bytes that C can hold."""
    return integer(value, what, 0, (1 << 62) - 1)


def callback(value: Any, what: str) -> Any:
    """*value*, which can be called, or None."""
    if value is not None and not callable(value):
        raise TypeError(f"{what} must be callable or None, not {type(value).__name__}")
    return value


def descriptor(source: FileDescriptor) -> int:
    """The open descriptor of *source*; OSError (EBADF) where it is closed."""
    fd = source if isinstance(source, int) else source.fileno() if hasattr(source, "fileno") else None
    if not isinstance(fd, int):
        raise TypeError(f"need a file descriptor or an object with fileno(), not {type(source).__name__}")
    if fd < 0:
        raise ValueError(f"file descriptor must not be negative: {fd} (is the socket closed?)")
    if fd > MAX_DESCRIPTOR:
        raise ValueError(f"{fd} is no file descriptor that a system hands out")
    os.fstat(fd)
    return fd


def data(value: Buffered) -> CData:
    """*value* as something that CFFI takes for ``const char *``; only a memoryview is copied."""
    if type(value) is bytes:
        return value
    if isinstance(value, memoryview):
        with exported(value):
            return value.tobytes()
    return exported(value)


def copied(value: Buffered) -> bytes:
    """*value* as bytes of its own."""
    found = data(value)
    return found if type(found) is bytes else bytes(ffi.buffer(found))


def pinnable(value: Buffered) -> tuple[CData, CData, int]:
    """What keeps the memory of *value*, its address, and its length in bytes."""
    found = exported(value)
    if not isinstance(value, memoryview):
        return found, found, len(found)
    with found:
        try:
            return ffi.from_buffer(value.obj), ffi.cast("char *", found), len(found)
        except (TypeError, ValueError, BufferError):
            pass  # memory that only this view can tell of
    return pinnable(value.tobytes())


def exported(value: Buffered) -> CData:
    """The memory of *value*, as it is.

    Of a memoryview it must be released before any exception can keep it (``with``): where the
    collector takes the view before CFFI lets go of its memory, CPython crashes.
    """
    if isinstance(value, str):
        raise TypeError("need bytes, not str; encode it first")
    if isinstance(value, memoryview) and not value.c_contiguous:  # PyPy's cffi takes it, holes and all
        raise TypeError("need a contiguous bytes-like object")
    try:
        return ffi.from_buffer("char[]", value)
    except (TypeError, BufferError) as error:
        raise TypeError(f"need a contiguous bytes-like object: {error}") from None


def socket_address(address: Address) -> tuple[socket.AddressFamily, Any]:
    """The family and Python's own form of a numeric *address*; a host name is a ValueError."""
    if isinstance(address, str):
        if not address.startswith("unix:") or len(address) == len("unix:"):
            raise ValueError(f'an address given as text must be "unix:/path", not {address!r}')
        if "\0" in address:
            raise ValueError("a socket path must not contain NUL")
        path = address[len("unix:") :]
        if path.startswith("@"):
            if not sys.platform.startswith("linux"):
                raise ValueError("only Linux has abstract socket names (unix:@name); a file is unix:./@name")
            path = "\0" + path[1:]
        return socket.AF_UNIX, path
    if not isinstance(address, tuple) or len(address) not in (2, 3, 4):
        raise TypeError(f'need (host, port) or "unix:/path", not {address!r}')
    host = address[0]
    integer(address[1], "port", 0, 65535)
    if not isinstance(host, str):
        raise TypeError(f"host must be a str, not {type(host).__name__}")
    if "\0" in host:
        raise ValueError("a host must not contain NUL")
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0] if family == socket.AF_INET6 else host)
        except (OSError, ValueError):
            continue
        return family, address
    raise ValueError(f"{host!r} is not a numeric address; names are for connect_hostname()")


def python_address(raw: bytes) -> Any:
    """A ``struct sockaddr`` as Python's socket module would show it; None where it is none it knows."""
    if len(raw) < 2:
        return None
    family = ffi.from_buffer("struct sockaddr *", raw).sa_family
    if family == socket.AF_INET and len(raw) >= 8:
        return socket.inet_ntoa(raw[4:8]), struct.unpack_from("!H", raw, 2)[0]
    if family == socket.AF_INET6 and len(raw) >= 28:
        port, flowinfo = struct.unpack_from("!HI", raw, 2)
        (scope,) = struct.unpack_from("=I", raw, 24)
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), port, flowinfo, scope
    if family == socket.AF_UNIX:
        path = raw[2:]
        return path if path[:1] == b"\0" else os.fsdecode(path.split(b"\0")[0])
    return None


def prepare_stream(sock: socket.socket) -> None:
    """Make a socket of ours non-blocking, and send small writes at once as asyncio does (TCP_NODELAY)."""
    sock.setblocking(False)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def pointer(value: CData | int, kind: str) -> CData:
    """*value*, an address or a cdata pointer, as the pointer type *kind*; never NULL.

    A struct is known by its name: another FFI instance has types of its own.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 < value < 1 << 64:
            raise ValueError(f"{value} is not the address of a {kind.rstrip(' *')}")
    elif not isinstance(value, ffi.CData):
        raise TypeError(f"need an address or a cdata {kind}, not {type(value).__name__}")
    elif (name := ffi.typeof(value).cname) not in (kind, "void *", "intptr_t", "uintptr_t"):
        raise TypeError(f"need an address or a cdata {kind}, not {name}")
    found = ffi.cast(kind, value)
    if not found:
        raise ValueError(f"need a {kind.rstrip(' *')}, not NULL")
    return found
