"""DNSBase: struct evdns_base (floor 6, event2/dns.h)."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .. import _convert
from .._claim import unguarded
from .._delivery import delivery_of
from .._ffi import CData, lib
from . import addrinfo, names
from .errors import SHUTDOWN
from .requests import DNSRequest, Lookup, Question, RequestCallback
from .settings import DNSSettings

if TYPE_CHECKING:
    from ..base import EventBase


class DNSBase(DNSSettings):
    """Asks name servers without blocking the loop (``struct evdns_base``).

    Callbacks come from the loop as ``callback(request)``, once, whatever happens.  Like a
    listener it keeps the loop running, until :meth:`close`, after which requests that wait fail.

    Args:
        base: The EventBase to work in, which keeps it alive.
        nameservers: Addresses as for :meth:`add_nameserver`.  None takes what /etc/resolv.conf
            and /etc/hosts say, or this host where there is no such file.
        deadline: Seconds after which a request without an answer fails, where it has no deadline
            of its own; None for never.
        disable_when_inactive: Keep the loop running only while a request waits, or a server that
            has failed is being probed (``EVDNS_BASE_DISABLE_WHEN_INACTIVE``).

    Example::

        dns = DNSBase(base)
        dns.resolve_ipv4("www.example.com", lambda request: print(request.result().records))
    """

    __slots__ = ("_base", "_deadline", "_requests")

    def __init__(
        self,
        base: EventBase,
        nameservers: Iterable[_convert.Address] | None = None,
        *,
        deadline: float | None = 30.0,
        disable_when_inactive: bool = False,
    ) -> None:
        self._begin()
        if isinstance(nameservers, str):
            raise TypeError("nameservers must be several addresses, not one str")
        wanted = None if nameservers is None else list(map(names.server_address, nameservers))
        if _convert.seconds(deadline, "deadline") == 0:
            raise ValueError("deadline must be more than 0 seconds; None is for no deadline")
        delivery = delivery_of(base)
        delivery.hold_funerals()
        self._base = base
        self._delivery = delivery
        self._deadline = deadline
        flags = lib.EVDNS_BASE_DISABLE_WHEN_INACTIVE if disable_when_inactive else 0
        self._requests: set[DNSRequest] = set()
        delivery.table.reserve(self)
        try:
            self._begin_settings(flags)
            delivery.table.kept[self._slot] = self
            if wanted is None:
                self._take_system_settings()
            else:
                for address in wanted:
                    self.add_nameserver(address)
        except BaseException:
            if getattr(self, "_pointer", None) is not None:
                self.close()
            else:
                delivery.table.release(self)
            raise

    def _exchange(self, nameservers: Iterable[tuple[Any, ...]]) -> None:
        """Go on with another evdns_base, which the requests under way ask again."""
        old, self._pointer = self._pointer, self._new(nameservers)
        for request in list(self._requests):
            request._ask_again()
        self._free(old)

    @property
    @unguarded
    def base(self) -> EventBase:
        """The EventBase it works in."""
        return self._base

    @property
    def pointer(self) -> CData:
        """The ``struct evdns_base *`` for the raw layer; borrowed, gone when this is closed.

        :meth:`clear_nameservers_and_suspend` exchanges it.
        """
        return self._live().evdns

    def resolve_ipv4(
        self, name: str, callback: RequestCallback, *, search: bool = True, deadline: float | None = None
    ) -> DNSRequest:
        """Ask for the IPv4 addresses of *name*, its A records (``evdns_base_resolve_ipv4``).

        Args:
            name: A host name; one that ends in a dot is not searched.
            callback: Called as ``callback(request)`` from the loop, when there is a
                ``request.result()``, a DNSAnswer, or a ``request.error``.
            search: Look in the :attr:`search` domains too.
            deadline: Seconds after which it fails; None for the deadline of the DNSBase.

        Returns:
            The request, which can be cancelled.

        Raises:
            ValueError: DNS has no such name.
        """
        return self._resolve(lib.DNS_IPv4_A, "A", name, callback, search, deadline)

    def resolve_ipv6(
        self, name: str, callback: RequestCallback, *, search: bool = True, deadline: float | None = None
    ) -> DNSRequest:
        """Ask for the IPv6 addresses of *name*, its AAAA records (``evdns_base_resolve_ipv6``).

        Args:
            name: As for :meth:`resolve_ipv4`.
            callback: As for :meth:`resolve_ipv4`.
            search: As for :meth:`resolve_ipv4`.
            deadline: As for :meth:`resolve_ipv4`.

        Returns:
            The request, which can be cancelled.

        Raises:
            ValueError: DNS has no such name.
        """
        return self._resolve(lib.DNS_IPv6_AAAA, "AAAA", name, callback, search, deadline)

    def _resolve(
        self,
        type: int,
        shown: str,
        name: str,
        callback: RequestCallback,
        search: bool,
        deadline: float | None,
    ) -> DNSRequest:
        encoded = names.encode(name)
        longest = max(map(len, self._search), default=0)
        if not search or name.endswith(".") or len(encoded) + 1 + longest > names.LONGEST:
            flags = lib.DNS_QUERY_NO_SEARCH
        else:
            flags = 0
        return Question(self, type, encoded, flags, f"{shown} of {name}", callback, self._until(deadline))

    def resolve_reverse(
        self, address: str, callback: RequestCallback, *, deadline: float | None = None
    ) -> DNSRequest:
        """Ask for the name of an address, its PTR record (``evdns_base_resolve_reverse`` and ``…_ipv6``).

        Args:
            address: A numeric IPv4 or IPv6 address.
            callback: As for :meth:`resolve_ipv4`.
            deadline: As for :meth:`resolve_ipv4`.

        Returns:
            The request, which can be cancelled.

        Raises:
            ValueError: It is no address.
        """
        what = names.packed(address)
        return Question(self, lib.DNS_PTR, what, 0, f"PTR of {address}", callback, self._until(deadline))

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        callback: RequestCallback,
        *,
        family: int = socket.AF_UNSPEC,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
        deadline: float | None = None,
    ) -> DNSRequest:
        """Do what ``socket.getaddrinfo`` does, by DNS and the hosts file (``evdns_getaddrinfo``).

        The result is the same list of ``(family, type, proto, canonname, sockaddr)``, and an error
        is a ``socket.gaierror``.  Both families are asked for at once; where one answer is late
        for more than ``getaddrinfo-allow-skew``, the other is the result.

        Args:
            host: A name, a numeric address, or None for this host.
            port: A number, a service's name, or None.
            callback: Called as ``callback(request)`` from the loop, never from here.
            family: AF_INET or AF_INET6 to want only that.
            type: SOCK_STREAM, SOCK_DGRAM, or 0 for all.
            proto: IPPROTO_TCP, IPPROTO_UDP, or 0 for all.
            flags: ``socket.AI_*``: PASSIVE, CANONNAME, NUMERICHOST, NUMERICSERV, V4MAPPED, ALL, ADDRCONFIG.
            deadline: Seconds after which it fails; None for the deadline of the DNSBase.

        Returns:
            The request, which can be cancelled.

        Raises:
            ValueError: DNS has no such name.
        """
        (node, numeric), service = addrinfo.node(host), addrinfo.service(port)
        hints = (family, type, proto, _convert.integer(flags, "flags", 0, (1 << 31) - 1) | numeric)
        addrinfo.hints(*hints)
        asked = f"addresses of {host if isinstance(host, str) else node!r}"
        return Lookup(self, node, service, hints, asked, callback, self._until(deadline))

    def _until(self, deadline: float | None) -> float | None:
        return self._deadline if deadline is None else deadline

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        raise AssertionError("its requests report")

    def _reinited(self) -> None:
        # A forked child has its parent's sockets, whose answers would go to either.
        self._exchange(self._nameservers)

    def _close(self) -> None:
        if self._pointer is not None:
            for request in list(self._requests):
                request._abort(SHUTDOWN)
        super()._close()

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<DNSBase closed>"
        return f"<DNSBase asks {len(self._nameservers)} servers, {len(self._requests)} requests wait>"
