"""Bitmaps, bit fields and HyperLogLogs."""

from __future__ import annotations

import pytest
import redis

from servers import MartletServer, Server
from wire import RedisConnection

OVERFLOW = 127


def test_bits_are_set_and_read(client: redis.Redis) -> None:
    assert client.setbit("b", 7, 1) == 0
    assert client.setbit("b", 7, 0) == 1
    assert client.setbit("b", 100, 1) == 0
    assert client.getbit("b", 100) == 1
    assert client.getbit("b", 10**9) == 0
    assert client.strlen("b") == 13
    assert client.bitcount("b") == 1
    assert client.bitcount("b", 0, 11) == 0
    assert client.bitcount("b", 96, 103, "BIT") == 1
    assert client.bitpos("b", 1) == 100
    assert client.bitpos("b", 0, 12) == 96


def test_users_seen_on_both_of_two_days(client: redis.Redis) -> None:
    for day, users in {"monday": [1, 5, 99_999], "tuesday": [5, 7, 99_999]}.items():
        for user in users:
            client.setbit(day, user, 1)
    assert client.bitop("AND", "both", "monday", "tuesday") == 99_999 // 8 + 1
    assert client.bitcount("both") == 2
    client.bitop("OR", "either", "monday", "tuesday")
    assert client.bitcount("either") == 4
    client.bitop("XOR", "one", "monday", "tuesday")
    assert [client.getbit("one", user) for user in (1, 5, 7)] == [1, 0, 1]
    client.bitop("NOT", "none", "monday")
    assert client.getbit("none", 1) == 0


def test_bit_fields(client: redis.Redis) -> None:
    fields = client.bitfield("f")
    assert fields.set("u8", "#0", 200).incrby("u8", "#1", 300, "SAT").get("i8", "#0").execute() == [0, 255, -56]
    fields.reset()
    assert fields.incrby("i8", "#2", OVERFLOW + 1, "FAIL").get("u16", 0).execute() == [None, 200 << 8 | 255]
    assert client.bitfield_ro("f", "u8", 0) == [200]


def test_hyperloglogs_count_about(client: redis.Redis) -> None:
    assert client.pfadd("seen", *range(1000)) == 1
    assert client.pfadd("seen", *range(1000)) == 0
    assert abs(client.pfcount("seen") - 1000) < 20
    client.pfadd("others", *range(500, 3000))
    assert abs(client.pfcount("seen", "others") - 3000) < 60
    assert client.pfmerge("all", "seen", "others") is True
    assert client.pfcount("all") == client.pfcount("seen", "others")
    assert client.pfcount("missing") == 0


def test_a_hyperloglog_moves_as_a_string(wire: RedisConnection) -> None:
    wire("PFADD", "few", *range(50))
    wire("PFADD", "many", *range(10_000))
    for key in ("few", "many"):
        value = wire("GET", key)
        assert isinstance(value, bytes)
        assert value.startswith(b"HYLL")
        wire("SET", "copy", value)
        assert wire("PFCOUNT", "copy") == wire("PFCOUNT", key)
        assert wire("PFADD", "copy", "new") == 1
    assert wire("PFCOUNT", "copy", "many") == wire("PFCOUNT", "copy")


@pytest.mark.martlet
def test_what_has_changed_is_there_after_a_restart(martlet: MartletServer) -> None:
    def look(server: Server) -> list[object]:
        with server.redis() as connection:
            commands = [("GET", "b"), ("GET", "f"), ("GET", "h"), ("PFCOUNT", "h"), ("GET", "m"), ("TTL", "b")]
            return connection.pipeline([*commands, ("GET", "d")])

    with martlet.redis() as connection:
        for command in [
            ("SETBIT", "b", 1000, 1),
            ("EXPIRE", "b", 100_000),
            ("SETBIT", "b", 3, 1),
            ("BITFIELD", "f", "SET", "u8", 8, 7, "INCRBY", "i64", 100, -3),
            ("PFADD", "h", *range(300)),
            ("PFADD", "h", *range(300, 310)),
            ("PFMERGE", "m", "h"),
            ("PFADD", "m", *range(4000)),
            ("PFADD", "m", "one"),
            ("BITOP", "XOR", "d", "b", "f"),
        ]:
            connection(*command)
    before = look(martlet)
    martlet.restart()
    after = look(martlet)
    assert before[:5] == after[:5]
    assert before[6] == after[6]
    assert after[5] > 90_000
