"""Looking a host name up without holding the loop up (floor 6)."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union

from ..constants import EventFlags
from ..event import Event

if TYPE_CHECKING:
    from ..base import EventBase

#: The families and addresses of a host, the best first; or why there are none.
Found = Union[list[tuple[int, tuple[Any, ...]]], OSError]


class ThreadedLookup:
    """One ``socket.getaddrinfo`` in a thread; what it finds is delivered from the loop.

    The thread tells the loop through a pipe, whose event also keeps the loop waiting.
    """

    def __init__(
        self, base: EventBase, host: str, port: int, family: int, callback: Callable[[Found], object]
    ) -> None:
        self._callback = callback
        self._found: Found | None = None
        self._event: Event | None = None
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        try:
            self._event = Event(base, self._reader, EventFlags.READ, self._done)
            self._event.add()
            thread = threading.Thread(target=self._look_up, args=(writer, host, port, family), daemon=True)
            thread.start()
        except BaseException:  # RuntimeError: no more threads
            self.close()
            os.close(writer)
            raise

    def _look_up(self, writer: int, host: str, port: int, family: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            self._found = [(each[0], each[4]) for each in found]
        except OSError as error:
            self._found = error
        except ValueError as error:  # a UnicodeError too
            self._found = socket.gaierror(socket.EAI_NONAME, f"{host!r} is no host name: {error}")
        finally:
            # Not by closing alone: a forked child may hold a copy of the descriptor.
            with contextlib.suppress(BrokenPipeError):
                os.write(writer, b"x")
            os.close(writer)

    def _done(self, event: Event, what: EventFlags) -> None:
        found = self._found
        self.close()
        if found is not None:
            self._callback(found)

    def close(self) -> None:
        """Forget the answer; the thread ends by itself."""
        if self._event is not None:
            self._event.close()  # which the base's close() may have done before
        reader, self._reader = self._reader, -1
        if reader >= 0:
            os.close(reader)
