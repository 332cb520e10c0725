"""Arguments: what a parameter is meant to get, and everything that it is not."""

from __future__ import annotations

import array
import enum
import fcntl
import math
import os
import re
import socket
import tempfile
from typing import TYPE_CHECKING, Any

import surface

from libevent_py import ffi

if TYPE_CHECKING:
    from random import Random

    from program import Program

#: The fuzz's own descriptors stay above those that the package makes, so that one closed
#: twice, which POSIX cannot forgive, is never an epoll descriptor of libevent's.
FIRST_FD = 300

SIZES = (0, 1, 2, 3, 7, 64, 100, 4096, 4097, 65536, 300_000)
HUGE = (2**15, 2**16, 2**31 - 1, 2**31, 2**32, 2**48, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**100)
SECONDS = (0, 0.0, 1e-9, 0.0001, 0.001, 0.002, 0.005, 1, 3600.0)
FLOATS = (math.nan, math.inf, -math.inf, -1.0, -0.0, 1e300, 1e9, 1e9 + 1, 2.5)
TEXTS = ("", "x", "127.0.0.1", "localhost", "\0", "\ud800", "unix:", "unix:@fuzz", "a" * 70000, "::1", "%")
ADDRESSES = (
    ("127.0.0.1", 0),
    ("127.0.0.1", 1),
    ("::1", 0),
    ("127.0.0.1", 65536),
    ("127.0.0.1", -1),
    ("no such host", 1),
    ("127.0.0.1",),
    (1, 2),
    ("127.0.0.1", "80"),
    ("::1", 0, 0, 2**40),
    ("", 0),
    "unix:",
    "unix:/nonexistent/fuzz",
    "unix:" + "x" * 200,
)


class Injected(Exception):
    """What a callback of the fuzz raises on purpose."""


def injected(rng: Random) -> BaseException:
    """An exception for a callback to raise."""
    kinds = (Injected, Injected, KeyboardInterrupt, SystemExit, ValueError, MemoryError, StopIteration)
    return rng.choice(kinds)("injected")


class Evil:
    """Looks like many things and is none."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def _answer(self, *arguments: Any) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    fileno = __index__ = __int__ = __float__ = __len__ = __iter__ = __getitem__ = __eq__ = __bytes__ = _answer  # type: ignore
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Evil({self.result!r:.20})"


class EvilInt(int):
    """An int that agrees to every comparison."""

    def __le__(self, other: object) -> bool:
        return True

    __ge__ = __lt__ = __gt__ = __le__


class EvilBytes(bytes):
    """Bytes that lie about their length."""

    def __len__(self) -> int:
        return 1 << 40


class EvilFloat(float):
    """A float that agrees to every comparison."""

    def __le__(self, other: object) -> bool:
        return True

    __ge__ = __lt__ = __gt__ = __le__


def high(fd: int) -> int:
    """*fd* again, above FIRST_FD; closes the lower one."""
    found = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FD)
    os.close(fd)
    return found


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets that never block, with high numbers."""
    pair = [socket.socket(fileno=high(each.detach())) for each in socket.socketpair()]
    for each in pair:
        each.setblocking(False)
    return pair[0], pair[1]


def is_open(sock: socket.socket) -> bool:
    """Whether nobody has closed *sock*, or its descriptor below it."""
    try:
        os.fstat(sock.fileno())
    except (OSError, ValueError):
        return False
    return True


def closed_fd() -> int:
    """A number that is no descriptor any more."""
    read, write = os.pipe()
    os.close(write)
    number = high(read)
    os.close(number)
    return number


def a_file() -> Any:
    """A file of some bytes."""
    file = tempfile.TemporaryFile(dir="/tmp")  # noqa: SIM115
    file.write(b"file content\r\n" * 500)
    file.flush()
    return file


def data(rng: Random) -> Any:
    """Something bytes-like."""
    body = rng.choice((b"", b"x", b"a line\r\nand\nmore\0", b"z" * rng.choice(SIZES)))
    return rng.choice((bytes, bytes, bytearray, memoryview))(body)


def anything(program: Program, rng: Random) -> Any:
    """A value of any kind whatever."""
    choice = rng.randrange(19)
    if choice < 4:
        return program.some_object(rng)
    if choice == 4:
        return rng.choice((None, True, False, ..., object(), object, int, print, [], (), {}, set()))
    if choice == 5:
        return rng.choice((-1, -(2**31), -(2**63), -(2**100), *HUGE))
    if choice == 6:
        return rng.choice(SIZES)
    if choice == 7:
        return rng.choice(FLOATS)
    if choice == 8:
        return rng.choice(TEXTS)
    if choice == 9:
        return data(rng)
    if choice == 10:
        released = memoryview(b"released")
        released.release()
        strange = (
            memoryview(b"abcdef")[::2],
            released,
            memoryview(array.array("d", [1, 2])),
            array.array("i"),
        )
        return rng.choice(strange)
    if choice == 11:
        return Evil(rng.choice((injected(rng), None, -1, 2**70, "text", 1.5)))
    if choice == 12:
        return rng.choice((EvilInt(-5), EvilInt(2**63), EvilInt(2**40), EvilFloat("nan"), EvilFloat(-1)))
    if choice == 13:
        return EvilBytes(b"evil")
    if choice == 14:
        return rng.choice((ffi.NULL, ffi.new("char[4]"), ffi.new_handle(program)))
    if choice == 15:
        return rng.choice(ADDRESSES)
    if choice == 16:
        return (
            [anything(program, rng) for _ in range(rng.randrange(3))] if program.calls % 3 else [b"a", b"b"]
        )
    if choice == 17:
        return program.callback(rng)
    return rng.choice(list(rng.choice(list(surface.ENUMS.values()))))


_WORD = re.compile(r"\w+")


def for_parameter(program: Program, rng: Random, name: str, annotation: str) -> Any:
    """What a parameter with this name and annotation is meant to get, as far as one can guess."""
    words = set(_WORD.findall(annotation))
    if "None" in words and rng.random() < 0.3:
        return None
    if name == "pointer":  # a wrong address is C's affair
        return rng.choice((None, 0, -1, 2**64, "0", ffi.NULL, ffi.new("char[4]")))
    if name == "sock" and not ({"FileDescriptor"} & words):
        return program.listening_socket() if rng.random() < 0.5 else program.socket(rng)
    if "Iterable" in words and "Buffered" in words:
        return [data(rng) for _ in range(rng.randrange(4))]
    kinds = [kind for word in words for kind in surface.NAMED_KINDS.get(word, ())]
    if kinds:
        found = (program.object_of(rng, kind) for kind in rng.sample(kinds, len(kinds)))
        return next((each for each in found if each is not None), None)
    for word in words & set(surface.ENUMS):
        return _flags(rng, surface.ENUMS[word])
    if name.startswith(("on_", "process_", "callback", "function")) or any(
        word.endswith(("Callback", "Callable", "Handler")) for word in words
    ):
        return program.callback(rng)
    if "FileDescriptor" in words or name in ("fd", "file", "source", "target"):
        return program.descriptor(rng, name)
    if "Buffered" in words or "bytes" in words:
        return data(rng)
    if "Address" in words:
        return program.address(rng)
    if "float" in words:
        return rng.choice(SECONDS)
    if "bool" in words:
        return rng.random() < 0.5
    if "int" in words:
        return _integer(rng, name)
    if "str" in words:
        return rng.choice(TEXTS)
    return anything(program, rng)


def _integer(rng: Random, name: str) -> int:
    if name == "port":
        return rng.choice((0, 1, 9, 65535))
    if "priorit" in name:
        return rng.choice((0, 1, 1, 2, 3, 5))
    if "number" in name:
        return rng.choice((10, 12, 17, 28))
    return rng.choice(SIZES)


def _flags(rng: Random, enumeration: type[enum.IntEnum]) -> Any:
    members: list[Any] = list(enumeration)
    found = rng.choice(members)
    while issubclass(enumeration, enum.IntFlag) and rng.random() < 0.4:
        found |= rng.choice(members)
    return found


def argument(program: Program, rng: Random, parameter: surface.Parameter) -> Any:
    """What it is meant to get, most of the time."""
    is_descriptor = any(word in parameter.annotation for word in ("FileDescriptor", "Stream"))
    if rng.random() < program.nastiness and parameter.name != "pointer":
        found = anything(program, rng)
        # The package's own descriptors are not the fuzz's to close.
        return -1 if isinstance(found, int) and 0 <= int(found) < FIRST_FD and is_descriptor else found
    return for_parameter(program, rng, parameter.name, parameter.annotation)


def arguments(
    program: Program, rng: Random, parameters: tuple[surface.Parameter, ...]
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments for *parameters*."""
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    skipped = False
    for each in parameters:
        if each.variadic:
            if not skipped:
                positional += [argument(program, rng, each) for _ in range(rng.randrange(3))]
        elif not each.required and rng.random() < 0.5:
            skipped = True
        elif each.keyword or skipped:
            keywords[each.name] = argument(program, rng, each)
        else:
            positional.append(argument(program, rng, each))
    if rng.random() < 0.01:
        positional.append(None)
    return positional, keywords
