"""asyncpg against a real PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

asyncpg = pytest.importorskip("asyncpg")


def test_queries(any_loop: asyncio.AbstractEventLoop, postgres_server: Path) -> None:
    """Rows, transactions, cursors, COPY, errors, notifications."""

    async def main() -> None:
        connection = await asyncpg.connect(host=str(postgres_server), user="postgres", database="postgres")
        await connection.execute("CREATE TEMP TABLE numbers (number int PRIMARY KEY, name text)")
        records = [(number, "name" * (number % 100)) for number in range(5000)]
        await connection.copy_records_to_table("numbers", records=records)
        assert await connection.fetchval("SELECT sum(number) FROM numbers") == sum(range(5000))
        rows = await connection.fetch("SELECT * FROM numbers WHERE number < $1 ORDER BY 1", 100)
        assert [tuple(row) for row in rows] == records[:100]
        with pytest.raises(asyncpg.UniqueViolationError):
            async with connection.transaction():
                await connection.execute("DELETE FROM numbers")
                await connection.execute("INSERT INTO numbers VALUES (1), (1)")
        async with connection.transaction():
            seen = [row["number"] async for row in connection.cursor("SELECT number FROM numbers ORDER BY 1")]
        assert seen == list(range(5000))
        told: asyncio.Future[Any] = any_loop.create_future()
        await connection.add_listener("channel", lambda *arguments: told.set_result(arguments[-1]))
        await connection.execute("NOTIFY channel, 'payload'")
        assert await asyncio.wait_for(told, 20) == "payload"
        await connection.close()

    any_loop.run_until_complete(main())


def test_a_pool(any_loop: asyncio.AbstractEventLoop, postgres_server: Path) -> None:
    """Many queries over few connections; a query that takes too long is cancelled in the server."""

    async def main() -> None:
        options = {"host": str(postgres_server), "user": "postgres", "database": "postgres"}
        async with asyncpg.create_pool(min_size=2, max_size=4, **options) as pool:
            found = await asyncio.gather(*(pool.fetchval("SELECT $1::int * 2", n) for n in range(40)))
            assert found == [2 * n for n in range(40)]
            with pytest.raises(asyncio.TimeoutError):
                await pool.execute("SELECT pg_sleep(100)", timeout=0.05)
            assert await pool.fetchval("SELECT 1") == 1

    any_loop.run_until_complete(main())
