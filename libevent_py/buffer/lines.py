"""Taking lines from a Buffer (floor 5)."""

from __future__ import annotations

from collections.abc import Iterator

from .._ffi import ffi, lib
from ..constants import EOLStyle
from .core import FRONT, BufferCore, errors, pinned, settle
from .search import eol_style


class Lines(BufferCore):
    """What a protocol of lines needs."""

    __slots__ = ()

    def read_line(self, style: EOLStyle = EOLStyle.CRLF) -> bytes | None:
        """Take a line from the front, without its end (``evbuffer_readln``).

        Args:
            style: What ends a line: :class:`EOLStyle` ANY, CRLF, CRLF_STRICT, LF or NUL.

        Returns:
            None where no line is complete yet; everything then stays where it is.

        Raises:
            BufferError: It is the output of a bufferevent, frozen, or a view of it is in use.
        """
        number = eol_style(style)
        pointer = self._give()
        if FRONT in self._frozen or self._exports:
            self._refuse(FRONT)
        length = ffi.new("size_t *")
        line = lib.evbuffer_readln(pointer, length, number)
        try:
            taken = ffi.buffer(line, length[0])[:] if line else None
        finally:
            lib.free(line)
        if errors or pinned:
            settle()
        if taken is None and self._owner is not None and lib.evbuffer_drain(pointer, 0) < 0:
            self._refuse(FRONT)
        return taken

    def lines(self, style: EOLStyle = EOLStyle.CRLF) -> Iterator[bytes]:
        """Take complete lines from the front, one after the other, until there is none left."""
        eol_style(style)
        while (line := self.read_line(style)) is not None:
            yield line

    def __iter__(self) -> Iterator[bytes]:
        return self.lines()
