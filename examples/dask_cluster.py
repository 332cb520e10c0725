"""A Dask cluster on libevent_py's asyncio loop: a scheduler, workers and a client, each a process.

pip install distributed
python examples/dask_cluster.py                                # all of it on this machine
python examples/dask_cluster.py scheduler tcp://0.0.0.0:8786   # or one machine each
python examples/dask_cluster.py worker tcp://scheduler:8786
python examples/dask_cluster.py client tcp://scheduler:8786
"""

from __future__ import annotations

import asyncio
import logging
import sys

from distributed import Client, Scheduler, Worker

from libevent_py import aio


async def scheduler(address: str) -> None:
    """Tell workers and clients of each other; the first line says where."""
    async with Scheduler(host=address, dashboard=False) as running:
        print(running.address, flush=True)
        await running.finished()


async def worker(address: str) -> None:
    """Work for the scheduler at *address* until that ends."""
    async with Worker(address, nthreads=2, dashboard=False) as running:
        await running.finished()


def primes(start: int) -> int:
    """How many of a hundred numbers are prime: something to work at."""
    numbers = range(max(start, 2), start + 100)
    return sum(all(number % divisor for divisor in range(2, int(number**0.5) + 1)) for number in numbers)


async def client(address: str, workers: int = 1) -> None:
    """Have the cluster count primes, and say what it found and on which loop everything runs."""
    async with Client(address, asynchronous=True) as cluster:
        await cluster.wait_for_workers(workers)
        found = await cluster.gather(cluster.map(primes, range(0, 10_000, 100)))
        print(sum(found), "primes")
        print("workers:", sorted(set((await cluster.run(loop_name)).values())))
        print("scheduler:", await cluster.run_on_scheduler(loop_name))
        print("client:", await loop_name())


async def loop_name() -> str:
    """The class of the loop that runs this."""
    kind = type(asyncio.get_running_loop())
    return f"{kind.__module__}.{kind.__name__}"


async def cluster(workers: int = 2) -> None:
    """Everything on this machine, and the end of it."""
    started = [await start("scheduler", "tcp://127.0.0.1:0", stdout=asyncio.subprocess.PIPE)]
    try:
        address = (await started[0].stdout.readline()).decode().strip()
        started += [await start("worker", address) for _ in range(workers)]
        await client(address, workers)
    finally:
        for process in reversed(started):
            process.terminate()
            await process.wait()


async def start(*arguments: str, **options: int) -> asyncio.subprocess.Process:
    """This program in another process."""
    return await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, **options)


if __name__ == "__main__":
    logging.getLogger("distributed").setLevel(logging.WARNING)
    roles = {"scheduler": scheduler, "worker": worker, "client": client}
    if len(sys.argv) > 1:
        aio.run(roles[sys.argv[1]](*sys.argv[2:]))
    else:
        aio.run(cluster())
