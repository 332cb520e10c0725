"""redis-py's asyncio client against a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

redis = pytest.importorskip("redis.asyncio")


@pytest.fixture
def client(redis_server: Path) -> Iterator[Any]:
    """A client of an empty database; made and closed in a loop by who uses it."""
    yield lambda: redis.Redis(unix_socket_path=str(redis_server), decode_responses=True)


def test_commands(any_loop: asyncio.AbstractEventLoop, client: Any) -> None:
    """One after the other, in a pipeline, and many at once over a pool of connections."""

    async def main() -> None:
        async with client() as connection:
            await connection.flushdb()
            assert await connection.set("name", "value" * 50_000)
            assert await connection.get("name") == "value" * 50_000
            async with connection.pipeline() as pipeline:
                for number in range(100):
                    pipeline.rpush("list", number)
                assert await pipeline.execute() == list(range(1, 101))
            found = await asyncio.gather(*(connection.incr("counter") for _ in range(20)))
            assert sorted(found) == list(range(1, 21))
            with pytest.raises(redis.ResponseError):
                await connection.incr("name")

    any_loop.run_until_complete(main())


def test_publish_and_subscribe(any_loop: asyncio.AbstractEventLoop, client: Any) -> None:
    """Messages arrive in order; a wait for one more times out."""

    async def main() -> list[str]:
        async with client() as connection, connection.pubsub() as subscription:
            await subscription.subscribe("channel")
            assert (await subscription.get_message(timeout=10))["type"] == "subscribe"
            for number in range(50):
                await connection.publish("channel", number)
            found = [await subscription.get_message(timeout=10) for _ in range(50)]
            assert await subscription.get_message(timeout=0.01) is None
            return [message["data"] for message in found]

    assert any_loop.run_until_complete(main()) == [str(number) for number in range(50)]


def test_blocking_commands(any_loop: asyncio.AbstractEventLoop, client: Any) -> None:
    """A wait for a list's element ends when it comes; a cancelled one leaves the client usable."""

    async def main() -> None:
        async with client() as connection:
            await connection.delete("queue")
            waiting = asyncio.ensure_future(connection.blpop("queue", timeout=20))
            await asyncio.sleep(0.001)
            await connection.rpush("queue", "element")
            assert list(await waiting) == ["queue", "element"]
            waiting = asyncio.ensure_future(connection.blpop("queue", timeout=20))
            await asyncio.sleep(0.001)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert await connection.ping()

    any_loop.run_until_complete(main())
