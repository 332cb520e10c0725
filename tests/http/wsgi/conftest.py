"""WSGI applications served in the loop, and in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from served import Served, serving

from libevent_py.http.wsgi import WSGIHandler

#: The fixture ``serve``: an application, and options of HTTPServer's.
Serve = Callable[..., Served]


@pytest.fixture(params=[0, 2], ids=["loop", "threads"])
def threads(request: pytest.FixtureRequest) -> int:
    """The test runs in the loop, and in threads."""
    return int(request.param)


@pytest.fixture
def serve(threads: int) -> Iterator[Serve]:
    """A function that serves an application until the test ends."""
    with ExitStack() as stack:

        def serve(application: Callable[..., Any], **options: Any) -> Served:
            return stack.enter_context(serving(WSGIHandler(application, threads=threads), **options))

        yield serve
