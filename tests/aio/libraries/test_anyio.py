"""anyio, whose asyncio backend is used on the loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

anyio = pytest.importorskip("anyio")

AnyLoop = asyncio.AbstractEventLoop

BODY = bytes(range(256)) * 4000


class TestAnyio:
    """anyio, whose asyncio backend is used on the loop."""

    def test_streams_and_threads(self, any_loop: AnyLoop) -> None:
        """TCP, task groups, cancel scopes, threads, processes."""

        async def serve(client: Any) -> None:
            async with client:
                with pytest.raises(anyio.EndOfStream):
                    while True:
                        await client.send(await client.receive())

        async def main() -> None:
            listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
            port = listener.extra(anyio.abc.SocketAttribute.local_port)
            async with anyio.create_task_group() as group:
                group.start_soon(listener.serve, serve)
                async with await anyio.connect_tcp("127.0.0.1", port) as client:
                    await client.send(BODY[:50_000])
                    received = b""
                    while len(received) < 50_000:
                        received += await client.receive()
                    assert received == BODY[:50_000]
                with anyio.move_on_after(0.01) as scope:
                    await anyio.sleep(1000)
                assert scope.cancelled_caught
                assert await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(answer)) == "answer"
                done = await anyio.run_process(["cat"], input=b"piped")
                assert done.stdout == b"piped"
                group.cancel_scope.cancel()
            await listener.aclose()

        async def answer() -> str:
            return "answer"

        asyncio.set_event_loop(any_loop)
        any_loop.run_until_complete(main())
        asyncio.set_event_loop(None)
