"""Strings and counters."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from servers import MartletServer, Server, eventually
from wire import OK, RedisConnection

MAXIMUM = 2**63 - 1
MINIMUM = -(2**63)


def test_set_and_get(client: redis.Redis) -> None:
    assert client.get("Hello") is None
    assert client.set("Hello", "World") is True
    assert client.get("Hello") == b"World"
    assert client.set("Hello", "") is True
    assert client.get("Hello") == b""


def test_set_nx_and_xx(client: redis.Redis) -> None:
    assert client.set("k", "a", xx=True) is None
    assert client.exists("k") == 0
    assert client.set("k", "b", nx=True) is True
    assert client.set("k", "c", nx=True) is None
    assert client.get("k") == b"b"
    assert client.set("k", "d", xx=True) is True
    assert client.get("k") == b"d"


def test_set_get_answers_the_old_value(client: redis.Redis) -> None:
    assert client.set("k", "a", get=True) is None
    assert client.set("k", "b", get=True) == b"a"
    assert client.set("k", "c", nx=True, get=True) == b"b"
    assert client.get("k") == b"b"
    assert client.set("k", "d", xx=True, get=True) == b"b"
    assert client.get("k") == b"d"
    assert client.set("new", "a", nx=True, get=True) is None
    assert client.get("new") == b"a"
    assert client.set("other", "a", xx=True, get=True) is None
    assert client.exists("other") == 0


def test_set_replaces_any_type_and_drops_the_expiry(client: redis.Redis) -> None:
    client.sadd("k", "a")
    assert client.execute_command("SET", "k", "v", "NX") is None
    assert client.set("k", "v", ex=100) is True
    assert client.type("k") == b"string"
    assert client.ttl("k") == 100
    client.set("k", "w")
    assert client.ttl("k") == -1


@pytest.mark.parametrize(
    ("options", "milliseconds"),
    [({"ex": 100}, 100_000), ({"px": 100_500}, 100_500), ({"ex": 1}, 1000), ({"px": 10**15}, 10**15)],
)
def test_set_with_relative_expiry(client: redis.Redis, options: dict[str, int], milliseconds: int) -> None:
    assert client.set("k", "v", **options) is True
    assert milliseconds - 5000 < client.pttl("k") <= milliseconds
    assert client.get("k") == b"v"


def test_set_with_absolute_expiry(client: redis.Redis) -> None:
    at = int(time.time()) + 1000
    client.set("k", "v", exat=at)
    assert client.expiretime("k") == at
    client.set("k", "v", pxat=at * 1000 + 123)
    assert client.pexpiretime("k") == at * 1000 + 123
    client.execute_command("SET", "k", "v", "PXAT", MAXIMUM)
    assert client.pexpiretime("k") == MAXIMUM
    assert client.get("k") == b"v"


def test_set_with_expiry_in_the_past_leaves_no_key(client: redis.Redis) -> None:
    client.set("k", "old")
    assert client.set("k", "v", exat=1) is True
    assert client.get("k") is None
    assert client.exists("k") == 0
    assert client.type("k") == b"none"
    assert client.ttl("k") == -2
    assert client.set("k", "v", nx=True) is True


def test_set_keepttl(client: redis.Redis) -> None:
    client.set("k", "v", ex=100)
    client.set("k", "w", keepttl=True)
    assert client.get("k") == b"w"
    assert client.ttl("k") == 100
    client.set("new", "v", keepttl=True)
    assert client.ttl("new") == -1


def test_the_options_of_set_come_in_any_order(wire: RedisConnection) -> None:
    assert wire("SET", "k", "v", "PX", "100000", "NX") == OK
    assert wire("SET", "k", "w", "GET", "XX", "EX", "50") == b"v"
    assert wire("SET", "k", "x", "KEEPTTL", "GET") == b"w"
    assert wire("TTL", "k") == 50


def test_a_key_is_gone_when_its_time_has_come(client: redis.Redis) -> None:
    start = time.monotonic()
    client.set("k", "v", px=200)
    client.sadd("set", "a")
    client.pexpire("set", 200)
    assert client.get("k") == b"v"
    assert eventually(lambda: client.get("k") is None and client.scard("set") == 0)
    assert time.monotonic() - start >= 0.199
    assert client.exists("k", "set") == 0
    assert client.ttl("k") == -2
    assert client.keys("*") == []
    assert client.set("k", "v", xx=True) is None
    assert eventually(lambda: client.dbsize() == 0)


def test_getset(client: redis.Redis) -> None:
    assert client.getset("k", "a") is None
    client.expire("k", 100)
    assert client.getset("k", "b") == b"a"
    assert client.ttl("k") == -1
    assert client.get("k") == b"b"


def test_getdel(client: redis.Redis) -> None:
    assert client.getdel("k") is None
    client.set("k", "v")
    assert client.getdel("k") == b"v"
    assert client.exists("k") == 0


def test_getex(client: redis.Redis) -> None:
    assert client.getex("k") is None
    assert client.getex("k", ex=10) is None
    client.set("k", "v")
    assert client.getex("k") == b"v"
    assert client.ttl("k") == -1
    assert client.getex("k", ex=100) == b"v"
    assert client.ttl("k") == 100
    assert client.getex("k") == b"v"
    assert client.ttl("k") == 100
    assert client.getex("k", px=50_000) == b"v"
    assert 45_000 < client.pttl("k") <= 50_000
    at = int(time.time()) + 1000
    assert client.getex("k", exat=at) == b"v"
    assert client.expiretime("k") == at
    assert client.getex("k", pxat=at * 1000 + 7) == b"v"
    assert client.pexpiretime("k") == at * 1000 + 7
    assert client.getex("k", persist=True) == b"v"
    assert client.ttl("k") == -1
    assert client.execute_command("GETEX", "k", "EXAT", "1") == b"v"
    assert client.exists("k") == 0


def test_getex_of_a_missing_key_looks_at_no_expiry(wire: RedisConnection) -> None:
    assert wire("GETEX", "missing", "EX", "0") is None


def test_setnx(client: redis.Redis) -> None:
    assert client.setnx("k", "a") is True
    assert client.setnx("k", "b") is False
    assert client.get("k") == b"a"
    client.sadd("set", "a")
    assert client.setnx("set", "b") is False


def test_mset_and_mget(client: redis.Redis) -> None:
    client.sadd("set", "a")
    client.set("b", "old", ex=100)
    assert client.mset({"a": "1", "b": "2", "c": ""}) is True
    assert client.mget("a", "missing", "b", "set", "c", "a") == [b"1", None, b"2", None, b"", b"1"]
    assert client.ttl("b") == -1
    assert client.mset({"set": "v"}) is True
    assert client.get("set") == b"v"


def test_mset_takes_the_last_of_equal_keys(wire: RedisConnection) -> None:
    assert wire("MSET", "a", "1", "a", "2") == OK
    assert wire("GET", "a") == b"2"
    assert wire("MSETNX", "b", "1", "b", "2") == 1
    assert wire("GET", "b") == b"2"


def test_msetnx_is_all_or_nothing(client: redis.Redis) -> None:
    assert client.msetnx({"a": "1", "b": "2"}) in (True, 1)
    assert client.msetnx({"c": "3", "b": "4"}) in (False, 0)
    assert client.mget("a", "b", "c") == [b"1", b"2", None]


def test_mset_and_mget_are_atomic(server: Server, client: redis.Redis) -> None:
    """A reader never sees half of another client's MSET."""
    keys = [f"key{i}" for i in range(8)]
    client.mset(dict.fromkeys(keys, "start"))
    done = threading.Event()
    torn: list[list[bytes | None]] = []

    def read() -> None:
        with server.redis() as connection:
            while not done.is_set():
                values = connection("MGET", *keys)
                assert isinstance(values, list)
                if len(set(values)) != 1:
                    torn.append(values)

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(300):
        client.mset(dict.fromkeys(keys, str(i)))
    done.set()
    reader.join()
    assert torn == []


def test_counters(client: redis.Redis) -> None:
    assert client.incr("n") == 1
    assert client.incr("n") == 2
    assert client.decr("n") == 1
    assert client.incrby("n", 41) == 42
    assert client.decrby("n", 2) == 40
    assert client.incrby("n", -50) == -10
    assert client.decrby("n", -10) == 0
    assert client.get("n") == b"0"
    assert client.decr("new") == -1
    assert client.decrby("newer", 5) == -5


def test_counters_reach_their_limits(client: redis.Redis) -> None:
    client.set("n", MAXIMUM - 1)
    assert client.incr("n") == MAXIMUM
    with pytest.raises(redis.ResponseError, match=r"^increment or decrement would overflow$"):
        client.incr("n")
    assert client.incrby("n", 0) == MAXIMUM
    client.set("n", MINIMUM + 1)
    assert client.decr("n") == MINIMUM
    with pytest.raises(redis.ResponseError, match=r"^increment or decrement would overflow$"):
        client.decr("n")
    assert client.get("n") == str(MINIMUM).encode()
    client.set("n", 0)
    assert client.incrby("n", MINIMUM) == MINIMUM
    client.set("n", -1)
    assert client.incrby("n", MAXIMUM) == MAXIMUM - 1


def test_counters_keep_the_expiry(client: redis.Redis) -> None:
    client.set("n", 5, ex=100)
    client.incr("n")
    client.decrby("n", 3)
    assert client.ttl("n") == 100


def test_counting_by_many_clients_at_once_misses_nothing(server: Server) -> None:
    def count() -> None:
        with server.redis() as connection:
            for _ in range(200):
                connection("INCR", "n")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with server.redis() as connection:
        assert connection("GET", "n") == b"1600"


def test_append(client: redis.Redis) -> None:
    assert client.append("k", "Hello") == 5
    client.expire("k", 100)
    assert client.append("k", " World") == 11
    assert client.append("k", "") == 11
    assert client.get("k") == b"Hello World"
    assert client.ttl("k") == 100
    client.set("n", 12)
    assert client.append("n", "3") == 3
    assert client.incr("n") == 124


def test_strlen(client: redis.Redis) -> None:
    assert client.strlen("k") == 0
    client.set("k", "a\0b\xe4".encode())
    assert client.strlen("k") == 5
    client.set("k", 1234)
    assert client.strlen("k") == 4


@pytest.mark.parametrize(
    ("start", "end", "part"),
    [
        (0, 3, b"This"),
        (-3, -1, b"ing"),
        (0, -1, b"This is a string"),
        (10, 100, b"string"),
        (5, 5, b"i"),
        (5, 4, b""),
        (-1, -5, b""),
        (-100, 1, b"Th"),
        (-100, -90, b"T"),
        (100, 200, b""),
        (15, 16, b"g"),
        (16, 16, b""),
        (MINIMUM, MAXIMUM, b"This is a string"),
    ],
)
def test_getrange(client: redis.Redis, start: int, end: int, part: bytes) -> None:
    client.set("k", "This is a string")
    assert client.getrange("k", start, end) == part
    assert client.getrange("missing", start, end) == b""


def test_setrange(client: redis.Redis) -> None:
    client.set("k", "Hello World", ex=100)
    assert client.setrange("k", 6, "Redis") == 11
    assert client.get("k") == b"Hello Redis"
    assert client.setrange("k", 13, "!") == 14
    assert client.get("k") == b"Hello Redis\0\0!"
    assert client.setrange("k", 0, "") == 14
    assert client.ttl("k") == 100
    assert client.setrange("new", 3, "x") == 4
    assert client.get("new") == b"\0\0\0x"
    assert client.setrange("nothing", 5, "") == 0
    assert client.exists("nothing") == 0


def test_a_pipeline_of_redis_py(client: redis.Redis) -> None:
    pipeline = client.pipeline(transaction=False)
    for i in range(3000):
        pipeline.set(f"key{i}", i)
        pipeline.get(f"key{i}")
    replies = pipeline.execute()
    assert replies[::2] == [True] * 3000
    assert replies[1::2] == [str(i).encode() for i in range(3000)]


def test_incrbyfloat(client: redis.Redis) -> None:
    assert client.incrbyfloat("f", 10.5) == 10.5
    assert client.incrbyfloat("f", -0.25) == 10.25
    assert client.get("f") == b"10.25"
    assert client.incrbyfloat("f", 0.75) == 11
    assert client.get("f") == b"11"
    assert client.incr("f") == 12


def test_lcs(client: redis.Redis) -> None:
    client.mset({"a": "ohmytext", "b": "mynewtext"})
    assert client.lcs("a", "b") == b"mytext"
    assert client.lcs("a", "b", len=True) == 6


@pytest.mark.martlet
def test_set_if_the_key_has_a_version(wire: RedisConnection) -> None:
    assert wire("OBJECT", "VERSION", "k") == 0
    assert wire("SET", "k", "a", "IFVERSION", 0) == OK
    assert wire("SET", "k", "b", "IFVERSION", 0) is None
    first = wire("OBJECT", "VERSION", "k")
    assert isinstance(first, int) and first > 0
    assert wire("SET", "k", "b", "IFVERSION", first) == OK
    assert wire("SET", "k", "c", "IFVERSION", first) is None
    assert wire("SET", "k", "c", "IFVERSION", first, "GET") == b"b"
    assert wire("GET", "k") == b"b"
    second = wire("OBJECT", "VERSION", "k")
    assert isinstance(second, int) and second > first
    wire("EXPIRE", "k", 100)
    assert wire("SET", "k", "c", "IFVERSION", second) is None
    third = wire("OBJECT", "VERSION", "k")
    assert wire("SET", "k", "c", "KEEPTTL", "IFVERSION", third) == OK
    assert wire("TTL", "k") == 100
    wire("DEL", "k")
    assert wire("SET", "k", "d", "IFVERSION", third) is None
    wire("SADD", "s", "a")
    assert wire("SET", "s", "x", "IFVERSION", 1_000_000) is None
    assert wire("SET", "s", "x", "IFVERSION", wire("OBJECT", "VERSION", "s")) == OK
    syntax = "ERR syntax error"
    for words in (["NX"], ["XX"], ["IFEQ", "x"], ["IFVERSION", 1]):
        assert wire("SET", "k", "x", "IFVERSION", 0, *words).text == syntax
        assert wire("SET", "k", "x", *words, "IFVERSION", 0).text == syntax
    assert wire("SET", "k", "x", "IFVERSION").text == syntax
    for number in ("x", "-1", "1.5", ""):
        assert wire("SET", "k", "x", "IFVERSION", number).text == "ERR value is not an integer or out of range"


@pytest.mark.martlet
def test_a_version_is_the_same_after_a_restart_and_a_checkpoint(martlet: MartletServer) -> None:
    with martlet.redis() as connection:
        connection.pipeline([("SET", "k", 1), ("SADD", "s", 1), ("APPEND", "k", 2), ("HSET", "h", "f", 1)])
        before = [connection("OBJECT", "VERSION", key) for key in ("k", "s", "h")]
    assert martlet.checkpoint()
    martlet.restart()
    with martlet.redis() as connection:
        assert [connection("OBJECT", "VERSION", key) for key in ("k", "s", "h")] == before
