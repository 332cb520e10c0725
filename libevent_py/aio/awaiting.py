"""To await what bufferevents, DNS and HTTP of the loop's base report by callbacks (floor 8)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..bufferevent.socket import BufferEvent
from ..constants import BufferEventEvents

if TYPE_CHECKING:
    from .._convert import Address
    from ..base import EventBase
    from ..dns.base import DNSBase
    from ..dns.requests import DNSRequest
    from ..http.client.request import HTTPClientRequest
    from ..http.client.response import HTTPResponse

_BufferEvent = TypeVar("_BufferEvent", bound=BufferEvent)


async def connect(bev: _BufferEvent, address: Address, *, local: Address | None = None) -> _BufferEvent:
    """Connect *bev* as its ``connect()`` does, and wait for that; of TLS, for the handshake too.

    Set its callbacks and enable it when this returns. Where it fails or is cancelled, *bev* is closed.

    Args:
        bev: Of the running loop's base, without callbacks.
        address: ``(host, port)`` with a numeric host, or ``"unix:/path"``.
        local: The address to connect from; port 0 for any.

    Returns:
        *bev*.

    Raises:
        OSError: It cannot be connected; TLSError: nor can TLS.
        RuntimeError: It has callbacks or a socket already.

    Example::

        bev = await aio.connect(BufferEvent(loop.base), ("127.0.0.1", 7777))
        bev.set_callbacks(on_data=lambda bev, data: print(data))
        bev.enable(EventFlags.READ)
    """
    return await _connected(bev, lambda: bev.connect(address, local=local))


async def connect_hostname(
    bev: _BufferEvent,
    host: str,
    port: int,
    family: int = socket.AF_UNSPEC,
    *,
    dns: DNSBase | None = None,
    timeout: float | None = None,
) -> _BufferEvent:
    """As :func:`connect`, to a *host* by name: what ``BufferEvent.connect_hostname()`` does.

    Args:
        bev: Of the running loop's base, without callbacks.
        host: A host name or a numeric address.
        port: 1 to 65535.
        family: ``socket.AF_INET`` or ``AF_INET6`` to want only that.
        dns: What looks the name up; None for the system's resolver, in a thread.
        timeout: Seconds for all of it; None as long as DNS and the system try.

    Returns:
        *bev*.

    Raises:
        OSError: No address can be connected to; ``socket.gaierror``: there is none.
    """
    return await _connected(bev, lambda: bev.connect_hostname(host, port, family, dns=dns, timeout=timeout))


async def resolve(ask: Callable[..., DNSRequest], *arguments: Any, **options: Any) -> Any:
    """Wait for a question to a DNSBase of the running loop's base; cancelled, the question is too.

    Args:
        ask: ``dns.resolve_ipv4``, ``resolve_ipv6``, ``resolve_reverse`` or ``getaddrinfo``.
        arguments: Its own, without the callback.
        options: Its own.

    Returns:
        What ``DNSRequest.result()`` gives.

    Raises:
        DNSError: There is no answer; of ``getaddrinfo`` any ``socket.gaierror``.

    Example::

        dns = DNSBase(loop.base)
        addresses, ttl = await aio.resolve(dns.resolve_ipv4, "www.example.com")
    """
    done = asyncio.get_running_loop().create_future()
    request = ask(*arguments, callback=lambda request: _tell(done, None), **options)
    try:
        await done
    except BaseException:
        request.close()
        raise
    return request.result()


async def request(ask: Callable[..., HTTPClientRequest], *arguments: Any, **options: Any) -> HTTPResponse:
    """Wait for an HTTP request on the running loop's base; cancelled, the request is too.

    Args:
        ask: ``request`` of an HTTPClient or HTTPConnection.
        arguments: Its own.
        options: Its own, without ``on_complete``.

    Returns:
        What ``HTTPClientRequest.result()`` gives.

    Raises:
        HTTPError: There is no response; OSError, TLSError, TimeoutError: nor a connection, or in time.

    Example::

        with HTTPClient(loop.base) as client:
            response = await aio.request(client.request, "GET", "https://www.example.org/")
    """
    done = asyncio.get_running_loop().create_future()
    asked = ask(*arguments, on_complete=lambda asked: _tell(done, None), **options)
    try:
        _check(asked._base)
        await done
    except BaseException:
        asked.cancel()
        raise
    return asked.result()


async def _connected(bev: _BufferEvent, begin: Callable[[], object]) -> _BufferEvent:
    _check(bev.base)
    if bev._on_event or bev._on_data or bev._on_read or bev._on_messages or bev._on_write:
        raise RuntimeError("this BufferEvent has callbacks; set them when it is connected")
    done = asyncio.get_running_loop().create_future()

    def on_event(bev: BufferEvent, what: BufferEventEvents) -> None:
        error = None if what & BufferEventEvents.CONNECTED else bev.error
        if error is None and not what & BufferEventEvents.CONNECTED:
            error = ConnectionError(f"not connected: {what!r}")
        _tell(done, error)

    try:
        bev.set_callbacks(on_event=on_event)
        begin()
        await done
        bev.set_callbacks()
    except BaseException:
        bev.close()
        raise
    return bev


def _check(base: EventBase) -> None:
    if getattr(asyncio.get_running_loop(), "base", None) is not base:
        raise ValueError("this is an object of another loop's base; make it with loop.base")


def _tell(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():  # cancelled meanwhile
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
