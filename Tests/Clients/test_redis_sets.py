"""Sets: one key, many members."""

from __future__ import annotations

from collections import Counter

import pytest
import redis

from wire import RedisConnection

SIZES = [3, 600]
"""A small set and one that has left every compact form. Many servers store numbers and words apart."""


def members(count: int, kind: str = "word") -> set[bytes]:
    return {(f"{i}" if kind == "number" else f"member {i}").encode() for i in range(count)}


def test_sadd_and_srem_count_what_changed(client: redis.Redis) -> None:
    assert client.sadd("s", "a", "b", "a") == 2
    assert client.sadd("s", "b", "c") == 1
    assert client.sadd("s", "b") == 0
    assert client.smembers("s") == {b"a", b"b", b"c"}
    assert client.srem("s", "a", "missing", "a") == 1
    assert client.srem("missing", "a") == 0
    assert client.scard("s") == 2


def test_a_set_without_members_is_no_key(client: redis.Redis) -> None:
    client.sadd("s", "a", "b")
    assert client.srem("s", "a", "b") == 2
    assert client.exists("s") == 0
    client.sadd("s", "a")
    assert client.spop("s") == b"a"
    assert client.exists("s") == 0
    client.sadd("s", "a", "b")
    assert set(client.spop("s", 5)) == {b"a", b"b"}
    assert client.dbsize() == 0
    assert client.set("s", "now a string") is True


def test_members_are_compared_byte_by_byte(client: redis.Redis) -> None:
    words = [
        b"",
        b" ",
        b"1",
        b"01",
        b"+1",
        b"1.0",
        b"-1",
        b"a",
        b"A",
        b"a\r\n",
        b"a\0",
        b"\xff",
        "é".encode(),
    ]
    assert client.sadd("s", *words) == len(words)
    assert client.smembers("s") == set(words)
    assert client.smismember("s", [*words, b"2"]) == [1] * len(words) + [0]


@pytest.mark.parametrize("kind", ["number", "word"])
@pytest.mark.parametrize("count", SIZES)
def test_membership(wire: RedisConnection, count: int, kind: str) -> None:
    all_members = members(count, kind)
    assert wire("SADD", "s", *all_members) == count
    assert wire("SCARD", "s") == count
    listed = wire("SMEMBERS", "s")
    assert isinstance(listed, list | set)
    assert len(listed) == count
    assert set(listed) == all_members
    assert wire("SISMEMBER", "s", next(iter(all_members))) == 1
    assert wire("SISMEMBER", "s", "none") == 0
    assert wire("SISMEMBER", "missing", "a") == 0
    ordered = sorted(all_members)
    assert wire("SMISMEMBER", "s", *ordered, "none") == [1] * count + [0]
    assert wire("SMISMEMBER", "missing", "a", "b") == [0, 0]
    assert wire("SCARD", "missing") == 0
    half = ordered[: count // 2]
    assert wire("SREM", "s", *half) == len(half)
    left = wire("SMEMBERS", "s")
    assert isinstance(left, list | set)
    assert set(left) == all_members - set(half)


def test_numbers_and_words_live_in_one_set(client: redis.Redis) -> None:
    client.sadd("s", *range(100))
    client.sadd("s", "word", 2**62, -(2**63), 2**63)
    assert client.scard("s") == 104
    assert client.sismember("s", "word") and client.sismember("s", 50)
    assert client.smismember("s", [2**63, -(2**63), 2**61]) == [1, 1, 0]


@pytest.mark.parametrize("count", SIZES)
def test_spop_takes_each_member_once(wire: RedisConnection, count: int) -> None:
    wire("SADD", "s", *members(count))
    popped = [wire("SPOP", "s") for _ in range(count)]
    assert set(popped) == members(count)
    assert wire("SPOP", "s") is None
    assert wire("EXISTS", "s") == 0


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("share", [1, 2])
def test_spop_with_a_count(wire: RedisConnection, count: int, share: int) -> None:
    wire("SADD", "s", *members(count))
    wanted = count // share
    popped = wire("SPOP", "s", wanted)
    assert isinstance(popped, list | set)
    assert len(popped) == len(set(popped)) == wanted
    assert wire("SCARD", "s") == count - wanted
    assert wire("SMISMEMBER", "s", *popped) == [0] * wanted
    rest = wire("SPOP", "s", "1000000")
    assert isinstance(rest, list | set)
    assert set(popped) | set(rest) == members(count)


def test_spop_of_nothing(wire: RedisConnection) -> None:
    nothing: object = set() if wire.protocol == 3 else []
    assert wire("SPOP", "missing") is None
    assert wire("SPOP", "missing", "3") == nothing
    wire("SADD", "s", "a")
    assert wire("SPOP", "s", "0") in ([], set())
    assert wire("SCARD", "s") == 1


@pytest.mark.parametrize("count", SIZES)
def test_srandmember(wire: RedisConnection, count: int) -> None:
    wire("SADD", "s", *members(count))
    assert wire("SRANDMEMBER", "s") in members(count)
    for wanted in [1, 2, count - 1, count, count + 10]:
        chosen = wire("SRANDMEMBER", "s", wanted)
        assert isinstance(chosen, list)
        assert len(chosen) == len(set(chosen)) == min(wanted, count)
        assert set(chosen) <= members(count)
    assert wire("SCARD", "s") == count


@pytest.mark.parametrize("count", SIZES)
def test_srandmember_with_a_count_below_zero_repeats(wire: RedisConnection, count: int) -> None:
    wire("SADD", "s", *members(count))
    chosen = wire("SRANDMEMBER", "s", -(count * 4))
    assert isinstance(chosen, list)
    assert len(chosen) == count * 4
    assert set(chosen) <= members(count)
    assert max(Counter(chosen).values()) > 1


def test_srandmember_of_nothing(wire: RedisConnection) -> None:
    assert wire("SRANDMEMBER", "missing") is None
    assert wire("SRANDMEMBER", "missing", "3") == []
    assert wire("SRANDMEMBER", "missing", "-3") == []
    wire("SADD", "s", "a")
    assert wire("SRANDMEMBER", "s", "0") == []


def test_srandmember_gives_every_member_a_chance(wire: RedisConnection) -> None:
    wire("SADD", "s", *members(10))
    chosen = wire("SRANDMEMBER", "s", "-5000")
    assert isinstance(chosen, list)
    counts = Counter(chosen)
    assert set(counts) == members(10)
    assert min(counts.values()) > 100, "500 are expected of each"


def sscan_all(wire: RedisConnection, *options: str) -> set[bytes]:
    found: set[bytes] = set()
    cursor = b"0"
    for _ in range(100_000):
        reply = wire("SSCAN", "s", cursor, *options)
        assert isinstance(reply, list)
        cursor, part = reply
        found.update(part)
        if cursor == b"0":
            return found
    raise AssertionError("a scan without end")


@pytest.mark.parametrize("kind", ["number", "word"])
@pytest.mark.parametrize("options", [[], ["COUNT", "1"], ["COUNT", "100000"]])
@pytest.mark.parametrize("count", SIZES)
def test_sscan_finds_every_member(wire: RedisConnection, count: int, options: list[str], kind: str) -> None:
    wire("SADD", "s", *members(count, kind))
    assert sscan_all(wire, *options) == members(count, kind)


def test_sscan_matches_patterns(wire: RedisConnection) -> None:
    wire("SADD", "s", *members(600))
    assert sscan_all(wire, "MATCH", "member 1?") == {f"member {i}".encode() for i in range(10, 20)}
    assert sscan_all(wire, "COUNT", "5", "MATCH", "none*") == set()


def test_sscan_misses_no_member_that_stays(wire: RedisConnection) -> None:
    wire("SADD", "s", *members(600))
    found: set[bytes] = set()
    cursor, step = b"0", 0
    while True:
        reply = wire("SSCAN", "s", cursor, "COUNT", "20")
        assert isinstance(reply, list)
        cursor = reply[0]
        found.update(reply[1])
        if cursor == b"0":
            break
        step += 1
        assert step < 10_000
        if step < 10:
            wire("SADD", "s", *[f"guest{step}-{i}" for i in range(500)])
        elif step < 20:
            wire("SREM", "s", *[f"guest{step - 10}-{i}" for i in range(500)])
    assert found >= members(600)


def test_sscan_of_a_missing_key(wire: RedisConnection) -> None:
    assert wire("SSCAN", "missing", "0") == [b"0", []]


def test_a_large_set(client: redis.Redis) -> None:
    words = [f"member{i}" for i in range(20_000)]
    for start in range(0, len(words), 5000):
        assert client.sadd("s", *words[start : start + 5000]) == 5000
    assert client.scard("s") == len(words)
    assert client.smembers("s") == {word.encode() for word in words}
    assert set(client.sscan_iter("s", count=1000)) == {word.encode() for word in words}
    assert client.delete("s") == 1


@pytest.mark.parametrize("size", SIZES)
def test_unions_intersections_and_differences(client: redis.Redis, size: int) -> None:
    client.sadd("a", *range(size))
    client.sadd("b", *range(size // 2, size * 2))
    client.sadd("c", *range(0, size * 2, 2))
    a, b, c = set(range(size)), set(range(size // 2, size * 2)), set(range(0, size * 2, 2))
    for name, expected in {
        "sunion": a | b | c,
        "sinter": a & b & c,
        "sdiff": a - b - c,
    }.items():
        assert {int(each) for each in getattr(client, name)("a", "b", "c")} == expected
        assert getattr(client, f"{name}store")("kept", "a", "b", "c") == len(expected)
        assert {int(each) for each in client.smembers("kept")} == expected
    assert client.sintercard(2, ["a", "b"]) == len(a & b)
    assert client.sintercard(2, ["a", "b"], limit=1) == min(1, len(a & b))
    assert client.sinter("a", "missing") == set()
    assert client.sunionstore("a", "a", "b") == len(a | b)


def test_smove(client: redis.Redis) -> None:
    client.sadd("waiting", "job 1", "job 2")
    assert client.smove("waiting", "running", "job 1") is True
    assert client.smove("waiting", "running", "job 1") is False
    assert client.smembers("running") == {b"job 1"}
    assert client.smove("waiting", "running", "job 2") is True
    assert client.exists("waiting") == 0
