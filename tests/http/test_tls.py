"""HTTPS: an HTTPServer with a TLSContext."""

from __future__ import annotations

import http.client
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from http_peer import Peer

from libevent_py import ClosedError, EventBase, TLSContext, TLSVersion, lib
from libevent_py.http import HTTPRequest, HTTPServer

pytestmark = pytest.mark.skipif(
    not hasattr(lib, "bufferevent_openssl_socket_new"), reason="this build has no OpenSSL"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA, and what it signs."""
    return Authority(tmp_path_factory.mktemp("https"))


@pytest.fixture(scope="module")
def context(authority: Authority) -> TLSContext:
    """The server's."""
    return TLSContext.server(
        authority.certificate("localhost", names="DNS:localhost,IP:127.0.0.1"), alpn=["http/1.1"]
    )


class Client(threading.Thread):
    """Asks an HTTPS server with Python's own client in a thread, and stops the loop."""

    def __init__(self, base: EventBase, authority: Authority, server: HTTPServer, work: Any) -> None:
        super().__init__()
        self.base, self.work = base, work
        context = ssl.create_default_context(cafile=str(authority.ca))
        context.set_alpn_protocols(["http/1.1"])
        port = server.listeners[0].address[1]
        self.connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do the work."""
        try:
            self.work(self.connection)
        except BaseException as error:
            self.error = error
        finally:
            self.connection.close()
            self.base.call_soon_threadsafe(self.base.loopbreak)


@pytest.fixture
def asking(base: EventBase, authority: Authority) -> Any:
    """A function that serves while a client works."""

    def asking(server: HTTPServer, work: Any) -> None:
        client = Client(base, authority, server, work)
        client.start()
        base.dispatch()
        client.join()
        if client.error is not None:
            raise client.error

    return asking


def test_requests_on_one_connection(serve: Any, context: TLSContext, asking: Any, tmp_path: Path) -> None:
    """Bodies, pieces, files and fixed answers go by TLS as they go without."""
    data = bytes(range(256)) * 3000
    path = tmp_path / "file"
    path.write_bytes(data)

    def handler(request: HTTPRequest) -> None:
        assert request.is_tls
        if request.path == "/file":
            with path.open("rb") as file:
                request.reply_file(file, 10)
        elif request.path == "/pieces":
            request.start_reply()
            for _ in range(5):
                request.write(data)
            request.end()
        else:
            request.reply(body=request.body)

    server = serve(handler, tls=context)
    server.fixed("/fixed", data)

    def work(connection: http.client.HTTPSConnection) -> None:
        for method, target, sent, came in (
            ("POST", "/", data, data),
            ("GET", "/file", None, data[10:]),
            ("GET", "/pieces", None, data * 5),
            ("GET", "/fixed", None, data),
            ("HEAD", "/file", None, b""),
            ("POST", "/", b"last", b"last"),
        ):
            connection.request(method, target, sent)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, came)

    asking(server, work)


def test_what_tls_has_agreed(serve: Any, context: TLSContext, asking: Any) -> None:
    """A request tells of its connection's TLS until it is answered."""
    seen: list[Any] = []

    def handler(request: HTTPRequest) -> None:
        tls = request.tls
        assert tls is not None
        seen.append((tls.version, tls.alpn, tls.server_hostname, tls.peer_certificate))
        assert tls.cipher is not None and tls.cipher.bits >= 128
        request.reply()
        with pytest.raises(ClosedError):
            tls.alpn  # noqa: B018

    def work(connection: http.client.HTTPSConnection) -> None:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b""

    asking(serve(handler, tls=context), work)
    assert seen[0][0] in {"TLSv1.2", "TLSv1.3"}
    assert seen[0][1:] == ("http/1.1", "localhost", None)


def test_who_does_not_speak_tls(serve: Any, connect: Any, context: TLSContext) -> None:
    """It is closed, in the handshake or at the header deadline, and others are served."""
    server = serve(lambda request: request.reply(), tls=context, header_timeout=0.1)
    plain: Peer = connect(server, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    silent: Peer = connect(server)
    for peer in (plain, silent):
        assert b"HTTP" not in peer.end()
    silent.run(lambda: server.connection_count == 0)


def test_refusals(serve: Any, context: TLSContext, asking: Any) -> None:
    """The guard stands behind TLS too."""

    def work(connection: http.client.HTTPSConnection) -> None:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", "3")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(b"abc")
        assert connection.getresponse().status == 400

    asking(serve(lambda request: pytest.fail("refused"), tls=context), work)


def test_requests_in_one_read(serve: Any, context: TLSContext, asking: Any) -> None:
    """What comes in several records before evhttp has seen the first is read as it was sent."""
    sent, seen = threading.Event(), []

    def handler(request: HTTPRequest) -> None:
        seen.append((request.method, request.path, request.body))
        assert sent.wait(10)
        request.reply()

    def work(connection: http.client.HTTPSConnection) -> None:
        connection.connect()
        connection.sock.sendall(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        connection.sock.sendall(b"PROPFIND /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na")
        connection.sock.sendall(
            b"PUT /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n"
        )
        connection.sock.sendall(b"GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        sent.set()
        answers = b""
        while piece := connection.sock.recv(65536):
            answers += piece
        assert answers.count(b"HTTP/1.1 200 OK") == 4

    asking(serve(handler, tls=context), work)
    assert seen == [("GET", "/1", b""), ("PROPFIND", "/2", b"a"), ("PUT", "/3", b"b"), ("GET", "/4", b"")]


def test_only_a_servers_context(base: EventBase) -> None:
    """A client's context is refused."""
    with pytest.raises(TypeError, match=r"TLSContext\.server"):
        HTTPServer(base, tls=TLSContext.client(verify=False, minimum=TLSVersion.TLSv1_2))
