"""The function that C calls for a filter's data (floor 3)."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from ._ffi import CData, ffi


class Filtering(Protocol):
    """What the handle behind a filter's context can do."""

    def _process(self, outward: int, source: CData, target: CData, mode: int) -> int: ...


#: Exceptions that struck between C's call and the handle's own try: a signal's.
strays: deque[BaseException] = deque()


def _keep(kind: Any, error: Any, traceback: Any) -> None:
    strays.append(error)


@ffi.def_extern(error=-1, onerror=_keep)
def lepy_filter_process(python: CData, outward: int, source: CData, target: CData, mode: int) -> int:
    """Move what is in *source*, filtered, to *target*: 1, 0 when that gave nothing, -1 when it raised."""
    handle: Filtering = ffi.from_handle(python)
    return handle._process(outward, source, target, mode)
