"""websockets, server and client, over TLS."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

client_module = pytest.importorskip("websockets.asyncio.client")
server_module = pytest.importorskip("websockets.asyncio.server")

AnyLoop = asyncio.AbstractEventLoop
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]

BODY = bytes(range(256)) * 4000


class TestWebsockets:
    """websockets, server and client."""

    def test_an_echo(self, any_loop: AnyLoop, tls_contexts: Contexts) -> None:
        """Over TLS, compressed, many messages under way; a close code arrives."""
        from websockets.exceptions import ConnectionClosedOK

        async def handler(connection: Any) -> None:
            async for message in connection:
                if message == "bye":
                    await connection.close(1000, "bye")
                    return
                await connection.send(message)

        async def main() -> None:
            async with server_module.serve(handler, "127.0.0.1", 0, ssl=tls_contexts[0]) as server:
                port = server.sockets[0].getsockname()[1]
                async with client_module.connect(
                    f"wss://127.0.0.1:{port}/", ssl=tls_contexts[1], proxy=None
                ) as connection:
                    messages = [BODY[: number * 1000] for number in range(100)]
                    sending = asyncio.ensure_future(self.send_all(connection, messages))
                    assert [await connection.recv() for _ in messages] == messages
                    await sending
                    await connection.send("bye")
                    with pytest.raises(ConnectionClosedOK):
                        await connection.recv()
                    assert connection.close_reason == "bye"

        any_loop.run_until_complete(main())

    async def send_all(self, connection: Any, messages: list[bytes]) -> None:
        """One after the other."""
        for message in messages:
            await connection.send(message)
