"""What is told of a relay when it is over (floor 6)."""

from __future__ import annotations

import enum
from typing import NamedTuple

from .._ffi import lib


class RelayReason(enum.IntEnum):
    """Why a relay is over (``enum lepy_relay_reason``)."""

    #: Both ends have ended, and all that they sent was passed on.
    EOF = lib.LEPY_RELAY_EOF
    #: Reading from the client, or writing to it, has failed.
    CLIENT_ERROR = lib.LEPY_RELAY_CLIENT_ERROR
    #: Reading from the server, or writing to it, has failed.
    SERVER_ERROR = lib.LEPY_RELAY_SERVER_ERROR
    #: Nothing has moved for the idle timeout.
    IDLE = lib.LEPY_RELAY_IDLE


class RelayResult(NamedTuple):
    """The one record that on_end gets.

    Attributes:
        reason: Why it is over.
        from_client: Bytes that were read from the client.
        from_server: Bytes that were read from the server.
        error: What the first failure was; None for EOF and IDLE.
    """

    reason: RelayReason
    from_client: int
    from_server: int
    error: Exception | None
