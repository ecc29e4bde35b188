"""Sorted sets: members with scores, in the order of these."""

from __future__ import annotations

import random

import pytest
import redis

from servers import MartletServer, Server
from wire import Error, MemcachedConnection, RedisConnection

SIZES = [3, 1000]
"""A small sorted set and one that has left every compact form."""


def scored(count: int) -> dict[bytes, float]:
    """Members with scores of which some are equal, in no order."""
    return {f"member {i:05}".encode(): (i * 7919 % count) // 2 / 4 for i in range(count)}


def ordered(scores: dict[bytes, float]) -> list[tuple[bytes, float]]:
    return sorted(scores.items(), key=lambda pair: (pair[1], pair[0]))


def pairs_of(reply: object) -> list[tuple[bytes, float]]:
    """Members with scores, as redis-py makes them of either version of the protocol."""
    assert isinstance(reply, list)
    if reply and isinstance(reply[0], bytes):
        reply = list(zip(reply[::2], reply[1::2], strict=True))
    return [(member, float(score)) for member, score in reply]


@pytest.mark.parametrize("count", SIZES)
def test_all_of_it(client: redis.Redis, count: int) -> None:
    scores = scored(count)
    assert client.zadd("z", scores) == count
    assert client.zadd("z", scores) == 0
    assert client.zcard("z") == count
    pairs = ordered(scores)
    assert pairs_of(client.zrange("z", 0, -1, withscores=True)) == pairs
    assert pairs_of(client.zrevrange("z", 0, -1, withscores=True)) == pairs[::-1]
    for rank in {0, 1, count // 2, count - 1}:
        member, score = pairs[rank]
        assert client.zrank("z", member) == rank
        assert client.zrevrank("z", member) == count - 1 - rank
        assert client.zscore("z", member) == score
        assert client.zrange("z", rank, rank + 5) == [member for member, _ in pairs[rank : rank + 6]]
        assert client.zcount("z", "-inf", f"({score}") == sum(other < score for _, other in pairs)
        assert pairs_of(client.zrangebyscore("z", score, "+inf", start=1, num=3, withscores=True)) == [
            pair for pair in pairs if pair[1] >= score
        ][1:4]
    assert client.zrank("z", "none") is None
    assert client.zmscore("z", ["none", pairs[0][0]]) == [None, pairs[0][1]]


@pytest.mark.parametrize("count", SIZES)
def test_members_come_and_go(client: redis.Redis, count: int) -> None:
    chance = random.Random(count)
    scores: dict[bytes, float] = {}
    for _ in range(60):
        some = {f"m{chance.randrange(count)}".encode(): chance.randrange(-20, 20) / 2 for _ in range(count // 10 + 1)}
        client.zadd("z", some)
        scores |= some
        gone = [f"m{chance.randrange(count)}".encode() for _ in range(count // 20 + 1)]
        assert client.zrem("z", *gone) == len(scores.keys() & set(gone))
        scores = {member: score for member, score in scores.items() if member not in gone}
        assert pairs_of(client.zrange("z", 0, -1, withscores=True)) == ordered(scores)
    rest = ordered(scores)
    assert pairs_of(client.zpopmin("z", 1)) == rest[:1]
    assert pairs_of(client.zpopmax("z", 2)) == rest[1:][:-3:-1]
    assert client.zremrangebyrank("z", 0, 0) == min(1, max(0, len(rest) - 3))
    client.zremrangebyscore("z", "-inf", "+inf")
    assert client.exists("z") == 0


def test_options_of_zadd(client: redis.Redis) -> None:
    assert client.zadd("z", {"a": 1, "b": 2}) == 2
    assert client.zadd("z", {"a": 5, "c": 3}, nx=True) == 1
    assert client.zadd("z", {"a": 5, "d": 3}, xx=True, ch=True) == 1
    assert client.zadd("z", {"a": 4, "b": 9}, gt=True, ch=True) == 1
    assert client.zadd("z", {"a": 4, "b": 19}, lt=True, ch=True) == 1
    assert client.zadd("z", {"a": 1.5}, incr=True) == 5.5
    assert client.zadd("z", {"a": 1}, incr=True, nx=True) is None
    assert client.zincrby("z", -0.5, "a") == 5
    assert pairs_of(client.zrange("z", 0, -1, withscores=True)) == [(b"c", 3), (b"a", 5), (b"b", 9)]
    with pytest.raises(redis.ResponseError, match="value is not a valid float"):
        client.execute_command("ZADD", "z", "one", "a")
    with pytest.raises(redis.ResponseError, match="not a number"):
        client.zadd("z", {"i": float("inf")})
        client.zincrby("z", float("-inf"), "i")


def test_ranges_of_bytes(client: redis.Redis) -> None:
    words = [b"", b"A", b"a", b"a\0", b"a\xff", b"b", b"\xff", b"zz" * 50]
    client.zadd("z", dict.fromkeys(words, 0))
    words.sort()
    assert client.zrangebylex("z", "-", "+") == words
    assert client.zrangebylex("z", b"[a", b"(b") == [word for word in words if b"a" <= word < b"b"]
    assert client.zrevrangebylex("z", b"[b", b"(a", start=1, num=2) == [
        word for word in reversed(words) if b"a" < word <= b"b"
    ][1:3]
    assert client.zlexcount("z", b"(a", "+") == sum(word > b"a" for word in words)
    assert client.zremrangebylex("z", b"[a", b"[b") == 4
    assert client.zrange("z", 0, -1) == [word for word in words if not b"a" <= word <= b"b"]


@pytest.mark.parametrize("count", SIZES)
def test_of_several(client: redis.Redis, count: int) -> None:
    first = scored(count)
    second = {member: 1.0 for member in list(first)[count // 2 :]} | {b"own": 5.0}
    third = {member for member in first if member.endswith(b"1")}
    client.zadd("a", first)
    client.zadd("b", second)
    client.sadd("c", *third)
    union = {
        member: first.get(member, 0) * 2 + second.get(member, 0) * 3 + (member in third)
        for member in first.keys() | second.keys()
    }
    assert client.zunionstore("d", {"a": 2, "b": 3, "c": 1}) == len(union)
    assert pairs_of(client.zrange("d", 0, -1, withscores=True)) == ordered(union)
    both = {member: max(first[member], second[member]) for member in first.keys() & second.keys()}
    assert pairs_of(client.zinter(["a", "b"], aggregate="MAX", withscores=True)) == ordered(both)
    assert client.zintercard(2, ["a", "b"]) == len(both)
    assert client.zintercard(2, ["a", "b"], limit=1) == min(1, len(both))
    left = {member: score for member, score in first.items() if member not in second}
    assert pairs_of(client.zdiff(["a", "b"], withscores=True)) == ordered(left)
    assert client.zdiffstore("a", ["a", "b"]) == len(left)
    assert pairs_of(client.zrange("a", 0, -1, withscores=True)) == ordered(left)
    assert client.zrangestore("e", "a", 1, 5) == max(0, min(5, len(left) - 1))
    assert client.zinterstore("e", ["a", "b"]) == 0
    assert client.exists("e") == 0


def test_taking_from_the_first_that_is_there(client: redis.Redis) -> None:
    client.zadd("z", {"a": 1, "b": 2, "c": 3})
    key, taken = client.zmpop(2, ["none", "z"], min=True, count=2)
    assert key == b"z"
    assert pairs_of(taken) == [(b"a", 1), (b"b", 2)]
    assert client.zcard("z") == 1
    assert client.zmpop(1, ["none"], max=True) is None


@pytest.mark.parametrize("count", SIZES)
def test_by_chance_and_by_scan(client: redis.Redis, count: int) -> None:
    scores = scored(count)
    client.zadd("z", scores)
    assert client.zrandmember("z") in scores
    for wanted in [1, count - 1, count + 10]:
        chosen = client.zrandmember("z", wanted)
        assert len(chosen) == len(set(chosen)) == min(wanted, count)
        assert set(chosen) <= set(scores)
    assert len(client.zrandmember("z", -count * 2)) == count * 2
    assert dict(client.zscan_iter("z", count=7)) == scores
    assert dict(client.zscan_iter("z", match="member 00001")) == {b"member 00001": scores[b"member 00001"]}


def test_zscan_misses_no_member_that_stays(client: redis.Redis) -> None:
    scores = scored(1000)
    client.zadd("z", scores)
    found: dict[bytes, float] = {}
    cursor, step = -1, 0
    while cursor != 0:
        cursor, part = client.zscan("z", max(cursor, 0), count=20)
        found |= dict(part)
        step += 1
        assert step < 10_000
        if step < 10:
            client.zadd("z", {f"guest{step}-{i}": i for i in range(500)})
        elif step < 20:
            client.zrem("z", *[f"guest{step - 10}-{i}" for i in range(500)])
    assert found.items() >= scores.items()


def test_a_large_one(client: redis.Redis) -> None:
    scores = scored(20_000)
    client.zadd("z", scores)
    assert client.copy("z", "y") == 1
    assert client.rename("z", "x") is True
    assert pairs_of(client.zrange("x", 0, -1, withscores=True)) == ordered(scores)
    assert client.zremrangebyrank("x", 100, 19_899) == 19_800
    assert pairs_of(client.zrange("x", 0, -1, withscores=True)) == ordered(scores)[:100] + ordered(scores)[-100:]
    assert client.zcard("y") == 20_000
    assert client.delete("x", "y") == 2


def test_every_command_refuses_another_type(wire: RedisConnection) -> None:
    wire("SADD", "s", "a")
    wire("ZADD", "z", "1", "a")
    wire("SET", "t", "text")
    wrong = Error("WRONGTYPE Operation against a key holding the wrong kind of value")
    for command in [
        "ZADD s 1 a", "ZCARD s", "ZCOUNT s 1 2", "ZDIFF 1 t", "ZDIFFSTORE d 1 t", "ZINCRBY s 1 a", "ZINTER 1 t",
        "ZINTERCARD 1 t", "ZINTERSTORE d 1 t", "ZLEXCOUNT s - +", "ZMPOP 1 s MIN", "ZMSCORE s a", "ZPOPMAX s",
        "ZPOPMIN s", "ZRANDMEMBER s", "ZRANGE s 0 1", "ZRANGEBYLEX s - +", "ZRANGEBYSCORE s 1 2", "ZRANGESTORE d s 0 1",
        "ZRANK s a", "ZREM s a", "ZREMRANGEBYLEX s - +", "ZREMRANGEBYRANK s 0 1", "ZREMRANGEBYSCORE s 1 2",
        "ZREVRANGE s 0 1", "ZREVRANGEBYLEX s + -", "ZREVRANGEBYSCORE s 2 1", "ZREVRANK s a", "ZSCAN s 0", "ZSCORE s a",
        "ZUNION 1 t", "ZUNIONSTORE d 1 t", "GET z", "APPEND z x", "INCR z", "SADD z a", "HSET z a b", "SMEMBERS z",
    ]:  # fmt: skip
        assert wire(*command.split()) == wrong, command
    assert wire("TYPE", "z").text == "zset"  # type: ignore[union-attr]


@pytest.mark.martlet
def test_memcached_says_that_it_is_no_string(server: Server, client: redis.Redis) -> None:
    client.zadd("z", {"a": 1})
    with MemcachedConnection(server.memcached_port) as memcached:
        assert memcached.ask(b"get z\r\n").startswith(b"SERVER_ERROR")


@pytest.mark.martlet
def test_it_is_there_after_a_restart_and_a_checkpoint(martlet: MartletServer) -> None:
    scores = scored(5000) | {b"high": float("inf"), b"low": -1.1, b"tenth": 0.1}
    with martlet.redis() as wire:
        wire("ZADD", "z", *[word for member, score in scores.items() for word in (repr(score), member)])
        wire("ZUNIONSTORE", "copy", "1", "z", "WEIGHTS", "2")
        wire("ZREMRANGEBYRANK", "copy", "1000", "2999")
        wire("ZADD", "small", "1.5", "a", "0.1", "b")
        before = {key: wire("ZRANGE", key, "0", "-1", "WITHSCORES") for key in ["z", "copy", "small"]}
    for _ in range(2):
        martlet.stop()
        martlet.start()
        with martlet.redis() as wire:
            assert {key: wire("ZRANGE", key, "0", "-1", "WITHSCORES") for key in before} == before
            assert wire("SAVE").text == "OK"  # type: ignore[union-attr]
