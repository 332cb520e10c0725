"""Lifetime of every C handle: slots, what keeps an object alive, closing (floor 3).

A handle reports to Python by *slot*, a number, never by pointer.  The slot's
generation grows when it is let go, so that a record on its way to a closed
object finds nobody.

While its slot *keeps* a handle (a pending event, an open bufferevent or
listener) the base holds the only reference that it needs.  Otherwise the slot
remembers it weakly, so that closing the base still finds it.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, SupportsIndex, TypeVar, cast

from ._claim import guarded, unguarded
from ._ffi import CData
from .constants import EventFlags
from .exceptions import ClosedError

if TYPE_CHECKING:
    from ._delivery import Delivery

_Self = TypeVar("_Self", bound="Handle")


class Receiver(Protocol):
    """What a slot delivers its records to."""

    _generation: int

    def _deliver(self, kind: int, what: int, data: bytes) -> None: ...


#: A context's ``run``, the function that it is to call, and who hears what that raises.
Stream = tuple[Callable[..., object], Callable[[bytes], object], Callable[[BaseException], object]]


class Owner:
    """What owns a C structure, and so exists once and is made once."""

    __slots__ = ()

    #: The attribute that is there once the object is made.
    _OWNED = "_pointer"

    def _begin(self) -> None:
        """Refuse a second ``__init__``, which would lose what the first one made."""
        if hasattr(self, self._OWNED):
            raise RuntimeError(f"this {type(self).__name__} is made already; make another one")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        # copy.copy() asks here too; a copy would free the C structure a second time.
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")


class Handle(Owner, ABC):
    """A Python object that owns, or borrows, one C structure of a base.

    ``_pointer`` is the shim's structure, and None (never NULL) once closed.
    """

    __slots__ = ("__weakref__", "_delivery", "_generation", "_pointer", "_slot")

    _pointer: CData
    _delivery: Delivery
    _slot: int
    _generation: int

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__.startswith(__package__):  # else a program's own, which adds what it likes
            guarded(cls)

    @abstractmethod
    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        """Act on one record; the shim's ``enum lepy_kind`` says which there are."""

    @abstractmethod
    def _free(self, pointer: CData) -> None:
        """Give *pointer* back to C; called once, in a thread that may."""

    def _reinited(self) -> None:
        """Wait again for what libevent forgets when its base is reinited."""

    @property
    @unguarded
    def closed(self) -> bool:
        """True once :meth:`close` was called, here or by closing the base."""
        return self._pointer is None

    @unguarded
    def close(self) -> None:
        """Free the C structure; nothing is delivered any more.

        Idempotent, and allowed in any callback, the object's own included.

        Raises:
            WrongThreadError: Another thread runs the base's loop.
        """
        if self._pointer is not None:
            self._delivery.claimed_in_child(self._close)

    def _close(self) -> None:
        pointer = self._pointer
        if pointer is None:
            return
        may_free = self._delivery.may_free()
        self._pointer = None
        self._delivery.table.release(self)
        if may_free:
            self._free(pointer)

    def _live(self) -> CData:
        """The pointer, for a thread that has claimed the base; ClosedError where there is none."""
        pointer = self._pointer
        if pointer is None:
            raise ClosedError(f"this {type(self).__name__} is closed")
        return pointer

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Any thread may come here, in the middle of anything.
        pointer = getattr(self, "_pointer", None)
        # What the base keeps goes with it: the base's close() knows in which order.
        if pointer is not None and self._delivery.table.kept[self._slot] is not self:
            self._pointer = None
            self._delivery.bury(self._slot, self._generation, self._free, pointer)


class HandleTable:
    """The handles of one base by slot."""

    def __init__(self) -> None:
        #: Read by the delivery loop: the handle that a slot keeps, or None.  Slot 0 is the
        #: scheduled calls', which are no handle.
        self.kept: list[Receiver | None] = [None]
        #: The same for an event that stays added: its callback, where flags are all that this is told.
        self.direct: list[Callable[[Any, EventFlags], object] | None] = [None]
        #: The same for a stream: what is told the bytes that ride along, and nothing but them.
        self.streams: list[Stream | None] = [None]
        # By slot, in the order in which the handles were made.
        self._seen: dict[int, weakref.ref[Handle]] = {}
        self._generations = [0]
        self._remains: dict[int, tuple[Callable[[CData], object], CData]] = {}
        self._free: list[int] = []
        #: How many handles are open.
        self.open_count = 0

    def reserve(self, handle: Handle) -> None:
        """Give *handle* a slot, which remembers it weakly."""
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self.kept)
            self.kept.append(None)
            self.direct.append(None)
            self.streams.append(None)
            self._generations.append(0)
        self._seen[slot] = weakref.ref(handle)
        handle._slot = slot
        handle._generation = self._generations[slot]
        self.open_count += 1

    def release(self, handle: Handle) -> None:
        """Take *handle*'s slot back."""
        self.release_slot(handle._slot, handle._generation)

    def release_slot(self, slot: int, generation: int) -> None:
        """Take *slot* back; records of this *generation* and before are stale from now on."""
        self.kept[slot] = self.direct[slot] = self.streams[slot] = None
        self._seen.pop(slot, None)
        self._remains.pop(slot, None)
        self._generations[slot] = (generation + 1) & 0xFFFFFFFF
        self._free.append(slot)
        self.open_count -= 1

    def replace(self, old: Handle, new: Handle) -> None:
        """Let *new* have, and keep it in, the slot of *old*, whose records are stale from now on."""
        slot = new._slot = old._slot
        new._generation = (old._generation + 1) & 0xFFFFFFFF
        self._seen[slot] = weakref.ref(new)
        self.kept[slot], self.direct[slot], self.streams[slot] = new, None, None

    def find(self, slot: int, generation: int) -> Handle | None:
        """The handle that has *slot* in its *generation*."""
        handle = self._open(slot) if slot in self._seen else None
        return handle if handle is not None and handle._generation == generation else None

    def open_handles(self) -> list[Handle]:
        """Every handle that is not closed, the youngest last.

        A kept one also where the collector takes the base with all that is in it, and
        has cleared the weak references already.
        """
        found = [self._open(slot) for slot in self._seen]
        return [handle for handle in found if handle is not None]

    def _open(self, slot: int) -> Handle | None:
        """The handle that was made with *slot*, unless it is collected."""
        return cast("Handle | None", self.kept[slot]) or self._seen[slot]()

    def leaves(self, handle: Handle, free: Callable[[CData], object], pointer: CData) -> None:
        """Remember how to free an idle *handle* that the collector takes together with its base.

        The base's finalizer may be the first to run, and then cannot reach the handle.
        """
        self._remains[handle._slot] = (free, pointer)

    def remains(self) -> list[tuple[int, Callable[[CData], object], CData]]:
        """Slot, free function and C structure of what neither was closed nor can be reached."""
        return [(slot, *left) for slot, left in self._remains.items()]
