"""What an application is told of a request."""

from __future__ import annotations

import json
import sys
from typing import Any
from wsgiref.validate import validator

import pytest
from served import Served

from libevent_py.http.wsgi import FileWrapper, environ

Environ = dict[str, Any]


def teller(environ: Environ, start_response: Any) -> list[bytes]:
    """An application that says what it was told, and what body it got."""
    told = {name: value for name, value in environ.items() if isinstance(value, (str, bool))}
    told["body"] = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode("latin-1")
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def told(serve: Any) -> Any:
    """A function that asks the application, under the eyes of wsgiref.validate."""
    served: Served = serve(validator(teller))

    def told(text: str, body: bytes = b"") -> Environ:
        answer = served.say(text, body)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
        found: Environ = json.loads(answer.partition(b"\r\n\r\n")[2])
        return found

    return told


def test_the_path_is_decoded_and_the_query_is_not(told: Any) -> None:
    """Bytes as Latin-1, as PEP 3333 has them."""
    found = told("GET /a%20b/%C3%A4%2f?x=%41&y HTTP/1.1\nHost: example.org:81\nConnection: close\n\n")
    assert found["PATH_INFO"] == "/a b/\xc3\xa4/"
    assert found["QUERY_STRING"] == "x=%41&y"
    assert found["SCRIPT_NAME"] == ""
    assert found["REQUEST_METHOD"] == "GET"
    assert found["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert (found["SERVER_NAME"], found["SERVER_PORT"]) == ("example.org", "81")
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert int(found["REMOTE_PORT"]) > 0
    assert found["wsgi.url_scheme"] == "http"


def test_a_client_of_http_1_0_without_a_host(told: Any) -> None:
    """SERVER_NAME is never empty."""
    found = told("GET / HTTP/1.0\n\n")
    assert found["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert (found["SERVER_NAME"], found["SERVER_PORT"]) == ("localhost", "80")


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [("[::1]:8080", "[::1]", "8080"), ("[::1]", "[::1]", "80"), ("example.org", "example.org", "80")],
)
def test_hosts(told: Any, host: str, name: str, port: str) -> None:
    """With a port and without."""
    found = told(f"GET / HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    assert (found["SERVER_NAME"], found["SERVER_PORT"]) == (name, port)


def test_fields_become_variables(told: Any) -> None:
    """Those of one name are joined; those that could be taken for others are left out."""
    found = told(
        "GET / HTTP/1.1\nHost: a\nConnection: close\nAccept: x\nACCEPT: y\nCookie: a=1\nCookie: b=2\n"
        "X-Forwarded-For: real\nX_Forwarded_For: false\nProxy: evil\nX-Odd: \xe4\n\n"
    )
    assert found["HTTP_ACCEPT"] == "x,y"
    assert found["HTTP_COOKIE"] == "a=1; b=2"
    assert found["HTTP_X_FORWARDED_FOR"] == "real"
    assert found["HTTP_X_ODD"] == "\xe4"
    assert "HTTP_PROXY" not in found


def test_a_body_has_its_length(told: Any) -> None:
    """Also one that came in chunks, and none that did not come."""
    found = told(
        "POST / HTTP/1.1\nHost: a\nConnection: close\nContent-Type: text/plain\nContent-Length: 3\n\n", b"abc"
    )
    assert (found["CONTENT_TYPE"], found["CONTENT_LENGTH"], found["body"]) == ("text/plain", "3", "abc")
    assert "HTTP_CONTENT_LENGTH" not in found
    chunks = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    found = told("POST / HTTP/1.1\nHost: a\nConnection: close\nTransfer-Encoding: chunked\n\n", chunks)
    assert (found["CONTENT_LENGTH"], found["body"]) == ("5", "abcde")
    assert "CONTENT_LENGTH" not in told("GET / HTTP/1.1\nHost: a\nConnection: close\n\n")


def test_the_handler_says_how_it_calls(told: Any, threads: int) -> None:
    """In threads or not; not in several processes; again and again."""
    found = told("GET / HTTP/1.1\nHost: a\nConnection: close\n\n")
    assert found["wsgi.multithread"] is (threads > 0)
    assert found["wsgi.multiprocess"] is False
    assert found["wsgi.run_once"] is False


def test_constants() -> None:
    """What is no text is there too."""
    found = environ.constant_environ(is_threaded=False, is_forked=True)
    assert found["wsgi.version"] == (1, 0)
    assert found["wsgi.file_wrapper"] is FileWrapper
    assert found["wsgi.errors"] is sys.stderr
    assert found["wsgi.multiprocess"] is True


def test_clients_cannot_fill_the_memory(told: Any) -> None:
    """By lines that are remembered: long ones are not."""
    found = told(f"GET /{'p' * 300} HTTP/1.1\nHost: a\nConnection: close\nX-Long: {'v' * 300}\n\n")
    assert found["PATH_INFO"] == "/" + "p" * 300
    assert found["HTTP_X_LONG"] == "v" * 300
    for remembered in environ._parsed, environ._converted:
        assert remembered.cache_info().maxsize == environ._LINES
    before = environ._parsed.cache_info().misses, environ._converted.cache_info().misses
    environ._variables(f"GET /{'p' * 300} HTTP/1.1")
    environ._variable(f"X-Long: {'v' * 300}")
    assert before == (environ._parsed.cache_info().misses, environ._converted.cache_info().misses)
