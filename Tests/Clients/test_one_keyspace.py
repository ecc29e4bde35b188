"""Both protocols read and write the same keys."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis

from servers import MartletServer, Server
from wire import OK, WRONGTYPE, MemcachedConnection, RedisConnection

pytestmark = pytest.mark.martlet


def test_what_memcached_stores_redis_reads(memcached: MemcachedConnection, wire: RedisConnection) -> None:
    assert memcached.ask(b"set Hello 5 0 5\r\nWorld\r\n") == b"STORED\r\n"
    assert wire("GET", "Hello") == b"World"
    assert wire("STRLEN", "Hello") == 5
    assert wire("DBSIZE") == 1
    assert memcached.ask(b"delete Hello\r\n") == b"DELETED\r\n"
    assert wire("EXISTS", "Hello") == 0


def test_what_redis_stores_memcached_reads(memcached: MemcachedConnection, wire: RedisConnection) -> None:
    wire("MSET", "Hello", "World", "a", "1")
    answer = b"VALUE Hello 0 5\r\nWorld\r\nVALUE a 0 1\r\n1\r\nEND\r\n"
    assert memcached.ask(b"get Hello none a\r\n") == answer
    assert memcached.ask(b"add Hello 0 0 1\r\nx\r\n") == b"NOT_STORED\r\n"
    wire("DEL", "Hello")
    assert memcached.ask(b"get Hello\r\n") == b"END\r\n"


def test_counters_are_shared(memcached: MemcachedConnection, wire: RedisConnection) -> None:
    assert wire("INCRBY", "n", "10") == 10
    assert memcached.ask(b"incr n 5\r\n") == b"15\r\n"
    assert wire("INCR", "n") == 16
    assert memcached.ask(b"decr n 1\r\n") == b"15\r\n"
    assert wire("GET", "n") == b"15"


def test_memcached_uses_database_0(memcached: MemcachedConnection, wire: RedisConnection) -> None:
    wire("SELECT", "1")
    wire("SET", "a", "one")
    assert memcached.ask(b"get a\r\n") == b"END\r\n"


def test_a_collection_is_an_error_to_memcached_and_not_a_miss(
    memcached: MemcachedConnection, wire: RedisConnection
) -> None:
    wire("SADD", "set", "a", "b")
    for request in [
        b"get set\r\n",
        b"gets set\r\n",
        b"gat 0 set\r\n",
        b"incr set 1\r\n",
        b"decr set 1\r\n",
        b"append set 0 0 1\r\nx\r\n",
        b"prepend set 0 0 1\r\nx\r\n",
    ]:
        answer = memcached.ask(request)
        assert answer.startswith(b"SERVER_ERROR "), (request, answer)
        assert answer.count(b"\r\n") == 1, answer
    assert wire("SCARD", "set") == 2
    wire("SET", "a", "1")
    assert b"SERVER_ERROR " in memcached.ask(b"get a set\r\n")
    assert memcached.ask(b"get a\r\n") == b"VALUE a 0 1\r\n1\r\nEND\r\n"
    assert memcached.ask(b"add set 0 0 1\r\nx\r\n") == b"NOT_STORED\r\n"
    assert memcached.ask(b"delete set\r\n") == b"DELETED\r\n"


def test_memcached_may_replace_a_collection(memcached: MemcachedConnection, wire: RedisConnection) -> None:
    wire("SADD", "set", "a", "b")
    assert memcached.ask(b"set set 0 0 1\r\nx\r\n") == b"STORED\r\n"
    assert wire("GET", "set") == b"x"
    assert wire("SADD", "set", "a") == WRONGTYPE


@pytest.mark.parametrize(
    "write",
    [
        ["SET", "k", "1"],
        ["APPEND", "k", "1"],
        ["PREPEND", "k", "1"],
        ["INCR", "k"],
        ["SETRANGE", "k", "0", "2"],
        ["GETSET", "k", "1"],
        ["MSET", "k", "1"],
    ],
    ids=lambda write: write[0],
)
def test_a_write_by_redis_changes_cas_unique(
    memcached: MemcachedConnection, wire: RedisConnection, write: list[str]
) -> None:
    memcached.ask(b"set k 0 0 1\r\n1\r\n")
    before = memcached.cas_unique(b"k")
    wire("GET", "k")
    assert memcached.cas_unique(b"k") == before, "reading changes nothing"
    wire(*write)
    assert memcached.cas_unique(b"k") != before
    assert memcached.ask(b"cas k 0 0 1 %d\r\nx\r\n" % before) == b"EXISTS\r\n"
    current = memcached.cas_unique(b"k")
    assert memcached.ask(b"cas k 0 0 1 %d\r\nx\r\n" % current) == b"STORED\r\n"
    assert wire("GET", "k") == b"x"


def test_a_key_made_again_has_another_cas_unique(
    memcached: MemcachedConnection, wire: RedisConnection
) -> None:
    wire("SET", "k", "1")
    before = memcached.cas_unique(b"k")
    wire("DEL", "k")
    wire("SET", "k", "1")
    assert memcached.cas_unique(b"k") != before


def test_expiry_is_shared(memcached: MemcachedConnection, wire: RedisConnection) -> None:
    memcached.ask(b"set k 0 100 1\r\nx\r\n")
    assert wire("TTL", "k") in (99, 100)
    memcached.ask(b"touch k 1000\r\n")
    assert wire("TTL", "k") in (999, 1000)
    memcached.ask(b"gat 0 k\r\n")
    assert wire("TTL", "k") == -1
    at = int(time.time()) + 5000
    memcached.ask(b"set k 0 %d 1\r\nx\r\n" % at)
    assert wire("EXPIRETIME", "k") == at
    wire("EXPIRE", "k", "0")
    assert memcached.ask(b"get k\r\n") == b"END\r\n"


def test_flags_stay_with_a_value_that_redis_changes_in_place(
    memcached: MemcachedConnection, wire: RedisConnection
) -> None:
    memcached.ask(b"set k 7 0 1\r\n1\r\n")
    wire("APPEND", "k", "2")
    assert memcached.ask(b"get k\r\n") == b"VALUE k 7 2\r\n12\r\nEND\r\n"
    wire("SET", "k", "new")
    assert memcached.ask(b"get k\r\n") == b"VALUE k 0 3\r\nnew\r\nEND\r\n"


def test_either_side_empties_the_database(memcached: MemcachedConnection, wire: RedisConnection) -> None:
    memcached.ask(b"set a 0 0 1\r\nx\r\n")
    assert wire("FLUSHALL") == OK
    assert memcached.ask(b"get a\r\n") == b"END\r\n"
    wire("SET", "a", "1")
    assert memcached.ask(b"flush_all\r\n") == b"OK\r\n"
    assert wire("GET", "a") is None


def test_a_long_key_of_redis_is_out_of_memcacheds_reach(
    memcached: MemcachedConnection, wire: RedisConnection
) -> None:
    wire("SET", "k" * 251, "v")
    assert memcached.ask(b"get " + b"k" * 251 + b"\r\n").startswith(b"CLIENT_ERROR ")


def test_a_value_over_one_mebibyte_is_read_whole_by_memcached(
    memcached: MemcachedConnection, wire: RedisConnection
) -> None:
    wire("SET", "k", "x" * 3_000_000)
    assert memcached.ask(b"get k\r\n") == b"VALUE k 0 3000000\r\n" + b"x" * 3_000_000 + b"\r\nEND\r\n"


def test_a_client_of_each_protocol_sees_the_others_write_at_once(server: Server) -> None:
    with server.redis() as redis, server.memcached() as memcached:
        for i in range(200):
            if i % 2:
                redis("SET", "k", i)
                assert memcached.ask(b"get k\r\n").splitlines()[1] == str(i).encode()
            else:
                memcached.exchange(b"set k 0 0 %d\r\n%d\r\n" % (len(str(i)), i), b"STORED\r\n")
                assert redis("GET", "k") == str(i).encode()


def test_limits_of_keys_and_values_are_settings(new_server: Callable[..., MartletServer]) -> None:
    server = new_server("--max-key-bytes", "10", "--max-value-bytes", "1000")
    with server.memcached() as memcached:
        assert memcached.ask(b"set 0123456789 0 0 1000\r\n%s\r\n" % (b"x" * 1000)) == b"STORED\r\n"
        assert memcached.ask(b"get 01234567890\r\n").startswith(b"CLIENT_ERROR ")
        answer = memcached.ask(b"set a 0 0 1001\r\n%s\r\n" % (b"x" * 1001))
        assert answer == b"SERVER_ERROR object too large for cache\r\n"
        assert memcached.ask(b"get a\r\n") == b"END\r\n"
    for words in (["SET", "a", "x" * 1001], ["SET", "k" * 11, "x"], ["SETRANGE", "a", "1000", "x"]):
        with server.redis() as redis:
            redis("SET", "0123456789", "y" * 1000)
            assert getattr(redis(*words), "text", "no error")[:4] == "ERR "
    with server.redis() as redis:
        assert redis("GET", "0123456789") == b"y" * 1000
        assert redis("DBSIZE") == 1
        assert getattr(redis("APPEND", "0123456789", "z"), "text", "no error")[:4] == "ERR "
        assert redis("STRLEN", "0123456789") == 1000


def test_redis_clients_can_set_memcached_flags(memcached: MemcachedConnection, client: redis.Redis) -> None:
    assert client.execute_command("SET", "k", "v", "EX", 100, "FLAGS", 2**32 - 1)
    assert memcached.ask(b"get k\r\n") == b"VALUE k 4294967295 1\r\nv\r\nEND\r\n"
    with pytest.raises(redis.ResponseError):
        client.execute_command("SET", "k", "v", "FLAGS", 2**32)


def test_prepend_is_the_same_on_both_sides(memcached: MemcachedConnection, wire: RedisConnection) -> None:
    assert wire("PREPEND", "k", "c") == 1
    assert memcached.ask(b"prepend k 0 0 1\r\nb\r\n") == b"STORED\r\n"
    assert wire("PREPEND", "k", "a") == 3
    assert memcached.ask(b"get k\r\n") == b"VALUE k 0 3\r\nabc\r\nEND\r\n"
    wire("SADD", "set", "a")
    assert wire("PREPEND", "set", "a") == WRONGTYPE
