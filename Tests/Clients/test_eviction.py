"""A server with a memory limit: what goes when it is reached, over both protocols, what is there after a restart, and
whether the memory it accounts for is the memory that it has."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from servers import MartletServer, eventually
from wire import OK, Error, RedisConnection

pytestmark = pytest.mark.martlet

MIB = 1 << 20
VALUE = b"v" * 200
LONG_RUN = float(os.environ.get("MARTLET_MEMORY_SECONDS", "20"))
"""Seconds that the long run lasts; give it more to look for memory that creeps."""

NewServer = Callable[..., MartletServer]


def facts(connection: RedisConnection) -> dict[str, str]:
    lines = connection.text("INFO").decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


def fill(connection: RedisConnection, keys: range, value: bytes = VALUE) -> list[object]:
    """Sets keys, a thousand at a time; what was replied besides OK."""
    others: list[object] = []
    for start in range(keys.start, keys.stop, 1000):
        batch = range(start, min(start + 1000, keys.stop))
        replies = connection.pipeline([("SET", f"key:{number}", value) for number in batch])
        others += [reply for reply in replies if reply != OK]
    return others


def test_limit_is_kept_over_both_protocols(new_server: NewServer) -> None:
    server = new_server("--memory-limit", "32mb", "--evict", "lru", "--durability", "never")
    with server.redis() as redis, server.memcached() as memcached:
        assert fill(redis, range(150_000)) == []
        for start in range(0, 100_000, 500):
            keys = range(start, start + 500)
            memcached.send(b"".join(b"set mc:%d 0 0 200\r\n%s\r\n" % (key, VALUE) for key in keys))
            assert memcached.receive(500 * 8) == b"STORED\r\n" * 500
        known = facts(redis)
        assert int(known["used_memory"]) <= 32 * MIB
        assert int(known["used_memory_dataset"]) > 24 * MIB
        assert int(known["evicted_keys"]) > 100_000
        assert b"STAT evictions %s\r\n" % known["evicted_keys"].encode() in memcached.ask(b"stats\r\n")
        # The last ones are there, the first ones aren't.
        assert memcached.ask(b"get mc:99999\r\n").startswith(b"VALUE")
        assert redis("GET", "key:0") is None
    notice = "the memory limit is reached: evicting from now on (lru)"
    assert eventually(lambda: notice in server.errors)
    assert server.errors.count(notice) == 1


def test_policy_and_limit_change_while_it_runs(martlet: MartletServer) -> None:
    with martlet.redis() as redis:
        assert redis("CONFIG", "GET", "maxmemory-policy") == [b"maxmemory-policy", b"noeviction"]
        fill(redis, range(100_000))
        refusal = redis("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        assert isinstance(refusal, Error) and "must be one of the following" in refusal.text
        assert redis("CONFIG", "SET", "maxmemory", "8mb") == OK
        assert redis("SET", "new", "v") == Error("OOM command not allowed when used memory > 'maxmemory'.")
        for name in ("volatile-lru", "volatile-ttl"):
            assert redis("CONFIG", "SET", "maxmemory-policy", name) == OK
            assert isinstance(redis("SET", "new", "v"), Error), "there is nothing that expires"
        assert redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru") == OK
        assert redis("SET", "new", "v") == OK
        assert eventually(lambda: int(facts(redis)["used_memory"]) <= 8 * MIB, 30)
        assert facts(redis)["maxmemory_policy"] == "allkeys-lru"


@pytest.mark.parametrize("way", ["stop", "kill", "checkpoint and kill"])
def test_evicted_keys_stay_away(new_server: NewServer, way: str) -> None:
    server = new_server("--memory-limit", "16mb", "--evict", "lru")
    count = 120_000
    with server.redis() as redis:
        if way.startswith("checkpoint"):
            fill(redis, range(count // 2))
            assert server.begin_checkpoint()
            fill(redis, range(count // 2, count))
        else:
            fill(redis, range(count))
        # The sweeper makes its margin and then leaves things as they are.
        assert eventually(lambda: unchanged(redis, "evicted_keys"), 20)
        redis("SET", "last", "v")
        names = [f"key:{number}" for number in range(count)]
        before = present(redis, names)
        assert 10_000 < len(before) < count
    if way == "stop":
        server.restart()
    else:
        server.kill_and_start()
    with server.redis() as redis:
        assert present(redis, names) == before
        assert redis("DBSIZE") == len(before) + 1


def unchanged(redis: RedisConnection, field: str) -> bool:
    before = facts(redis)[field]
    time.sleep(0.3)
    return facts(redis)[field] == before


def present(redis: RedisConnection, names: list[str]) -> set[str]:
    replies = redis.pipeline([("EXISTS", name) for name in names])
    return {name for name, reply in zip(names, replies, strict=True) if reply == 1}


def test_a_database_larger_than_the_limit(martlet: MartletServer) -> None:
    with martlet.redis() as redis:
        fill(redis, range(100_000))
    options = martlet.options
    martlet.options = (*options, "--memory-limit", "8mb")
    martlet.restart()
    assert "the database is larger than the memory limit: writes are refused" in martlet.errors
    with martlet.redis() as redis:
        assert redis("DBSIZE") == 100_000
        assert isinstance(redis("SET", "new", "v"), Error)
        assert redis("GET", "key:0") == VALUE
        assert redis("DEL", "key:0") == 1
    martlet.options = (*options, "--memory-limit", "8mb", "--evict", "lru")
    martlet.restart()
    assert "the database was larger than the memory limit" in martlet.errors
    with martlet.redis() as redis:
        assert int(facts(redis)["used_memory"]) <= 8 * MIB
        assert redis("SET", "new", "v") == OK


def anonymous_memory(server: MartletServer) -> int:
    """The bytes of resident memory that isn't a file's."""
    [pid] = [process.process.pid for process in server.processes]
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise AssertionError("the system doesn't tell")


def test_the_memory_accounted_is_the_memory_resident(new_server: NewServer) -> None:
    """Fills, evicts, overwrites, deletes and empties with sizes from a byte to a mebibyte, for long. What isn't data, the
    buffers of connections and of the journal, is what there is when all data is gone."""
    limit = 128 * MIB
    server = new_server("--memory-limit", "128mb", "--evict", "lru", "--durability", "never", "--threads", "2")
    chance = random.Random(4711)
    blob = chance.randbytes(MIB)
    sizes: list[Callable[[], int]] = [
        lambda: 32,
        lambda: int(2 ** chance.uniform(0, 20)),
        lambda: chance.randrange(100, 3000),
        lambda: chance.randrange(3000, 40_000),
        lambda: MIB,
        lambda: 500,
    ]

    def work(redis: RedisConnection, size: Callable[[], int], total: int) -> None:
        written = 0
        while written < total:
            batch: list[tuple[bytes | str | int, ...]] = []
            batched = 0
            while len(batch) < 1000 and batched < 2 * MIB:
                value = blob[: size()]
                batch.append(("SET", f"key:{chance.randrange(10**6)}", value))
                batched += len(value) + 80
            assert set(redis.pipeline(batch)) == {OK}
            written += batched

    def empty(redis: RedisConnection) -> int:
        redis("FLUSHALL")
        assert eventually(lambda: int(facts(redis)["used_memory_dataset"]) == 0, 60)
        return anonymous_memory(server) - int(facts(redis)["used_memory"])

    with server.redis() as redis:
        work(redis, sizes[1], limit // 2)
        others = empty(redis)
        assert others < 64 * MIB
        least = limit
        end = time.monotonic() + LONG_RUN
        turns = 0
        while turns < len(sizes) or time.monotonic() < end:
            work(redis, sizes[turns % len(sizes)], limit)
            turns += 1
            assert eventually(lambda: facts(redis)["rdb_bgsave_in_progress"] == "0", 60)
            # Once more, so that the limit is kept without what the checkpoint held.
            work(redis, sizes[(turns - 1) % len(sizes)], 2 * MIB)
            known = facts(redis)
            accounted = int(known["used_memory"])
            assert accounted <= limit + 2 * MIB
            resident = anonymous_memory(server) - others
            assert abs(resident - accounted) < accounted / 10, f"{resident} is not {accounted}"
            # The first turn has fewer keys than there is room for.
            if turns > 1:
                least = min(least, int(known["used_memory_dataset"]))
        assert least > limit // 2, "memory is kept and not used"
        for start in range(0, 10**6, 5000):
            redis.pipeline([("DEL", f"key:{number}") for number in range(start, start + 5000) if number % 3])
        assert eventually(lambda: unchanged(redis, "used_memory"), 30)
        accounted = int(facts(redis)["used_memory"])
        resident = anonymous_memory(server)
        # The journal's buffers may have grown meanwhile, on a slow disk.
        others = max(others, empty(redis))
        assert others < 16 * MIB
        assert abs(resident - others - accounted) < accounted / 10, f"{resident} is not {accounted} and {others}"
