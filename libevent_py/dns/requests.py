"""DNSRequest: one question to evdns, and its answer (floor 6)."""

from __future__ import annotations

import socket
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _convert
from .._claim import unguarded
from .._errors import check_pointer
from .._ffi import CData, ffi, lib
from .._handles import Handle
from . import addrinfo
from .errors import CANCEL, TIMEOUT, dns_error, lookup_error, no_nameserver
from .names import decode

if TYPE_CHECKING:
    from ..calls import ScheduledCall
    from .base import DNSBase

RequestCallback = Callable[["DNSRequest"], object]


class DNSAnswer(NamedTuple):
    """What :meth:`DNSRequest.result` gives for resolve_ipv4, resolve_ipv6 and resolve_reverse.

    Attributes:
        records: The addresses, 32 at most, or the one name.
        ttl: Seconds for which they may be remembered.
    """

    records: list[str]
    ttl: int


class DNSRequest(Handle):
    """A question under way (``struct evdns_request``): what DNSBase's methods return.

    It need not be kept: the base keeps it until it is done.
    """

    __slots__ = ("_asked", "_call", "_callback", "_dns", "_error", "_result")

    def _start(self, dns: DNSBase, asked: str, callback: RequestCallback, deadline: float | None) -> None:
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        if deadline is not None and _convert.seconds(deadline, "deadline") == 0:
            raise ValueError("deadline must be more than 0 seconds; None is for no deadline")
        dns._live()
        self._dns = dns
        self._asked = asked
        self._callback: RequestCallback | None = callback
        self._delivery = dns._delivery
        self._result: Any = None
        self._error: socket.gaierror | None = None
        #: What ends the wait, then what tells of it.
        self._call: ScheduledCall | None = None
        table = self._delivery.table
        table.reserve(self)
        try:
            self._pointer = check_pointer(self._ask(), asked)
            table.kept[self._slot] = self
            dns._requests.add(self)
            if deadline is not None:
                self._call = dns._base.call_later(deadline, self._expire)
        except BaseException:
            if getattr(self, "_pointer", None) is not None:
                self.close()
            else:
                table.release(self)
            raise

    @abstractmethod
    def _ask(self) -> CData:
        """Let libevent begin; the shim's structure."""

    @abstractmethod
    def _read(self, pointer: CData, code: int) -> Any:
        """The answer, or the exception that stands for *code*."""

    @property
    @unguarded
    def done(self) -> bool:
        """Whether there is a result, or an error."""
        return self._error is not None or self._result is not None

    @property
    @unguarded
    def error(self) -> socket.gaierror | None:
        """Why there is no result: a DNSError, or the ``socket.gaierror`` of a lookup; else None."""
        return self._error

    @unguarded
    def result(self) -> Any:
        """What was asked for: a :class:`DNSAnswer`, or the list that ``socket.getaddrinfo`` would give.

        Raises:
            DNSError: There is none, and its text says why; of getaddrinfo any ``socket.gaierror``.
            RuntimeError: The request is not done.
        """
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise RuntimeError(f"{self._asked}: not done yet; its callback tells")
        return self._result

    @unguarded
    def cancel(self) -> None:
        """Give up (``evdns_cancel_request``): the callback comes from the loop, with an error.

        Nothing happens where it is done.  :meth:`close` does the same without a callback.
        """
        if self._pointer is not None:
            self._delivery.claimed(self._abort, CANCEL)

    @unguarded
    def close(self) -> None:
        """Forget it: the callback does not come any more; idempotent."""
        super().close()
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        self._callback = None
        self._dns._requests.discard(self)

    def _abort(self, code: int) -> None:
        """End with *code* now, and tell from the loop; the base's own end tells nobody."""
        callback = self._callback
        self.close()
        self._error = dns_error(code, self._asked)
        if not self._delivery.inherited:
            self._callback = callback
            self._call = self._dns._base.call_soon(self._tell)

    def _expire(self) -> None:
        """The deadline is past, and this is a callback of the loop."""
        self._call = None
        callback = self._callback
        self.close()
        self._error = dns_error(TIMEOUT, self._asked) if self._dns.nameservers else no_nameserver(self._asked)
        self._callback = callback
        self._tell()

    def _tell(self) -> None:
        callback, self._callback, self._call = self._callback, None, None
        if callback is not None:
            callback(self)

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        answer = self._read(self._pointer, what)
        callback = self._callback
        self.close()
        if isinstance(answer, socket.gaierror):
            self._error = answer
        else:
            self._result = answer
        self._callback = callback
        self._tell()

    def _ask_again(self) -> None:
        """The DNSBase has another evdns_base: ask that one, unless the old one has answered already."""
        if not self._pointer.pending:
            return
        again = self._ask()
        if not again:
            self._abort(lib.DNS_ERR_UNKNOWN)
            return
        self._free(self._pointer)
        self._pointer = again

    def _free(self, pointer: CData) -> None:
        lib.lepy_dns_request_free(pointer)

    def __repr__(self) -> str:
        state = self._error or ("done" if self.done else "closed" if self.closed else "waiting")
        return f"<DNSRequest {self._asked}: {state}>"


class Question(DNSRequest):
    """One for A, AAAA or PTR records."""

    __slots__ = ("_flags", "_type", "_what")

    def __init__(
        self,
        dns: DNSBase,
        type: int,
        what: bytes,
        flags: int,
        asked: str,
        callback: RequestCallback,
        deadline: float | None,
    ) -> None:
        self._type = type
        self._what = what
        self._flags = flags
        self._start(dns, asked, callback, deadline)

    def _ask(self) -> CData:
        return lib.lepy_dns_resolve(
            self._delivery.pointer,
            self._slot,
            self._generation,
            self._dns._pointer,
            self._type,
            self._what,
            len(self._what),
            self._flags,
        )

    def _read(self, pointer: CData, code: int) -> Any:
        if code != lib.DNS_ERR_NONE:
            return dns_error(code, self._asked)
        data = bytes(ffi.buffer(pointer.answer, pointer.size))
        if self._type == lib.DNS_PTR:
            return DNSAnswer([decode(data)], pointer.ttl)
        family, size = (socket.AF_INET, 4) if self._type == lib.DNS_IPv4_A else (socket.AF_INET6, 16)
        if not data:
            return dns_error(lib.DNS_ERR_NODATA, self._asked)
        found = [socket.inet_ntop(family, data[i : i + size]) for i in range(0, len(data), size)]
        return DNSAnswer(found, pointer.ttl)


class Lookup(DNSRequest):
    """One of getaddrinfo."""

    __slots__ = ("_family", "_flags", "_host", "_port", "_proto", "_type")

    def __init__(
        self,
        dns: DNSBase,
        host: bytes | None,
        port: bytes | None,
        hints: tuple[int, int, int, int],
        asked: str,
        callback: RequestCallback,
        deadline: float | None,
    ) -> None:
        self._host = host
        self._port = port
        self._family, self._type, self._proto, self._flags = hints
        self._start(dns, asked, callback, deadline)

    def _ask(self) -> CData:
        wants_mapped = addrinfo.wants_mapped(self._family, self._flags)
        family = socket.AF_UNSPEC if wants_mapped else self._family
        return lib.lepy_dns_getaddrinfo(
            self._delivery.pointer,
            self._slot,
            self._generation,
            self._dns._pointer,
            ffi.NULL if self._host is None else self._host,
            ffi.NULL if self._port is None else self._port,
            addrinfo.hints(family, self._type, self._proto, self._flags),
        )

    def _read(self, pointer: CData, code: int) -> Any:
        if code:
            return lookup_error(code, self._asked)
        found = addrinfo.results(pointer.found)
        if addrinfo.wants_mapped(self._family, self._flags):
            found = addrinfo.mapped(found, self._flags)
        return found or lookup_error(lib.EVUTIL_EAI_NODATA, self._asked)
