"""A DNSServer and a real client, dig."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from libevent_py import DNSServer, DNSServerRequest, EventBase


def answering(request: DNSServerRequest) -> None:
    """A small zone."""
    name, kind, _ = request.questions[0]
    request.set_authoritative()
    if name == "raise.test":
        raise ZeroDivisionError
    if kind == request.A and name == "host.test":
        request.add_a_reply(name, ["192.0.2.1", "192.0.2.2"], 77)
    elif kind == request.A and name == "long.test":
        request.add_a_reply(name, (f"192.0.2.{number}" for number in range(100)))
    elif kind == request.AAAA and name == "host.test":
        request.add_aaaa_reply(name, ["2001:db8::1"])
    elif kind == request.CNAME or name == "alias.test":
        request.add_cname_reply(name, "host.test")
    elif kind == request.TXT:
        request.add_txt_reply(name, "two words", b"more")
    elif kind == request.MX:
        request.add_reply(name, request.MX, b"\0\x0a\2mx\4test\0")
    elif kind == request.PTR:
        request.add_ptr_reply(name, "host.test")
    else:
        request.respond(3)
        return
    request.respond()


@pytest.fixture
def dig() -> Iterator[Callable[..., str]]:
    """Runs dig with its arguments, against a server that runs meanwhile."""
    program = shutil.which("dig")
    if program is None:
        pytest.skip("there is no dig (bind9-dnsutils)")
    with EventBase(on_error=lambda error: None) as base:
        server = DNSServer(base, ("127.0.0.1", 0), answering, tcp=True)
        port = server.address[1]
        thread = threading.Thread(target=base.dispatch)
        thread.start()

        def dig(*arguments: str) -> str:
            command = [program, "@127.0.0.1", "-p", str(port), "+tries=1", "+time=5", "+ignore", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        yield dig
        base.loopexit()
        thread.join()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("host.test", "A"), "192.0.2.1\n192.0.2.2\n"),
        (("host.test", "AAAA"), "2001:db8::1\n"),
        (("alias.test", "CNAME"), "host.test.\n"),
        (("host.test", "TXT"), '"two words" "more"\n'),
        (("host.test", "MX"), "10 mx.test.\n"),
        (("-x", "192.0.2.1"), "host.test.\n"),
        (("-x", "2001:db8::1"), "host.test.\n"),
    ],
)
def test_records(dig: Callable[..., str], arguments: tuple[str, ...], said: str) -> None:
    """dig reads what was added."""
    assert dig("+short", *arguments) == said


def test_the_whole_answer(dig: Callable[..., str]) -> None:
    """Flags, counts and the time to live are right too."""
    said = dig("host.test", "A", "+noedns")
    assert "status: NOERROR" in said
    assert "flags: qr aa rd;" in said
    assert "ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 0" in said
    assert "host.test.\t\t77\tIN\tA\t192.0.2.1" in said


def test_errors(dig: Callable[..., str]) -> None:
    """NXDOMAIN as answered, SERVFAIL of a handler that raises, and the mark of a cut answer."""
    assert "status: NXDOMAIN" in dig("missing.test", "A")
    assert "status: SERVFAIL" in dig("raise.test", "A")
    assert " tc " in dig("long.test", "A", "+noedns")


def test_over_tcp(dig: Callable[..., str]) -> None:
    """The same zone, and the whole of what UDP cuts."""
    assert dig("+tcp", "+short", "host.test", "A") == "192.0.2.1\n192.0.2.2\n"
    assert dig("+tcp", "+short", "-x", "192.0.2.1") == "host.test.\n"
    assert len(dig("+tcp", "+short", "long.test", "A").splitlines()) == 100
    assert "status: SERVFAIL" in dig("+tcp", "raise.test", "A")
