"""What all of Buffer's parts stand on: its evbuffer, and who may touch it when (floor 5)."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .. import _callbacks, _convert
from .._claim import unguarded
from .._errors import check_pointer
from .._ffi import CData, ffi, lib
from .._handles import Handle, Owner
from ..exceptions import ClosedError

if TYPE_CHECKING:
    from .callbacks import Changes

_Self = TypeVar("_Self", bound="BufferCore")
_Method = TypeVar("_Method", bound=Callable[..., Any])

#: PyPy notices only with its collector that nobody uses a view any more.
IS_PYPY = sys.implementation.name == "pypy"

FRONT, END = 1, 0
_ENDS = (FRONT, END)
_IN_USE = "a view of this buffer is in use; release() it before the buffer changes"
_EVERYTHING = (1 << 62) - 1

#: Memory whose first content is written by C, so that clearing it is wasted.
new_memory = ffi.new_allocator(should_clear_after_alloc=False)

errors = _callbacks.errors
pinned = _callbacks.pinned
settle = _callbacks.settle


class BufferCore(Owner):
    """An evbuffer of its own, or one that belongs to a bufferevent.

    A method that changes the bytes asks :meth:`_change` for the pointer, one that looks
    at them :meth:`_look`, and both tell :meth:`_refuse` when C said no.
    """

    __slots__ = (
        "__weakref__",
        "_changes",
        "_exports",
        "_frozen",
        "_opaque",
        "_owner",
        "_pointer",
        "_reserved",
        "_struct",
    )

    _pointer: CData

    def _set_up(self, owner: Handle | None, pointer: CData) -> None:
        self._owner = owner
        self._pointer = pointer
        # Freed only by __del__: until then another thread may still be in a call with it.
        self._struct = pointer if owner is None else None
        self._changes: Changes | None = None
        # Whether each view that was handed out is still in use.
        self._exports: list[Callable[[], bool]] = []
        self._reserved: Any = None
        self._frozen: set[int] = set()
        # There may be file content in it that is not in memory, and must not be looked at.
        self._opaque = False

    @classmethod
    def _borrow(cls: type[_Self], owner: Handle, pointer: CData) -> _Self:
        """The one over an evbuffer of *owner*'s: freed by it, dead once it is closed."""
        self = cls.__new__(cls)
        self._set_up(owner, pointer)
        return self

    def _make(self) -> None:
        """Give this an evbuffer of its own, with a lock: any thread may call its methods."""
        pointer = check_pointer(lib.evbuffer_new(), "evbuffer_new")
        self._set_up(None, pointer)
        if lib.evbuffer_enable_locking(pointer, ffi.NULL) < 0:
            raise MemoryError("evbuffer_enable_locking: libevent found no memory")

    def _live(self) -> CData:
        if self._owner is not None:
            self._owner._live()
        elif self._pointer is None:
            raise ClosedError("this Buffer is closed")
        return self._pointer

    def _change(self) -> CData:
        """The pointer, for a call that changes the buffer."""
        pointer = self._live()
        if self._exports:
            self._thaw()
        self._reserved = None
        return pointer

    def _look(self) -> CData:
        """The pointer, for a call that reads the bytes."""
        pointer = self._live()
        if self._opaque:
            if lib.evbuffer_get_length(pointer):
                raise BufferError(
                    "there is a file in this buffer that goes out by sendfile: its bytes are not in memory"
                )
            self._opaque = False
        return pointer

    def _give(self) -> CData:
        """The pointer, for a call that takes bytes out and keeps them."""
        self._look()
        return self._change()

    def _in_use(self) -> bool:
        self._exports = [used for used in self._exports if used()]
        return bool(self._exports)

    def _thaw(self) -> None:
        """Make the buffer changeable again after views of it, or raise if one is in use."""
        with self.lock():
            if self._in_use():
                if IS_PYPY:
                    gc.collect()
                if not IS_PYPY or self._in_use():
                    raise BufferError(_IN_USE)
            for side in _ENDS:
                if side not in self._frozen:
                    lib.evbuffer_unfreeze(self._pointer, side)

    def _export(self, used: Callable[[], bool]) -> None:
        """Keep even C from changing the buffer until *used* says False."""
        for side in _ENDS:
            lib.evbuffer_freeze(self._pointer, side)
        self._exports.append(used)

    def _refuse(self, side: int) -> None:
        """Raise for a call that libevent refused at the front or end."""
        if errors or pinned:
            settle()
        where = "front" if side == FRONT else "end"
        if self._exports:
            raise BufferError(_IN_USE)
        # The end can be asked, by adding nothing; else it had no memory.
        is_frozen = side == FRONT or lib.evbuffer_commit_space(self._pointer, ffi.NULL, 0) < 0
        if self._owner is not None and is_frozen:
            raise BufferError(
                f"the {where} of this buffer belongs to its bufferevent: bytes are taken from input, "
                f"and added to output"
            )
        if side in self._frozen:
            raise BufferError(f"the buffer is frozen at its {where}; unfreeze(at_front={side == FRONT}) it")
        raise MemoryError("libevent found no memory for the buffer")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other threads out for several calls (``evbuffer_lock``, ``evbuffer_unlock``).

        A Buffer of one's own has a lock from the beginning (``evbuffer_enable_locking``), and
        each single call takes it by itself.  A bufferevent's buffers have one where it was made
        with THREADSAFE; without, this does nothing.

        Example::

            with buffer.lock():
                buffer.add(header)
                buffer.add(body)
        """
        pointer = self._live()
        lib.evbuffer_lock(pointer)
        try:
            yield
        finally:
            lib.evbuffer_unlock(pointer)

    def freeze(self, at_front: bool) -> None:
        """Refuse changes at one end until :meth:`unfreeze` (``evbuffer_freeze``).

        Args:
            at_front: True: nothing is removed or prepended.  False: nothing is added.

        Raises:
            BufferError: It belongs to a bufferevent, which freezes by itself.
        """
        with self._own("frozen").lock():
            side = FRONT if at_front else END
            self._frozen.add(side)
            lib.evbuffer_freeze(self._pointer, side)

    def unfreeze(self, at_front: bool) -> None:
        """Allow changes at one end again (``evbuffer_unfreeze``)."""
        with self._own("unfrozen").lock():
            side = FRONT if at_front else END
            self._frozen.discard(side)
            if not self._exports:
                lib.evbuffer_unfreeze(self._pointer, side)

    def _own(self: _Self, what: str) -> _Self:
        self._live()
        if self._owner is not None:
            raise BufferError(f"a bufferevent's buffer cannot be {what}; use a Buffer of your own")
        return self

    @property
    def pointer(self) -> CData:
        """The ``struct evbuffer *`` for the raw layer; borrowed, gone when this is closed."""
        return self._live()

    @property
    @unguarded
    def closed(self) -> bool:
        """True once it, or the bufferevent that it belongs to, was closed."""
        return self._pointer is None if self._owner is None else self._owner.closed

    @unguarded
    def close(self) -> None:
        """Free the bytes (``evbuffer_free``); idempotent, and nothing for a bufferevent's own.

        Allowed in its own callbacks too, none of which is called any more.

        Raises:
            BufferError: A view of it is in use.
        """
        if self._owner is not None or self._pointer is None:
            return
        pointer = self._change()
        self._forget_callbacks()
        self._pointer = None
        for side in _ENDS:
            lib.evbuffer_unfreeze(pointer, side)
        lib.evbuffer_drain(pointer, _EVERYTHING)
        if errors or pinned:
            settle()

    def _forget_callbacks(self) -> None:
        changes, self._changes = self._changes, None
        if changes is not None:
            changes.forget()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # An evbuffer of our own belongs to no thread.
        struct = getattr(self, "_struct", None)
        if struct is not None:
            self._pointer = self._struct = None
            self._forget_callbacks()
            lib.evbuffer_free(struct)

    def __len__(self) -> int:
        return lib.evbuffer_get_length(self._live())

    def __bool__(self) -> bool:
        return len(self) > 0

    def __bytes__(self) -> bytes:
        return self.copyout()

    def add(self, data: _convert.Buffered) -> None:
        """Append a copy of *data* (``evbuffer_add``).

        Raises:
            BufferError: It is the input of a bufferevent, which only the socket adds to; or it
                is frozen, or a view of it is in use.
        """
        source = _convert.data(data)
        if lib.evbuffer_add(self._change(), source, len(source)) < 0:
            self._refuse(END)
        if errors or pinned:
            settle()

    def copyout(self, size: int | None = None, start: int = 0) -> bytes:
        """A copy of at most *size* bytes, or of all, from *start* on (``evbuffer_copyout_from``)."""
        _convert.size(start, "start")
        if size is not None:
            _convert.size(size, "size")
        pointer = self._look()
        length = max(lib.evbuffer_get_length(pointer) - start, 0)
        if size is not None:
            length = min(length, size)
        if not length:
            return b""
        memory = new_memory("char[]", length)
        count = lib.lepy_buffer_copyout_from(pointer, start, memory, length)
        return ffi.buffer(memory)[:count]


def claims_other(method: _Method) -> _Method:
    """Let *method* claim the base of the bufferevent whose buffer it gets as its first argument."""

    @functools.wraps(method)
    def claiming(self: BufferCore, other: BufferCore, *args: Any) -> Any:
        return with_base_of(other, method, self, other, *args)

    return cast("_Method", claiming)


def with_base_of(buffer: BufferCore, function: Callable[..., Any], *args: Any) -> Any:
    """Call *function* while this thread has the base of the bufferevent that *buffer* belongs to, if any."""
    owner = of_buffer(buffer)._owner
    if owner is None:
        return function(*args)
    return owner._delivery.claimed(function, *args)


def of_buffer(buffer: object) -> BufferCore:
    """*buffer*, which is a Buffer."""
    if not isinstance(buffer, BufferCore):
        raise TypeError(f"need a Buffer, not {type(buffer).__name__}")
    return buffer
