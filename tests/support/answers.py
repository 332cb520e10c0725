"""What tests do with DNS requests."""

from __future__ import annotations

from typing import Any

from loops import run_until

from libevent_py import DNSBase, DNSRequest


def answers(dns: DNSBase, *questions: tuple[Any, ...], **options: Any) -> list[DNSRequest]:
    """Ask ``(method, arguments…)``, run until each callback has come, once, and give the requests."""
    told: list[DNSRequest] = []
    requests = []
    for method, *arguments in questions:
        requests.append(getattr(dns, method)(*arguments, told.append, **options))
    run_until(dns.base, lambda: len(told) >= len(requests))
    assert sorted(map(id, told)) == sorted(map(id, requests))
    return requests


def answer(dns: DNSBase, *question: Any, **options: Any) -> Any:
    """The result of one question."""
    return answers(dns, question, **options)[0].result()
