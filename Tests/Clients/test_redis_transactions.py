"""Transactions: MULTI, EXEC, DISCARD, WATCH and UNWATCH, by bare requests and through redis-py."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis

from servers import MartletServer, Server, eventually
from wire import NOT_AN_INTEGER, OK, WRONGTYPE, Error, RedisConnection, Status

QUEUED = Status("QUEUED")
ABORTED = Error("EXECABORT Transaction discarded because of previous errors.")
EXEC_ALONE = Error("ERR EXEC without MULTI")
DISCARD_ALONE = Error("ERR DISCARD without MULTI")
NESTED = Error("ERR MULTI calls can not be nested")
WATCH_INSIDE = Error("ERR WATCH inside MULTI is not allowed")
NOT_INSIDE = Error("ERR Command not allowed inside a transaction")

WORKERS = 8
INCREMENTS = 50


@pytest.fixture
def other(server: Server) -> Iterator[RedisConnection]:
    with server.redis() as connection:
        yield connection


def transact(connection: RedisConnection) -> object:
    """What EXEC replies to a transaction of one command."""
    assert connection("MULTI") == OK
    assert connection("SET", "done", "1") == QUEUED
    return connection("EXEC")


# Queueing and running.


def test_commands_are_queued_and_run_in_order(wire: RedisConnection, other: RedisConnection) -> None:
    assert wire("MULTI") == OK
    assert wire("SET", "k", "1") == QUEUED
    assert wire("INCR", "k") == QUEUED
    assert wire("SADD", "s", "a") == QUEUED
    assert wire("SMEMBERS", "s") == QUEUED
    assert wire("GET", "absent") == QUEUED
    assert other("EXISTS", "k", "s") == 0
    members = {b"a"} if wire.protocol == 3 else [b"a"]
    assert wire("EXEC") == [OK, 2, 1, members, None]
    assert other("GET", "k") == b"2"


def test_a_command_that_fails_leaves_the_others_going(wire: RedisConnection) -> None:
    wire.pipeline([("MULTI",), ("SET", "k", "x"), ("INCR", "k"), ("SADD", "k", "x"), ("SET", "j", "y")])
    assert wire("EXEC") == [OK, NOT_AN_INTEGER, WRONGTYPE, OK]
    assert wire("GET", "j") == b"y"


def test_what_cannot_be_queued_makes_exec_run_nothing(wire: RedisConnection) -> None:
    for words in [("NOSUCH",), ("GET",), ("CLIENT", "NOSUCH"), ("CONFIG", "GET"), ("DISCARD", "x")]:
        assert wire("MULTI") == OK
        assert wire("SET", "k", "1") == QUEUED
        assert isinstance(wire(*words), Error), words
        assert wire("SET", "k", "2") == QUEUED
        assert wire("EXEC") == ABORTED
        assert wire("EXEC") == EXEC_ALONE
    assert wire("MULTI") == OK
    assert wire("SAVE") == NOT_INSIDE
    assert wire("EXEC") == ABORTED
    assert wire("EXISTS", "k") == 0


def test_multi_and_watch_inside_are_refused_and_the_rest_runs(wire: RedisConnection) -> None:
    assert wire("MULTI") == OK
    assert wire("MULTI") == NESTED
    assert wire("WATCH", "k") == WATCH_INSIDE
    assert wire("SET", "k", "1") == QUEUED
    assert wire("EXEC") == [OK]


def test_exec_and_discard_want_a_multi(wire: RedisConnection) -> None:
    assert wire("EXEC") == EXEC_ALONE
    assert wire("DISCARD") == DISCARD_ALONE
    assert wire("MULTI") == OK
    assert wire("SET", "k", "1") == QUEUED
    assert wire("DISCARD") == OK
    assert wire("DISCARD") == DISCARD_ALONE
    assert wire("EXISTS", "k") == 0
    assert wire("EXEC", "x") == Error(
        "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
    )


def test_select_inside_holds_on(wire: RedisConnection, other: RedisConnection) -> None:
    wire.pipeline([("MULTI",), ("SET", "k", "0"), ("SELECT", "1"), ("SET", "k", "1")])
    assert other("GET", "k") is None
    assert wire("EXEC") == [OK, OK, OK]
    assert wire("GET", "k") == b"1"
    assert other("GET", "k") == b"0"
    assert wire("FLUSHALL") == OK


def test_nothing_inside_waits(wire: RedisConnection) -> None:
    wire.pipeline([("MULTI",), ("SET", "k", "1"), ("WAIT", "1", "0"), ("WAIT", "1", "100000")])
    start = time.monotonic()
    assert wire("EXEC") == [OK, 0, 0]
    assert time.monotonic() - start < 10


def test_commands_about_everything_run_inside(wire: RedisConnection) -> None:
    wire("SET", "k", "1")
    wire.pipeline(
        [("MULTI",), ("DBSIZE",), ("SCAN", "0"), ("KEYS", "*"), ("RANDOMKEY",), ("INFO", "keyspace")]
        + [("FLUSHALL",), ("DBSIZE",), ("TIME",), ("CLIENT", "ID"), ("COMMAND", "COUNT"), ("ECHO", "x")]
    )
    replies = wire("EXEC")
    assert isinstance(replies, list)
    assert replies[:4] == [1, [b"0", [b"k"]], [b"k"], b"k"]
    assert replies[5:7] == [OK, 0]
    assert replies[-1] == b"x"


def test_client_list_shows_what_is_queued(wire: RedisConnection, other: RedisConnection) -> None:
    def shown() -> bytes:
        line = next(line for line in other.text("CLIENT", "LIST").splitlines() if wire.address.encode() in line)
        return b" ".join(word for word in line.split() if word.startswith((b"flags=", b"multi=")))

    assert shown() == b"flags=N multi=-1"
    wire("MULTI")
    assert shown() == b"flags=x multi=0"
    wire("INCR", "n")
    wire("INCR", "n")
    assert shown() == b"flags=x multi=2"
    wire("EXEC")
    assert shown() == b"flags=N multi=-1"


# WATCH.


@pytest.mark.parametrize(
    ("before", "during", "aborts"),
    [
        ([("SET", "k", "1")], [("GET", "k")], False),
        ([("SET", "k", "1")], [("SET", "k", "1")], True),
        ([("SET", "k", "1")], [("SET", "k", "2", "NX")], False),
        ([("SET", "k", "1")], [("DEL", "k")], True),
        ([("SET", "k", "1")], [("DEL", "k"), ("SET", "k", "1")], True),
        ([("SET", "k", "1")], [("EXPIRE", "k", "100")], True),
        ([("SET", "k", "1")], [("PERSIST", "k")], False),
        ([("SET", "k", "1")], [("RENAME", "k", "j")], True),
        ([("SET", "k", "1")], [("COPY", "k", "j")], False),
        ([("SET", "k", "1"), ("SET", "j", "2")], [("RENAME", "j", "k")], True),
        ([("SET", "k", "1")], [("FLUSHDB",)], True),
        ([("SET", "k", "1")], [("FLUSHALL",)], True),
        ([("SET", "k", "1")], [("SADD", "k", "x")], False),
        ([("SADD", "k", "x")], [("SADD", "k", "x")], False),
        ([("SADD", "k", "x")], [("SADD", "k", "y")], True),
        ([("SADD", "k", "x")], [("SREM", "k", "y")], False),
        ([("SADD", "k", "x")], [("SPOP", "k")], True),
        ([], [("GET", "k")], False),
        ([], [("DEL", "k")], False),
        ([], [("FLUSHALL",)], False),
        ([], [("SET", "k", "1")], True),
        ([], [("SET", "k", "1"), ("DEL", "k")], True),
        ([], [("SET", "k", "1"), ("EXPIRE", "k", "-1")], True),
        ([], [("SET", "k", "1"), ("FLUSHALL",)], True),
        ([], [("SADD", "k", "x"), ("SREM", "k", "x")], True),
        ([("SET", "j", "1")], [("RENAME", "j", "k"), ("RENAME", "k", "j")], True),
        ([("SET", "j", "1")], [("COPY", "j", "k"), ("DEL", "k")], True),
        ([], [("SELECT", "1"), ("SET", "k", "1"), ("SELECT", "0")], False),
    ],
)
@pytest.mark.parametrize("own", [False, True], ids=["another's", "own"])
def test_a_change_of_a_watched_key_aborts(
    wire: RedisConnection,
    other: RedisConnection,
    before: list[tuple[str, ...]],
    during: list[tuple[str, ...]],
    aborts: bool,
    own: bool,
) -> None:
    for words in before:
        wire(*words)
    assert wire("WATCH", "k") == OK
    for words in during:
        assert not isinstance((wire if own else other)(*words), EOFError)
    assert transact(wire) == (None if aborts else [OK])
    # That was the end of the watch.
    other("SET", "k", "again")
    assert transact(wire) == [OK]


def test_a_watched_key_that_expires_aborts(wire: RedisConnection, other: RedisConnection) -> None:
    wire("SET", "k", "1", "PX", "50")
    wire("WATCH", "k")
    assert eventually(lambda: other("PTTL", "k") == -2)
    assert transact(wire) is None


def test_a_key_that_had_expired_counts_as_absent(wire: RedisConnection, other: RedisConnection) -> None:
    wire("SET", "k", "1", "PX", "1")
    assert eventually(lambda: other("PTTL", "k") == -2)
    wire("WATCH", "k")
    assert other("DEL", "k") == 0
    assert transact(wire) == [OK]
    wire("WATCH", "k")
    other("SET", "k", "1")
    other("DEL", "k")
    assert transact(wire) is None


@pytest.mark.parametrize(
    "end",
    [("UNWATCH",), ("MULTI", "DISCARD"), ("MULTI", "EXEC"), ("RESET",), ("EXEC x",), ("MULTI", "NOSUCH", "EXEC")],
    ids=" ".join,
)
def test_what_ends_watches(wire: RedisConnection, other: RedisConnection, end: tuple[str, ...]) -> None:
    wire("WATCH", "k")
    other("SET", "k", "1")
    for line in end:
        wire(*line.split())
    if wire.protocol == 3 and end == ("RESET",):
        wire("HELLO", "3")
    assert transact(wire) == [OK]


def test_errors_outside_a_transaction_end_no_watch(wire: RedisConnection, other: RedisConnection) -> None:
    wire("WATCH", "k")
    assert wire("EXEC") == EXEC_ALONE
    assert wire("DISCARD") == DISCARD_ALONE
    assert wire("GET") == Error("ERR wrong number of arguments for 'get' command")
    other("SET", "k", "1")
    assert transact(wire) is None


def test_a_client_that_leaves_is_forgotten(server: Server, other: RedisConnection) -> None:
    for _ in range(20):
        with server.redis() as leaving:
            leaving.pipeline([("WATCH", "k"), ("MULTI",), ("SET", "k", "1")])
    other("WATCH", "k")
    assert transact(other) == [OK]
    assert other("EXISTS", "k") == 0


# At the memory limit.


def test_at_the_memory_limit(wire: RedisConnection, other: RedisConnection) -> None:
    oom = "OOM command not allowed when used memory > 'maxmemory'."
    wire.pipeline([("SET", "k", "1"), ("MULTI",), ("SET", "k", "2")])
    try:
        assert other("CONFIG", "SET", "maxmemory", "1") == OK
        assert wire("EXEC") == Error("EXECABORT Transaction discarded because of: " + oom)
        assert wire("MULTI") == OK
        assert wire("GET", "k") == Error(oom)
        assert wire("EXEC") == ABORTED
    finally:
        assert other("CONFIG", "SET", "maxmemory", "0") == OK
    assert wire("GET", "k") == b"1"


# With redis-py.


def test_a_pipeline(client: redis.Redis) -> None:
    with client.pipeline(transaction=True) as pipe:
        assert pipe.set("k", 1).incr("k").get("k").sadd("s", "a").execute() == [True, 2, b"2", 1]
        pipe.set("k", "x").incr("k")
        with pytest.raises(redis.ResponseError, match="not an integer"):
            pipe.execute()
        assert pipe.set("k", "x").incr("k").execute(raise_on_error=False)[0] is True
        pipe.execute_command("NOSUCH")
        with pytest.raises(redis.ResponseError, match="unknown command"):
            pipe.execute()
    assert client.get("k") == b"x"


def test_a_watch_error(client: redis.Redis) -> None:
    client.set("k", 1)
    with client.pipeline() as pipe:
        pipe.watch("k")
        client.incr("k")
        pipe.multi()
        pipe.set("k", 0)
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert client.get("k") == b"2"


def test_no_increment_is_lost(server: Server) -> None:
    """Many clients read, add one and write, each time trying until nobody came between."""
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            with redis.Redis(port=server.redis_port, protocol=2 + number % 2, socket_timeout=30) as client:
                for _ in range(INCREMENTS):

                    def add(pipe: redis.client.Pipeline) -> None:
                        value = int(pipe.get("n") or 0)
                        pipe.multi()
                        pipe.set("n", value + 1)
                        pipe.incr(f"turns:{number}")

                    client.transaction(add, "n")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with server.redis() as connection:
        assert connection("GET", "n") == b"%d" % (WORKERS * INCREMENTS)
        for number in range(WORKERS):
            assert connection("GET", f"turns:{number}") == b"%d" % INCREMENTS


def test_nobody_sees_half_a_transaction(server: Server) -> None:
    keys = [f"k{number}" for number in range(5)]
    done = threading.Event()
    seen: list[set[bytes | None]] = []

    def look() -> None:
        with redis.Redis(port=server.redis_port, socket_timeout=30) as client:
            while not done.is_set():
                seen.append(set(client.mget(keys)))
                with client.pipeline() as pipe:
                    for key in reversed(keys):
                        pipe.get(key)
                    seen.append(set(pipe.execute()))

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    with redis.Redis(port=server.redis_port, socket_timeout=30) as client:
        for value in range(200):
            with client.pipeline() as pipe:
                for key in keys:
                    pipe.set(key, value)
                pipe.execute()
    done.set()
    for reader in readers:
        reader.join()
    assert seen and all(len(values) == 1 for values in seen)


# On the disk.


@pytest.mark.martlet
def test_after_a_kill_each_transaction_is_whole(martlet: MartletServer) -> None:
    acknowledged = {number: 0 for number in range(4)}
    for _ in range(4):
        failures: list[Exception] = []

        def work(number: int, failures: list[Exception] = failures) -> None:
            try:
                with martlet.redis() as connection:
                    while True:
                        connection.pipeline([("MULTI",), *(("INCR", f"{number}:{half}") for half in "abc")])
                        replies = connection("EXEC")
                        assert isinstance(replies, list) and len(set(replies)) == 1, replies
                        acknowledged[number] = replies[0]
            except (OSError, EOFError):
                pass
            except Exception as error:
                failures.append(error)

        start = sum(acknowledged.values())
        threads = [threading.Thread(target=work, args=(number,)) for number in acknowledged]
        for thread in threads:
            thread.start()
        reached = eventually(lambda: sum(acknowledged.values()) >= start + 400, within=60)
        martlet.kill()
        for thread in threads:
            thread.join()
        assert reached and failures == []
        martlet.start()
        with martlet.redis() as connection:
            for number, count in acknowledged.items():
                values = connection("MGET", *(f"{number}:{half}" for half in "abc"))
                assert isinstance(values, list) and len(set(values)) == 1, values
                assert count <= int(values[0] or 0) <= count + 1
                acknowledged[number] = int(values[0] or 0)
