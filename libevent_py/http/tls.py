"""HTTPTLS: what TLS has agreed on a connection of an HTTPServer (floor 7)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .._ffi import CData, lib
from ..tls.inspection import TLSInspection

if TYPE_CHECKING:
    from .request import HTTPRequest

#: What TLSInspection asks for the name that a client expects: this is a server's.
_NOBODY: Any = SimpleNamespace(host=None)


class HTTPTLS(TLSInspection):
    """Inspects the TLS of the connection that a request came by, until that is answered."""

    __slots__ = ("_request", "_tls")

    _request: HTTPRequest

    def __init__(self) -> None:
        raise TypeError("HTTPRequest.tls makes one")

    @classmethod
    def _of(cls, request: HTTPRequest) -> HTTPTLS:
        self = cls.__new__(cls)
        self._delivery = request._server._delivery
        self._request = request
        self._pointer = None  # it owns nothing
        self._tls = _NOBODY
        return self

    def _structure(self) -> CData:
        request = self._request
        return request._check(lib.lepy_http_tls(*request._name()))

    def _is_open(self) -> bool:
        self._structure()
        return True  # else there would be no request

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        raise AssertionError("an HTTPTLS reports nothing")

    def _free(self, pointer: CData) -> None:
        raise AssertionError("an HTTPTLS owns nothing")
