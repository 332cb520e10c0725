"""TLSContext: what it takes, and what it refuses."""

from __future__ import annotations

import copy
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from bufferevents import Log
from certificates import Authority, run
from leakguard import collect
from loops import run_until
from tls_ends import Connect

from libevent_py import (
    BufferEventEvents,
    ClientCertificates,
    EventBase,
    TLSCertificateError,
    TLSContext,
    TLSError,
    TLSVersion,
)

CONNECTED, ERROR = BufferEventEvents.CONNECTED, BufferEventEvents.ERROR


def meet(base: EventBase, connect: Connect, **how: Any) -> tuple[Log, Log, Any]:
    """Shake hands; both logs and the ends, when both know what came of it."""
    ends = connect(**how)
    run_until(base, lambda: ends.at_server.events and ends.at_client.events)
    return ends.at_server, ends.at_client, ends


def test_certificate_and_key_in_two_files(
    base: EventBase, localhost: Path, connect: Connect, tmp_path: Path
) -> None:
    """The key may be in a file of its own, and a path may be a str."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(run("x509", "-in", localhost))
    key.write_bytes(run("ec", "-in", localhost))
    at_server, at_client, _ = meet(base, connect, server=TLSContext.server(str(certificate), key))
    assert at_server.events == at_client.events == [CONNECTED]


def test_from_memory(base: EventBase, authority: Authority, localhost: Path, connect: Connect) -> None:
    """Bytes are PEM or DER, of a certificate, a key, or a CA."""
    pem = localhost.read_bytes()
    certificate = run("x509", "-in", localhost, "-outform", "DER")
    key = run("pkey", "-in", localhost, "-outform", "DER")
    ca = run("x509", "-in", authority.ca, "-outform", "DER")
    for server, client in (
        (TLSContext.server(pem), TLSContext.client(authority.ca.read_bytes())),
        (TLSContext.server(certificate, key), TLSContext.client(ca)),
    ):
        at_server, at_client, _ = meet(base, connect, server=server, client=client)
        assert at_server.events == at_client.events == [CONNECTED]


def test_a_password(localhost: Path) -> None:
    """An encrypted key needs its password, and the error says so, without asking on the terminal."""
    pem = localhost.read_bytes()
    key = run("pkey", "-in", localhost, "-aes256", "-passout", "pass:secret")
    TLSContext.server(pem, key, password="secret")
    TLSContext.server(pem, key, password=b"secret")
    with pytest.raises(TLSError, match="its password"):
        TLSContext.server(pem, key)
    with pytest.raises(TLSError, match="the key"):
        TLSContext.server(pem, key, password="wrong")


def test_the_reason_for_a_bad_file(authority: Authority, localhost: Path, tmp_path: Path) -> None:
    """A missing file is Python's error; one that is no certificate is a TLSError that names it."""
    with pytest.raises(FileNotFoundError):
        TLSContext.server(tmp_path / "missing.pem")
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    for make in (TLSContext.server, TLSContext.client):
        with pytest.raises(TLSError, match=r"empty\.pem.*PEM"):
            make(empty)
    with pytest.raises(TLSError) as failure:
        TLSContext.server(localhost, authority.certificate("other"))
    assert failure.value.reason == "key values mismatch"
    assert failure.value.library == "x509 certificate routines"
    assert failure.value.code > 0
    assert "not the certificate's" in str(failure.value)


def test_wrong_arguments(authority: Authority, localhost: Path) -> None:
    """Contradictions and wrong types are refused before OpenSSL is asked."""
    with pytest.raises(TypeError, match=r"client\(\)"):
        TLSContext()
    for wrong in (
        {"minimum": 3},
        {"minimum": TLSVersion.TLSv1_3, "maximum": TLSVersion.TLSv1_2},
        {"ciphers": "a\0b"},
        {"alpn": [""]},
        {"alpn": ["x" * 256]},
        {"key": b"x"},
        {"password": "x"},
    ):
        with pytest.raises(ValueError):
            TLSContext.client(**wrong)  # type: ignore[arg-type]
    for wrong in ({"alpn": "h2"}, {"ca": 5}, {"ciphers": b"x"}, {"alpn": [b"h2"]}):
        with pytest.raises(TypeError):
            TLSContext.client(**wrong)  # type: ignore[arg-type]
    for wrong in (
        {"ticket_key": b"short"},
        {"tickets": -1},
        {"session_lifetime": 0},
        {"session_lifetime": 1e9},
        {"client_certificates": ClientCertificates.REQUIRED},
        {"ca": authority.ca},
        {"names": {"bad name": TLSContext.server(localhost)}},
    ):
        with pytest.raises(ValueError):
            TLSContext.server(localhost, **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="server"):
        TLSContext.server(localhost, names={"a.example": TLSContext.client()})
    with pytest.raises(TLSError, match="knows none"):
        TLSContext.client(ciphers="NO-SUCH-CIPHER")
    with pytest.raises(TLSError):
        TLSContext.client(ciphersuites="NO-SUCH-SUITE")
    with pytest.raises(TypeError, match="copied"):
        copy.copy(TLSContext.client())


def test_the_systems_cas(base: EventBase, authority: Authority, connect: Connect, monkeypatch: Any) -> None:
    """Without a ca the system's bundle is trusted, which SSL_CERT_FILE names."""
    at_client = meet(base, connect, client=TLSContext.client())[1]
    assert isinstance(at_client.error, TLSCertificateError)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    assert meet(base, connect, client=TLSContext.client())[1].events == [CONNECTED]


def test_a_directory_of_cas(base: EventBase, authority: Authority, connect: Connect, tmp_path: Path) -> None:
    """A ca may be a directory with hashed names."""
    digest = run("x509", "-in", authority.ca, "-noout", "-hash").decode().strip()
    (tmp_path / f"{digest}.0").write_bytes(authority.ca.read_bytes())
    assert meet(base, connect, client=TLSContext.client(tmp_path))[1].events == [CONNECTED]


REFUSED = {
    "the wrong host": ("hostname mismatch", "other.example", {}),
    "an address that is not named": ("IP address mismatch", "127.0.0.2", {}),
    "expired": ("certificate has expired", "old.example", {"days": -1}),
    "the wrong CA": ("unable to get local issuer certificate", "localhost", {}),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_certificate_that_is_refused(
    base: EventBase, authority: Authority, connect: Connect, tmp_path: Path, case: str, version: TLSVersion
) -> None:
    """The client says why, and for which host; the server hears that it is refused."""
    message, host, how = REFUSED[case]
    name = host if how else "localhost"
    signer = Authority(tmp_path) if case == "the wrong CA" else authority
    server = TLSContext.server(signer.certificate(name, **how))  # type: ignore[arg-type]
    client = TLSContext.client(authority.ca, maximum=version)
    at_server, at_client, _ = meet(base, connect, server=server, client=client, server_hostname=host)
    error: Any = at_client.error
    assert at_client.events == [BufferEventEvents.READING | ERROR]
    assert isinstance(error, TLSCertificateError)
    assert error.verify_message.lower() == message.lower()
    assert error.verify_code > 0
    assert repr(host) in str(error)
    if version is TLSVersion.TLSv1_2:  # the server of TLS 1.3 has finished before it hears
        assert isinstance(at_server.error, TLSError)


def test_a_self_signed_certificate(base: EventBase, connect: Connect, tmp_path: Path) -> None:
    """It is refused, unless it is trusted itself, or the client says that it does not verify."""
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    run(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", 1,
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
    )  # fmt: skip
    server = TLSContext.server(certificate, key)
    error: Any = meet(base, connect, server=server, client=TLSContext.client())[1].error
    assert isinstance(error, TLSCertificateError)
    assert "self" in error.verify_message
    assert "ca" in str(error)
    for client in (TLSContext.client(certificate), TLSContext.client(verify=False)):
        assert meet(base, connect, server=server, client=client)[1].events == [CONNECTED]
    ends = meet(base, connect, server=server, client=TLSContext.client(verify=False))[2]
    assert "self" in ends.client.verify_result


def test_who_does_not_verify_needs_no_host(base: EventBase, server: TLSContext, connect: Connect) -> None:
    """verify=False is said in so many words, and seen in the context."""
    client = TLSContext.client(verify=False)
    assert not client.verifies
    assert "not verifying" in repr(client)
    assert meet(base, connect, client=client, server_hostname=None)[1].events == [CONNECTED]


def test_versions(base: EventBase, localhost: Path, authority: Authority, connect: Connect) -> None:
    """minimum and maximum hold; without one in common both are told."""
    old = TLSContext.server(localhost, maximum=TLSVersion.TLSv1_2)
    new = TLSContext.client(authority.ca, minimum=TLSVersion.TLSv1_3)
    at_server, at_client, _ = meet(base, connect, server=old, client=new)
    assert isinstance(at_client.error, TLSError)
    assert isinstance(at_server.error, TLSError)
    assert "version" in str(at_server.error)


def test_ciphers(base: EventBase, localhost: Path, authority: Authority, connect: Connect) -> None:
    """ciphers are for TLS 1.2, ciphersuites for 1.3."""
    client = TLSContext.client(
        authority.ca, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256", ciphersuites="TLS_CHACHA20_POLY1305_SHA256"
    )
    ends = meet(base, connect, client=client)[2]
    assert ends.client.cipher == ends.server.cipher == ("TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3", 256)
    old = TLSContext.server(localhost, maximum=TLSVersion.TLSv1_2)
    ends = meet(base, connect, client=client, server=old)[2]
    assert ends.client.cipher.name == "ECDHE-ECDSA-AES128-GCM-SHA256"
    other = TLSContext.server(localhost, maximum=TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")
    at_server = meet(base, connect, client=client, server=other)[0]
    assert "no cipher in common" in str(at_server.error)


def test_alpn(base: EventBase, localhost: Path, authority: Authority, connect: Connect) -> None:
    """The server's favourite of what both speak is taken; none in common ends it; not asking does not."""
    server = TLSContext.server(localhost, alpn=["h2", "http/1.1"])
    for offered, taken in ((["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), ([], None)):
        ends = meet(base, connect, server=server, client=TLSContext.client(authority.ca, alpn=offered))[2]
        assert ends.client.alpn == ends.server.alpn == taken
    client = TLSContext.client(authority.ca, alpn=["spdy/3"])
    at_server, at_client, _ = meet(base, connect, server=server, client=client)
    assert "alpn" in str(at_client.error)
    assert "alpn" in str(at_server.error)


def test_sni(base: EventBase, authority: Authority, localhost: Path, connect: Connect) -> None:
    """Each name gets its own context, a wildcard all names of one label; others the default."""
    one = TLSContext.server(authority.certificate("one.example"), alpn=["one"])
    wild = TLSContext.server(authority.certificate("wild", names="DNS:*.wild.example"))
    default = TLSContext.server(localhost, names={"One.Example": one, "*.wild.example": wild})
    client = TLSContext.client(authority.ca, alpn=["one"])
    ends = meet(base, connect, server=default, client=client, server_hostname="one.example")[2]
    assert ends.client.alpn == "one"
    assert ends.server.server_hostname == "one.example"
    for name in ("a.wild.example", "ONE.example", "localhost"):
        assert meet(base, connect, server=default, server_hostname=name)[1].events == [CONNECTED]
    for name in ("a.b.wild.example", "two.example", "wild.example"):
        refused = meet(base, connect, server=default, server_hostname=name)[1]
        assert isinstance(refused.error, TLSCertificateError)


@pytest.mark.parametrize("wanted", [ClientCertificates.OPTIONAL, ClientCertificates.REQUIRED])
def test_client_certificates(
    base: EventBase,
    authority: Authority,
    localhost: Path,
    connect: Connect,
    wanted: ClientCertificates,
    version: TLSVersion,
    tmp_path: Path,
) -> None:
    """A client's good certificate is seen, a bad one refused, and none where it is required."""
    server = TLSContext.server(localhost, ca=authority.ca, client_certificates=wanted, maximum=version)
    known = TLSContext.client(authority.ca, certificate=authority.certificate("alice"))
    ends = meet(base, connect, server=server, client=known)[2]
    assert ends.server.peer_certificate.info["subject"][-1] == (("commonName", "alice"),)
    foreign = TLSContext.client(authority.ca, certificate=Authority(tmp_path).certificate("mallory"))
    ends = connect(server=server, client=foreign)
    run_until(base, lambda: ends.at_server.error and ends.at_client.error)
    assert isinstance(ends.at_server.error, TLSCertificateError)
    assert "client" in str(ends.at_server.error)
    ends = connect(server=server)
    if wanted is ClientCertificates.OPTIONAL:
        run_until(base, lambda: ends.at_server.events and ends.at_client.events)
        assert ends.server.peer_certificate is None
        assert ends.server.peer_chain == ()
    else:
        run_until(base, lambda: ends.at_server.error and ends.at_client.error)
        assert "no certificate" in str(ends.at_server.error)
        assert isinstance(ends.at_client.error, TLSError)


def test_key_log(base: EventBase, localhost: Path, connect: Connect, tmp_path: Path) -> None:
    """The keys of each connection are appended to the file, as Wireshark reads them."""
    path = tmp_path / "keys"
    path.write_text("# mine\n")
    meet(base, connect, server=TLSContext.server(localhost, key_log=path))
    lines = path.read_text().splitlines()
    assert lines[0] == "# mine"
    assert {line.split()[0] for line in lines[1:]} >= {"SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0"}
    with pytest.raises(IsADirectoryError):
        TLSContext.client(key_log=tmp_path)


def test_a_context_is_let_go(localhost: Path, tmp_path: Path) -> None:
    """Contexts need no closing: the key log's descriptor goes with the last of them."""
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    contexts = [TLSContext.server(localhost, key_log=tmp_path / "keys") for _ in range(10)]
    assert ssl.OPENSSL_VERSION  # Python's ssl may be loaded beside it
    del contexts
    collect()
    if before:
        assert len(os.listdir("/proc/self/fd")) == before
