"""The probes by their CVE, and what the child process does with one (floor 7)."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from typing import NamedTuple

from . import data, dns, http

#: Exit statuses of a probe's process that Python and libevent give to nothing else.
FIXED = 64
OPEN = 65


class Probe(NamedTuple):
    """How to see one fix: *is_fixed* may crash where it is missing."""

    cve: str
    subject: str
    is_fixed: Callable[[], bool]


PROBES = [
    Probe("CVE-2026-63379", "evhttp: trailers become header fields", http.trailers_are_discarded),
    Probe("CVE-2026-63381", "evbuffer: a reference in an empty buffer", data.references_are_safe),
    Probe("CVE-2026-63382", "evhttp: request smuggling by two lengths", http.lengths_are_unambiguous),
    Probe("CVE-2026-63383", "evtag: read past the end of a tag", data.tags_end_in_time),
    Probe("CVE-2026-63384", "evtag: lengths above INT_MAX", data.lengths_are_positive),
    Probe("CVE-2026-63385", "evhttp: line breaks in header values", http.line_breaks_are_refused),
    Probe("CVE-2026-63387", "evdns: write past the end of an answer", dns.answers_end_in_time),
    Probe("CVE-2026-63388", "evhttp: long addresses of unix sockets", http.long_addresses_fit),
]


def run(cve: str) -> None:
    """Run one probe in this process, and end it with the result as its exit status."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    is_fixed = next(probe.is_fixed for probe in PROBES if probe.cve == cve)
    # Without the interpreter's own ending: memory may be damaged.
    os._exit(FIXED if is_fixed() else OPEN)
