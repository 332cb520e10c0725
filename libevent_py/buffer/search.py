"""Finding bytes and ends of lines in a Buffer (floor 5)."""

from __future__ import annotations

from .. import _convert
from .._ffi import ffi, lib
from ..constants import EOLStyle
from .core import BufferCore


def eol_style(style: EOLStyle) -> int:
    """*style* for C, which would take any number."""
    try:
        return int(EOLStyle(style))
    except (ValueError, TypeError):
        raise ValueError(f"style must be an EOLStyle, not {style!r}") from None


class Search(BufferCore):
    """Positions are plain numbers, counted from the front (``struct evbuffer_ptr`` is not needed)."""

    __slots__ = ()

    def search(self, what: _convert.Buffered, start: int = 0) -> int:
        """Where *what* first is at or after *start*; -1 where it is not (``evbuffer_search``)."""
        return self._search(what, start, None)

    def search_range(self, what: _convert.Buffered, start: int, end: int) -> int:
        """Where *what* first is, wholly between *start* and *end*, or -1 (``evbuffer_search_range``)."""
        return self._search(what, start, _convert.size(end, "end"))

    def _search(self, what: _convert.Buffered, start: int, end: int | None) -> int:
        source = _convert.data(what)
        _convert.size(start, "start")
        pointer = self._look()
        length = lib.evbuffer_get_length(pointer)
        if end is None or end >= length:
            end = -1
        limit = length if end < 0 else end
        if start + len(source) > limit:
            return -1
        if not len(source):
            return start
        return lib.lepy_buffer_search(pointer, source, len(source), start, end)

    def search_eol(self, style: EOLStyle = EOLStyle.CRLF, start: int = 0) -> tuple[int, int]:
        """Where the line at *start* ends (``evbuffer_search_eol``).

        Returns:
            The position of the line's end and the length of the end itself; (-1, 0) where the
            line is not complete.
        """
        number = eol_style(style)
        _convert.size(start, "start")
        length = ffi.new("size_t *")
        position = lib.lepy_buffer_search_eol(self._look(), start, number, length)
        return (position, length[0]) if position >= 0 else (-1, 0)

    def __contains__(self, what: _convert.Buffered | int) -> bool:
        if isinstance(what, int):
            what = bytes((what,))
        return self.search(what) >= 0

    def __getitem__(self, index: int | slice) -> int | bytes:
        length = len(self)
        if isinstance(index, slice):
            start, stop, step = index.indices(length)
            if step != 1:
                return self.copyout()[index]
            return self.copyout(max(stop - start, 0), start)
        if not isinstance(index, int):
            raise TypeError(f"a Buffer's indices are int or slice, not {type(index).__name__}")
        if not -length <= index < length:
            raise IndexError(f"there is no byte {index} in a Buffer of {length} bytes")
        return self.copyout(1, index % length)[0]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, BufferCore):
            if self.closed or other.closed or len(self) != len(other):
                return False
            return self.copyout() == other.copyout()
        if not isinstance(other, (bytes, bytearray, memoryview)):
            return NotImplemented
        if self.closed or len(self) != memoryview(other).nbytes:
            return False
        return self.copyout() == other

    __hash__ = None  # type: ignore[assignment]
