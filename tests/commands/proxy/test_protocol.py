"""PROXY headers, read and written."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libevent_py._commands.proxy.protocol import (
    LONGEST_BINARY,
    LONGEST_LINE,
    SIGNATURE,
    ProtocolError,
    build,
    is_whole,
    parse,
    wanted,
)

ports = st.integers(0, 65535)
v4 = st.tuples(st.ip_addresses(v=4).map(str), ports)
v6 = st.tuples(st.ip_addresses(v=6).map(str), ports)


def read(stream: bytes, pieces: list[int]) -> tuple[bytes, bytes]:
    """The header that is in front of *stream*, which comes in pieces, and what is left."""
    head, come = b"", 0
    sizes = iter([*pieces, *[len(stream)] * 200])
    while not is_whole(head):
        come = min(len(stream), come + next(sizes))
        peeked = stream[len(head) : min(come, len(head) + LONGEST_BINARY)]
        if peeked:
            count = wanted(head, peeked)
            assert 0 < count <= len(peeked)
            head += peeked[:count]
        elif come == len(stream):
            raise EOFError
    return head, stream[len(head) :]


@given(
    version=st.sampled_from([1, 2]),
    addresses=st.one_of(st.tuples(v4, v4), st.tuples(v6, v6)),
    rest=st.binary(max_size=50),
    pieces=st.lists(st.integers(1, 40), max_size=10),
)
def test_what_is_written_can_be_read(version: int, addresses: Any, rest: bytes, pieces: list[int]) -> None:
    """However it is cut; and not a byte of what follows is taken."""
    source, destination = addresses
    head, left = read(build(version, source, destination) + rest, pieces)
    assert left == rest
    found = parse(head)
    assert found is not None
    assert [(ipaddress.ip_address(host), port) for host, port in found] == [
        (ipaddress.ip_address(host), port) for host, port in (source, destination)
    ]


@given(data=st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda tail: SIGNATURE + tail)))
def test_anything_is_a_header_or_an_error(data: bytes) -> None:
    """Nothing else is raised, and nothing is waited for beyond the longest."""
    try:
        head, _ = read(data, [7])
        parse(head)
    except (ProtocolError, EOFError):
        pass


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("address", ["unix", b"\0name", ("::1", 5, 0, 0)])
def test_nobody_that_the_header_can_name(version: int, address: Any) -> None:
    """A unix socket, or two families: the header says unknown."""
    head = build(version, address, ("127.0.0.1", 1))
    assert is_whole(head)
    assert parse(head) is None


def test_a_local_connection_and_other_families_name_nobody() -> None:
    """Version 2 has more than TCP."""
    for start in (b"\x20\x11", b"\x21\x12", b"\x21\x31", b"\x21\x00"):
        assert parse(SIGNATURE + start + b"\x00\x0c" + bytes(12)) is None


@pytest.mark.parametrize(
    "head",
    [
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n",
        b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 -2\r\n",
        b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY \xff\r\n",
        SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\x00\x0b" + bytes(11),
        SIGNATURE + b"\x21\x21\x00\x0c" + bytes(12),
    ],
)
def test_a_header_that_makes_no_sense(head: bytes) -> None:
    """Is an error with its bytes in it."""
    assert is_whole(head)
    with pytest.raises(ProtocolError, match="makes no sense"):
        parse(head)


def test_a_header_has_a_longest() -> None:
    """Nobody waits for more."""
    with pytest.raises(ProtocolError, match="without an end"):
        wanted(b"", b"PROXY " + b"x" * LONGEST_LINE)
    with pytest.raises(ProtocolError, match="bytes"):
        wanted(b"", SIGNATURE + b"\x21\x11\xff\xff")
    with pytest.raises(ProtocolError, match="no PROXY header"):
        wanted(b"", b"GET / HTTP/1.0\r\n")
