"""A job queue: jobs that are put in, run by two workers at once, fail, are tried again, come later and are aborted."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from arq import Retry, create_pool
from arq.connections import RedisSettings
from arq.jobs import Job, JobStatus
from arq.worker import Worker

SETTINGS = RedisSettings(port=int(sys.argv[1]))


async def add(context: dict, first: int, second: int) -> int:
    return first + second


async def fail(context: dict) -> None:
    raise ValueError("on purpose")


async def succeed_at_last(context: dict) -> int:
    if context["job_try"] < 3:
        raise Retry(defer=0.01)
    return context["job_try"]


async def sleep(context: dict) -> None:
    await asyncio.sleep(3600)


async def main() -> None:
    pool = await create_pool(SETTINGS)
    sums = [await pool.enqueue_job("add", number, 1) for number in range(200)]
    failing = await pool.enqueue_job("fail")
    tried = await pool.enqueue_job("succeed_at_last")
    later = await pool.enqueue_job("add", 1, 1, _defer_by=timedelta(milliseconds=300))
    assert await pool.enqueue_job("add", 1, 2, _job_id="one") is not None
    assert await pool.enqueue_job("add", 1, 2, _job_id="one") is None, "a job of this name is there"
    assert await later.status() == JobStatus.deferred
    assert len(await pool.queued_jobs()) == 204
    workers = [
        Worker(
            [add, fail, succeed_at_last, sleep],
            redis_settings=SETTINGS,
            handle_signals=False,
            poll_delay=0.01,
            max_jobs=20,
            allow_abort_jobs=True,
        )
        for _ in range(2)
    ]
    tasks = [asyncio.create_task(each.async_run()) for each in workers]
    results = await asyncio.gather(*(job.result(timeout=60, poll_delay=0.01) for job in sums))
    assert results == [number + 1 for number in range(200)]
    try:
        await failing.result(timeout=60, poll_delay=0.01)
    except ValueError as error:
        assert str(error) == "on purpose"
    else:
        raise AssertionError("the job has not failed")
    assert await tried.result(timeout=60, poll_delay=0.01) == 3
    assert await later.result(timeout=60, poll_delay=0.01) == 2
    assert await Job("one", pool).result(timeout=60, poll_delay=0.01) == 3
    assert await Job("one", pool).status() == JobStatus.complete
    endless = await pool.enqueue_job("sleep")
    while await endless.status() != JobStatus.in_progress:
        await asyncio.sleep(0.01)
    assert await endless.abort(timeout=60, poll_delay=0.01)
    assert sum(each.jobs_complete for each in workers) == 203
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for each in workers:
        await each.close()
    assert await pool.zcard("arq:queue") == 0
    await pool.aclose()


asyncio.run(main())
