"""Lifetimes: what keeps an object alive, what frees it, what is never delivered."""

from __future__ import annotations

import gc
import inspect
import signal
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from leakguard import collect
from loops import run_until, turn

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventEvents,
    BufferEventPair,
    ClosedError,
    Event,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    Listener,
    PairedBufferEvent,
    RateLimit,
    RateLimitGroup,
    Signal,
    Timer,
    WrongThreadError,
    lib,
)
from libevent_py._handles import Handle

Pair = tuple[socket.socket, socket.socket]


def ignore(*arguments: object) -> None:
    """A callback for whoever needs one."""


def count(base: EventBase) -> int:
    """How many handles of *base* are open."""
    return base._delivery.table.open_count


MAKERS: dict[str, Callable[[EventBase], Any]] = {
    "Event": lambda base: Event(base, None, EventFlags(0), ignore),
    "Timer": lambda base: Timer(base, 30, ignore),
    "Signal": lambda base: Signal(base, signal.SIGUSR1, ignore),
    "Listener": lambda base: Listener(base, ("127.0.0.1", 0), ignore),
    "BufferEvent": lambda base: BufferEvent(base),
}

#: Those that bring others with them, or are kept by nobody.
MORE_MAKERS: dict[str, Callable[[EventBase], Any]] = {
    "PairedBufferEvent": lambda base: next(iter(BufferEventPair(base))),
    "FilterBufferEvent": lambda base: FilterBufferEvent(BufferEvent(base)),
    "RateLimitGroup": lambda base: RateLimitGroup(base, RateLimit(1)),
}
ALL_MAKERS = {**MAKERS, **MORE_MAKERS}


@pytest.fixture(params=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[[EventBase], Any]:
    """A maker of each kind of handle in turn."""
    return MAKERS[request.param]


class TestKeeping:
    """Who keeps whom alive."""

    def test_a_dropped_idle_event_is_freed(self, base: EventBase) -> None:
        """With its last reference it goes, and its slot is taken again."""
        event = Event(base, None, EventFlags(0), ignore)
        there = weakref.ref(event)
        assert count(base) == 1
        del event
        collect()
        turn(base)
        assert there() is None
        assert count(base) == 0

    @pytest.mark.parametrize("how", ["add", "timeout", "active"])
    def test_a_pending_event_is_kept(self, base: EventBase, socket_pair: Pair, how: str) -> None:
        """The base alone keeps it until it fires; afterwards it is freed."""
        fired: list[int] = []
        event = Event(base, socket_pair[0], EventFlags.READ, lambda event, what: fired.append(1))
        there = weakref.ref(event)
        if how == "add":
            event.add()
            socket_pair[1].send(b"x")
        elif how == "timeout":
            event.add(0.001)
        else:
            event.active()
        del event
        collect()
        assert there() is not None
        base.dispatch()
        assert fired == [1]
        collect()
        assert there() is None

    def test_a_removed_event_is_kept_no_more(self, base: EventBase, socket_pair: Pair) -> None:
        """remove() ends the keeping."""
        event = Event(base, socket_pair[0], EventFlags.READ, ignore)
        there = weakref.ref(event)
        event.add()
        event.remove()
        del event
        collect()
        turn(base)
        assert there() is None

    def test_a_persistent_event_is_kept_over_firings(self, base: EventBase, socket_pair: Pair) -> None:
        """It fires again with no reference anywhere."""
        ours, peer = socket_pair
        got: list[bytes] = []
        Event(
            base, ours, EventFlags.READ | EventFlags.PERSIST, lambda event, what: got.append(ours.recv(1))
        ).add()
        for number in range(3):
            peer.send(b"x")
            collect()
            run_until(base, lambda n=number: len(got) > n)
        assert got == [b"x"] * 3

    def test_a_listener_and_a_bufferevent_are_kept(self, base: EventBase) -> None:
        """Until close(), with no reference anywhere."""
        got: list[bytes] = []

        def accept(listener: Listener, sock: socket.socket, address: Any) -> None:
            bev = BufferEvent(base, sock)
            bev.set_callbacks(on_data=lambda bev, data: (got.append(data), bev.close()))
            bev.enable(EventFlags.READ)

        address = Listener(base, ("127.0.0.1", 0), accept).address
        collect()
        with socket.create_connection(address) as client:
            client.send(b"hello")
            run_until(base, lambda: (gc.collect(0), got)[1])
        assert got == [b"hello"]

    def test_a_callback_that_refers_to_its_event_is_no_leak(self, base: EventBase) -> None:
        """A cycle of an idle event and its callback is collected."""

        def make() -> weakref.ref[Event]:
            events: list[Event] = []
            events.append(Event(base, None, EventFlags(0), lambda event, what: events))
            return weakref.ref(events[0])

        there = make()
        collect()
        assert there() is None
        turn(base)
        assert count(base) == 0


class TestClosing:
    """close()."""

    def test_twice(self, base: EventBase, make: Callable[[EventBase], Any]) -> None:
        """Idempotent for every kind."""
        handle = make(base)
        assert not handle.closed
        handle.close()
        handle.close()
        assert handle.closed
        assert count(base) == 0
        assert repr(handle) == f"<{type(handle).__name__} closed>"

    def test_with(self, base: EventBase, make: Callable[[EventBase], Any]) -> None:
        """``with`` closes, also past an exception."""
        with pytest.raises(ZeroDivisionError), make(base) as handle:
            raise ZeroDivisionError
        assert handle.closed

    def test_the_base_closes_it(self, make: Callable[[EventBase], Any]) -> None:
        """Closing the base closes it, and closing it afterwards is nothing."""
        with EventBase() as base:
            handle = make(base)
        assert handle.closed
        handle.close()

    def test_in_its_own_callback(self, base: EventBase) -> None:
        """An event that closes itself, one-shot and persistent."""
        closed: list[bool] = []

        def close(event: Event, what: EventFlags) -> None:
            event.close()
            closed.append(event.closed)

        for flags in (EventFlags(0), EventFlags.PERSIST):
            Event(base, None, flags, close).add(0.001)
        assert base.dispatch() is True
        assert closed == [True, True]
        assert count(base) == 0

    def test_closing_another_drops_its_firing(self, base: EventBase) -> None:
        """What was ready in the same pass is not delivered to a closed event."""
        fired: list[int] = []
        events: list[Event] = []

        def close_others(event: Event, what: EventFlags) -> None:
            fired.append(events.index(event))
            for other in events:
                if other is not event:
                    other.close()

        events += [Event(base, None, EventFlags(0), close_others) for _ in range(5)]
        for event in events:
            event.active()
        base.dispatch()
        assert fired == [0]

    def test_a_slot_taken_again_gets_none_of_the_old_records(self, base: EventBase) -> None:
        """A new event in a closed one's slot does not inherit its firing."""
        fired: list[str] = []
        old = Event(base, None, EventFlags(0), lambda event, what: fired.append("old"))

        def replace(event: Event, what: EventFlags) -> None:
            slot = old._slot
            old.close()
            replacements.append(Event(base, None, EventFlags(0), lambda event, what: fired.append("new")))
            assert replacements[0]._slot == slot

        replacements: list[Event] = []
        first = Event(base, None, EventFlags(0), replace)
        first.active()
        old.active()
        base.dispatch()
        assert fired == []
        replacements[0].active()
        base.dispatch()
        assert fired == ["new"]

    def test_closing_a_bufferevent_drops_its_bytes(self, base: EventBase) -> None:
        """Bytes that came in the same pass are not delivered after close()."""
        got: list[bytes] = []
        bevs: list[BufferEvent] = []
        peers = []

        def take(bev: BufferEvent, data: bytes) -> None:
            got.append(data)
            for other in bevs:
                other.close()

        for _ in range(4):
            ours, peer = socket.socketpair()
            bev = BufferEvent(base, ours)
            bev.set_callbacks(on_data=take)
            bev.enable(EventFlags.READ)
            peer.send(b"x")
            bevs.append(bev)
            peers.append(peer)
        turn(base, 2)
        assert got == [b"x"]
        for peer in peers:
            peer.close()

    def test_many_makes_and_closes_reuse_slots(self, base: EventBase) -> None:
        """A thousand short lives take one slot."""
        for _ in range(1000):
            Timer(base, 30, ignore).close()
        assert len(base._delivery.table.kept) == 1


def public(kind: type) -> list[str]:
    """The public methods and properties of *kind*, inherited too."""
    return sorted(
        name
        for name in dir(kind)
        if not name.startswith("_")
        and not isinstance(inspect.getattr_static(kind, name), (classmethod, staticmethod))
    )


#: What works on a closed handle: what needs no C.
SILENT = {"close", "closed", "base", "flags", "options", "seconds", "error"}
#: Arguments for methods that need some.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "write": (b"x",),
    "enable": (EventFlags.READ,),
    "disable": (EventFlags.READ,),
    "set_watermark": (EventFlags.READ, 0, 0),
    "get_watermark": (EventFlags.READ,),
    "connect": (("127.0.0.1", 9),),
    "connect_hostname": ("localhost", 9),
    "set_rate_limit": (None,),
    "join_group": (None,),
    "decrement_read_limit": (1,),
    "decrement_write_limit": (1,),
    "set_output_limit": (1,),
    "flush": (EventFlags.READ,),
    "trigger": (EventFlags.READ,),
    "trigger_event": (BufferEventEvents.EOF,),
    "set_limit": (RateLimit(1),),
    "set_min_share": (1,),
    "decrement_read": (1,),
    "decrement_write": (1,),
    "add": (1.0,),
    "set_priority": (0,),
}
KINDS: dict[str, type] = {
    "Event": Event,
    "Timer": Timer,
    "Signal": Signal,
    "Listener": Listener,
    "BufferEvent": BufferEvent,
    "PairedBufferEvent": PairedBufferEvent,
    "FilterBufferEvent": FilterBufferEvent,
    "RateLimitGroup": RateLimitGroup,
}
CALLS = [(kind, name) for kind in KINDS for name in public(KINDS[kind]) if name not in SILENT]


def use(handle: Any, name: str) -> object:
    """Call the method, or read the property, *name*."""
    attribute = inspect.getattr_static(type(handle), name)
    if not callable(attribute):
        return getattr(handle, name)
    if name == "write_buffer":
        with Buffer(b"x") as buffer:
            return handle.write_buffer(buffer)
    return getattr(handle, name)(*(() if isinstance(handle, Listener) else ARGUMENTS.get(name, ())))


@pytest.mark.parametrize(("kind", "name"), CALLS, ids=[f"{kind}.{name}" for kind, name in CALLS])
def test_use_after_close(base: EventBase, kind: str, name: str) -> None:
    """Every public method and property that needs C raises ClosedError."""
    handle = ALL_MAKERS[kind](base)
    handle.close()
    with pytest.raises(ClosedError, match="closed"):
        use(handle, name)


@pytest.mark.parametrize("kind", list(KINDS))
def test_use_after_the_base_was_closed(kind: str) -> None:
    """The same once the base is closed."""
    with EventBase() as base:
        handle = ALL_MAKERS[kind](base)
    for name in public(KINDS[kind]):
        if name not in SILENT:
            with pytest.raises(ClosedError):
                use(handle, name)


@pytest.mark.parametrize(
    ("kind", "name"), [("Event", "priority"), ("BufferEvent", "priority")], ids=["Event", "BufferEvent"]
)
def test_setting_after_close(base: EventBase, kind: str, name: str) -> None:
    """A property that can be set refuses that too."""
    handle = ALL_MAKERS[kind](base)
    handle.close()
    with pytest.raises(ClosedError):
        setattr(handle, name, 0)


@pytest.mark.parametrize("kind", list(KINDS))
def test_silent_names_work_after_close(base: EventBase, kind: str) -> None:
    """What needs no C goes on telling."""
    handle = ALL_MAKERS[kind](base)
    handle.close()
    for name in SILENT & set(public(KINDS[kind])):
        use(handle, name)
    assert handle.closed is True


@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_closed_base_takes_no_children(kind: str) -> None:
    """Making anything in a closed base is ClosedError."""
    base = EventBase()
    base.close()
    with pytest.raises(ClosedError):
        ALL_MAKERS[kind](base)


#: May be called from any thread while the loop runs.
FROM_ANY_THREAD = {"active"}
FOREIGN = [(kind, name) for kind, name in CALLS if name not in FROM_ANY_THREAD] + [
    (kind, "close") for kind in KINDS
]


@pytest.mark.parametrize("kind", list(KINDS))
def test_use_from_another_thread_while_the_loop_runs(kind: str) -> None:
    """Every method that touches C raises WrongThreadError there, and the loop goes on unharmed."""
    outcomes: dict[str, BaseException | None] = {}
    with EventBase() as base:
        handle = ALL_MAKERS[kind](base)
        names = [name for each, name in FOREIGN if each == kind]

        def use_all() -> None:
            for name in names:
                try:
                    use(handle, name)
                    outcomes[name] = None
                except BaseException as error:
                    outcomes[name] = error

        def start(timer: Timer) -> None:
            thread = threading.Thread(target=use_all)
            thread.start()
            thread.join()
            base.loopbreak()

        Timer(base, 0, start)
        base.dispatch()
        assert not handle.closed
    wrong = {name: error for name, error in outcomes.items() if not isinstance(error, WrongThreadError)}
    assert wrong == {}
    assert set(outcomes) == set(names)


class TestFinalizers:
    """__del__, which comes from any thread at any time."""

    def test_another_thread_does_not_free(self, base: EventBase) -> None:
        """An event collected in a foreign thread while the loop runs is freed by the loop's thread, later."""
        freed_in: list[int] = []

        class Watched(Event):
            def _free(self, pointer: Any) -> None:
                freed_in.append(threading.get_ident())
                super()._free(pointer)

        holder = [Watched(base, None, EventFlags(0), ignore)]

        def drop() -> None:
            holder.clear()
            collect()

        def start(timer: Timer) -> None:
            thread = threading.Thread(target=drop)
            thread.start()
            thread.join()
            assert freed_in == []

        Timer(base, 0, start)
        Timer(base, 0.002, ignore)
        base.dispatch()
        turn(base)
        assert freed_in == [threading.get_ident()]

    def test_collected_during_a_callback(self, base: EventBase) -> None:
        """A cycle collected inside a callback does not disturb the pass."""
        fired: list[int] = []

        def drop(event: Event, what: EventFlags) -> None:
            for _ in range(10):
                idle = Event(base, None, EventFlags(0), ignore)
                idle_holder = [idle]
                idle_holder.append(idle_holder)  # type: ignore[arg-type]
                del idle, idle_holder
            collect()
            fired.append(1)

        events = [Event(base, None, EventFlags(0), drop) for _ in range(3)]
        for event in events:
            event.active()
        base.dispatch()
        turn(base)
        assert fired == [1, 1, 1]
        collect()
        turn(base)
        assert count(base) == 3

    def test_a_constructor_that_failed(self, base: EventBase) -> None:
        """__del__ of a half-made handle is quiet."""
        with pytest.raises(TypeError):
            Event(base)  # type: ignore[call-arg]
        with pytest.raises(ValueError):
            Event(base, -5, EventFlags.READ, ignore)
        collect()
        assert count(base) == 0


def test_every_handle_of_the_package_is_tested_here() -> None:
    """A new kind of handle must be put into the tables above."""
    kinds = set(Handle.__subclasses__())
    while more := {kind for each in kinds for kind in each.__subclasses__()} - kinds:
        kinds |= more
    names = {
        kind.__name__
        for kind in kinds
        if kind.__module__.startswith("libevent_py") and not kind.__name__.startswith(("_", "Base"))
    }
    assert names <= set(ALL_MAKERS), names


def test_native_events_stay_when_the_base_is_borrowed() -> None:
    """Closing a borrowed base closes Python's handles only."""
    native = lib.event_base_new()
    base = EventBase.from_pointer(native)
    timer = Timer(base, 30, ignore)
    base.close()
    assert timer.closed
    lib.event_base_free(native)


def test_open_handles_by_age(base: EventBase) -> None:
    """The base knows its handles by age, also where a young one got an old one's slot."""
    first, second = Event(base, None, EventFlags(0), ignore), Event(base, None, EventFlags(0), ignore)
    first.close()
    third = Event(base, None, EventFlags(0), ignore)
    assert base._delivery.table.open_handles() == [second, third]
