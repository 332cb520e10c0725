"""A bufferevent's output under control: how much may wait, and how it ends (floor 6)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from .. import _convert
from .._errors import check
from .._ffi import lib
from ..constants import BufferEventEvents, BufferEventTriggers, EventFlags, FlushMode
from ..timer import Timer
from .limits import BaseBufferEventLimits, direction

_KIND_OUTPUT = lib.LEPY_KIND_OUTPUT
_PAUSED = lib.LEPY_OUTPUT_PAUSED
_RESUMED = lib.LEPY_OUTPUT_RESUMED
_DRAINED = lib.LEPY_OUTPUT_DRAINED
_NO_LIMIT = (1 << 64) - 1  # SIZE_MAX
NO_TRIGGERS = BufferEventTriggers(0)
_TRIGGERS = int(BufferEventTriggers.IGNORE_WATERMARKS | BufferEventTriggers.DEFER_CALLBACKS)

END = int(BufferEventEvents.READING | BufferEventEvents.EOF)

PauseCallback = Callable[[Any], object]


class BaseBufferEventOutput(BaseBufferEventLimits):
    """Back-pressure, flushing and ending; a part of every bufferevent."""

    __slots__ = ("_ended", "_ending", "_ending_timer", "_on_pause", "_on_resume", "_output_full")

    _on_pause: PauseCallback | None
    _on_resume: PauseCallback | None
    _output_full: bool
    #: The end of the stream came while reading was off.
    _ended: bool
    #: What to do once all is sent.
    _ending: Callable[[], object] | None
    _ending_timer: Timer | None

    # Back-pressure.

    def set_output_limit(
        self,
        high: int | None,
        low: int | None = None,
        *,
        on_pause: PauseCallback | None = None,
        on_resume: PauseCallback | None = None,
    ) -> None:
        """Say when too much waits to be sent.

        Nothing is refused beyond it: :meth:`write` takes all, and tells.  Of a filter, what
        waits below counts too.

        Args:
            high: Above so many bytes :attr:`write_paused` becomes true.  None ends the limit.
            low: At or below it becomes false again; a quarter of *high* by default.
            on_pause: ``on_pause(bev)``, from within the write that goes beyond *high*.
            on_resume: ``on_resume(bev)``, from the loop, when what waits is down to *low*.
        """
        _convert.callback(on_pause, "on_pause")
        _convert.callback(on_resume, "on_resume")
        if high is None:
            if low is not None or on_pause is not None or on_resume is not None:
                raise ValueError("without high there is no limit that the rest could belong to")
            high = low = _NO_LIMIT
        else:
            _convert.size(high, "high")
            low = high // 4 if low is None else _convert.size(low, "low")
            if low > high:
                raise ValueError(f"low ({low}) must not be above high ({high})")
        check(lib.lepy_bufferevent_set_output_limit(self._live(), high, low), "no memory for the limit")
        self._on_pause = on_pause
        self._on_resume = on_resume
        self._look_at_output()

    @property
    def write_paused(self) -> bool:
        """More waits than :meth:`set_output_limit` says; stop writing until on_resume."""
        self._live()
        return self._output_full

    @property
    def output_size(self) -> int:
        """Bytes that wait to be sent; of a filter, those below too."""
        return lib.lepy_bufferevent_output_size(self._live())

    def _pause(self) -> None:
        if not self._output_full:
            self._output_full = True
            if self._on_pause is not None:
                self._on_pause(self)

    def _look_at_output(self) -> None:
        """Act on what has become of the output; also for a record that said so."""
        news = lib.lepy_bufferevent_output_news(self._pointer)
        if news & _PAUSED:
            self._pause()
        elif news & _RESUMED and self._output_full:
            self._output_full = False
            if self._on_resume is not None:
                self._on_resume(self)
        if news & _DRAINED and self._pointer is not None:
            self._sent()

    # Flushing and triggering.

    def flush(self, what: EventFlags, mode: FlushMode = FlushMode.FLUSH) -> bool:
        """Let a filter or a pair give out what it holds back (``bufferevent_flush``).

        A socket sends as fast as it can anyway: there it does nothing.

        Args:
            what: READ, WRITE or both.
            mode: FLUSH, or FINISHED to say that this is the end.

        Returns:
            True when a filter had something to do.

        Raises:
            BrokenPipeError: The other end of the pair is closed.
        """
        what, mode = direction(what), FlushMode(mode)
        result = lib.lepy_bufferevent_flush(self._changeable(), int(what), int(mode))
        if result < 0:
            raise BrokenPipeError("the other end of this pair is closed")
        return result > 0

    def trigger(self, what: EventFlags, options: BufferEventTriggers = NO_TRIGGERS) -> None:
        """Call on_data, on_read or on_write from the loop, if there is a reason (``bufferevent_trigger``).

        Args:
            what: READ, WRITE or both.
            options: IGNORE_WATERMARKS: whatever the marks say; input must still be there.
        """
        pointer = self._changeable()
        lib.lepy_bufferevent_trigger(pointer, int(direction(what)), _triggers(options))

    def trigger_event(self, what: BufferEventEvents, options: BufferEventTriggers = NO_TRIGGERS) -> None:
        """Call on_event from the loop with *what* (``bufferevent_trigger_event``)."""
        self._changeable()
        if not isinstance(what, int) or not 0 < int(what) < 1 << 15:
            raise ValueError(f"need BufferEventEvents, not {what!r}")
        lib.bufferevent_trigger_event(self._bev, int(what), _triggers(options))

    # Ending.

    def shutdown_write(self) -> None:
        """End writing when all that waits is sent; reading goes on (half-close).

        The peer reads EOF then.  Whoever writes after this gets BrokenPipeError.
        """
        self._changeable()
        self._end(self._shut_down)

    def close_when_flushed(self, timeout: float | None = None) -> None:
        """Close when all that waits is sent.

        Reading ends now; of the callbacks only on_event may still come, when sending fails.

        Args:
            timeout: Seconds after which it is closed although not all is sent, because the
                peer takes nothing.  None waits as long as the connection lasts.
        """
        seconds = _convert.seconds(timeout)
        self._drop_reading()
        self._end(self._conclude)
        if self._pointer is not None and seconds >= 0:
            self._ending_timer = Timer(self._base, seconds, self._give_up)

    def _end(self, then: Callable[[], object]) -> None:
        """Refuse more to write, and call *then* once all that waits is sent."""
        pointer = self._live()
        if self._ending is None:
            self._finish_output()
            if self._pointer is None:
                return  # a filter's function has closed it
            lib.lepy_bufferevent_refuse_writes(pointer, lib.LEPY_WRITE_ENDED)
        self._ending = then
        waits = self._waits_for_connection()
        if check(lib.lepy_bufferevent_notify_drained(pointer, waits), "no memory to wait for the end"):
            self._sent()

    def _pass_end_on(self) -> None:
        """Tell the end of the stream that was held back."""
        self._ended = False
        lib.bufferevent_trigger_event(self._bev, END, lib.BEV_TRIG_DEFER_CALLBACKS)

    def _sent(self) -> None:
        """All is sent: do what is to be done then."""
        if self._ending is not None:
            self._ending()

    def _conclude(self) -> None:
        """What :meth:`close_when_flushed` is for, now that all is sent."""
        self.close()

    def _give_up(self, timer: Timer) -> None:
        self.close()

    def _finish_output(self) -> None:
        """Put what is kept back into the output; a filter's affair."""

    def _waits_for_connection(self) -> bool:
        return False

    @abstractmethod
    def _shut_down(self) -> None:
        """Tell the peer that nothing more will come."""

    @abstractmethod
    def _drop_reading(self) -> None:
        """Read and report no more, but go on sending."""


def _triggers(options: BufferEventTriggers) -> int:
    if not isinstance(options, int) or int(options) & ~_TRIGGERS:
        raise ValueError(f"need BufferEventTriggers, not {options!r}")
    return int(options)
