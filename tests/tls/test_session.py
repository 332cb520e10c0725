"""Sessions: resumed in TLS 1.2 and 1.3, stored, shared between processes, and refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from loops import run_until, turn
from tls_ends import Connect, Ends

from libevent_py import (
    ClientCertificates,
    EventBase,
    TLSContext,
    TLSSession,
    TLSVersion,
)


@pytest.fixture
def contexts(localhost: Path, version: TLSVersion) -> TLSContext:
    """A server's context of each version."""
    return TLSContext.server(localhost, maximum=version)


def session_of(base: EventBase, ends: Ends) -> TLSSession:
    """The client's session, once there is one, after some data."""
    ends.server.write(b"hello")
    run_until(base, lambda: ends.at_client.data and ends.client.session)
    session: TLSSession = ends.client.session
    for end in (ends.client, ends.server):
        end.close()
    return session


def reused(base: EventBase, connect: Connect, session: TLSSession, **how: Any) -> bool:
    """Whether a new connection resumes *session*; both ends agree on that."""
    ends = connect(session=session, **how)
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    assert ends.at_client.error is ends.at_server.error is None
    assert ends.client.session_reused == ends.server.session_reused
    return bool(ends.client.session_reused)


def test_resumption(base: EventBase, connect: Connect, contexts: TLSContext, way: str) -> None:
    """A session makes the next connection a resumed one, by each way."""
    ends = connect(way, server=contexts)
    assert not ends.client.session_reused
    assert ends.client.session is None
    session = session_of(base, ends)
    assert session.resumable
    assert reused(base, connect, session, way=way, server=contexts)


def test_ids_instead_of_tickets(base: EventBase, connect: Connect, localhost: Path) -> None:
    """Without tickets TLS 1.2 remembers at the server, and TLS 1.3 resumes nothing."""
    server = TLSContext.server(localhost, tickets=0, maximum=TLSVersion.TLSv1_2)
    assert reused(base, connect, session_of(base, connect(server=server)), server=server)
    server = TLSContext.server(localhost, tickets=0)
    ends = connect(server=server)
    ends.server.write(b"hello")
    run_until(base, lambda: ends.at_client.data)
    turn(base, 3)
    assert ends.client.session is None


def test_as_bytes(base: EventBase, connect: Connect, contexts: TLSContext) -> None:
    """A session can be stored and read again."""
    session = session_of(base, connect(server=contexts))
    again = TLSSession.from_data(session.data)
    assert again.data == session.data
    assert (again.created, again.lifetime) == (session.created, session.lifetime)
    assert again.lifetime == 7200
    assert reused(base, connect, again, server=contexts)


def test_what_is_no_session() -> None:
    """Nonsense is a ValueError."""
    for data in (b"", b"nonsense", b"\x30\x82\xff\xff"):
        with pytest.raises(ValueError, match="no TLS session"):
            TLSSession.from_data(data)
    with pytest.raises(TypeError):
        TLSSession()


def test_a_ticket_key_is_shared(
    base: EventBase, connect: Connect, localhost: Path, version: TLSVersion
) -> None:
    """Two contexts with one ticket_key, as two processes have them, resume each other's sessions."""
    key = os.urandom(80)
    one, other = (TLSContext.server(localhost, ticket_key=key, maximum=version) for _ in range(2))
    assert reused(base, connect, session_of(base, connect(server=one)), server=other)


def test_another_server_knows_nothing_of_it(
    base: EventBase, connect: Connect, localhost: Path, version: TLSVersion
) -> None:
    """A session that the server does not know leads to a full handshake."""
    one, other = (TLSContext.server(localhost, maximum=version) for _ in range(2))
    assert not reused(base, connect, session_of(base, connect(server=one)), server=other)


def test_no_session_leads_past_client_certificates(
    base: EventBase, authority: Authority, localhost: Path, connect: Connect, version: TLSVersion
) -> None:
    """A session of one name does not open another name's door (CVE-2025-23419)."""
    guarded = TLSContext.server(
        authority.certificate("guarded.example"),
        ca=authority.ca,
        client_certificates=ClientCertificates.REQUIRED,
        maximum=version,
    )
    server = TLSContext.server(localhost, names={"guarded.example": guarded}, maximum=version)
    session = session_of(base, connect(server=server))
    ends = connect(server=server, server_hostname="guarded.example", session=session)
    run_until(base, lambda: ends.at_server.error and ends.at_client.error)
    assert "no certificate" in str(ends.at_server.error)
    # Who has a certificate resumes under its name, and is known by it.
    known = TLSContext.client(authority.ca, certificate=authority.certificate("alice"))
    how: dict[str, Any] = {"server": server, "client": known, "server_hostname": "guarded.example"}
    session = session_of(base, connect(**how))
    ends = connect(session=session, **how)
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    assert ends.server.session_reused
    assert ends.server.peer_certificate.info["subject"][-1] == (("commonName", "alice"),)


def test_wrong_arguments(connect: Connect) -> None:
    """Only a TLSSession is a session."""
    with pytest.raises(TypeError, match="TLSSession"):
        connect("pair", session=b"bytes")
