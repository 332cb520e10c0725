"""Relays: two streams joined in C (floor 6)."""

from .core import Relay as Relay
from .result import RelayReason as RelayReason
from .result import RelayResult as RelayResult

__all__ = ["Relay", "RelayReason", "RelayResult"]
