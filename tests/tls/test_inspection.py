"""What a connection tells of itself."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, run
from loops import run_until
from tls_ends import Connect

from libevent_py import (
    ClientCertificates,
    EventBase,
    TLSCertificate,
    TLSContext,
    TLSVersion,
)


def decoded(pem: str) -> dict[str, Any]:
    """What Python's ssl reads out of a certificate."""
    decode: Any = ssl._ssl._test_decode_cert  # type: ignore[attr-defined]
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        found: dict[str, Any] = decode(file.name)
    return found


RICH = """\
authorityInfoAccess=OCSP;URI:http://ocsp.example/,caIssuers;URI:http://ca.example/ca.crt
crlDistributionPoints=URI:http://crl.example/one.crl,URI:http://crl.example/two.crl
keyUsage=digitalSignature
"""


def test_before_the_handshake(connect: Connect, way: str) -> None:
    """There is nothing to tell yet, and no error in asking."""
    client = connect(way).client
    assert client.version is client.cipher is client.peer_certificate is client.alpn is client.session is None
    assert client.peer_chain == ()
    assert client.server_hostname == "localhost"
    assert not client.session_reused
    assert "handshaking" in repr(client)


def test_after_the_handshake(base: EventBase, connect: Connect, way: str) -> None:
    """Both ends tell the same, each from its side."""
    ends = connect(way)
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    for end in (ends.client, ends.server):
        assert end.version == "TLSv1.3"
        assert end.cipher.version == "TLSv1.3"
        assert end.cipher.bits in (128, 256)
        assert end.verify_result == "ok"
        assert end.server_hostname == "localhost"
        assert "TLSv1.3" in repr(end)
    assert ends.server.peer_certificate is None


def test_the_chain(
    base: EventBase, authority: Authority, localhost: Path, connect: Connect, version: TLSVersion
) -> None:
    """All certificates that the peer has sent, its own first; also those of a client."""
    chain = localhost.read_bytes() + authority.ca.read_bytes()
    alice = authority.certificate("alice").read_bytes() + authority.ca.read_bytes()
    server = TLSContext.server(
        chain, ca=authority.ca, client_certificates=ClientCertificates.REQUIRED, maximum=version
    )
    ends = connect(server=server, client=TLSContext.client(authority.ca, certificate=alice))
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    ca = ssl.PEM_cert_to_DER_cert(authority.ca.read_text())
    for end, name in ((ends.client, "localhost"), (ends.server, "alice")):
        assert [each.der for each in end.peer_chain] == [end.peer_certificate.der, ca]
        assert end.peer_chain[0] == end.peer_certificate
        assert end.peer_certificate.info["subject"] == (
            (("organizationName", "Tests"),),
            (("commonName", name),),
        )


@pytest.mark.parametrize(
    "how",
    [
        {},
        {
            "names": "DNS:a.example,DNS:*.b.example,IP:127.0.0.1,IP:2001:db8::1,email:me@a.example,URI:http://a/"
        },
        {"names": "DNS:a.example,RID:1.2.3.4,dirName:where", "extra": "[where]\nC=DE\nCN=inner\n"},
        {"extra": RICH},
        {"kind": "rsa", "days": 365 * 40},
    ],
    ids=["plain", "names", "strange names", "rich", "beyond 2049"],
)
def test_parsed_as_pythons_ssl_does(authority: Authority, how: dict[str, Any]) -> None:
    """``info`` has what ``ssl.SSLSocket.getpeercert()`` has, in the same form."""
    pem = run("x509", "-in", authority.certificate(f"parsed{abs(hash(str(how)))}", **how)).decode()
    certificate = TLSCertificate(ssl.PEM_cert_to_DER_cert(pem))
    assert certificate.info == decoded(pem)


def test_all_public_authorities() -> None:
    """Every CA that the system trusts is parsed as Python's ssl does."""
    bundle = ssl.get_default_verify_paths().cafile
    if not bundle:
        pytest.skip("the system has no bundle of CAs")
    end = "-----END CERTIFICATE-----"
    for pem in Path(bundle).read_text().split(end)[:-1]:
        pem = pem[pem.index("-----BEGIN") :] + end + "\n"
        assert TLSCertificate(ssl.PEM_cert_to_DER_cert(pem)).info == decoded(pem)


def test_not_after(authority: Authority) -> None:
    """The end of its validity is a time to compare with time.time()."""
    pem = run("x509", "-in", authority.certificate("thirty.example")).decode()
    certificate = TLSCertificate(ssl.PEM_cert_to_DER_cert(pem))
    assert abs(certificate.not_after - time.time() - 30 * 86400) < 3600
    assert "thirty.example" in repr(certificate)
    assert hash(certificate) == hash(TLSCertificate(certificate.der))


def test_what_is_no_certificate(authority: Authority) -> None:
    """Cut off or garbled, it is a ValueError, whatever the bytes are."""
    der = ssl.PEM_cert_to_DER_cert(run("x509", "-in", authority.certificate("thirty.example")).decode())
    for length in range(0, len(der) - 1, 7):
        with pytest.raises(ValueError):
            TLSCertificate(der[:length]).info  # noqa: B018
        assert "that are none" in repr(TLSCertificate(der[:length]))
    for index in range(len(der)):
        garbled = bytearray(der)
        garbled[index] ^= 0xFF
        with contextlib.suppress(ValueError):
            TLSCertificate(bytes(garbled)).info  # noqa: B018
