"""A cache of function results, with many at once, times to live and counters."""

from __future__ import annotations

import asyncio
import sys

from aiocache import RedisCache, cached
from aiocache.serializers import JsonSerializer, PickleSerializer

PORT = int(sys.argv[1])
calls = 0


@cached(cache=RedisCache, port=PORT, key_builder=lambda function, number: f"square:{number}", ttl=100, serializer=PickleSerializer())
async def square(number: int) -> int:
    global calls
    calls += 1
    return number * number


async def main() -> None:
    for _ in range(3):
        assert [await square(number) for number in range(50)] == [number * number for number in range(50)]
    assert calls == 50
    async with RedisCache(endpoint="127.0.0.1", port=PORT, namespace="n:", serializer=JsonSerializer()) as cache:
        assert await cache.set("key", {"a": [1, 2.5, "é"]})
        assert await cache.get("key") == {"a": [1, 2.5, "é"]}
        assert await cache.get("missing", default=7) == 7
        assert await cache.multi_set([(f"k{number}", number) for number in range(100)], ttl=50)
        assert await cache.multi_get([f"k{number}" for number in range(100)] + ["x"]) == [*range(100), None]
        assert await cache.add("new", 1)
        try:
            await cache.add("new", 2)
        except ValueError:
            pass
        else:
            raise AssertionError("the key was there")
        assert await cache.increment("counter", delta=3) == 3
        assert await cache.increment("counter", delta=-1) == 2
        assert await cache.expire("counter", 100)
        assert 0 < await cache.raw("ttl", "n::counter") <= 100
        assert await cache.set("short", 1, ttl=0.02)
        while await cache.exists("short"):
            await asyncio.sleep(0.01)
        assert await cache.delete("key") == 1
        assert await cache.exists("key") is False
        assert await cache.clear(namespace="n:")
        assert await cache.multi_get(["k1", "counter"]) == [None, None]
    assert await square(7) == 49 and calls == 50


asyncio.run(main())
