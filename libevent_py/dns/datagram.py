"""Requests to a DNSServer that came by UDP, through evdns (floor 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _convert
from .._ffi import CData, ffi, lib
from . import names
from .message import DNSQuestion
from .server_request import DNSServerRequest

if TYPE_CHECKING:
    from .server import DNSServer


class DatagramRequest(DNSServerRequest):
    """One of evdns's; its pointer is the shim's ``struct lepy_dns_question``."""

    __slots__ = ()

    @classmethod
    def _begin_with(cls, server: DNSServer, pointer: CData) -> DatagramRequest:
        """The request for *pointer*, which it owns."""
        self = cls.__new__(cls)
        request = pointer.request
        questions = [
            DNSQuestion(
                names.decode(ffi.string(ffi.cast("char *", each.name))), each.type, each.dns_question_class
            )
            for each in ffi.unpack(request.questions, request.nquestions)
        ]
        self._start(server, pointer, request.flags, questions, _client_of(request))
        return self

    def _set_flags(self, flags: int) -> None:
        lib.evdns_server_request_set_flags(self._live().request, flags)

    def _add(
        self, section: int, owner: bytes, type: int, rclass: int, ttl: int, data: bytes, is_name: bool
    ) -> None:
        size = -1 if is_name else len(data)
        if lib.evdns_server_request_add_reply(
            self._live().request, section, owner, type, rclass, ttl, size, is_name, data
        ):
            raise MemoryError("libevent found no memory for the record")

    def _send(self, pointer: CData, code: int) -> None:
        lib.lepy_dns_question_respond(pointer, code)

    def _give_up(self, pointer: CData, code: int) -> None:
        # What the socket did not take is lost, as with any datagram.
        lib.lepy_dns_question_free(pointer, -1 if self._sent else code)


def _client_of(request: CData) -> Any:
    room = ffi.new("struct sockaddr_storage *")
    size = lib.evdns_server_request_get_requesting_addr(
        request, ffi.cast("struct sockaddr *", room), ffi.sizeof("struct sockaddr_storage")
    )
    return _convert.python_address(bytes(ffi.buffer(room, max(size, 0))))
