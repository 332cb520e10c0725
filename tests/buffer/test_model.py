"""Buffers that move bytes into each other, against bytearrays as the model."""

from __future__ import annotations

import pytest

pytest.importorskip("hypothesis")

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from libevent_py import Buffer, EOLStyle, _callbacks

COUNT = 3
WHICH = st.integers(0, COUNT - 1)
DATA = st.one_of(st.binary(max_size=20), st.integers(1, 9000).map(lambda size: b"z\n" * size))
SIZE = st.one_of(st.integers(0, 30), st.integers(0, 20_000))


class Buffers(RuleBasedStateMachine):
    """Every operation, on some buffers at once, some of whose memory is shared."""

    def __init__(self) -> None:
        super().__init__()
        self.buffers = [Buffer() for _ in range(COUNT)]
        self.models = [bytearray() for _ in range(COUNT)]
        self.views: list[tuple[int, memoryview, bytes]] = []
        self.references = 0
        self.released = 0
        # What the callbacks say that each buffer's size is.
        self.sizes = [0] * COUNT
        for number, buffer in enumerate(self.buffers):
            buffer.add_callback(
                lambda _, orig, added, deleted, number=number: self.tell(number, orig, added, deleted)
            )

    def tell(self, number: int, orig_size: int, n_added: int, n_deleted: int) -> None:
        """Every change is told, and its numbers add up."""
        assert orig_size == self.sizes[number]
        self.sizes[number] += n_added - n_deleted

    def release(self) -> None:
        """C is done with a reference."""
        self.released += 1

    def usable(self, number: int) -> bool:
        """Whether the buffer can be changed; if not, it says so."""
        if not any(number == viewed for viewed, _, _ in self.views):
            return True
        with pytest.raises(BufferError):
            self.buffers[number].add(b"x")
        return False

    @rule(number=WHICH, data=DATA, front=st.booleans())
    def add(self, number: int, data: bytes, front: bool) -> None:
        """Add and prepend."""
        if self.usable(number):
            if front:
                self.buffers[number].prepend(data)
                self.models[number][:0] = data
            else:
                self.buffers[number].add(data)
                self.models[number] += data

    @rule(number=WHICH, parts=st.lists(DATA, max_size=4))
    def add_iovec(self, number: int, parts: list[bytes]) -> None:
        """Many at once."""
        if self.usable(number):
            assert self.buffers[number].add_iovec(parts) == sum(map(len, parts))
            self.models[number] += b"".join(parts)

    @rule(number=WHICH, data=DATA)
    def add_reference(self, number: int, data: bytes) -> None:
        """Without copying."""
        if self.usable(number):
            self.references += 1
            self.buffers[number].add_reference(data, self.release)
            self.models[number] += data

    @rule(one=WHICH, two=WHICH)
    def add_buffer_reference(self, one: int, two: int) -> None:
        """Memory of another's, where libevent can."""
        if one != two and self.usable(one):
            try:
                self.buffers[one].add_buffer_reference(self.buffers[two])
            except BufferError:
                return
            self.models[one] += self.models[two]

    @rule(one=WHICH, two=WHICH, front=st.booleans())
    def move(self, one: int, two: int, front: bool) -> None:
        """add_buffer and prepend_buffer."""
        if one != two and self.usable(one) and self.usable(two):
            if front:
                self.buffers[one].prepend_buffer(self.buffers[two])
                self.models[one][:0] = self.models[two]
            else:
                self.buffers[one].add_buffer(self.buffers[two])
                self.models[one] += self.models[two]
            self.models[two].clear()

    @rule(one=WHICH, two=WHICH, size=SIZE)
    def remove_buffer(self, one: int, two: int, size: int) -> None:
        """Some of it."""
        if one != two and self.usable(one) and self.usable(two):
            moved = self.models[one][:size]
            assert self.buffers[one].remove_buffer(self.buffers[two], size) == len(moved)
            self.models[two] += moved
            del self.models[one][:size]

    @rule(number=WHICH, size=SIZE, how=st.sampled_from(["remove", "drain", "readinto"]))
    def take(self, number: int, size: int, how: str) -> None:
        """From the front."""
        if self.usable(number):
            buffer, expected = self.buffers[number], bytes(self.models[number][:size])
            if how == "remove":
                assert buffer.remove(size) == expected
            elif how == "drain":
                buffer.drain(size)
            else:
                room = bytearray(size)
                assert room[: buffer.readinto(room)] == expected
            del self.models[number][:size]

    @rule(number=WHICH)
    def read_line(self, number: int) -> None:
        """Take a line."""
        if self.usable(number):
            line, found, _ = bytes(self.models[number]).partition(b"\n")
            assert self.buffers[number].read_line(EOLStyle.LF) == (line if found else None)
            if found:
                del self.models[number][: len(line) + 1]

    @rule(number=WHICH, size=SIZE)
    def pullup(self, number: int, size: int) -> None:
        """A view, which stays for some steps."""
        size = min(size, len(self.models[number]))
        if size and self.usable(number):
            self.views.append((number, self.buffers[number].pullup(size), bytes(self.models[number][:size])))

    @rule(number=WHICH, size=SIZE, start=SIZE)
    def peek(self, number: int, size: int, start: int) -> None:
        """Views, which stay for some steps."""
        expected = bytes(self.models[number][start : start + size])
        views = self.buffers[number].peek(size, start)
        assert b"".join(views) == expected
        self.views += [(number, view, bytes(view)) for view in views]

    @rule()
    def release_views(self) -> None:
        """They show what they showed at first."""
        for _, view, expected in self.views:
            assert view == expected
            view.release()
        self.views.clear()

    @rule(number=WHICH, size=st.integers(1, 9000), vectors=st.integers(1, 3), data=st.data())
    def reserve(self, number: int, size: int, vectors: int, data: st.DataObject) -> None:
        """Write into the room, some of it."""
        if self.usable(number):
            rooms = self.buffers[number].reserve_vectors(size, vectors)
            sizes = [len(room) for room in rooms[:-1]]
            sizes.append(data.draw(st.integers(0, len(rooms[-1]))))
            for count, room in zip(sizes, rooms):
                room[:count] = b"r" * count
            self.buffers[number].commit(*sizes)
            self.models[number] += b"r" * sum(sizes)

    @rule(number=WHICH, size=SIZE)
    def expand(self, number: int, size: int) -> None:
        """Changes no byte."""
        if self.usable(number):
            self.buffers[number].expand(size)

    @rule(number=WHICH, what=st.binary(min_size=1, max_size=2), start=SIZE)
    def search(self, number: int, what: bytes, start: int) -> None:
        """As bytearray.find."""
        assert self.buffers[number].search(what, start) == self.models[number].find(what, start)

    @rule(number=WHICH)
    def begin_anew(self, number: int) -> None:
        """Closed, while others may share its memory."""
        if self.usable(number):
            self.buffers[number].close()
            self.models[number].clear()
            self.buffers[number] = Buffer()
            self.sizes[number] = 0
            self.buffers[number].add_callback(
                lambda _, orig, added, deleted: self.tell(number, orig, added, deleted)
            )

    @invariant()
    def same(self) -> None:
        """The buffers are what the models are."""
        for buffer, model, size in zip(self.buffers, self.models, self.sizes):
            assert len(buffer) == len(model) == size
            assert buffer == model

    def teardown(self) -> None:
        """Everything that was referred to is released, once."""
        for _, view, _ in self.views:
            view.release()
        for buffer in self.buffers:
            buffer.close()
        self.buffers.clear()
        _callbacks.let_go()
        assert self.released <= self.references


Buffers.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBuffers = Buffers.TestCase
