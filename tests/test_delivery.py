"""The delivery queue: order, exceptions, nothing lost, nothing twice, and loops that others run."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from loops import run_until, turn

from libevent_py import BufferEvent, Event, EventBase, EventFlags, Listener, LoopFlags, Timer, lib

Pair = tuple[socket.socket, socket.socket]
BATCH = lib.real.LEPY_BATCH_RECORDS
ARENA = lib.real.LEPY_BATCH_ARENA


def events(base: EventBase, number: int, callback: Callable[[int], object]) -> list[Event]:
    """That many active events, which call ``callback(index)``."""
    made = [Event(base, None, EventFlags(0), lambda event, what, n=n: callback(n)) for n in range(number)]
    for event in made:
        event.active()
    return made


class Boom(Exception):
    """What the callbacks here raise."""


class TestOrder:
    """libevent's order is kept."""

    def test_activation_order(self, base: EventBase) -> None:
        """First activated, first delivered."""
        order: list[int] = []
        made = events(base, 100, order.append)
        base.dispatch()
        assert order == list(range(100))
        assert len(made) == 100

    @pytest.mark.parametrize("number", [BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 7])
    def test_more_than_a_batch(self, base: EventBase, number: int) -> None:
        """More records than one batch holds come all, once, in order."""
        order: list[int] = []
        made = events(base, number, order.append)
        assert base.dispatch() is True
        assert order == list(range(number))
        order.clear()
        for event in reversed(made):
            event.active()
        base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
        assert order == list(reversed(range(number)))

    @pytest.mark.parametrize("number", [BATCH, BATCH + 1, 2 * BATCH])
    def test_loopexit_finishes_all_batches(self, base: EventBase, number: int) -> None:
        """What was ready is delivered before the loop ends, also where it fills several batches."""
        order: list[int] = []
        made = events(base, number, lambda n: (order.append(n), base.loopexit() if n == 0 else None))
        Timer(base, 30, lambda timer: None)
        assert base.dispatch() is False
        assert order == list(range(number))
        assert len(made) == number

    def test_all_batches_before_the_next_poll(self, base: EventBase, socket_pair: Pair) -> None:
        """What a pass found ready is delivered before libevent looks again, and finds it ready still."""
        left, right = socket_pair
        left.setblocking(False)
        seen: list[bytes] = []
        readable = Event(
            base, left, EventFlags.READ | EventFlags.PERSIST, lambda event, what: seen.append(left.recv(10))
        )
        readable.add()
        order: list[int] = []
        made = events(base, 3 * BATCH, order.append)  # its record comes behind theirs
        right.send(b"once")
        turn(base)
        assert len(order) == len(made)
        assert seen == [b"once"]

    def test_priorities_over_batches(self) -> None:
        """A full batch of the lower priority waits for the higher one."""
        with EventBase(priorities=2) as base:
            order: list[int] = []
            made = []
            for number in range(2 * BATCH + 2):
                event = Event(base, None, EventFlags(0), lambda event, what: order.append(event.priority))
                event.priority = number % 2
                event.active()
                made.append(event)
            base.dispatch()
            assert order == [0] * (BATCH + 1) + [1] * (BATCH + 1)

    def test_bytes_of_many_connections(self, base: EventBase) -> None:
        """Each connection gets its own bytes, whole and in order."""
        got: dict[int, bytearray] = {}
        peers = []
        for number in range(50):
            ours, peer = socket.socketpair()
            got[number] = bytearray()
            bev = BufferEvent(base, ours)
            bev.set_callbacks(on_data=lambda bev, data, n=number: got[n].extend(data))
            bev.enable(EventFlags.READ)
            peers.append(peer)
        for round in range(5):
            for number, peer in enumerate(peers):
                peer.send(b"%d.%d;" % (number, round))
            turn(base, 2)
        for number, peer in enumerate(peers):
            assert got[number] == b"".join(b"%d.%d;" % (number, round) for round in range(5))
            peer.close()

    def test_bytes_beyond_the_arena(self, base: EventBase) -> None:
        """More bytes in one pass than ride along are read by other ways, none lost."""
        number = 100
        chunk = bytes(range(256)) * 40  # all of them together: four arenas
        assert number * len(chunk) > 3 * ARENA
        got = [bytearray() for _ in range(number)]
        peers = []
        for index in range(number):
            ours, peer = socket.socketpair()
            bev = BufferEvent(base, ours)
            bev.set_callbacks(on_data=lambda bev, data, n=index: got[n].extend(data))
            bev.enable(EventFlags.READ)
            peer.sendall(chunk)
            peers.append(peer)
        run_until(base, lambda: all(len(each) >= len(chunk) for each in got))
        assert all(each == chunk for each in got)
        for peer in peers:
            peer.close()


class TestExceptions:
    """What a callback raises comes out of the loop, and costs nothing else."""

    def test_it_comes_out_of_dispatch(self, base: EventBase) -> None:
        """With the callback's frame in its traceback."""

        def fail(timer: Timer) -> None:
            raise Boom("here")

        Timer(base, 0, fail)
        with pytest.raises(Boom, match="here") as caught:
            base.dispatch()
        assert "fail" in [entry.name for entry in caught.traceback]
        assert not base.running

    @pytest.mark.parametrize(
        "error", [Boom, KeyboardInterrupt, SystemExit, MemoryError, RecursionError, GeneratorExit]
    )
    def test_the_rest_is_delivered_by_the_next_loop(
        self, base: EventBase, error: type[BaseException]
    ) -> None:
        """Nothing is lost or delivered twice, whichever exception it is."""
        order: list[int] = []

        def fail_sometimes(number: int) -> None:
            order.append(number)
            if number % 3 == 0:
                raise error

        made = events(base, 10, fail_sometimes)
        for _ in range(4):
            with pytest.raises(error):
                base.dispatch()
        assert order == list(range(10))
        assert base.dispatch() is True
        assert order == list(range(10))
        assert len(made) == 10

    def test_bytes_wait_too(self, base: EventBase) -> None:
        """Data that rode along behind the failing callback is delivered by the next loop."""
        got: list[bytes] = []
        peers = []

        def take(bev: BufferEvent, data: bytes) -> None:
            got.append(data)
            if len(got) < 3:
                raise Boom

        for number in range(5):
            ours, peer = socket.socketpair()
            bev = BufferEvent(base, ours)
            bev.set_callbacks(on_data=take)
            bev.enable(EventFlags.READ)
            peer.send(b"%d" % number * 10)
            peers.append(peer)
        for _ in range(2):
            with pytest.raises(Boom):
                base.loop(LoopFlags.ONCE)
        turn(base, 3)
        assert sorted(got) == [b"%d" % number * 10 for number in range(5)]
        for peer in peers:
            peer.close()

    def test_closing_with_records_waiting(self, base: EventBase, socket_pair: Pair) -> None:
        """A base that is closed with undelivered records frees them; accepted sockets are closed."""
        accepted: list[int] = []

        def accept(listener: Listener, sock: socket.socket, address: Any) -> None:
            accepted.append(sock.fileno())
            sock.close()
            raise Boom

        listener = Listener(base, ("127.0.0.1", 0), accept)
        clients = [socket.create_connection(listener.address) for _ in range(5)]
        with pytest.raises(Boom):
            base.dispatch()
        assert len(accepted) == 1
        base.close()
        for client in clients:
            client.close()  # the leak guard counts the accepted ones

    def test_on_error(self) -> None:
        """The handler gets each exception, and the loop goes on."""
        errors: list[Exception] = []
        order: list[int] = []

        def fail(number: int) -> None:
            order.append(number)
            raise Boom(number)

        with EventBase(on_error=errors.append) as base:
            made = events(base, 5, fail)
            assert base.dispatch() is True
        assert order == [0, 1, 2, 3, 4]
        assert [error.args for error in errors] == [(n,) for n in range(5)]
        assert len(made) == 5

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_on_error_does_not_take_the_end(self, error: type[BaseException]) -> None:
        """What is no Exception comes out of dispatch although there is a handler."""

        def fail(timer: Timer) -> None:
            raise error

        with EventBase(on_error=lambda error: pytest.fail("took it")) as base:
            Timer(base, 0, fail)
            with pytest.raises(error):
                base.dispatch()

    def test_a_failing_on_error(self) -> None:
        """Its own exception comes out of dispatch, the first as context."""

        def fail(timer: Timer) -> None:
            raise Boom

        def fail_too(error: Exception) -> None:
            raise ZeroDivisionError

        with EventBase(on_error=fail_too) as base:
            Timer(base, 0, fail)
            with pytest.raises(ZeroDivisionError) as caught:
                base.dispatch()
            assert isinstance(caught.value.__context__, Boom)

    def test_on_error_may_break_the_loop(self) -> None:
        """A loopbreak in the handler leaves the rest for later."""
        order: list[int] = []

        def fail(number: int) -> None:
            order.append(number)
            raise Boom

        with EventBase(on_error=lambda error: base.loopbreak()) as base:
            made = events(base, 3, fail)
            assert base.dispatch() is False
            assert order == [0]
            assert len(made) == 3


def test_close_in_a_callback_of_a_batch(base: EventBase) -> None:
    """Closing handles of both sides of the running record keeps the rest in order."""
    order: list[int] = []

    def fire(number: int) -> None:
        order.append(number)
        if number == 5:
            made[4].close()
            made[5].close()
            made[6].close()

    made = events(base, 10, fire)
    base.dispatch()
    assert order == [0, 1, 2, 3, 4, 5, 7, 8, 9]
