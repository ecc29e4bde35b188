"""Hashes: one key, many fields, each with a value, and on newer servers with an expiry."""

from __future__ import annotations

import time
from collections import Counter

import pytest
import redis

from servers import Server
from wire import Error, RedisConnection

SIZES = [3, 1000]
"""A small hash and one that has left every compact form."""

FAR = 9_000_000_000_000
"""A time in milliseconds since 1970, in the year 2255."""


def pairs(count: int) -> dict[bytes, bytes]:
    return {f"field {i}".encode(): f"value {i * i}".encode() for i in range(count)}


def flat(fields: dict[bytes, bytes]) -> list[bytes]:
    return [word for pair in fields.items() for word in pair]


def as_dict(reply: object) -> dict[bytes, bytes]:
    """Fields and values as version 2 and 3 of the protocol send them."""
    if isinstance(reply, dict):
        return reply
    assert isinstance(reply, list)
    return dict(zip(reply[::2], reply[1::2], strict=True))


def test_hset_counts_what_is_new(client: redis.Redis) -> None:
    assert client.hset("h", mapping={"a": 1, "b": 2}) == 2
    assert client.hset("h", mapping={"b": 3, "c": 4}) == 1
    assert client.hset("h", "c", 5) == 0
    assert client.hgetall("h") == {b"a": b"1", b"b": b"3", b"c": b"5"}
    assert client.hdel("h", "a", "missing", "a") == 1
    assert client.hdel("missing", "a") == 0
    assert client.hlen("h") == 2
    assert client.hsetnx("h", "b", 9) == 0
    assert client.hsetnx("h", "d", 9) == 1
    assert client.hmget("h", "b", "missing", "d") == [b"3", None, b"9"]


def test_a_hash_without_fields_is_no_key(client: redis.Redis) -> None:
    client.hset("h", mapping={"a": 1, "b": 2})
    assert client.hdel("h", "a", "b") == 2
    assert client.exists("h") == 0
    assert client.hgetall("h") == {}
    assert client.dbsize() == 0
    assert client.set("h", "now a string") is True


def test_fields_are_compared_byte_by_byte(client: redis.Redis) -> None:
    words = [b"", b" ", b"1", b"01", b"+1", b"1.0", b"a", b"A", b"a\r\n", b"a\0", b"\xff", "é".encode()]
    assert client.hset("h", mapping={word: word[::-1] for word in words}) == len(words)
    assert client.hgetall("h") == {word: word[::-1] for word in words}
    assert client.hmget("h", [*words, b"2"]) == [*(word[::-1] for word in words), None]


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 254, 255, 256, 100_000])
def test_values_and_fields_of_any_length(client: redis.Redis, length: int) -> None:
    long = b"x" * length
    assert client.hset("h", mapping={b"short": long, long + b"!": b"short"}) == 2
    assert client.hget("h", "short") == long
    assert client.hget("h", long + b"!") == b"short"
    assert client.hstrlen("h", "short") == length
    assert client.hset("h", "short", "other") == 0
    assert client.hgetall("h") == {b"short": b"other", long + b"!": b"short"}


@pytest.mark.parametrize("count", SIZES)
def test_all_of_it(wire: RedisConnection, count: int) -> None:
    fields = pairs(count)
    assert wire("HSET", "h", *flat(fields)) == count
    assert wire("HLEN", "h") == count
    listed = wire("HGETALL", "h")
    assert isinstance(listed, dict) == (wire.protocol == 3)
    assert as_dict(listed) == fields
    keys, values = wire("HKEYS", "h"), wire("HVALS", "h")
    assert isinstance(keys, list) and isinstance(values, list)
    assert dict(zip(keys, values, strict=True)) == fields
    half = sorted(fields)[: count // 2]
    assert wire("HDEL", "h", *half) == len(half)
    assert as_dict(wire("HGETALL", "h")) == {key: value for key, value in fields.items() if key not in half}
    assert wire("HMGET", "h", *half) == [None] * len(half)


def test_counting(client: redis.Redis) -> None:
    assert client.hincrby("h", "n", 5) == 5
    assert client.hincrby("h", "n", -7) == -2
    assert client.hget("h", "n") == b"-2"
    assert client.hincrbyfloat("h", "n", 0.5) == -1.5
    assert client.hincrbyfloat("h", "f", 10.5) == 10.5
    assert client.hget("h", "f") == b"10.5"
    with pytest.raises(redis.ResponseError, match="hash value is not an integer"):
        client.hincrby("h", "f", 1)
    client.hset("h", "t", "text")
    with pytest.raises(redis.ResponseError, match="hash value is not a float"):
        client.hincrbyfloat("h", "t", 1)
    client.hset("h", "max", 2**63 - 1)
    with pytest.raises(redis.ResponseError, match="increment or decrement would overflow"):
        client.hincrby("h", "max", 1)


@pytest.mark.parametrize("count", SIZES)
def test_hrandfield(wire: RedisConnection, count: int) -> None:
    fields = pairs(count)
    wire("HSET", "h", *flat(fields))
    assert wire("HRANDFIELD", "h") in fields
    for wanted in [1, 2, count - 1, count, count + 10]:
        chosen = wire("HRANDFIELD", "h", wanted)
        assert isinstance(chosen, list)
        assert len(chosen) == len(set(chosen)) == min(wanted, count)
        assert set(chosen) <= set(fields)
        both = wire("HRANDFIELD", "h", wanted, "WITHVALUES")
        assert isinstance(both, list)
        if wire.protocol == 2:
            both = [list(pair) for pair in zip(both[::2], both[1::2], strict=True)]
        assert len(both) == len({field for field, _ in both}) == min(wanted, count)
        assert all(fields[field] == value for field, value in both)
    repeated = wire("HRANDFIELD", "h", -(count * 4))
    assert isinstance(repeated, list)
    assert len(repeated) == count * 4
    assert set(repeated) <= set(fields)
    assert max(Counter(repeated).values()) > 1


def hscan_all(wire: RedisConnection, *options: str) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    cursor = b"0"
    for _ in range(100_000):
        reply = wire("HSCAN", "h", cursor, *options)
        assert isinstance(reply, list)
        cursor, part = reply
        found.update(as_dict(part))
        if cursor == b"0":
            return found
    raise AssertionError("a scan without end")


@pytest.mark.parametrize("options", [[], ["COUNT", "1"], ["COUNT", "100000"]])
@pytest.mark.parametrize("count", SIZES)
def test_hscan_finds_every_field(wire: RedisConnection, count: int, options: list[str]) -> None:
    wire("HSET", "h", *flat(pairs(count)))
    assert hscan_all(wire, *options) == pairs(count)
    assert hscan_all(wire, *options, "MATCH", "field 2") == {b"field 2": b"value 4"}
    assert hscan_all(wire, *options, "MATCH", "none*") == {}


def test_hscan_misses_no_field_that_stays(wire: RedisConnection) -> None:
    wire("HSET", "h", *flat(pairs(1000)))
    found: dict[bytes, bytes] = {}
    cursor, step = b"0", 0
    while True:
        reply = wire("HSCAN", "h", cursor, "COUNT", "20")
        assert isinstance(reply, list)
        cursor = reply[0]
        found.update(as_dict(reply[1]))
        if cursor == b"0":
            break
        step += 1
        assert step < 10_000
        if step < 10:
            wire("HSET", "h", *[word for i in range(500) for word in (f"guest{step}-{i}", "v")])
        elif step < 20:
            wire("HDEL", "h", *[f"guest{step - 10}-{i}" for i in range(500)])
    assert found.items() >= pairs(1000).items()


def test_a_large_hash(client: redis.Redis) -> None:
    fields = pairs(20_000)
    assert client.hset("h", mapping=fields) == len(fields)
    assert client.hlen("h") == len(fields)
    assert client.hgetall("h") == fields
    assert dict(client.hscan_iter("h", count=1000)) == fields
    assert client.copy("h", "g") == 1
    assert client.rename("h", "k") is True
    assert client.hgetall("k") == client.hgetall("g") == fields
    assert client.delete("g", "k") == 2


def test_every_command_refuses_another_type(wire: RedisConnection) -> None:
    wire("SADD", "s", "a")
    wire("HSET", "h", "a", "1")
    wrong = Error("WRONGTYPE Operation against a key holding the wrong kind of value")
    for command in [
        "HSET s a 1", "HMSET s a 1", "HSETNX s a 1", "HGET s a", "HMGET s a", "HDEL s a", "HLEN s",
        "HSTRLEN s a", "HEXISTS s a", "HGETALL s", "HKEYS s", "HVALS s", "HINCRBY s a 1", "HINCRBYFLOAT s a 1",
        "HRANDFIELD s", "HRANDFIELD s 2", "HSCAN s 0", "GET h", "APPEND h x", "INCR h", "SADD h a", "SMEMBERS h",
        "SCARD h", "SREM h a", "SPOP h", "GETRANGE h 0 1", "SETRANGE h 0 x", "STRLEN h", "GETEX h", "GETDEL h",
    ]:  # fmt: skip
        assert wire(*command.split()) == wrong, command
    assert wire("TYPE", "h").text == "hash"  # type: ignore[union-attr]


@pytest.mark.martlet
def test_memcached_says_that_a_hash_is_no_string(server: Server, client: redis.Redis) -> None:
    from wire import MemcachedConnection

    client.hset("h", "a", 1)
    with MemcachedConnection(server.memcached_port) as connection:
        assert connection.ask(b"get h\r\n").startswith(b"SERVER_ERROR")


@pytest.mark.martlet
def test_fields_expire(client: redis.Redis) -> None:
    client.hset("h", mapping={"a": 1, "b": 2, "c": 3})
    assert client.hpexpire("h", 1, "a", "missing") == [1, -2]
    assert client.hpexpireat("h", FAR, "b") == [1]
    while client.hexists("h", "a"):
        time.sleep(0.001)
    assert client.hgetall("h") == {b"b": b"2", b"c": b"3"}
    assert client.hpexpiretime("h", "a", "b", "c") == [-2, FAR, -1]
    assert client.hpersist("h", "b", "c") == [1, -1]
    assert client.httl("h", "b") == [-1]
    assert client.hexpire("h", 100, "b") == [1]
    assert client.httl("h", "b") == [100]
    assert client.hset("h", "b", "new") == 0
    assert client.httl("h", "b") == [-1]


@pytest.mark.martlet
def test_the_last_field_that_expires_takes_the_hash_with_it(client: redis.Redis) -> None:
    client.execute_command("HSETEX", "h", "PX", 1, "FIELDS", 2, "a", 1, "b", 2)
    while client.exists("h"):
        time.sleep(0.001)
    assert client.type("h") == b"none"
    assert client.set("h", "v", nx=True) is True


@pytest.mark.martlet
def test_values_with_another_expiry(client: redis.Redis) -> None:
    assert client.hsetex("h", mapping={"a": 1, "b": 2}, ex=100) == 1
    assert client.httl("h", "a", "b") == [100, 100]
    assert client.hgetex("h", "a", "missing", persist=True) == [b"1", None]
    assert client.httl("h", "a") == [-1]
    assert client.hgetdel("h", "a", "missing") == [b"1", None]
    assert client.hgetall("h") == {b"b": b"2"}
