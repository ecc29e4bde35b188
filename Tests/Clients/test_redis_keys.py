"""What concerns keys of every type: deletion, expiry, renaming, listing."""

from __future__ import annotations

import random
import time

import pytest
import redis

from servers import MartletServer, Server, eventually
from wire import OK, RedisConnection, Status

NOW = int(time.time())


@pytest.mark.parametrize("command", ["DEL", "UNLINK"])
def test_deletion_counts_what_was_there(wire: RedisConnection, command: str) -> None:
    wire("MSET", "a", "1", "b", "2", "c", "3")
    wire("SADD", "set", "a")
    assert wire(command, "a", "missing", "a", "set") == 2
    assert wire("EXISTS", "a", "set") == 0
    assert wire(command, "missing") == 0
    assert wire("DBSIZE") == 2


@pytest.mark.parametrize("command", ["EXISTS", "TOUCH"])
def test_keys_are_counted_each_time_they_are_named(wire: RedisConnection, command: str) -> None:
    wire("SET", "a", "1")
    wire("SADD", "set", "a")
    assert wire(command, "a", "a", "missing", "set") == 3
    assert wire(command, "missing") == 0


def test_type(wire: RedisConnection) -> None:
    wire("SET", "string", "1")
    wire("SADD", "set", "a")
    assert [wire("TYPE", key) for key in ["string", "set", "missing"]] == [
        Status("string"),
        Status("set"),
        Status("none"),
    ]


def test_keys_are_compared_whole_and_byte_by_byte(client: redis.Redis) -> None:
    keys = ["cat", "catalog", "cat1", "Cat", "CAT", "ca", "c", "", "cat ", " cat", "at", "concat", "catcat"]
    keys += [
        "caf\u00e9",
        "cafe\u0301",
        "\u212b",
        "\u00c5",
        '"cat"',
        "'cat'",
        "cat\\",
        "cat\n",
        "cat\r\n",
        "cat\0",
    ]
    for key in keys:
        assert client.get(key) is None, key
        client.set(key, f"value of {key}")
    for key in keys:
        assert client.get(key) == f"value of {key}".encode()
    assert client.dbsize() == len(keys)
    random.Random(1).shuffle(keys)
    while keys:
        assert client.delete(keys.pop()) == 1
        assert client.exists(*keys or ["cat"]) == len(keys)


@pytest.mark.parametrize(
    ("command", "argument", "expiry"),
    [
        ("EXPIRE", 100, None),
        ("PEXPIRE", 100_000, None),
        ("EXPIREAT", NOW + 5000, (NOW + 5000) * 1000),
        ("PEXPIREAT", NOW * 1000 + 5_000_123, NOW * 1000 + 5_000_123),
    ],
)
def test_expiry_is_set_read_and_taken_away(
    wire: RedisConnection, command: str, argument: int, expiry: int | None
) -> None:
    assert wire(command, "k", argument) == 0
    wire("SET", "k", "v")
    assert wire(command, "k", argument) == 1
    remaining = wire("PTTL", "k")
    assert isinstance(remaining, int)
    if expiry is None:
        assert 95_000 < remaining <= 100_000
    else:
        assert wire("PEXPIRETIME", "k") == expiry
        assert wire("EXPIRETIME", "k") == (expiry + 500) // 1000
        assert abs(remaining - (expiry - time.time() * 1000)) < 2000
    assert wire("PERSIST", "k") == 1
    assert wire("PERSIST", "k") == 0
    assert wire("PTTL", "k") == -1


def test_times_of_keys_without_and_of_missing_keys(wire: RedisConnection) -> None:
    wire("SET", "k", "v")
    for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]:
        assert wire(command, "k") == -1
        assert wire(command, "missing") == -2
    assert wire("PERSIST", "missing") == 0


def test_ttl_is_rounded_to_the_nearest_second(wire: RedisConnection) -> None:
    wire("SET", "k", "v", "PX", "100900")
    assert wire("TTL", "k") == 101
    wire("SET", "k", "v", "PX", "100400")
    assert wire("TTL", "k") == 100
    wire("PEXPIREAT", "k", NOW * 1000 + 5_000_700)
    assert wire("EXPIRETIME", "k") == NOW + 5001


@pytest.mark.parametrize(
    ("command", "argument"),
    [("EXPIRE", 0), ("EXPIRE", -1), ("PEXPIRE", -1), ("EXPIREAT", 1), ("EXPIREAT", 0), ("PEXPIREAT", 1000)],
)
def test_an_expiry_in_the_past_deletes_at_once(wire: RedisConnection, command: str, argument: int) -> None:
    wire("SET", "k", "v")
    assert wire(command, "k", argument) == 1
    assert wire("EXISTS", "k") == 0
    assert wire("DBSIZE") == 0


@pytest.mark.parametrize("command", ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"])
def test_expiry_under_a_condition(wire: RedisConnection, command: str) -> None:
    base = NOW + 10_000 if command.endswith("AT") else 10_000
    unit = 1000 if command.startswith("P") else 1

    def expire(amount: int, *options: str) -> object:
        return wire(command, "k", (base + amount) * unit, *options)

    assert expire(0, "NX") == 0
    wire("SET", "k", "v")
    assert expire(0, "XX") == 0
    assert expire(0, "GT") == 0, "a key without expiry lives for ever, which nothing is greater than"
    assert expire(0, "XX", "LT") == 0
    assert wire("TTL", "k") == -1
    assert expire(0, "LT") == 1
    assert expire(100, "NX") == 0
    assert expire(-100, "GT") == 0
    assert expire(0 if "AT" in command else -1, "GT") == 0
    assert expire(100, "LT") == 0
    assert expire(100, "GT") == 1
    assert expire(200, "xx", "gt") == 1
    assert expire(300, "XX", "LT") == 0
    assert expire(300, "XX") == 1
    assert expire(50, "LT", "XX") == 1
    wire("PERSIST", "k")
    assert expire(0, "NX") == 1


def test_writes_of_other_kinds_keep_the_expiry(wire: RedisConnection) -> None:
    wire("SADD", "set", "a")
    wire("EXPIRE", "set", "100")
    wire("SADD", "set", "b")
    wire("SREM", "set", "a")
    assert wire("TTL", "set") == 100
    wire("SPOP", "set")
    assert wire("TTL", "set") == -2
    wire("SADD", "set", "a")
    assert wire("TTL", "set") == -1


def test_rename(wire: RedisConnection) -> None:
    wire("SET", "a", "1", "EX", "100")
    wire("SET", "b", "2")
    assert wire("RENAME", "a", "b") == OK
    assert wire("GET", "b") == b"1"
    assert wire("TTL", "b") == 100
    assert wire("EXISTS", "a") == 0
    wire("SADD", "set", "x", "y")
    assert wire("RENAME", "set", "b") == OK
    assert wire("TYPE", "b") == Status("set")
    assert wire("TTL", "b") == -1
    assert wire("RENAME", "b", "b") == OK
    assert wire("SCARD", "b") == 2


def test_renamenx(wire: RedisConnection) -> None:
    wire("MSET", "a", "1", "b", "2")
    assert wire("RENAMENX", "a", "b") == 0
    assert wire("RENAMENX", "a", "a") == 0
    assert wire("RENAMENX", "a", "c") == 1
    assert wire("MGET", "a", "b", "c") == [None, b"2", b"1"]


def test_copy(wire: RedisConnection) -> None:
    assert wire("COPY", "missing", "b") == 0
    wire("SET", "a", "1", "EX", "100")
    assert wire("COPY", "a", "b") == 1
    assert wire("TTL", "b") == 100
    wire("SET", "a", "2")
    assert wire("COPY", "a", "b") == 0
    assert wire("GET", "b") == b"1"
    assert wire("COPY", "a", "b", "replace") == 1
    assert (wire("GET", "b"), wire("TTL", "b")) == (b"2", -1)
    wire("APPEND", "a", "x")
    assert wire("GET", "b") == b"2"


def test_copy_of_a_set_is_a_set_of_its_own(wire: RedisConnection) -> None:
    wire("SADD", "a", "x", "y")
    assert wire("COPY", "a", "b") == 1
    wire("SADD", "a", "z")
    wire("SREM", "b", "x")
    assert wire("SMISMEMBER", "a", "x", "y", "z") == [1, 1, 1]
    assert wire("SMISMEMBER", "b", "x", "y", "z") == [0, 1, 0]


def test_copy_to_another_database(wire: RedisConnection) -> None:
    wire("SET", "a", "1")
    assert wire("COPY", "a", "a", "DB", "3") == 1
    assert wire("COPY", "a", "a", "DB", "3") == 0
    wire("SET", "a", "2")
    assert wire("COPY", "a", "a", "REPLACE", "DB", "3") == 1
    assert wire("COPY", "a", "b", "DB", "0") == 1
    wire("SELECT", "3")
    assert wire("GET", "a") == b"2"
    assert wire("DBSIZE") == 1


def test_randomkey(wire: RedisConnection) -> None:
    assert wire("RANDOMKEY") is None
    names = {f"key{i}".encode() for i in range(10)}
    for name in names:
        wire("SET", name, "v")
    seen = {wire("RANDOMKEY") for _ in range(300)}
    assert seen <= names
    assert len(seen) > 3


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", "hello hallo hxllo hllo heeeello h[llo h*llo h?llo h\\llo hbllo h^llo h-llo other"),
        ("", ""),
        ("hello", "hello"),
        ("HELLO", ""),
        ("h?llo", "hello hallo hxllo h[llo h*llo h?llo h\\llo hbllo h^llo h-llo"),
        ("h*llo", "hello hallo hxllo hllo heeeello h[llo h*llo h?llo h\\llo hbllo h^llo h-llo"),
        ("h**llo", "hello hallo hxllo hllo heeeello h[llo h*llo h?llo h\\llo hbllo h^llo h-llo"),
        ("h[ae]llo", "hello hallo"),
        ("h[^e]llo", "hallo hxllo h[llo h*llo h?llo h\\llo hbllo h^llo h-llo"),
        ("h[a-b]llo", "hallo hbllo"),
        ("h[b-a]llo", "hallo hbllo"),
        ("h[e^]llo", "hello h^llo"),
        ("h[\\^e]llo", "hello h^llo"),
        ("h[\\-]llo", "h-llo"),
        ("h\\*llo", "h*llo"),
        ("h\\?llo", "h?llo"),
        ("h\\[llo", "h[llo"),
        ("h\\\\llo", "h\\llo"),
        ("\\hello", "hello"),
        ("*o", "hello hallo hxllo hllo heeeello h[llo h*llo h?llo h\\llo hbllo h^llo h-llo"),
        ("*e*", "hello heeeello other"),
        ("?????", "hello hallo hxllo h[llo h*llo h?llo h\\llo hbllo h^llo h-llo other"),
        ("ot[gh]er*", "other"),
        ("ot[gh", ""),
        ("*er?", ""),
    ],
)
def test_keys_and_scan_match_patterns(wire: RedisConnection, pattern: str, found: str) -> None:
    names = "hello hallo hxllo hllo heeeello h[llo h*llo h?llo h\\llo hbllo h^llo h-llo other"
    for name in names.split():
        wire("SET", name, "v")
    listed = wire("KEYS", pattern)
    assert isinstance(listed, list)
    assert sorted(listed) == sorted(name.encode() for name in found.split())
    assert sorted(scan_all(wire, "MATCH", pattern)) == sorted(listed)


def test_a_pattern_that_backtracks_answers_soon(wire: RedisConnection) -> None:
    wire("SET", "a" * 64, "v")
    started = time.monotonic()
    assert wire("KEYS", "a*" * 12 + "b") == []
    assert time.monotonic() - started < 2


def test_keys_sees_one_database_and_no_expired_key(wire: RedisConnection) -> None:
    wire("SET", "gone", "v", "PXAT", "1")
    wire("SET", "a", "v")
    wire("SELECT", "2")
    wire("SET", "b", "v")
    assert wire("KEYS", "*") == [b"b"]
    wire("SELECT", "0")
    assert wire("KEYS", "*") == [b"a"]


def scan_all(wire: RedisConnection, *options: str) -> set[bytes]:
    """What a whole SCAN finds. Whoever reads a scan has to expect a key twice."""
    found: set[bytes] = set()
    cursor = b"0"
    for _ in range(100_000):
        reply = wire("SCAN", cursor, *options)
        assert isinstance(reply, list)
        cursor, keys = reply
        found.update(keys)
        if cursor == b"0":
            return found
    raise AssertionError("a scan without end")


@pytest.mark.parametrize("options", [[], ["COUNT", "1"], ["COUNT", "10"], ["COUNT", "1000000"]])
def test_scan_finds_every_key(wire: RedisConnection, options: list[str]) -> None:
    names = {f"key{i}".encode() for i in range(1000)}
    wire.pipeline([("SET", name, "v") for name in names])
    assert scan_all(wire, *options) == names


def test_scan_of_an_empty_database(wire: RedisConnection) -> None:
    assert wire("SCAN", "0") == [b"0", []]


def test_scan_filters_by_type_and_pattern(client: redis.Redis) -> None:
    for i in range(50):
        client.set(f"string{i}", "v")
        client.sadd(f"set{i}", "a")
    assert set(client.scan_iter(_type="set")) == {f"set{i}".encode() for i in range(50)}
    assert set(client.scan_iter(match="*1?", _type="STRING", count=7)) == {
        f"string{i}".encode() for i in range(10, 20)
    }
    assert set(client.scan_iter(_type="list")) == set()
    assert len(set(client.scan_iter(match="s*", count=1))) == 100


def test_scan_misses_no_key_that_stays_while_others_come_and_go(wire: RedisConnection) -> None:
    """What is there from a scan's start to its end is found, though the table grows and shrinks."""
    stay = {f"stay{i}".encode() for i in range(500)}
    wire.pipeline([("SET", name, "v") for name in stay])
    found: set[bytes] = set()
    cursor, step = b"0", 0
    while True:
        reply = wire("SCAN", cursor, "COUNT", "20")
        assert isinstance(reply, list)
        cursor = reply[0]
        found.update(reply[1])
        if cursor == b"0":
            break
        step += 1
        assert step < 10_000
        if step < 12:
            wire.pipeline([("SET", f"guest{step}-{i}", "v") for i in range(400)])
        elif step < 24:
            wire.pipeline([("DEL", f"guest{step - 12}-{i}") for i in range(400)])
    assert found >= stay


def test_scan_leaves_out_expired_keys(wire: RedisConnection) -> None:
    wire("SET", "a", "v")
    wire("SET", "b", "v", "PX", "1")
    assert eventually(lambda: scan_all(wire) == {b"a"})


def test_expired_keys_stop_counting_without_being_read(server: Server, wire: RedisConnection) -> None:
    wire.pipeline([("SET", f"key{i}", "v", "PX", "50") for i in range(100)])
    wire("SET", "stays", "v")
    assert eventually(lambda: wire("DBSIZE") == 1, within=10)


def test_move(client: redis.Redis, protocol: int, server: Server) -> None:
    client.set("k", "v", ex=1000)
    assert client.move("k", 1) is True
    assert client.move("k", 1) is False
    with redis.Redis(port=server.redis_port, protocol=protocol, db=1) as other:
        assert other.get("k") == b"v"
        assert 990 < other.ttl("k") <= 1000
        client.set("k", "w")
        assert other.move("k", 0) is False
        assert other.get("k") == b"v"


def test_swapdb_is_seen_by_everybody(server: Server, wire: RedisConnection, protocol: int) -> None:
    with server.redis(protocol) as other:
        wire("SET", "k", "zero")
        other("SELECT", 1)
        other("SET", "k", "one")
        other("SADD", "s", "a")
        wire("WATCH", "s")
        assert other("SWAPDB", 0, 1) == OK
        assert wire("GET", "k") == b"one"
        assert other("GET", "k") == b"zero"
        wire("MULTI")
        wire("SCARD", "s")
        assert wire("EXEC") is None, "a key that came with SWAPDB has changed"
        assert wire("SCARD", "s") == 1
        assert other("EXISTS", "s") == 0


@pytest.mark.martlet
def test_swapped_and_moved_keys_are_there_after_a_restart(martlet: MartletServer) -> None:
    with martlet.redis() as connection:
        connection.pipeline(
            [
                ("SET", "k", "zero"),
                ("HSET", "h", "a", "1"),
                ("MOVE", "h", 3),
                ("SELECT", 2),
                ("SADD", "s", *range(1000)),
                ("SET", "e", "v", "EX", 1000),
            ]
        )
        assert connection("SWAPDB", 0, 2) == OK
        assert connection("SET", "new", 1) == OK
    for prepare in (martlet.restart, martlet.checkpoint, martlet.kill_and_start):
        prepare()
        with martlet.redis() as connection:
            assert connection("SCARD", "s") == 1000
            assert 0 < connection("TTL", "e") <= 1000
            connection("SELECT", 2)
            assert connection("MGET", "k", "new") == [b"zero", b"1"]
            connection("SELECT", 3)
            assert connection("HGET", "h", "a") == b"1"


def test_object(client: redis.Redis) -> None:
    client.mset({"n": 17, "short": "abc", "long": "x" * 100})
    client.hset("h", "f", "v")
    encodings = [client.object("ENCODING", key) for key in ("n", "short", "long", "h")]
    assert encodings == [b"int", b"embstr", b"raw", b"listpack"]
    client.hset("h", "f", "v" * 100)
    assert client.object("ENCODING", "h") == b"hashtable"
    client.rpush("l", "x")
    assert client.object("ENCODING", "l") == b"listpack"
    client.rpush("l", *["x" * 1000] * 100)
    assert client.object("ENCODING", "l") == b"quicklist"
    assert client.object("IDLETIME", "short") < 100
    assert client.object("REFCOUNT", "short") == 1
    assert client.object("ENCODING", "missing") is None
    with pytest.raises(redis.ResponseError, match="LFU"):
        client.object("FREQ", "short")
