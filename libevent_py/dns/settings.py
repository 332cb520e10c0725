"""What a DNSBase is told before it asks: servers, options, domains, hosts (floor 6)."""

from __future__ import annotations

import contextlib
import os
import stat
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Union

from .. import _convert
from .._claim import unguarded
from .._errors import check_pointer, raise_errno
from .._ffi import CData, ffi, lib
from .._handles import Handle
from . import names, options, resolvconf

_RESOLV_CONF = "/etc/resolv.conf"
_HOSTS = "/etc/hosts"
#: Where there is no resolv.conf.
_LOCAL = "127.0.0.1"
_MOST_DOTS = 255

#: What evdns does not do by itself: since 2.1.6 it takes an answer in another case than the
#: question's just where that was random.
_FIRST_OPTIONS: dict[str, options.OptionValue] = {"randomize-case": 0}

Path = Union[str, "os.PathLike[str]"]


class DNSSettings(Handle):
    """The part of DNSBase that says how to ask.

    It remembers all of it, for the next evdns_base: name servers cannot be taken from one.
    """

    __slots__ = ("_flags", "_hosts", "_nameservers", "_ndots", "_options", "_search")

    def _begin_settings(self, flags: int) -> None:
        """Make the first evdns_base, with *flags*."""
        self._flags = flags
        self._nameservers: list[tuple[Any, ...]] = []
        self._options = dict(_FIRST_OPTIONS)
        self._search: list[str] = []
        self._ndots = 1
        self._hosts: list[bytes] = []
        self._pointer = self._new(())

    def _take_system_settings(self) -> None:
        """Ask as the rest of the system does."""
        with contextlib.suppress(OSError):
            self.resolv_conf_parse(_RESOLV_CONF)
        if not self._nameservers:
            self.add_nameserver(_LOCAL)
        with contextlib.suppress(OSError):
            self.load_hosts(_HOSTS)

    @abstractmethod
    def _exchange(self, nameservers: Iterable[tuple[Any, ...]]) -> None:
        """Go on with another evdns_base, of these servers."""

    def _new(self, nameservers: Iterable[tuple[Any, ...]]) -> CData:
        """An evdns_base of the shim's with all settings, and *nameservers*."""
        pointer = check_pointer(lib.lepy_dns_new(self._delivery.pointer, self._flags), "evdns_base_new")
        evdns = pointer.evdns
        try:
            for name, value in self._options.items():
                _tell_option(evdns, name, value)
            for path in self._hosts:
                lib.evdns_base_load_hosts(evdns, path)
            self._tell_search(evdns)
            for address in nameservers:
                _tell_nameserver(evdns, address)
        except BaseException:
            self._free(pointer)
            raise
        return pointer

    def _free(self, pointer: CData) -> None:
        if lib.lepy_dns_free(pointer):
            self._delivery.postponed = True

    @property
    @unguarded
    def nameservers(self) -> list[tuple[Any, ...]]:
        """The addresses of the name servers, as ``socket.getsockname`` shows them."""
        return list(self._nameservers)

    def add_nameserver(self, address: _convert.Address) -> None:
        """Ask one more server (``evdns_base_nameserver_sockaddr_add``).

        libevent asks them in turn, and leaves out the ones that do not answer.

        Args:
            address: A numeric host, ``"127.0.0.1"``, for port 53, or ``(host, port)``.

        Raises:
            ValueError: It is there already, or it is no address.
            OSError: There is no socket for it.
        """
        where = names.server_address(address)
        if where in self._nameservers:
            raise ValueError(f"{where!r} is a name server already")
        _tell_nameserver(self._live().evdns, where)
        self._nameservers.append(where)

    def clear_nameservers_and_suspend(self) -> None:
        """Forget all name servers; requests wait (``evdns_base_clear_nameservers_and_suspend``).

        They are asked anew, of the servers that are added then, after :meth:`resume`.
        """
        self._live()
        self._exchange(())
        self._nameservers.clear()

    def resume(self) -> None:
        """Go on with what waits since :meth:`clear_nameservers_and_suspend` (``evdns_base_resume``)."""
        lib.evdns_base_resume(self._live().evdns)

    def set_option(self, name: str, value: options.OptionValue) -> None:
        """Set one of evdns's options (``evdns_base_set_option``).

        Args:
            name: ``timeout`` (seconds for each try, 5 at first), ``attempts`` (3), ``max-timeouts``
                (after how many a server counts as down, 3), ``max-inflight`` (questions at a time,
                64), ``initial-probe-timeout`` (seconds until a server that is down is tried again,
                10), ``getaddrinfo-allow-skew`` (seconds to wait for the other family, 3),
                ``bind-to`` (the address to ask from, for servers added later), ``so-rcvbuf``,
                ``so-sndbuf`` (bytes, for servers added later), ``randomize-case`` (0).
                libevent 2.2 has more.
            value: A number, or of bind-to an address.

        Raises:
            ValueError: There is no such option, or no such value of it.
            UnsupportedError: A later libevent has it.
        """
        _tell_option(self._live().evdns, name, value)
        self._options[name] = value

    @property
    def search(self) -> list[str]:
        """Domains to look for a name in (``evdns_base_search_add``), in this order; can be set."""
        return list(self._search)

    @search.setter
    def search(self, domains: Iterable[str]) -> None:
        if isinstance(domains, str):
            raise TypeError("search must be several domains, not one str")
        wanted = [names.encode(domain, "domain").decode() for domain in domains]
        pointer = self._live()
        self._search = wanted
        self._tell_search(pointer.evdns)

    @property
    def ndots(self) -> int:
        """Names with so many dots are tried as they are first (``evdns_base_search_ndots_set``)."""
        return self._ndots

    @ndots.setter
    def ndots(self, dots: int) -> None:
        _convert.integer(dots, "ndots", 0, _MOST_DOTS)
        pointer = self._live()
        self._ndots = dots
        self._tell_search(pointer.evdns)

    def _tell_search(self, evdns: CData) -> None:
        lib.evdns_base_search_clear(evdns)
        for domain in reversed(self._search):  # libevent puts each before the others
            lib.evdns_base_search_add(evdns, domain.encode())
        lib.evdns_base_search_ndots_set(evdns, self._ndots)

    def resolv_conf_parse(self, path: Path = _RESOLV_CONF) -> None:
        """Take name servers, search domains and options from a file as resolv.conf(5) tells it.

        Its name servers are added to those that are there; lines that make no sense are passed over.

        Args:
            path: The file.

        Raises:
            OSError: It cannot be read.
        """
        found = resolvconf.read(path)
        self._live()
        for address in found.nameservers:
            if address not in self._nameservers:
                self.add_nameserver(address)
        self.search = found.search
        self.ndots = found.ndots
        if found.timeout is not None:
            self.set_option("timeout", found.timeout)
        if found.attempts is not None:
            self.set_option("attempts", found.attempts)

    def load_hosts(self, path: Path = _HOSTS) -> None:
        """Let :meth:`getaddrinfo` find the names of a file like /etc/hosts (``evdns_base_load_hosts``).

        Args:
            path: The file.

        Raises:
            OSError: It cannot be read.
        """
        name = os.fsencode(path)
        with open(name, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"{os.fspath(path)!r} is no regular file")
        if lib.evdns_base_load_hosts(self._live().evdns, name) < 0:
            raise_errno(f"cannot read {os.fspath(path)!r}")
        self._hosts.append(name)

    def clear_host_addresses(self) -> None:
        """Forget what :meth:`load_hosts` has found (``evdns_base_clear_host_addresses``)."""
        lib.evdns_base_clear_host_addresses(self._live().evdns)
        self._hosts.clear()


def _tell_option(evdns: CData, name: str, value: options.OptionValue) -> None:
    text = options.check(name, value)
    if lib.evdns_base_set_option(evdns, name.encode(), text.encode()) < 0:
        raise ValueError(f"libevent refuses {value!r} for {name!r}")


def _tell_nameserver(evdns: CData, address: tuple[Any, ...]) -> None:
    raw = names.sockaddr(address)
    pointer = ffi.from_buffer("struct sockaddr *", raw)
    if lib.evdns_base_nameserver_sockaddr_add(evdns, pointer, len(raw), 0):
        raise_errno(f"cannot ask the name server {address!r}")
