"""A request as PEP 3333's environ (floor 7)."""

from __future__ import annotations

import io
import sys
from typing import Any
from urllib.parse import unquote_to_bytes

from ..request import HTTPRequest
from .files import FileWrapper

#: A real dict, as PEP 3333 wants it.
Environ = dict[str, Any]

# Names of fields and what they are called in an environ; None: left out. Clients choose the names, so
# only so many are kept.
_keys: dict[str, str | None] = {}
_MOST_KEYS = 1024


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
    path, query = request._split()
    body = request.body
    is_tls = request.is_tls
    address = request.remote_address
    environ = constant.copy()
    environ["REQUEST_METHOD"] = request.method
    # PEP 3333: bytes as if they were Latin-1, whatever they are.
    environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1") if "%" in path else path
    environ["QUERY_STRING"] = query
    environ["SERVER_PROTOCOL"] = "HTTP/1.1" if request.version[1] else "HTTP/1.0"
    environ["wsgi.url_scheme"] = "https" if is_tls else "http"
    environ["wsgi.input"] = io.BytesIO(body)
    if isinstance(address, tuple):
        environ["REMOTE_ADDR"] = address[0]
        environ["REMOTE_PORT"] = str(address[1])
    else:
        environ["REMOTE_ADDR"] = ""  # a unix socket's client mostly has none
    for name, value in request.headers.fields():
        key = _keys[name] if name in _keys else _key_of(name)
        if key is None:
            continue
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    if body or "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
        environ["CONTENT_LENGTH"] = str(len(body))
    name, _, port = environ.get("HTTP_HOST", "").rpartition(":")
    if name and port.isdigit():
        environ["SERVER_NAME"], environ["SERVER_PORT"] = name, port
    else:
        environ["SERVER_NAME"] = environ.get("HTTP_HOST") or "localhost"
        environ["SERVER_PORT"] = "443" if is_tls else "80"
    return environ


def _key_of(name: str) -> str | None:
    """What the field *name* is called in an environ.

    None for those that must not be there: names with an underscore, which cannot be told from those with
    a dash (a client could pass for the proxy before us), and ``Proxy``, which would be taken
    for the variable HTTP_PROXY.
    """
    key: str | None = name.upper().replace("-", "_")
    if "_" in name or key == "PROXY":
        key = None
    elif key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    if len(_keys) < _MOST_KEYS:
        _keys[name] = key
    return key
