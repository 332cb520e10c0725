"""LineFraming and LengthFraming: what a message is in a stream of bytes (floor 6)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from .. import _convert
from .._ffi import lib
from ..buffer.search import eol_style
from ..constants import EOLStyle

#: Messages are kept in memory whole; C counts their bytes in 32 bits.
_LONGEST = (1 << 31) - 1

_FORMS = {
    EOLStyle.ANY: lib.LEPY_MESSAGES_LF,
    EOLStyle.CRLF: lib.LEPY_MESSAGES_LF,
    EOLStyle.CRLF_STRICT: lib.LEPY_MESSAGES_CRLF,
    EOLStyle.LF: lib.LEPY_MESSAGES_LF,
    EOLStyle.NUL: lib.LEPY_MESSAGES_NUL,
}
_SEPARATORS = {
    lib.LEPY_MESSAGES_LF: b"\n",
    lib.LEPY_MESSAGES_CRLF: b"\r\n",
    lib.LEPY_MESSAGES_NUL: b"\0",
}


class Framing(ABC):
    """How a stream is cut into messages; a value that any number of bufferevents may share."""

    __slots__ = ("_arguments", "_max_length")

    #: What ``lepy_bufferevent_set_framing`` gets: form, style, little-endian, prefix, maximum.
    _arguments: tuple[int, int, bool, int, int]

    _max_length: int
    #: Bytes that come with a message.
    overhead: int

    @property
    def max_length(self) -> int:
        """Bytes that a message may have."""
        return self._max_length

    @abstractmethod
    def join(self, messages: Iterable[bytes]) -> bytes:
        """The bytes of *messages* on their way, for one :meth:`BufferEvent.write`."""


class LineFraming(Framing):
    """Lines: messages with an end that none of them contains.

    Args:
        style: What ends a line that comes, in any of evbuffer's styles; with ANY a run of CR
            and LF is one end.
        max_length: Bytes that a line may have, without its end.

    Example::

        framing = LineFraming(EOLStyle.LF)
        bev.set_callbacks(on_messages=lambda bev, lines: bev.write(framing.join(lines)), framing=framing)
    """

    __slots__ = ("_style",)

    overhead = 2

    def __init__(self, style: EOLStyle = EOLStyle.CRLF, max_length: int = 65536) -> None:
        number = eol_style(style)
        self._style = EOLStyle(number)
        self._max_length = _convert.integer(max_length, "max_length", 1, _LONGEST)
        self._arguments = _FORMS[self._style], number, False, 0, max_length

    @property
    def style(self) -> EOLStyle:
        """What ends a line."""
        return self._style

    def join(self, messages: Iterable[bytes]) -> bytes:
        """Each of *messages* with a line's end: CR LF for the CRLF styles, else LF or NUL.

        Raises:
            ValueError: One of them contains what would end it.
        """
        lines = list(messages)
        if not lines:
            return b""
        end = _ENDS[self._style]
        joined = end.join([*lines, b""])
        # Whoever puts other people's text into a protocol shall not let them write its lines.
        for byte in _FORBIDDEN[self._style]:
            if joined.count(byte) != len(lines) * end.count(byte):
                raise ValueError(f"a line contains {byte!r}, which would end it")
        return joined

    def __repr__(self) -> str:
        return f"LineFraming(EOLStyle.{self._style.name}, max_length={self._max_length})"


_ENDS = {
    EOLStyle.ANY: b"\n",
    EOLStyle.CRLF: b"\r\n",
    EOLStyle.CRLF_STRICT: b"\r\n",
    EOLStyle.LF: b"\n",
    EOLStyle.NUL: b"\0",
}
_FORBIDDEN = {
    EOLStyle.ANY: (b"\r", b"\n"),
    EOLStyle.CRLF: (b"\n",),
    EOLStyle.CRLF_STRICT: (b"\r\n",),
    EOLStyle.LF: (b"\n",),
    EOLStyle.NUL: (b"\0",),
}


class LengthFraming(Framing):
    """Messages with their length in front of them.

    Args:
        size: Bytes of the length, 1, 2, 4 or 8; it does not count itself.
        byteorder: ``"big"``, as networks have it, or ``"little"``.
        max_length: Bytes that a message may have; by default a mebibyte, or what *size* can tell.

    Example::

        framing = LengthFraming(4)
        bev.set_callbacks(on_messages=lambda bev, messages: print(messages), framing=framing)
        bev.write(framing.join([b"one", b"two"]))
    """

    __slots__ = ("_byteorder", "overhead")

    def __init__(self, size: int = 4, byteorder: str = "big", max_length: int | None = None) -> None:
        if size not in (1, 2, 4, 8):
            raise ValueError(f"size must be 1, 2, 4 or 8 bytes, not {size!r}")
        if byteorder not in ("big", "little"):
            raise ValueError(f'byteorder must be "big" or "little", not {byteorder!r}')
        highest = min(_LONGEST, (1 << 8 * size) - 1)
        if max_length is None:
            max_length = min(1 << 20, highest)
        self.overhead = size
        self._byteorder = byteorder
        self._max_length = _convert.integer(max_length, "max_length", 1, highest)
        form = lib.LEPY_MESSAGES_LENGTHS + size.bit_length() - 1
        self._arguments = form, 0, byteorder == "little", size, max_length

    @property
    def size(self) -> int:
        """Bytes of a length."""
        return self.overhead

    @property
    def byteorder(self) -> str:
        """``"big"`` or ``"little"``."""
        return self._byteorder

    def join(self, messages: Iterable[bytes]) -> bytes:
        """Each of *messages* with its length in front.

        Raises:
            ValueError: One of them is longer than max_length.
        """
        pieces = []
        for message in messages:
            length = len(message)
            if length > self._max_length:
                raise ValueError(f"a message of {length} bytes; max_length is {self._max_length}")
            pieces.append(length.to_bytes(self.overhead, self._byteorder))  # type: ignore[arg-type]
            pieces.append(message)
        return b"".join(pieces)

    def __repr__(self) -> str:
        return f"LengthFraming({self.overhead}, {self._byteorder!r}, max_length={self._max_length})"


def split(form: int, count: int, data: bytes) -> list[bytes]:
    """The messages of a record, whose bytes are in *form*."""
    if form < lib.LEPY_MESSAGES_LENGTHS:
        return data.split(_SEPARATORS[form])
    prefix = 1 << (form - lib.LEPY_MESSAGES_LENGTHS)
    end = 0
    ends: Sequence[int] = memoryview(data)[-4 * count :].cast("I")
    return [data[end + prefix : (end := each)] for each in ends]


def unsplit(form: int, count: int, data: bytes) -> bytes:
    """The bytes of a record as they can go back to the input."""
    return data + _SEPARATORS[form] if form < lib.LEPY_MESSAGES_LENGTHS else data[: -4 * count]
