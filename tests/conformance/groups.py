"""Which of CPython's asyncio tests are run, bound to another loop.

``test.test_asyncio`` comes with the interpreter (Debian: libpython3-testsuite, pypy3-lib-testsuite).
Some of its classes ask a method for their loop, others ask asyncio; the rest mock asyncio's
insides, which tells nothing about another loop, and is left out.
"""

from __future__ import annotations

import asyncio
import importlib
import unittest
from collections.abc import Callable, Iterator
from typing import Any

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

#: Tests of the groups below that mock or count what is asyncio's own.
WHITE_BOX = {
    "test_create_server_multiple_hosts_ipv4",
    "test_create_server_multiple_hosts_ipv6",
    "test_timeout_rounding",
}

#: Modules that are run whole.
_WHOLE = {
    "ssl": "test_ssl",
    "streams": "test_streams",
    "locks": "test_locks",
    "queues": "test_queues",
    "taskgroups": "test_taskgroups",
    "timeouts": "test_timeouts",
    "waitfor": "test_waitfor",
    "threads": "test_threads",
    "futures": "test_futures2",
    "pep492": "test_pep492",
    "eager": "test_eager_task_factory",
    "staggered": "test_staggered",
    "context": "test_context",
}

#: Classes of test_tasks that use a real loop.
_TASKS = (
    "RunCoroutineThreadsafeTests",
    "SleepTests",
    "CompatibilityTests",
    "GenericTaskTests",
    "CTask_Future_Tests",
    "FutureGatherTests",
    "CoroutineGatherTests",
)

GROUPS = (
    "events",
    "subprocess",
    "sock",
    "sendfile",
    "buffered",
    "server",
    "starttls",
    "unix",
    "tasks",
    *_WHOLE,
)


def install(factory: LoopFactory) -> None:
    """Have asyncio itself make the loops of *factory*; tests undo it, so before each."""

    class Policy(asyncio.DefaultEventLoopPolicy):
        _loop_factory = staticmethod(factory)

    asyncio.DefaultEventLoopPolicy = Policy  # type: ignore[misc]
    asyncio.new_event_loop = factory
    asyncio.events.new_event_loop = factory
    asyncio.set_event_loop_policy(None)


def close_loop(loop: Any) -> None:
    """End the executor and *loop*; the tests' own looks into the executor of asyncio's loop."""
    if not loop.is_closed():
        loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def tests(group: str, factory: LoopFactory) -> Iterator[unittest.TestCase]:
    """The tests of *group*; none where this Python has none."""
    for case in _classes(group, factory):
        yield from unittest.defaultTestLoader.loadTestsFromTestCase(case)  # type: ignore[misc]


def _classes(group: str, factory: LoopFactory) -> list[type[unittest.TestCase]]:
    if group in _WHOLE:
        return _whole(_WHOLE[group])
    return _BOUND[group](_Binder(factory))


def _module(name: str) -> Any:
    return importlib.import_module(f"test.test_asyncio.{name}")


def _whole(name: str) -> list[type[unittest.TestCase]]:
    try:
        module = _module(name)
    except ImportError:
        return []
    found = [
        value
        for _, value in sorted(vars(module).items())
        if isinstance(value, type)
        and issubclass(value, unittest.TestCase)
        and value.__module__ == module.__name__
    ]
    for case in found:
        if hasattr(case, "close_loop"):
            case.close_loop = staticmethod(close_loop)
    return found


class _Binder:
    """Makes test cases of mixins that ask a method for their loop."""

    def __init__(self, factory: LoopFactory) -> None:
        self.factory = factory
        utils = _module("utils")
        self.base = type("Base", (utils.TestCase,), {"close_loop": staticmethod(close_loop), **self.loops()})

    def loops(self) -> dict[str, Any]:
        """The methods that the mixins ask."""
        return {
            "create_event_loop": lambda case: self.factory(),
            "new_loop": lambda case: self.factory(),
        }

    def bind(self, name: str, *bases: type, **members: Any) -> type[unittest.TestCase]:
        """A class of that name whose loops are the factory's."""
        return type(name, bases, {"__module__": __name__, **self.loops(), **members})

    def with_loop(self, name: str, *bases: type) -> type[unittest.TestCase]:
        """The same, for mixins that want ``self.loop`` made before."""

        def set_up(case: Any) -> None:
            super(bound, case).setUp()
            case.loop = self.factory()
            case.set_event_loop(case.loop)

        bound = self.bind(name, *bases, self.base, setUp=set_up)
        return bound


def _events(binder: _Binder) -> list[type[unittest.TestCase]]:
    return [binder.bind("Events", _module("test_events").EventLoopTestsMixin, binder.base)]


def _subprocess(binder: _Binder) -> list[type[unittest.TestCase]]:
    return [
        binder.with_loop("SubprocessTransports", _module("test_events").SubprocessTestsMixin),
        binder.with_loop("Subprocesses", _module("test_subprocess").SubprocessMixin),
    ]


def _sock(binder: _Binder) -> list[type[unittest.TestCase]]:
    module = _module("test_sock_lowlevel")
    # From 3.11 on the tests of datagrams are in the class of asyncio's own loop.
    own = vars(getattr(module, "SelectEventLoopTests", object))
    members = {name: value for name, value in own.items() if name.startswith("test_")}
    return [binder.bind("Sock", module.BaseSockTestsMixin, binder.base, **members)]


def _sendfile(binder: _Binder) -> list[type[unittest.TestCase]]:
    return [binder.bind("Sendfile", _module("test_sendfile").SendfileTestsBase, binder.base)]


def _buffered(binder: _Binder) -> list[type[unittest.TestCase]]:
    return [
        binder.bind("Buffered", _module("test_buffered_proto").BaseTestBufferedProtocol, unittest.TestCase)
    ]


def _server(binder: _Binder) -> list[type[unittest.TestCase]]:
    module = _module("test_server")
    members = {
        name: value
        for name, value in vars(module.SelectorStartServerTests).items()
        if name.startswith("test_")
    }
    others = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, unittest.IsolatedAsyncioTestCase)
        and value.__module__ == module.__name__
    ]
    return [binder.bind("StartServer", module.BaseStartServer, unittest.TestCase, **members), *others]


def _starttls(binder: _Binder) -> list[type[unittest.TestCase]]:
    return [binder.bind("StartTLS", _module("test_sslproto").BaseStartTLS, unittest.TestCase)]


def _unix(binder: _Binder) -> list[type[unittest.TestCase]]:
    module = _module("test_unix_events")
    return [getattr(module, name) for name in ("TestFunctional", "TestFork") if hasattr(module, name)]


def _tasks(binder: _Binder) -> list[type[unittest.TestCase]]:
    found = [getattr(_module("test_tasks"), name) for name in _TASKS if hasattr(_module("test_tasks"), name)]
    for case in found:
        case.close_loop = staticmethod(close_loop)
    return found


_BOUND: dict[str, Callable[[_Binder], list[type[unittest.TestCase]]]] = {
    "events": _events,
    "subprocess": _subprocess,
    "sock": _sock,
    "sendfile": _sendfile,
    "buffered": _buffered,
    "server": _server,
    "starttls": _starttls,
    "unix": _unix,
    "tasks": _tasks,
}
