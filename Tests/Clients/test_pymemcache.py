"""memcached as a client library uses it: one request, one reply."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheClientError, MemcacheIllegalInputError, MemcacheServerError
from pymemcache.serde import pickle_serde

from servers import Server


def test_set_and_get(pymemcache: Client) -> None:
    assert pymemcache.get("Hello") is None
    assert pymemcache.set("Hello", "World") is True
    assert pymemcache.get("Hello") == b"World"
    assert pymemcache.get("none", default="something else") == "something else"


def test_add_replace_append_prepend(pymemcache: Client) -> None:
    assert pymemcache.replace("k", "b") is False
    assert pymemcache.append("k", "b") is False
    assert pymemcache.prepend("k", "b") is False
    assert pymemcache.add("k", "b") is True
    assert pymemcache.add("k", "c") is False
    assert pymemcache.append("k", "c") is True
    assert pymemcache.prepend("k", "a") is True
    assert pymemcache.get("k") == b"abc"
    assert pymemcache.replace("k", "d") is True
    assert pymemcache.get("k") == b"d"


def test_delete_and_touch(pymemcache: Client) -> None:
    assert pymemcache.delete("k") is False
    assert pymemcache.touch("k", expire=10) is False
    pymemcache.set("k", "v")
    assert pymemcache.touch("k", expire=100) is True
    assert pymemcache.delete("k") is True
    assert pymemcache.get("k") is None


def test_counters(pymemcache: Client) -> None:
    assert pymemcache.incr("n", 1) is None
    pymemcache.set("n", 10)
    assert pymemcache.incr("n", 5) == 15
    assert pymemcache.decr("n", 20) == 0
    pymemcache.set("n", 2**64 - 1)
    assert pymemcache.incr("n", 2) == 1
    pymemcache.set("n", "x")
    with pytest.raises(MemcacheClientError, match="cannot increment or decrement non-numeric value"):
        pymemcache.incr("n", 1)


def test_cas(pymemcache: Client) -> None:
    pymemcache.set("k", "a")
    value, unique = pymemcache.gets("k")
    assert value == b"a"
    assert pymemcache.cas("k", "b", unique) is True
    assert pymemcache.cas("k", "c", unique) is False
    assert pymemcache.get("k") == b"b"
    assert pymemcache.cas("none", "c", unique) is None
    assert pymemcache.gets("none") == (None, None)


def test_many_keys(pymemcache: Client) -> None:
    values = {f"key{i}": f"value{i}".encode() for i in range(300)}
    assert pymemcache.set_many(values) == []
    assert pymemcache.get_many([*values, "none"]) == values
    found = pymemcache.gets_many(list(values)[:5])
    assert {key: value for key, (value, _) in found.items()} == dict(list(values.items())[:5])
    assert pymemcache.delete_many(values) is True
    assert pymemcache.get_many(values) == {}


def test_noreply(server: Server) -> None:
    with closing(Client(("127.0.0.1", server.memcached_port), default_noreply=True, timeout=10)) as client:
        for i in range(1000):
            client.set(f"key{i}", str(i))
        client.delete("key7")
        client.incr("key8", 1, noreply=True)
        assert client.get("key7") is None
        assert client.get("key8") == b"9"
        assert client.get("key999") == b"999"


def test_flags_carry_the_types_of_python(server: Server) -> None:
    with closing(Client(("127.0.0.1", server.memcached_port), serde=pickle_serde, timeout=10)) as client:
        for value in ["text", b"bytes", 5, {"a": [1, 2]}, None]:
            client.set("k", value, noreply=False)
            assert client.get("k") == value


def test_flags_of_32_bits(pymemcache: Client) -> None:
    assert pymemcache.set("k", "v", flags=2**32 - 1) is True
    assert pymemcache.raw_command("get k", end_tokens="END\r\n").startswith(b"VALUE k 4294967295 1\r\n")


def test_long_keys(pymemcache: Client) -> None:
    assert pymemcache.set("k" * 250, "v") is True
    assert pymemcache.get("k" * 250) == b"v"
    with pytest.raises(MemcacheIllegalInputError):
        pymemcache.get("k" * 251)


def test_large_values(pymemcache: Client) -> None:
    value = bytes(range(256)) * 3900
    assert pymemcache.set("k", value) is True
    assert pymemcache.get("k") == value
    with pytest.raises(MemcacheServerError, match="object too large for cache"):
        pymemcache.set("large", b"x" * (1024 * 1024 + 1))
    assert pymemcache.get("large") is None
    assert pymemcache.get("k") == value


def test_the_server(pymemcache: Client) -> None:
    assert pymemcache.version()[:1].isdigit()
    pymemcache.set("k", "v")
    assert pymemcache.stats()[b"curr_items"] >= 1
    assert pymemcache.flush_all() is True
    assert pymemcache.get("k") is None
    pymemcache.quit()


def test_many_clients_at_once(server: Server) -> None:
    pool = PooledClient(("127.0.0.1", server.memcached_port), max_pool_size=8, timeout=10)
    pool.set("n", "0", noreply=False)

    def count() -> None:
        for _ in range(100):
            pool.incr("n", 1)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pool.get("n") == b"800"


def test_cas_lets_no_update_be_lost(server: Server) -> None:
    with closing(Client(("127.0.0.1", server.memcached_port), timeout=10)) as setup:
        setup.set("n", "0", noreply=False)

    def count() -> None:
        with closing(Client(("127.0.0.1", server.memcached_port), timeout=10)) as client:
            for _ in range(50):
                stored = False
                while not stored:
                    value, unique = client.gets("n")
                    stored = client.cas("n", str(int(value) + 1), unique, noreply=False)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(Client(("127.0.0.1", server.memcached_port), timeout=10)) as client:
        assert client.get("n") == b"200"
