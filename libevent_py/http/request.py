"""HTTPRequest: what a client wants of an HTTPServer (floor 7, event2/http.h)."""

from __future__ import annotations

import contextlib
import struct
import sys
import weakref
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .. import _convert
from .._ffi import CData, ffi, lib
from ..exceptions import ClosedError
from .headers import HTTPHeaders
from .reply import Reply
from .tls import HTTPTLS

if TYPE_CHECKING:
    from .server import HTTPServer

# struct lepy_http_meta.
_META = struct.Struct("IIIIiiQBBBBB3x")


class Pending(weakref.ref["HTTPRequest"]):
    """A request that is not answered yet; where it is dropped, the server answers.

    Args:
        request: The request, to which this refers weakly.
        server: Its server.
    """

    __slots__ = ("generation", "index", "server")

    def __new__(cls, request: HTTPRequest, server: HTTPServer) -> Pending:
        """Make a reference that knows what it refers to."""
        return super().__new__(cls, request, _dropped)

    def __init__(self, request: HTTPRequest, server: HTTPServer) -> None:
        self.server = server
        self.index, self.generation = request._index, request._generation


def _dropped(pending: weakref.ref[Any]) -> None:
    """Any thread may come here, in the middle of anything: the loop answers."""
    assert isinstance(pending, Pending)
    server = pending.server
    if server._pointer is not None and not sys.is_finalizing():
        with contextlib.suppress(ClosedError):
            server._base.call_soon_threadsafe(server._answer_dropped, pending)


# A connection that is kept asks again and again.
_address = lru_cache(1024)(_convert.python_address)


class HTTPRequest(Reply):
    r"""One request to an HTTPServer (``struct evhttp_request``), to be answered once.

    The handler gets it, and may answer it there, later, or in another thread. One that is
    dropped without an answer is answered 500.

    It is whole: nothing of it comes later, and none of its properties waits.

    Example::

        def handler(request):
            if request.method == "POST":
                store(request.path, request.body)
            request.reply(body=b"thanks\n", headers={"Content-Type": "text/plain"})
    """

    __slots__ = ("_body", "_data", "_head_at", "_headers", "_meta")

    def __init__(self) -> None:
        raise TypeError("an HTTPServer makes its requests, and gives them to its handlers")

    def _read(self, server: HTTPServer, index: int, data: bytes) -> int:
        """Take over what C has told; gives the number of the virtual host, -1 where the body is gone."""
        self._meta = meta = _META.unpack_from(data)
        self._head_at = _META.size + meta[10]
        self._data = data
        self._headers: HTTPHeaders | None = None
        self._start(server, index, meta[0], meta[11], not meta[7])
        if meta[5] >= 0:
            self._body = data[self._head_at + meta[1] :] if meta[5] else b""
        else:
            room = ffi.new("char[]", meta[6])
            if lib.lepy_http_body(server._pointer, index, meta[0], room, meta[6]) < 0:
                return -1  # and so is the client
            self._body = ffi.buffer(room)[:]
        return meta[4]  # type: ignore[no-any-return]

    @property
    def method(self) -> str:
        """As the client has written it: ``"GET"``, or any other word."""
        at = self._head_at
        return self._data[at : at + self._meta[2]].decode("ascii")

    @property
    def target(self) -> str:
        """What stands behind the method: nearly always path and query, not decoded."""
        at = self._head_at + self._meta[2] + 1
        return self._data[at : at + self._meta[3]].decode("ascii")

    def _split(self) -> tuple[str, str]:
        """The path, not decoded, and the query."""
        return split_target(self.target)

    def _lines(self) -> list[str]:
        """The head's lines, as they came."""
        at = self._head_at
        return self._data[at : at + self._meta[1] - 4].decode("latin-1").split("\r\n")

    @property
    def path(self) -> str:
        """The path, percent-decoded as UTF-8; it has no NUL and no line break.

        It may have ``..`` and doubled slashes: who makes a file name of it has to look at that.
        Bytes that are not UTF-8 are there as ``os.fsdecode`` makes them.
        """
        path = self._split()[0]
        return unquote(path, errors="surrogateescape") if "%" in path else path

    @property
    def query(self) -> str:
        """What stands behind the ``?``, not decoded; :func:`parse_query` takes it apart."""
        return self._split()[1]

    @property
    def version(self) -> tuple[int, int]:
        """The client's: ``(1, 1)`` or ``(1, 0)``."""
        return 1, self._meta[7]

    @property
    def headers(self) -> HTTPHeaders:
        """The fields, in order, with those of each name that come several times."""
        if self._headers is None:
            pairs = [line.partition(":") for line in self._lines()[1:]]
            self._headers = HTTPHeaders._trusted([(name, value.strip(" \t")) for name, _, value in pairs])
        return self._headers

    @property
    def body(self) -> bytes:
        """All of the body, out of its chunks if it came in some; at most ``max_body_size`` bytes."""
        return self._body

    @property
    def host(self) -> str:
        """The host that the client asks for, without its port; ``""`` where it says none."""
        target = self.target
        if target[0] != "/" and "://" in target:
            name = target.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
        else:
            name = self.headers.get("Host", "")
        head, colon, port = name.rpartition(":")
        return head if colon and port.isdigit() else name

    @property
    def remote_address(self) -> Any:
        """The client's address, as ``socket.getpeername`` shows it."""
        return _address(self._data[_META.size : self._head_at])

    @property
    def is_tls(self) -> bool:
        """Whether it came by TLS."""
        return bool(self._meta[9])

    @property
    def tls(self) -> HTTPTLS | None:
        """What TLS has agreed with the client; None of a plain connection.

        Raises:
            ClosedError: The request is answered, or the client gone.
            WrongThreadError: Another thread runs the loop.
        """
        return HTTPTLS._of(self) if self.is_tls else None

    @property
    def pointer(self) -> CData:
        """The ``struct evhttp_request *`` for the raw layer; borrowed, gone once this is answered.

        Its input headers are the client's own, but for a body that came in chunks or a method
        that evhttp does not know: then they are what evhttp was given instead.

        Raises:
            ClosedError: The request is answered, or the client gone.
        """
        return self._claimed(self._get_pointer)

    def _get_pointer(self) -> CData:
        return self._check(lib.lepy_http_pointer(*self._name()))

    def _asked(self) -> tuple[Any, str]:
        return self.remote_address, f"{self.method} {self.target} HTTP/1.{self._meta[7]}"

    def __repr__(self) -> str:
        return f"<HTTPRequest {self.method} {self.target}{' (answered)' if self._is_done() else ''}>"


def split_target(target: str) -> tuple[str, str]:
    """The path of a request's target, not decoded, and the query."""
    if target[0] != "/" and "://" in target:  # absolute-form
        rest = target.partition("://")[2]
        at = min((i for i in (rest.find("/"), rest.find("?")) if i >= 0), default=len(rest))
        target = rest[at:] if rest[at : at + 1] == "/" else "/" + rest[at:]
    path, _, query = target.partition("?")
    return path, query
