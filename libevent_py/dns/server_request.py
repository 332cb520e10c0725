"""DNSServerRequest: what a DNSServer is asked (floor 6)."""

from __future__ import annotations

import ipaddress
from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from .. import _convert
from .._claim import unguarded
from .._ffi import CData, lib
from .._handles import Handle
from . import names
from .message import DNSQuestion

if TYPE_CHECKING:
    from .server import DNSServer

_SERVFAIL = 2
_DROP = -1

#: In a packet; EVDNS_FLAGS_RD is another bit, "recursion available".
_RECURSION_DESIRED = 0x0100

_MOST_TTL = (1 << 31) - 1
#: Bytes of one record, and of one string in a TXT record.
_MOST_DATA = 65535
_MOST_TEXT = 255


class DNSServerRequest(Handle):
    """A question to a DNSServer (``struct evdns_server_request``), to be answered or dropped once.

    One that is closed, or collected as garbage, without either is answered SERVFAIL.
    """

    __slots__ = ("_client", "_drops", "_flags", "_questions", "_sent", "_server")

    _client: Any
    _drops: bool
    _sent: bool
    _flags: int
    _questions: list[DNSQuestion]
    _server: DNSServer  # which it keeps alive

    #: Types of records (``EVDNS_TYPE_*``).
    A: ClassVar[int] = lib.EVDNS_TYPE_A
    NS: ClassVar[int] = lib.EVDNS_TYPE_NS
    CNAME: ClassVar[int] = lib.EVDNS_TYPE_CNAME
    SOA: ClassVar[int] = lib.EVDNS_TYPE_SOA
    PTR: ClassVar[int] = lib.EVDNS_TYPE_PTR
    MX: ClassVar[int] = lib.EVDNS_TYPE_MX
    TXT: ClassVar[int] = lib.EVDNS_TYPE_TXT
    AAAA: ClassVar[int] = lib.EVDNS_TYPE_AAAA
    #: Sections of an answer (``EVDNS_*_SECTION``).
    ANSWER: ClassVar[int] = lib.EVDNS_ANSWER_SECTION
    AUTHORITY: ClassVar[int] = lib.EVDNS_AUTHORITY_SECTION
    ADDITIONAL: ClassVar[int] = lib.EVDNS_ADDITIONAL_SECTION

    def __init__(self) -> None:
        raise TypeError("a DNSServer makes its requests, and gives them to on_request")

    def _start(
        self, server: DNSServer, pointer: CData, flags: int, questions: list[DNSQuestion], client: Any
    ) -> None:
        self._server = server
        self._delivery = server._delivery
        self._drops = self._sent = False
        self._flags = flags
        self._questions = questions
        self._client = client
        self._delivery.table.reserve(self)
        self._pointer = pointer
        server._requests.add(self)

    @property
    @unguarded
    def questions(self) -> list[DNSQuestion]:
        """What is asked; nearly always one question."""
        return self._questions

    @property
    @unguarded
    def client(self) -> Any:
        """Who asks, as ``socket.recvfrom`` shows it (``evdns_server_request_get_requesting_addr``)."""
        return self._client

    @property
    @unguarded
    def recursion_desired(self) -> bool:
        """Whether the client wants the server to ask others."""
        return bool(self._flags & _RECURSION_DESIRED)

    def set_authoritative(self, authoritative: bool = True) -> None:
        """Say that this server knows by itself, and did not ask (``evdns_server_request_set_flags``).

        Args:
            authoritative: Whether it does; at first it does not.
        """
        flags = lib.EVDNS_FLAGS_AA if authoritative else 0
        self._set_flags(flags)

    def add_a_reply(self, name: str, addresses: Iterable[str], ttl: int = 60) -> None:
        """Add A records to the answer (``evdns_server_request_add_a_reply``).

        Args:
            name: Whose addresses these are.
            addresses: IPv4 addresses.
            ttl: Seconds for which a client may remember them.
        """
        for address in _several(addresses):
            self.add_reply(name, self.A, _packed(address, 4), ttl)

    def add_aaaa_reply(self, name: str, addresses: Iterable[str], ttl: int = 60) -> None:
        """Add AAAA records to the answer (``evdns_server_request_add_aaaa_reply``).

        Args:
            name: Whose addresses these are.
            addresses: IPv6 addresses.
            ttl: Seconds for which a client may remember them.
        """
        for address in _several(addresses):
            self.add_reply(name, self.AAAA, _packed(address, 16), ttl)

    def add_ptr_reply(self, name: str, hostname: str, ttl: int = 60) -> None:
        """Add a PTR record to the answer (``evdns_server_request_add_ptr_reply``).

        Args:
            name: The question's ``….in-addr.arpa`` or ``….ip6.arpa``, or the numeric address itself.
            hostname: The name of that address.
            ttl: Seconds for which a client may remember it.
        """
        self.add_reply(_reverse_name(name), self.PTR, hostname, ttl)

    def add_cname_reply(self, name: str, cname: str, ttl: int = 60) -> None:
        """Add a CNAME record to the answer (``evdns_server_request_add_cname_reply``).

        Args:
            name: The other name.
            cname: The real name.
            ttl: Seconds for which a client may remember it.
        """
        self.add_reply(name, self.CNAME, cname, ttl)

    def add_txt_reply(self, name: str, *texts: str | bytes, ttl: int = 60) -> None:
        """Add one TXT record to the answer.

        Args:
            name: Whose text this is.
            texts: Its strings, 255 bytes each at most; a str is sent as UTF-8.
            ttl: Seconds for which a client may remember it.
        """
        data = bytearray()
        for text in texts or ("",):
            raw = text.encode() if isinstance(text, str) else bytes(memoryview(text))
            if len(raw) > _MOST_TEXT:
                raise ValueError(f"a text of a TXT record has {_MOST_TEXT} bytes at most, not {len(raw)}")
            data += bytes([len(raw)]) + raw
        self.add_reply(name, self.TXT, bytes(data), ttl)

    def add_reply(
        self,
        name: str,
        type: int,
        data: str | bytes,
        ttl: int = 60,
        *,
        section: int = lib.EVDNS_ANSWER_SECTION,
        rclass: int = lib.EVDNS_CLASS_INET,
    ) -> None:
        """Add any record (``evdns_server_request_add_reply``).

        An answer over 512 bytes is cut there and marked as such: the client would ask again by TCP.

        Args:
            name: Whose record this is.
            type: A number, :attr:`MX` say.
            data: A str is a name, which is sent in DNS's form; bytes are sent as they are.
            ttl: Seconds for which a client may remember it.
            section: ANSWER, AUTHORITY or ADDITIONAL.
            rclass: 1, the Internet's.

        Raises:
            ClosedError: The request was answered or dropped.
        """
        _convert.integer(type, "type", 0, 65535)
        _convert.integer(rclass, "rclass", 0, 65535)
        _convert.integer(ttl, "ttl", 0, _MOST_TTL)
        if section not in (self.ANSWER, self.AUTHORITY, self.ADDITIONAL):
            raise ValueError(f"section must be ANSWER, AUTHORITY or ADDITIONAL, not {section!r}")
        is_name = isinstance(data, str)
        raw = _owner(data) if isinstance(data, str) else bytes(memoryview(data))
        if len(raw) > _MOST_DATA or not (raw or is_name):
            raise ValueError(f"a record has 1 to {_MOST_DATA} bytes, not {len(raw)}")
        self._add(section, _owner(name), type, rclass, ttl, raw, is_name)

    def respond(self, code: int = 0) -> None:
        """Send what was added (``evdns_server_request_respond``).

        Args:
            code: 0, or what went wrong as DNS numbers it: 1 FORMERR, 2 SERVFAIL, 3 NXDOMAIN,
                4 NOTIMP, 5 REFUSED.

        Raises:
            ClosedError: The request was answered or dropped.
        """
        _convert.integer(code, "code", 0, 15)
        pointer = self._live()
        self._sent = True
        try:
            self._send(pointer, code)
        finally:
            self.close()

    def drop(self) -> None:
        """Do not answer (``evdns_server_request_drop``); nothing happens where it was answered."""
        self._drops = True
        self.close()

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        raise AssertionError("a request reports nothing")

    def _free(self, pointer: CData) -> None:
        self._give_up(pointer, _DROP if self._drops else _SERVFAIL)

    # How it goes depends on where it came from.

    @abstractmethod
    def _set_flags(self, flags: int) -> None: ...

    @abstractmethod
    def _add(
        self, section: int, owner: bytes, type: int, rclass: int, ttl: int, data: bytes, is_name: bool
    ) -> None: ...

    @abstractmethod
    def _send(self, pointer: CData, code: int) -> None: ...

    @abstractmethod
    def _give_up(self, pointer: CData, code: int) -> None:
        """Free what is answered; else answer with *code*, or not where that is negative."""

    def __repr__(self) -> str:
        asked = ", ".join(f"{each.name or '.'} type {each.type}" for each in self._questions)
        return f"<DNSServerRequest {asked}{' (closed)' if self._pointer is None else ''}>"


def _several(addresses: Iterable[str]) -> Iterable[str]:
    if isinstance(addresses, str):
        raise TypeError("addresses must be several, not one str")
    return addresses


def _packed(address: str, size: int) -> bytes:
    packed = names.packed(address)
    if len(packed) != size:
        raise ValueError(f"{address!r} is no IPv{4 if size == 4 else 6} address")
    return packed


def _owner(name: str) -> bytes:
    """*name* for a record: that of a question may be the root, which has no parts."""
    return b"" if name in ("", ".") else names.encode(name)


def _reverse_name(name: str) -> str:
    try:
        return ipaddress.ip_address(name).reverse_pointer
    except ValueError:
        return name
