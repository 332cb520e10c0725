"""Ports of libevent's main/fork and thread/forking: docs/regress.md has the table."""

from __future__ import annotations

import os

from child import check_child

SET_UP = """
import os, signal, socket, sys, threading, warnings
from libevent_py import *
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks with threads
base = EventBase()

def end(number):
    '''Of the child: an exception shall not go on in the parent's program.'''
    sys.stdout.flush()
    os._exit(number)
"""

FORK = """
ours, peer = socket.socketpair()
word, answer = socket.socketpair()
ours.setblocking(False)
called, ended = [], []

def on_readable(event, what):
    data = ours.recv(100)
    word.send(b"x")
    if data:
        if not called:
            event.add()
    elif len(called) == 1:
        ended.append(True)
    called.append(what)

def once(number):
    return Signal(base, number, lambda event: (got.append(number), event.close()))

got = []
peer.send(b"one")
event = Event(base, ours, EventFlags.READ, on_readable)
event.add()
exited, existing = once(signal.SIGCHLD), once(signal.SIGUSR2)
pid = os.fork()
if not pid:
    signal.alarm(15)
    try:
        base.reinit()
        exited.close()
        once(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        assert base.dispatch() is True
        base.close()
        assert len(called) == 2 and not ended, (called, ended)
        assert sorted(got) == sorted((signal.SIGUSR1, signal.SIGUSR2)), got
    except BaseException:
        sys.excepthook(*sys.exc_info())
        end(1)
    end(76)
answer.recv(1)  # until the child has read the first word
peer.send(b"two")
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 76
peer.send(b"three")
peer.shutdown(socket.SHUT_WR)
once(signal.SIGUSR1)
os.kill(os.getpid(), signal.SIGUSR1)
os.kill(os.getpid(), signal.SIGUSR2)
assert base.dispatch() is True
assert ended == [True], called
assert sorted(got) == sorted((signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)), got
base.close()
print("ok")
"""

FORKING = """
THREADS, TIMES = 4, 20
answers = []
done = [threading.Event() for _ in range(THREADS)]

def answer(number):
    return lambda event, what: (answers.append(number), done[number].set())

events = [Event(base, None, EventFlags(0), answer(number)) for number in range(THREADS)]

def ask(number):
    for _ in range(TIMES):
        done[number].clear()
        events[number].active()
        assert done[number].wait(10)

exited = Signal(base, signal.SIGCHLD, lambda event: event.close())
pid = os.fork()
if not pid:
    signal.alarm(15)
    try:
        base.reinit()
        exited.close()
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        def wait():
            for thread in threads:
                thread.join()
            base.loopexit()
        threading.Thread(target=wait).start()
        base.loop(LoopFlags.NO_EXIT_ON_EMPTY)
        assert len(answers) == THREADS * TIMES
    except BaseException:
        sys.excepthook(*sys.exc_info())
        end(1)
    end(0)
assert base.dispatch() is True  # SIGCHLD ends it, and none of the child's wake-ups comes here
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert answers == [], answers
base.close()
print("ok")
"""


def test_fork(backend: str) -> None:
    """A child that reinits has the events and signals of its parent, and the parent goes on."""
    assert check_child(SET_UP + FORK, env=dict(os.environ)) == "ok\n"


def test_forking(backend: str) -> None:
    """In a child that reinits threads wake the loop, and the parent feels nothing of it."""
    assert check_child(SET_UP + FORKING, env=dict(os.environ)) == "ok\n"
