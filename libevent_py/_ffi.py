"""The one door to C: every other module takes ``ffi`` and ``lib`` from here (floor 1)."""

from __future__ import annotations

from typing import Any

from libevent_py._libevent import ffi, lib

#: A C pointer or structure as CFFI hands it out.  CFFI has no static types for
#: them; Any stays fenced into the modules that say ``lib.something``.
CData = Any

__all__ = ["CData", "ffi", "lib"]
