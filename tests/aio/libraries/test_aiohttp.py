"""aiohttp, server and client, with real traffic."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

aiohttp = pytest.importorskip("aiohttp")
web = pytest.importorskip("aiohttp.web")

AnyLoop = asyncio.AbstractEventLoop
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]

BODY = bytes(range(256)) * 4000


class TestAiohttp:
    """aiohttp, server and client."""

    @asynccontextmanager
    async def served(self, path: Path, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Its address: a file, an upload that comes back, a WebSocket echo."""

        async def echo(request: Any) -> Any:
            response = web.StreamResponse()
            await response.prepare(request)
            async for chunk in request.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

        async def chat(request: Any) -> Any:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_bytes(message.data)
            return socket

        async def file(request: Any) -> Any:
            return web.FileResponse(path)

        application = web.Application(client_max_size=1 << 30)
        application.add_routes([web.get("/file", file)])
        application.add_routes([web.post("/echo", echo), web.get("/chat", chat)])
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        yield f"127.0.0.1:{port}"
        await runner.cleanup()

    @pytest.mark.parametrize("kind", ["plain", "tls"])
    def test_requests(self, any_loop: AnyLoop, tmp_path: Path, kind: str, tls_contexts: Contexts) -> None:
        """Many at once: a file by sendfile, chunked bodies both ways, keep-alive, over TLS too."""
        path = tmp_path / "file"
        path.write_bytes(BODY)

        async def upload() -> AsyncIterator[bytes]:
            for start in range(0, len(BODY), 100_000):
                yield BODY[start : start + 100_000]

        async def get(session: Any, url: str) -> None:
            async with session.get(f"{url}/file") as response:
                assert await response.read() == BODY
            async with session.post(f"{url}/echo", data=upload()) as response:
                assert await response.read() == BODY

        async def main() -> None:
            server, client = tls_contexts if kind == "tls" else (None, None)
            async with self.served(path, server) as address:
                url = f"http{'s' if server else ''}://{address}"
                connector = aiohttp.TCPConnector(limit=4, ssl=client if client is not None else True)
                async with aiohttp.ClientSession(connector=connector) as session:
                    await asyncio.gather(*(get(session, url) for _ in range(8)))

        any_loop.run_until_complete(main())
        any_loop.run_until_complete(any_loop.shutdown_default_executor())

    def test_websockets(self, any_loop: AnyLoop, tmp_path: Path) -> None:
        """Messages of all sizes come back; the client is told of a refused connection."""

        async def main() -> None:
            async with (
                self.served(tmp_path) as address,
                aiohttp.ClientSession() as session,
                session.ws_connect(f"http://{address}/chat") as socket,
            ):
                for size in (0, 1, 125, 126, 65535, 65536, 1_000_000):
                    await socket.send_bytes(BODY[:size])
                    assert (await socket.receive()).data == BODY[:size]
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(f"http://{address}/")

        any_loop.run_until_complete(main())
