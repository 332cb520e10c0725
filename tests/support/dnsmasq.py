"""A real name server: Debian's dnsmasq, on a free port of 127.0.0.1, as the test configures it."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nameserver import wire
from ports import unused_port

#: dnsmasq's exit code for a port that is taken.
_CANNOT_LISTEN = 2


def _is_up(address: tuple[str, int]) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        client.connect(address)
        try:
            client.send(struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + wire("up.test") + b"\0\1\0\1")
            return bool(client.recv(512))
        except OSError:
            return False


@contextmanager
def dnsmasq(directory: Path, settings: str) -> Iterator[tuple[str, int]]:
    """Run one with *settings*; its address.  Skips where there is none."""
    program = shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin")
    if program is None:
        pytest.skip("there is no dnsmasq (dnsmasq-base)")
    while True:
        address = ("127.0.0.1", unused_port("127.0.0.1", kinds=(socket.SOCK_STREAM, socket.SOCK_DGRAM)))
        with _start(program, directory, address, settings) as process:
            try:
                deadline = time.monotonic() + 10
                while not _is_up(address) and process.poll() is None:
                    assert time.monotonic() < deadline, "dnsmasq does not answer"
                if process.poll() == _CANNOT_LISTEN:  # somebody else was faster
                    continue
                assert process.poll() is None, process.stderr and process.stderr.read()
                yield address
                return
            finally:
                process.terminate()


def _start(program: str, directory: Path, address: tuple[str, int], settings: str) -> subprocess.Popen[str]:
    path = directory / "dnsmasq.conf"
    path.write_text(
        f"port={address[1]}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\n"
        f"local=/#/\naddress=/up.test/192.0.2.255\nuser=\npid-file={directory}/pid\n{settings}"
    )
    command = [program, "--keep-in-foreground", f"--conf-file={path}"]
    # Not to be run under what this process is (AddressSanitizer).
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
