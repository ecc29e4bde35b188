"""Commands that wait until a connection's writes are safe, and what a connection may ask of its own replies."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis

from servers import MartletServer, Server, eventually
from wire import NOT_AN_INTEGER, OK, SYNTAX_ERROR, Error, RedisConnection, Status

TIMEOUT_NOT_AN_INTEGER = Error("ERR timeout is not an integer or out of range")
TIMEOUT_NEGATIVE = Error("ERR timeout is negative")
LONG = 100
"""Milliseconds that are surely noticed."""


def elapsed(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


# WAIT, as any Redis without replicas has it.


def test_wait_for_no_replica_returns_at_once(wire: RedisConnection) -> None:
    wire("SET", "k", "v")
    assert wire("WAIT", "0", "0") == 0
    assert wire("WAIT", "-1", "0") == 0


def test_wait_for_a_replica_ends_with_its_time(client: redis.Redis) -> None:
    client.set("k", "v")
    assert elapsed(lambda: client.wait(1, LONG)) >= LONG / 1000


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("x", "0"), NOT_AN_INTEGER),
        (("99999999999999999999", "0"), NOT_AN_INTEGER),
        (("0", "x"), TIMEOUT_NOT_AN_INTEGER),
        (("0", "1.5"), TIMEOUT_NOT_AN_INTEGER),
        (("0", "-1"), TIMEOUT_NEGATIVE),
    ],
)
def test_wait_refuses_what_is_no_number(wire: RedisConnection, words: tuple[str, str], error: Error) -> None:
    assert wire("WAIT", *words) == error


def test_requests_behind_one_that_waits_wait_their_turn(server: Server, wire: RedisConnection) -> None:
    with server.redis() as other:
        wire.send(b"SET k 1\r\nWAIT 1 0\r\n")
        assert wire.read() == OK
        assert eventually(lambda: b" cmd=wait " in other.text("CLIENT", "LIST"))
        assert b" flags=b " in other.text("CLIENT", "LIST")
        wire.send(b"SET k 2\r\n")
        for _ in range(20):
            assert other("INCR", "n")
        assert other("GET", "k") == b"1"


def test_a_client_that_leaves_while_it_waits_is_gone(server: Server) -> None:
    with server.redis() as other:
        connections = [server.redis() for _ in range(10)]
        for connection in connections:
            connection.send(b"PING\r\nWAIT 1 0\r\n")
            assert connection.read() == Status("PONG")
        for connection in connections:
            connection.close()
        assert eventually(lambda: b"cmd=wait" not in other.text("CLIENT", "LIST"))


# WAITAOF came with Redis 7.2, and the peer is older.


@pytest.mark.martlet
@pytest.mark.parametrize("durability", ["always", "everysec", "never"])
def test_waitaof_returns_when_the_write_is_on_the_disk(
    new_server: Callable[..., MartletServer], durability: str
) -> None:
    server = new_server("--durability", durability)
    with redis.Redis(port=server.redis_port) as client:
        assert client.waitaof(1, 0, 0) == [1, 0]
        for number in range(20):
            client.set(f"k{number}", number)
            assert client.waitaof(1, 0, 0) == [1, 0]
            facts = client.info("persistence")
            assert facts["durable_version"] >= number + 1
    server.kill_and_start()
    with redis.Redis(port=server.redis_port) as client:
        assert client.dbsize() == 20


@pytest.mark.martlet
def test_waitaof_for_a_replica_ends_with_its_time_and_says_what_is_synced(client: redis.Redis) -> None:
    client.set("k", "v")
    assert elapsed(lambda: client.waitaof(0, 1, LONG)) >= LONG / 1000
    assert client.waitaof(1, 1, LONG) == [1, 0]


@pytest.mark.martlet
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("x", "0", "0"), NOT_AN_INTEGER),
        (("2", "0", "0"), Error("ERR value is out of range, value must between 0 and 1")),
        (("-1", "0", "0"), Error("ERR value is out of range, value must between 0 and 1")),
        (("0", "-1", "0"), Error("ERR value is out of range, must be positive")),
        (("0", "x", "0"), Error("ERR value is out of range, must be positive")),
        (("0", "0", "x"), TIMEOUT_NOT_AN_INTEGER),
        (("0", "0", "-1"), TIMEOUT_NEGATIVE),
    ],
)
def test_waitaof_refuses_what_is_no_number(
    wire: RedisConnection, words: tuple[str, str, str], error: Error
) -> None:
    assert wire("WAITAOF", *words) == error


# RESET.


def test_reset_makes_the_connection_new(server: Server, wire: RedisConnection) -> None:
    wire("CLIENT", "SETNAME", "bird")
    wire("SELECT", "3")
    wire("SET", "k", "v")
    assert wire("RESET") == Status("RESET")
    assert wire("CLIENT", "GETNAME") is None
    assert wire("GET", "k") is None
    assert isinstance(wire("HELLO"), list)
    assert wire("RESET", "now") == Error("ERR wrong number of arguments for 'reset' command")


# CLIENT DURABILITY, which is Martlet's own.


@pytest.mark.martlet
@pytest.mark.parametrize("durability", ["always", "everysec", "never"])
def test_client_durability_tells_what_holds(
    new_server: Callable[..., MartletServer], durability: str
) -> None:
    with new_server("--durability", durability).redis() as connection:
        assert connection("CLIENT", "DURABILITY") == durability.encode()
        assert connection("CLIENT", "DURABILITY", "async") == OK
        assert connection("CLIENT", "DURABILITY") == b"async"
        assert connection("SET", "k", "v") == OK
        assert connection("GET", "k") == b"v"
        assert connection("WAITAOF", "1", "0", "0") == [1, 0]
        assert connection("CLIENT", "DURABILITY", "DEFAULT") == OK
        assert connection("CLIENT", "DURABILITY") == durability.encode()


@pytest.mark.martlet
def test_reset_and_nothing_else_ends_client_durability(wire: RedisConnection) -> None:
    wire("CLIENT", "DURABILITY", "ASYNC")
    wire("HELLO", "3")
    wire("SELECT", "2")
    assert wire("CLIENT", "DURABILITY") == b"async"
    wire("RESET")
    assert wire("CLIENT", "DURABILITY") == b"always"


@pytest.mark.martlet
@pytest.mark.parametrize("words", [("ALWAYS",), ("NEVER",), ("",), ("ASYNC", "ASYNC")])
def test_client_durability_takes_only_its_words(wire: RedisConnection, words: tuple[str, ...]) -> None:
    assert wire("CLIENT", "DURABILITY", *words) == SYNTAX_ERROR
    assert wire("CLIENT", "DURABILITY") == b"always"
