"""EventConfig, and which backends this libevent has (floor 4, event2/event.h)."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from . import _convert, threads  # noqa: F401  (threads: libevent's locking comes first)
from ._errors import check_pointer, raise_errno
from ._ffi import CData, ffi, lib
from .constants import EventBaseFeatures, EventBaseFlags
from .exceptions import UnsupportedError

#: What libevent has on some system or other; it ignores a name that it does not know.
_METHODS = ("evport", "kqueue", "epoll", "devpoll", "poll", "select", "win32", "wepoll")


_NO_FEATURES = EventBaseFeatures(0)
_NO_FLAGS = EventBaseFlags(0)


@dataclass(frozen=True)
class EventConfig:
    """How an EventBase shall be made (``struct event_config``).

    A value: it can be kept, compared, and used for any number of bases.

    Args:
        avoid_methods: Backends that are not wanted, ``("epoll",)`` say (``event_config_avoid_method``).
        require_features: What the backend must be able to do (``event_config_require_features``).
        flags: Options of the base (``event_config_set_flag``); NOLOCK is refused.
        num_cpus_hint: For Windows' IOCP, 0 where not known (``event_config_set_num_cpus_hint``).
        max_interval: Seconds after which callbacks of a priority stand back for a look at all
            events, more urgent ones first (``event_config_set_max_dispatch_interval``).  None: when
            all that was ready has been called.
        max_callbacks: The same after that many Python callbacks.
        min_priority: The most urgent priority for which these two hold.

    Raises:
        ValueError: No such method, flag or feature; a number out of range; NOLOCK.

    Example::

        config = EventConfig(avoid_methods=["epoll"], max_interval=0.01)
        with EventBase(config=config, priorities=2) as base:
            base.dispatch()
    """

    avoid_methods: Collection[str] = ()
    require_features: EventBaseFeatures = _NO_FEATURES
    flags: EventBaseFlags = _NO_FLAGS
    num_cpus_hint: int = 0
    max_interval: float | None = None
    max_callbacks: int | None = None
    min_priority: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.avoid_methods, str):
            raise TypeError(f"avoid_methods must be several names: ({self.avoid_methods!r},)")
        methods = tuple(self.avoid_methods)
        known = {*_METHODS, *_method_names()}
        for name in methods:
            if name not in known:
                raise ValueError(f"libevent has no method {name!r}; it has {', '.join(sorted(known))}")
        object.__setattr__(self, "avoid_methods", methods)
        object.__setattr__(
            self, "require_features", _convert.flags(self.require_features, EventBaseFeatures, "features")
        )
        flags = _convert.flags(self.flags, EventBaseFlags, "flags")
        if flags & EventBaseFlags.NOLOCK:
            raise ValueError(
                "NOLOCK is not safe in Python: several threads can be inside libevent at once, since calls "
                "into C release the interpreter's lock, and without libevent's own they would corrupt it"
            )
        object.__setattr__(self, "flags", flags)
        _convert.integer(self.num_cpus_hint, "num_cpus_hint", 0, (1 << 31) - 1)
        _convert.seconds(self.max_interval, "max_interval")
        if self.max_callbacks is not None:
            _convert.integer(self.max_callbacks, "max_callbacks", 1, (1 << 31) - 1)
        _convert.integer(self.min_priority, "min_priority", 0, lib.EVENT_MAX_PRIORITIES)

    def _new(self) -> CData:
        """A ``struct event_config`` with all of this; the caller frees it."""
        config = check_pointer(lib.event_config_new(), "event_config_new")
        for name in self.avoid_methods:
            if lib.event_config_avoid_method(config, name.encode()) < 0:
                lib.event_config_free(config)
                raise MemoryError("libevent found no memory for its configuration")
        lib.event_config_require_features(config, int(self.require_features))
        lib.event_config_set_flag(config, int(self.flags))
        lib.event_config_set_num_cpus_hint(config, self.num_cpus_hint)
        if self.max_interval is not None:
            # For callbacks in C that take long.  Python's are counted and timed where they are
            # called (Delivery): ours only write down, and cutting that short would gain nothing.
            whole, part = divmod(int(self.max_interval * 1e6), 1_000_000)
            interval = ffi.new("struct timeval *", {"tv_sec": whole, "tv_usec": part})
            lib.event_config_set_max_dispatch_interval(config, interval, -1, self.min_priority)
        return config


def new_event_base(config: EventConfig | None) -> CData:
    """An ``event_base`` made as *config* tells; the caller's to free.

    Raises:
        UnsupportedError: No backend is left, or none can do what is required.
        OSError: No free file descriptors, where libevent would exit.
    """
    if config is None:
        base = lib.lepy_event_base_new(ffi.NULL)
    elif not isinstance(config, EventConfig):
        raise TypeError(f"config must be an EventConfig, not {type(config).__name__}")
    else:
        _check_possible(config)  # before libevent prints a warning
        pointer = config._new()
        base = lib.lepy_event_base_new(pointer)
        error = ffi.errno
        lib.event_config_free(pointer)
        ffi.errno = error
    if not base:
        error = ffi.errno
        _check_possible(config or EventConfig())
        ffi.errno = error
    return check_pointer(base, "cannot make an event_base")


def supported_methods() -> dict[str, EventBaseFeatures]:
    """The backends that this libevent was built with, and what each can do.

    The first is what an EventBase gets, unless the environment forbids it
    (``EVENT_NOEPOLL=1``) (``event_get_supported_methods``).

    Returns:
        Features by name; without those that the environment forbids or that do not start
        on this machine.
    """
    return _possible(EventConfig())


def _possible(config: EventConfig) -> dict[str, EventBaseFeatures]:
    """The backends that *config* and the environment leave."""
    obeys = not config.flags & EventBaseFlags.IGNORE_ENV
    found = {}
    for name in _method_names():
        if name in config.avoid_methods or (obeys and f"EVENT_NO{name.upper()}" in os.environ):
            continue
        features = _features_of(name)
        if features is not None and features & config.require_features == config.require_features:
            found[name] = features
    return found


def _check_possible(config: EventConfig) -> None:
    """Raise UnsupportedError where *config* and the environment leave no backend."""
    if _possible(config):
        return
    there = ", ".join(
        f"{name} ({'|'.join(str(flag.name) for flag in EventBaseFeatures if flag & features) or 'nothing'})"
        for name, features in _possible(EventConfig(flags=EventBaseFlags.IGNORE_ENV)).items()
    )
    wanted = [f"not {name}" for name in config.avoid_methods]
    wanted += [str(flag.name) for flag in EventBaseFeatures if flag & config.require_features]
    wanted += [f"{name} in the environment" for name in sorted(os.environ) if name.startswith("EVENT_NO")]
    raise UnsupportedError(f"no backend fits: wanted {', '.join(wanted)}; there are {there}")


@cache
def _method_names() -> tuple[str, ...]:
    names: list[str] = []
    methods = lib.event_get_supported_methods()
    while methods[len(names)]:
        names.append(ffi.string(methods[len(names)]).decode())
    return tuple(names)


@cache
def _features_of(name: str) -> EventBaseFeatures | None:
    """What a base with this backend can do; None where it does not start on this machine."""
    others = [other for other in _method_names() if other != name]
    pointer = EventConfig(avoid_methods=others, flags=EventBaseFlags.IGNORE_ENV)._new()
    base = lib.lepy_event_base_new(pointer)
    error = ffi.errno
    lib.event_config_free(pointer)
    if not base:
        if error in (errno.EMFILE, errno.ENFILE):
            ffi.errno = error
            raise_errno("cannot make an event_base")
        return None
    try:
        return EventBaseFeatures(lib.event_base_get_features(base))
    finally:
        lib.event_base_free(base)
