"""resolv.conf."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from libevent_py import DNSBase, EventBase
from libevent_py.dns.resolvconf import parse


def test_what_a_file_says() -> None:
    """Servers, search domains and options; comments of both kinds."""
    found = parse(
        "# comment\n; another\nnameserver 192.0.2.1 # here\nnameserver 2001:db8::1;there\n"
        "search one.example two.example.\noptions ndots:2 timeout:3 attempts:4 rotate edns0 ndots:x\n"
    )
    assert found.nameservers == [("192.0.2.1", 53), ("2001:db8::1", 53, 0, 0)]
    assert found.search == ["one.example", "two.example"]
    assert (found.ndots, found.timeout, found.attempts) == (2, 3, 4)


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver\n", []),
        ("nameserver not.an.address\n", []),
        ("nameserver 192.0.2.1\nnameserver 192.0.2.1\n", [("192.0.2.1", 53)]),
        ("nameserver fe80::1%no-such-interface\n", []),
        ("\0\n\r\nnameserver\t192.0.2.7\r\n", [("192.0.2.7", 53)]),
        ("nameserver ::1\n" * 2 + "nameserver 192.0.2.9\n", [("::1", 53, 0, 0), ("192.0.2.9", 53)]),
        ("nonsense " * 1000, []),
    ],
)  # fmt: skip
def test_nonsense_is_passed_over(text: str, servers: list[Any]) -> None:
    """As every resolver does."""
    assert parse(text).nameservers == servers


def test_three_servers_are_enough() -> None:
    """The others are not asked."""
    text = "".join(f"nameserver 192.0.2.{number}\n" for number in range(1, 9))
    assert [address for address, _ in parse(text).nameservers] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_the_last_of_domain_and_search_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without either, the domain of the host's own name."""
    monkeypatch.setattr(socket, "gethostname", lambda: "box.home.example")
    assert parse("search a.example\ndomain b.example\n").search == ["b.example"]
    assert parse("domain b.example\nsearch\n").search == []
    assert parse("").search == ["home.example"]
    monkeypatch.setattr(socket, "gethostname", lambda: "box")
    assert parse("").search == []


def test_too_much_is_cut() -> None:
    """As glibc does."""
    found = parse("options ndots:99 timeout:99 attempts:99\n")
    assert (found.ndots, found.timeout, found.attempts) == (15, 30, 5)
    assert parse("options timeout:0 attempts:0\n")[3:] == (1, 1)


def test_a_dnsbase_takes_it_over(base: EventBase, tmp_path: Path) -> None:
    """Beside the servers that it has."""
    path = tmp_path / "resolv.conf"
    path.write_text(
        "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch a.example\noptions ndots:2 timeout:1\n"
    )
    dns = DNSBase(base, ["192.0.2.2"])
    dns.resolv_conf_parse(path)
    assert dns.nameservers == [("192.0.2.2", 53), ("192.0.2.1", 53)]
    assert dns.search == ["a.example"]
    assert dns.ndots == 2


def test_a_file_that_cannot_be_read(base: EventBase, tmp_path: Path) -> None:
    """OSError, and nothing has changed."""
    dns = DNSBase(base, [])
    with pytest.raises(FileNotFoundError):
        dns.resolv_conf_parse(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        dns.resolv_conf_parse(tmp_path)
    for missing in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError, match=str(tmp_path)):
            dns.load_hosts(missing)
    with pytest.raises(ValueError, match="regular"):
        dns.load_hosts("/dev/null")
    assert dns.nameservers == []


def test_a_descriptor_is_no_path(base: EventBase, tmp_path: Path) -> None:
    """TypeError: open() would take its number, and close it."""
    dns = DNSBase(base, [])
    with open(tmp_path / "file", "wb") as file:
        for read in (dns.resolv_conf_parse, dns.load_hosts):
            with pytest.raises(TypeError, match="PathLike"):
                read(file.fileno())  # type: ignore[operator]
        file.write(b"still open")


def test_the_systems_own(base: EventBase) -> None:
    """Without arguments there is some server."""
    assert DNSBase(base).nameservers
