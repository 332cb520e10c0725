"""uvicorn, with httpx and websockets as its clients."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

uvicorn = pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")
websockets = pytest.importorskip("websockets.asyncio.client")

AnyLoop = asyncio.AbstractEventLoop
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]

BODY = bytes(range(256)) * 4000


async def application(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application: a request's body in chunks, a WebSocket echo."""
    if scope["type"] == "http":
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"x-path", scope["raw_path"])]}
        )
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            body = message.get("body", b"")
            await send({"type": "http.response.body", "body": body, "more_body": more})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


@asynccontextmanager
async def uvicorn_serving(**options: Any) -> AsyncIterator[int]:
    """The port of a uvicorn with that application."""
    # No log_config: that would close pytest's handlers, and on Python 3.9 one opens its file again.
    config = uvicorn.Config(
        application, port=0, lifespan="off", log_config=None, log_level="critical", **options
    )
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        assert not serving.done()
        await asyncio.sleep(0.001)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


# Of the interface between some versions of the two.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets", "ignore::DeprecationWarning:uvicorn")
class TestUvicorn:
    """uvicorn, with httpx and websockets as its clients."""

    def test_http(self, any_loop: AnyLoop) -> None:
        """httpx's requests over kept connections, bodies both ways."""

        async def main() -> None:
            async with (
                uvicorn_serving() as port,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
            ):
                answers = await asyncio.gather(
                    *(client.post(f"/{number}", content=BODY[: number * 9000]) for number in range(20))
                )
                for number, answer in enumerate(answers):
                    assert answer.headers["x-path"] == f"/{number}"
                    assert answer.content == BODY[: number * 9000]

        any_loop.run_until_complete(main())

    def test_https(self, any_loop: AnyLoop, tls_contexts: Contexts, tls_files: Path) -> None:
        """The same over TLS."""

        async def main() -> None:
            async with (
                uvicorn_serving(ssl_certfile=str(tls_files)) as port,
                httpx.AsyncClient(
                    base_url=f"https://127.0.0.1:{port}", verify=tls_contexts[1], trust_env=False
                ) as client,
            ):
                assert (await client.post("/", content=BODY)).content == BODY

        any_loop.run_until_complete(main())

    def test_websockets(self, any_loop: AnyLoop) -> None:
        """A websockets client's messages come back."""

        async def main() -> None:
            async with (
                uvicorn_serving() as port,
                websockets.connect(f"ws://127.0.0.1:{port}/", proxy=None) as socket,
            ):
                for size in (0, 1, 125, 126, 65535, 65536, 300_000):
                    await socket.send("x" * size)
                    assert await socket.recv() == "x" * size

        any_loop.run_until_complete(main())
