"""A request as PEP 3333's environ (floor 7)."""

from __future__ import annotations

import io
import sys
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from ..request import HTTPRequest, split_target
from .files import FileWrapper

#: A real dict, as PEP 3333 wants it.
Environ = dict[str, Any]

#: Clients say the same lines again and again: so many are remembered, of at most so many characters.
_LINES = 1024
_LONGEST = 256


def constant_environ(*, is_threaded: bool, is_forked: bool) -> Environ:
    """What is the same for all requests of a handler."""
    return {
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": is_threaded,
        "wsgi.multiprocess": is_forked,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
    }


def make_environ(constant: Environ, request: HTTPRequest) -> Environ:
    """The environ of *request*, which begins with what is *constant*."""
    first, *fields = request._lines()
    environ = {**constant, **_variables(first)}
    for line in fields:
        name, value = _variable(line)
        if name in environ:
            value = f"{environ[name]}{'; ' if name == 'HTTP_COOKIE' else ','}{value}"
        environ[name] = value
    environ.pop("", None)
    body = request.body
    environ["wsgi.input"] = io.BytesIO(body)
    if body or "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
        environ["CONTENT_LENGTH"] = str(len(body))
    address = request.remote_address
    if isinstance(address, tuple):
        environ["REMOTE_ADDR"] = address[0]
        environ["REMOTE_PORT"] = str(address[1])
    else:
        environ["REMOTE_ADDR"] = ""  # a unix socket's client mostly has none
    is_tls = request.is_tls
    environ["wsgi.url_scheme"] = "https" if is_tls else "http"
    host = environ.get("HTTP_HOST") or "localhost"
    name, _, port = host.rpartition(":")
    if name and port.isdigit():
        environ["SERVER_NAME"], environ["SERVER_PORT"] = name, port
    else:
        environ["SERVER_NAME"], environ["SERVER_PORT"] = host, "443" if is_tls else "80"
    return environ


def _variables(line: str) -> dict[str, str]:
    """What the first line of a request says."""
    return (_parsed if len(line) <= _LONGEST else _parse)(line)


def _variable(line: str) -> tuple[str, str]:
    """The name and value of a field's variable; no name: it is left out."""
    return (_converted if len(line) <= _LONGEST else _convert)(line)


def _parse(line: str) -> dict[str, str]:
    method, target, protocol = line.split(" ")
    path, query = split_target(target)
    return {
        "REQUEST_METHOD": method,
        # PEP 3333: bytes as if they were Latin-1, whatever they are.
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": protocol,
    }


def _convert(line: str) -> tuple[str, str]:
    """Left out are names with an underscore, which cannot be told from those with a dash.

    Else a client could pass for the proxy before us; and ``Proxy`` would be taken for the variable
    HTTP_PROXY.
    """
    name, _, value = line.partition(":")
    key = name.upper().replace("-", "_")
    if "_" in name or key == "PROXY":
        return "", ""
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", value.strip(" \t")


_parsed = lru_cache(_LINES)(_parse)
_converted = lru_cache(_LINES)(_convert)
