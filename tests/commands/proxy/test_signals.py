"""The proxy as a process: SIGHUP, SIGTERM, Ctrl-C."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from ports import unused_port
from proxies import Backend, connected, proxy, receive_all, shown


def write(path: Path, *lines: str) -> Path:
    """A configuration."""
    path.write_text("\n".join(["[proxy]", *lines]))
    return path


def test_sighup_reads_the_file_again_and_drops_nobody(tmp_path: Path) -> None:
    """New clients go where it says now, those that are there go on."""
    file = tmp_path / "proxy.ini"
    with Backend("old") as old, Backend("new") as new:
        write(file, "# a comment", "listen = 127.0.0.1:0", f"to = {shown(old.address)}")
        with proxy("--config", str(file), listen=False) as running, connected(running) as held:
            assert held.recv(10) == b"old\n"
            write(file, "listen = 127.0.0.1:0", f"to = {shown(new.address)}", "verbose = yes")
            running.signal(signal.SIGHUP)
            running.wait_for("were read again")
            assert running.ask()[0] == b"new"
            held.sendall(b"still here")
            assert held.recv(100) == b"still here"
            running.wait_for(" via ")


def test_a_file_with_an_error_changes_nothing(tmp_path: Path) -> None:
    """The log says what is wrong with it."""
    file = tmp_path / "proxy.ini"
    nobody = unused_port()
    with Backend("one") as one:
        write(file, "listen = 127.0.0.1:0", f"to = {shown(one.address)}")
        with proxy("--config", str(file), listen=False) as running:
            for line, text in (
                ("speed = 3", "there is no option 'speed'"),
                ("eject = soon", "'soon' is not a number of seconds"),
                ("verbose = perhaps", "verbose must be yes or no, not 'perhaps'"),
                ("listen = 192.0.2.1:1", "cannot listen on"),
            ):
                listen = line if line.startswith("listen") else "listen = 127.0.0.1:0"
                write(file, f"to = 127.0.0.1:{nobody}", listen, *([] if line is listen else [line]))
                running.signal(signal.SIGHUP)
                assert text in running.wait_for("nothing is changed")
            assert running.ask()[0] == b"one"


def test_addresses_come_and_go(tmp_path: Path) -> None:
    """A port that is not in the file any more is closed, a new one is open."""
    first, second = unused_port(), unused_port("127.0.0.1")
    file = tmp_path / "proxy.ini"
    with Backend("one") as one:
        write(file, f"listen = 127.0.0.1:{first}", f"to = {shown(one.address)}")
        with proxy("--config", str(file), listen=False) as running:
            write(file, f"listen = 127.0.0.1:{second}", f"to = {shown(one.address)}")
            running.signal(signal.SIGHUP)
            running.wait_for(f"listening on 127.0.0.1:{second}")
            with socket.create_connection(("127.0.0.1", second), timeout=10) as sock:
                assert sock.recv(10) == b"one\n"
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", first), timeout=10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_waits_for_connections(number: int) -> None:
    """It takes no more, and ends when the last has gone."""
    with Backend("one") as one, proxy(to=(one,)) as running, connected(running) as held:
        assert held.recv(10) == b"one\n"
        running.signal(number)
        running.wait_for("for 1 connections")
        with pytest.raises(ConnectionRefusedError):
            connected(running)
        held.sendall(b"to the end")
        held.shutdown(socket.SHUT_WR)
        assert receive_all(held) == b"to the end"
        assert running.end() == 0
        assert running.log[-1].endswith("stopped\n")


def test_a_stop_does_not_wait_longer_than_its_grace() -> None:
    """Then what is left is closed."""
    with Backend("one") as one, proxy("--grace", "0.1", to=(one,)) as running, connected(running) as held:
        assert held.recv(10) == b"one\n"
        running.signal(signal.SIGTERM)
        assert running.end() == 0
        assert held.recv(10) == b""


def test_a_second_ctrl_c_ends_it_at_once() -> None:
    """Whoever is there."""
    with Backend("one") as one, proxy(to=(one,)) as running, connected(running) as held:
        assert held.recv(10) == b"one\n"
        running.signal(signal.SIGINT)
        running.wait_for("waiting")
        running.signal(signal.SIGINT)
        assert running.end() == 0
        assert held.recv(10) == b""
