"""Forks in the middle of a loop: in its callbacks, and beside threads."""

from __future__ import annotations

import pytest
from forking import check_forking


def test_in_a_callback() -> None:
    """The child leaves loop() with ForkError before its next callback; the parent goes on."""
    check_forking(
        """
        said = []

        def fork(timer):
            pid = os.fork()
            if not pid:
                said.append("child")
                return
            os.waitpid(pid, 0)

        Timer(base, 0, fork)
        Timer(base, 0, lambda timer: (said.append("next"), base.loopbreak()))
        parent = os.getpid()
        try:
            base.dispatch()
        except ForkError:
            os._exit(0 if said == ["child"] and os.getpid() != parent and not base.running else 1)
        assert said == ["next"]
        still_works()
        """
    )


def test_in_a_callback_with_reinit() -> None:
    """The loop goes on in both processes, each with all that was pending."""
    check_forking(
        """
        said = []
        reader, writer = os.pipe()

        def fork(timer):
            pid = os.fork()
            if not pid:
                base.reinit()
                assert base.running
            said.append(pid)

        Timer(base, 0, fork)
        Timer(base, 0, lambda timer: said.append("next"))
        Timer(base, 0.01, lambda timer: base.loopbreak())
        base.dispatch()
        if not said[0]:
            os.write(writer, repr(said).encode())
            os._exit(0)
        assert os.waitpid(said[0], 0)[1] == 0
        assert said[1:] == ["next"]
        assert os.read(reader, 100) == b"[0, 'next']"
        still_works()
        """
    )


def test_below_a_callback_that_c_calls() -> None:
    """There reinit() is refused; the child's loop ends when it returns, and an old wake-up is no trap."""
    check_forking(
        """
        end, other = socket.socketpair()
        poke = Event(base, None, EventFlags(0), lambda event, what: base.loopbreak())
        said = []

        def fork_here(data, mode):
            # libevent notes that a wake-up is under way, and sends no other until it has come.
            thread = threading.Thread(target=poke.active)
            thread.start()
            thread.join()
            said.append(os.fork())
            if not said[0]:
                for refused in base.reinit, base.close:
                    try:
                        refused()
                    except RuntimeError as error:
                        said.append(type(error).__name__)
            return data

        bev = FilterBufferEvent(BufferEvent(base, end), process_in=fork_here)
        bev.set_callbacks(on_data=lambda bev, data: None)
        bev.enable(READ)
        other.send(b"x")
        try:
            base.dispatch()
        except ForkError:
            assert said == [0, "RuntimeError", "RuntimeError"], said
            base.reinit()
            poke.remove()
            late = Timer(base, 8, print)
            base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
            thread = threading.Timer(0.05, poke.active)
            thread.start()
            started = time.monotonic()
            base.dispatch()
            thread.join()
            os._exit(3 if time.monotonic() - started < 5 else 9)  # not by the timer, that is
        assert os.waitpid(said[0], 0)[1] >> 8 == 3
        bev.close()
        still_works()
        """
    )


def test_beside_a_thread_in_the_loop() -> None:
    """A base whose loop another thread runs is lost to the child: refused, closed without touching it."""
    check_forking(
        """
        thread = threading.Thread(target=base.dispatch)
        thread.start()
        while not base.running:
            time.sleep(0.001)
        time.sleep(0.02)

        def reinit():
            base.reinit()

        def use():
            base.loopbreak()

        def close():
            event.close()
            base.close()
            with EventBase() as mine:
                done = []
                Timer(mine, 0, done.append)
                mine.dispatch()
            return len(done)

        said = in_child(reinit)
        assert said.startswith("ForkError: another thread was using this EventBase"), said
        assert in_child(use).startswith("ForkError: this EventBase")
        assert in_child(close) == "1"
        assert in_child(lambda: sys.exit(3)) == "SystemExit: 3"
        base.loopbreak()
        thread.join()
        still_works()
        """
    )


def test_beside_threads_that_never_rest() -> None:
    """Whatever lock another thread holds at the fork, a child that closes or uses the base does not hang."""
    check_forking(
        """
        over = False
        poke = Event(base, None, EventFlags(0), lambda event, what: None)

        def loop():
            while not over:
                base.loop(LoopFlags.NO_EXIT_ON_EMPTY)

        def hammer():
            while not over:
                poke.active()
                base.loopbreak()

        threads = [threading.Thread(target=each) for each in (loop, hammer, hammer)]
        for thread in threads:
            thread.start()

        def child():
            try:
                base.loop()
            except ForkError:
                base.close()
                return "fine"

        for _ in range(40):
            said = in_child(child)
            assert said == "fine", said
        over = True
        base.loopbreak()
        for thread in threads:
            thread.join()
        """
    )


def test_beside_threads_that_wake_a_loop_of_the_main_thread() -> None:
    """reinit() in the main thread's callback either works or says why not, and never hangs."""
    check_forking(
        """
        over = False
        poke = Event(base, None, EventFlags(0), lambda event, what: None)
        outcomes = []

        def hammer():
            while not over:
                poke.active()

        def child():
            try:
                base.reinit()
            except ForkError:
                return "lost"
            return "reinited"

        def fork(timer):
            outcomes.append(in_child(child))

        threads = [threading.Thread(target=hammer) for _ in range(2)]
        for thread in threads:
            thread.start()
        ticks = Timer(base, 0.001, fork, repeat=True)
        Timer(base, 0.5, lambda timer: base.loopbreak())
        base.dispatch()
        over = True
        for thread in threads:
            thread.join()
        assert set(outcomes) <= {"lost", "reinited"} and len(outcomes) > 3, outcomes
        """
    )


@pytest.mark.parametrize("where", ["idle", "callback"])
def test_ctrl_c_in_the_child(where: str) -> None:
    """It interrupts the child's idle loop, and the parent's not."""
    check_forking(
        f"""
        where = {where!r}
        pids = []

        def fork(timer=None):
            pids.append(os.fork())
            if not pids[0]:
                base.reinit()
                late = Timer(base, 8, lambda timer: os._exit(9))
                if where == "idle":
                    run_child()

        def run_child():
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                base.dispatch()
            except KeyboardInterrupt:
                os._exit(3)

        if where == "idle":
            fork()
        else:
            Timer(base, 0, fork)
            Timer(base, 0, lambda timer: None if pids[0] else
                  threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start())
        Timer(base, 0.3, lambda timer: base.loopbreak())
        try:
            base.loop(LoopFlags.NO_EXIT_ON_EMPTY)
        except KeyboardInterrupt:
            os._exit(3 if not pids[0] else 1)
        assert os.waitpid(pids[0], 0)[1] >> 8 == 3
        still_works()
        """
    )


def test_other_processes() -> None:
    """subprocess, exec and multiprocessing leave the parent alone, and inherit no descriptor of the base."""
    check_forking(
        """
        import multiprocessing, subprocess

        def run(timer):
            found = subprocess.run(
                [sys.executable, "-c", "import os; print(len(os.listdir('/proc/self/fd')))"],
                close_fds=False, stdout=subprocess.PIPE, check=True)
            outcomes.append(int(found.stdout))
            process = multiprocessing.get_context("fork").Process(target=task)
            process.start()
            process.join()
            outcomes.append(process.exitcode)
            pid = os.fork()
            if not pid:
                os.execv(sys.executable, [sys.executable, "-c", "pass"])
            outcomes.append(os.waitpid(pid, 0)[1])

        def task():
            with EventBase() as mine:
                Timer(mine, 0, lambda timer: None)
                assert mine.dispatch()

        outcomes = []
        Timer(base, 0, run)
        Timer(base, 0, lambda timer: base.loopbreak())
        base.dispatch()
        assert outcomes[0] <= 5 and outcomes[1:] == [0, 0], outcomes
        still_works()
        """
    )


def test_a_child_that_outlives_a_lookup() -> None:
    """A child that holds a copy of the lookup's pipe does not keep the answer from the parent."""
    check_forking(
        """
        gate = threading.Event()
        look_up = socket.getaddrinfo

        def slow(*args, **options):
            gate.wait()
            return look_up(*args, **options)

        socket.getaddrinfo = slow
        server = socket.create_server(("127.0.0.1", 0))
        bev = BufferEvent(base)
        said = []
        bev.set_callbacks(on_event=lambda bev, what: (said.append(what), base.loopbreak()))
        bev.connect_hostname("localhost", server.getsockname()[1], family=socket.AF_INET)
        pid = os.fork()
        if not pid:
            time.sleep(20)
            os._exit(0)
        gate.set()
        Timer(base, 5, lambda timer: base.loopbreak())
        base.dispatch()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert len(said) == 1
        """
    )


def test_scheduled_calls() -> None:
    """The parent's calls are not made in the child; after reinit() they are, in both, and wake-ups too."""
    check_forking(
        """
        said = []

        def fork():
            pids.append(os.fork())

        pids = []
        base.call_soon(fork)
        base.call_soon(said.append, "soon")
        base.call_later(0.001, said.append, "later")
        base.call_later(0.01, base.loopbreak)
        try:
            base.dispatch()
        except ForkError:
            assert said == []
            base.reinit()
            base.dispatch()
            assert said == ["soon", "later"], said
            thread = threading.Timer(0.05, base.call_soon_threadsafe, (base.loopbreak,))
            thread.start()
            late = Timer(base, 8, print)
            started = time.monotonic()
            base.dispatch()
            thread.join()
            os._exit(3 if time.monotonic() - started < 5 else 9)
        assert said == ["soon", "later"], said
        assert os.waitpid(pids[0], 0)[1] >> 8 == 3
        still_works()
        """
    )
