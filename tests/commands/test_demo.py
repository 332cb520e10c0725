"""``python -m libevent_py demo``: right when all is right, and only then."""

from __future__ import annotations

import os
import re
import resource
import signal
from itertools import accumulate

import pytest
from command import run_command, start

from libevent_py import BufferEvent, BufferEventEvents, Timer, __main__
from libevent_py._commands import demo, pattern, peers
from libevent_py._commands.pattern import SIZES, Pattern


def row(text: str, name: str) -> int:
    """The number in the report's row *name*."""
    found = re.search(rf"^  {re.escape(name)} +([\d,]+)", text, re.MULTILINE)
    assert found, text
    return int(found[1].replace(",", ""))


def test_rounds_send_an_exact_number_of_messages() -> None:
    """Five clients, two rounds: every message and byte is in the report, which goes to a pipe."""
    done = run_command("demo", "--connections", "5", "--rounds", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert row(done.stdout, "connections") == 5
    assert row(done.stdout, "messages") == 5 * 2 * len(SIZES)
    assert row(done.stdout, "bytes") == 5 * 2 * sum(SIZES)
    assert row(done.stdout, "read timeouts") >= 1
    assert done.stdout.endswith("\nEverything that was sent came back.\n")


def test_seconds_end_the_demo() -> None:
    """After the given time the clients finish what is under way."""
    done = run_command("demo", "--connections", "10", "--seconds", "0.3")
    assert (done.returncode, done.stderr) == (0, "")
    assert row(done.stdout, "messages") > 10


def test_the_report_fits_a_terminal() -> None:
    """No line is longer than a hundred columns, none ends in spaces."""
    done = run_command("demo", "--connections", "2", "--rounds", "1")
    assert all(len(line) <= 100 and line == line.rstrip() for line in done.stdout.splitlines())


def test_ctrl_c_is_quiet() -> None:
    """SIGINT in the middle: no traceback, status 130."""
    with start("-u", "-c", INTERRUPTED) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        out, error = process.communicate()
    assert (process.returncode, out, error) == (130, "", "")


#: Says when the loop runs; a Ctrl-C before that is another story.
INTERRUPTED = """
import signal, sys
from libevent_py import __main__
from libevent_py._commands import peers

class Silent(peers.SilentClient):
    def on_event(self, bev, what):
        print("running")
        self._bev.set_callbacks(on_event=super().on_event)

demo = sys.modules["libevent_py._commands.demo"]
demo.SilentClient = Silent
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(__main__.main(["demo", "--connections", "2", "--seconds", "60"]))
"""


def run_demo(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The demo in this process: its status, and what it says on stderr."""
    status = __main__.main(["demo", "--connections", "2", *(words or ("--rounds", "1"))])
    return status, capsys.readouterr().err


def test_a_wrong_byte_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One bit turned in the last byte of a large message, and the demo fails."""

    def on_data(self: peers.Server, bev: BufferEvent, data: bytes) -> None:
        bev.write(data[:-1] + bytes([data[-1] ^ 1]) if len(data) > 2000 else data)

    monkeypatch.setattr(peers.Server, "on_data", on_data)
    status, error = run_demo(capsys)
    assert status == 1
    assert re.fullmatch(r"demo: FAILED: client \d: byte \d+ came back wrong\n", error)


def test_too_many_bytes_are_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A byte that nobody sent, though it is the pattern's next, makes the demo fail."""
    bytes_sent = list(accumulate(SIZES))

    def on_data(self: peers.Server, bev: BufferEvent, data: bytes) -> None:
        bev.write(data + Pattern(0).next_message(bytes_sent[0] + 1)[-1:])

    monkeypatch.setattr(peers.Server, "on_data", on_data)
    status, error = run_demo(capsys)
    assert status == 1
    assert "FAILED: client" in error


def test_a_missing_message_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A client that waits in vain is told so by its timeout, and the demo fails."""
    monkeypatch.setattr(peers.Server, "on_data", lambda self, bev, data: None)
    monkeypatch.setattr(peers, "WORK_TIMEOUT", 0.1)
    status, error = run_demo(capsys)
    assert status == 1
    assert re.fullmatch(r"demo: FAILED: client \d: \d+ bytes missing for 0.1 seconds\n", error)


def test_a_lost_connection_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server hangs up in the middle, and the demo fails."""
    monkeypatch.setattr(peers.Server, "on_data", lambda self, bev, data: bev.close())
    status, error = run_demo(capsys)
    assert status == 1
    assert "bytes missing: " in error


def test_a_silent_client_that_is_left_alone_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo checks the timeouts: a server that calls them EOF fails it."""
    real = peers.Server.on_event
    monkeypatch.setattr(peers, "SILENCE_LIMIT", 0.3)
    monkeypatch.setattr(
        peers.Server, "on_event", lambda self, bev, what: real(self, bev, BufferEventEvents.EOF)
    )
    status, error = run_demo(capsys)
    assert status == 1
    assert "one client was silent: the server counted 0 timeouts" in error


def test_a_leaked_descriptor_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One descriptor more at the end than at the beginning, and the demo fails."""
    real = demo.Demo._stop
    leaked: list[int] = []

    def leak(self: demo.Demo, timer: Timer) -> None:
        leaked.append(os.dup(0))
        real(self, timer)

    monkeypatch.setattr(peers, "SILENCE_LIMIT", 0.3)
    monkeypatch.setattr(demo.Demo, "_stop", leak)
    try:
        status, error = run_demo(capsys, "--seconds", "0.1")
    finally:
        for fd in leaked:
            os.close(fd)
    assert status == 1
    assert error == f"demo: FAILED: 1 descriptors leaked: {leaked}\n"


def test_too_few_descriptors_are_told_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """More connections than ``ulimit -n`` allows: one line that says what to do."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (64, 64))
    status, error = run_demo(capsys, "--connections", "100")
    assert status == 1
    assert error.count("\n") == 1
    assert "ulimit -n 232" in error


@pytest.mark.parametrize("client", [0, 1, 99])
def test_the_pattern_compares_any_cut(client: int) -> None:
    """The stream that was sent in messages is right however it comes back in pieces."""
    sent = Pattern(client)
    stream = b"".join(sent.next_message(size) for size in SIZES)
    assert len(stream) == sum(SIZES)
    back = Pattern(client)
    for start_of in range(0, len(stream), 4099):
        assert back.first_difference(stream[start_of : start_of + 4099]) is None


def test_the_pattern_names_the_wrong_byte() -> None:
    """The place of the first difference, counted from the stream's beginning."""
    data = bytearray(Pattern(3).next_message(5000))
    data[4321] ^= 0x80
    checked = Pattern(3)
    assert checked.first_difference(bytes(data[:4000])) is None
    assert checked.first_difference(bytes(data[4000:])) == 4321


def test_clients_send_different_streams() -> None:
    """Another connection's bytes are wrong bytes."""
    assert Pattern(1).first_difference(Pattern(2).next_message(100)) is not None


@pytest.mark.parametrize(("size", "text"), [(1, "1 B"), (100, "100 B"), (1024, "1 KiB"), (102400, "100 KiB")])
def test_sizes_are_readable(size: int, text: str) -> None:
    """Whole KiB as such, the rest in bytes."""
    assert pattern.size_text(size) == text
