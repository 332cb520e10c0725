"""A loop that a forked child has from its parent (floor 8)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .loop import Loop


def separate(loop: Loop) -> None:
    """Make *loop* the child's own: what it waits for is from now on waited for in both processes.

    Until somebody uses it in the child it costs nothing there; used without this, it would take
    the parent's events and wake-ups.

    Raises:
        ForkError: Another thread ran it at the fork; only close() is left.
    """
    try:
        loop.base.reinit()
    except OSError as error:
        if error.errno != errno.EBADF:  # the program has closed descriptors, as asyncio lets it
            raise
    loop._close_self_pipe()
    loop._make_self_pipe()
    loop._delivery.wakeup_fd = loop._csock.fileno()
    loop._keep_wakeup_fd(loop.is_running() or bool(loop._signal_handlers))
