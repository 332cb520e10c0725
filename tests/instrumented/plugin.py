"""The pytest plugin of ``make asan`` and ``make valgrind``."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

#: What cannot be true under the tool, and why.
LEFT_OUT = {
    "AddressSanitizer": {
        "test_nothing_is_left": "it keeps freed memory for a while",
        "test_a_gigabyte_in_pieces": "it keeps freed memory for a while",
        "test_a_gigabyte_of_an_application": "it keeps freed memory for a while",
        "test_a_gigabyte_to_a_client": "it keeps freed memory for a while",
        "test_a_gigabyte_that_is_refused": "it keeps freed memory for a while",
        "test_a_gigabyte_of_a_client": "it keeps freed memory for a while",
        "test_memory": "libevent's own failures would be reported",
        "test_accept_fails": "its library is to be loaded first",
        "test_more_than_there_is": "its limit leaves no room for the shadow",
    },
    "valgrind": {
        "test_memory": "libevent's own failures would be reported",
        "test_random_timers_fire_in_order": "timers are made slower than they expire",
    },
}
TOOL = "AddressSanitizer" if "ASAN_OPTIONS" in os.environ else "valgrind"


def pytest_configure() -> None:
    """Give examples time, and look for leaks in this process alone.

    Children may end with open bases, and compilers leak.
    """
    settings.register_profile(TOOL, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile(TOOL)
    if TOOL == "AddressSanitizer":
        os.environ["ASAN_OPTIONS"] += ":detect_leaks=0"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is left out."""
    for item in items:
        reason = LEFT_OUT[TOOL].get(item.name.partition("[")[0])
        if reason:
            item.add_marker(pytest.mark.skip(reason=f"under {TOOL}: {reason}"))
