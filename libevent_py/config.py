"""Which backends this libevent has (floor 4, event2/event.h)."""

from __future__ import annotations

import os

from . import threads  # noqa: F401  (libevent's locking comes first)
from ._errors import check_pointer
from ._ffi import ffi, lib
from .constants import EventBaseFeatures


def supported_methods() -> dict[str, EventBaseFeatures]:
    """The backends that this libevent was built with, and what each can do.

    The first is what an EventBase gets, unless the environment forbids it
    (``EVENT_NOEPOLL=1``) (``event_get_supported_methods``).

    Returns:
        Features by name; without those that the environment forbids or that do not start
        on this machine.
    """
    names: list[str] = []
    methods = lib.event_get_supported_methods()
    while methods[len(names)]:
        names.append(ffi.string(methods[len(names)]).decode())
    found = ((name, _features_of(name, names)) for name in names)
    return {name: features for name, features in found if features is not None}


def _features_of(name: str, names: list[str]) -> EventBaseFeatures | None:
    """What a base with this backend can do; None where libevent cannot make one."""
    if f"EVENT_NO{name.upper()}" in os.environ:
        return None  # libevent would warn on stderr that no backend is left
    config = check_pointer(lib.event_config_new(), "event_config_new")
    try:
        for other in names:
            if other != name:
                lib.event_config_avoid_method(config, other.encode())
        base = lib.lepy_event_base_new(config)
    finally:
        lib.event_config_free(config)
    if not base:
        return None
    try:
        return EventBaseFeatures(lib.event_base_get_features(base))
    finally:
        lib.event_base_free(base)
