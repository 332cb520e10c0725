"""Names, by evdns where that is wanted (floor 8)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..base import EventBase
from ..dns.base import DNSBase
from .awaiting import resolve

if TYPE_CHECKING:
    _Loop = asyncio.SelectorEventLoop
else:
    _Loop = object


class LooksUpNames(_Loop):
    """What a loop asks for addresses."""

    _base: EventBase
    _dns: DNSBase | None = None

    @property
    def dns(self) -> DNSBase | None:
        """The DNSBase of the loop's base that getaddrinfo() asks; None: the system's resolver, in a thread.

        Example::

            loop.dns = DNSBase(loop.base)
            reader, writer = await asyncio.open_connection("www.example.com", 80)
        """
        return self._dns

    @dns.setter
    def dns(self, dns: DNSBase | None) -> None:
        if dns is not None and (not isinstance(dns, DNSBase) or dns.base is not self._base):
            raise ValueError("dns must be a DNSBase of this loop's base, or None")
        self._dns = dns

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """As ``socket.getaddrinfo``: by :attr:`dns` where that is set."""
        if self._dns is None:
            return await super().getaddrinfo(host, port, **options)
        return await resolve(self._dns.getaddrinfo, host, port, **options)
