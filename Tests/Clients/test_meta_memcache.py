"""meta-memcache, a client that speaks memcached's meta commands only: its usual jobs, through its own code."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from meta_memcache import CacheClient, Key, LeasePolicy, RecachePolicy, ServerAddress, SetMode, StalePolicy
from meta_memcache import connection_pool_factory_builder

from servers import Server


@pytest.fixture
def client(server: Server) -> Iterator[CacheClient]:
    yield connect(server)


def connect(server: Server) -> CacheClient:
    return CacheClient.cache_client_from_servers(
        servers=[ServerAddress("127.0.0.1", server.memcached_port)],
        connection_pool_factory_fn=connection_pool_factory_builder(),
    )


def test_values(client: CacheClient) -> None:
    assert client.get("missing") is None
    for value in [b"bytes", "text", 42, {"any": ["object"]}, "long " * 5000, b""]:
        assert client.set("key", value, ttl=100)
        assert client.get("key") == value
    assert client.multi_get([Key("key"), Key("missing")]) == {Key("key"): b"", Key("missing"): None}
    assert client.touch("key", ttl=200)
    assert client.delete("key")
    assert client.get("key") is None
    # A key that is too long, or not of plain letters, goes as base64.
    for key in ["ключ", "a b", "k" * 400]:
        assert client.set(Key(key), key, ttl=100)
        assert client.get(Key(key)) == key
        assert client.delete(Key(key))


def test_modes_and_tokens(client: CacheClient) -> None:
    assert not client.set("key", b"x", ttl=100, set_mode=SetMode.REPLACE)
    assert client.set("key", b"x", ttl=100, set_mode=SetMode.ADD)
    assert not client.set("key", b"y", ttl=100, set_mode=SetMode.ADD)
    assert client.set("key", b"y", ttl=100, set_mode=SetMode.APPEND)
    assert client.set("key", b"z", ttl=100, set_mode=SetMode.PREPEND)
    value, token = client.get_cas("key")
    assert (value, token is not None) == (b"zxy", True)
    assert client.set("key", b"new", ttl=100, cas_token=token)
    assert not client.set("key", b"late", ttl=100, cas_token=token)
    assert client.get("key") == b"new"


def test_counters(client: CacheClient) -> None:
    assert not client.delta("n", delta=1)
    assert client.delta_initialize("n", delta=1, initial_value=10, initial_ttl=100)
    assert client.delta_initialize_and_get("n", delta=5, initial_value=10, initial_ttl=100) == 15
    assert client.delta_and_get("n", delta=-20) == 0
    assert client.delta("n", delta=7, refresh_ttl=300)
    assert client.delta_and_get("n", delta=0) == 7


def test_without_replies(client: CacheClient) -> None:
    for number in range(200):
        assert client.set(f"k{number}", number, ttl=100, no_reply=True)
    assert client.multi_get([Key(f"k{number}") for number in range(200)]) == {
        Key(f"k{number}"): number for number in range(200)
    }
    for number in range(200):
        client.delete(f"k{number}", no_reply=True)
    assert set(client.multi_get([Key(f"k{number}") for number in range(200)]).values()) == {None}


def test_of_many_that_miss_one_makes_the_value(server: Server) -> None:
    """The others wait for its lease, and are given what it has made."""
    policy = LeasePolicy(ttl=30, miss_retries=200, miss_retry_wait=0.05, wait_backoff_factor=1.0)
    made: list[int] = []
    found: list[object] = []
    begin = threading.Barrier(6)

    def job(number: int) -> None:
        client = connect(server)
        begin.wait(20)
        value = client.get_or_lease("key", lease_policy=policy)
        if value is None:
            made.append(number)
            assert client.set("key", "made", ttl=100)
            value = "made"
        found.append(value)

    threads = [threading.Thread(target=job, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(made), found) == (1, ["made"] * 6)


def test_stale_values_are_made_anew_by_one(client: CacheClient) -> None:
    recache = RecachePolicy(ttl=30)
    assert client.set("key", "old", ttl=1000)
    assert client.invalidate("key", stale_policy=StalePolicy(mark_stale_on_deletion_ttl=100))
    # One is told that there is nothing, and the others are given the old value meanwhile.
    assert [client.get("key", recache_policy=recache) for _ in range(3)] == [None, "old", "old"]
    assert client.set("key", "new", ttl=1000)
    assert [client.get("key", recache_policy=recache) for _ in range(3)] == ["new"] * 3
    # One that is about to expire is made anew by one, too.
    assert client.set("key", "short", ttl=10)
    assert [client.get("key", recache_policy=recache) for _ in range(3)] == [None, "short", "short"]
    value, token = client.get_cas("key")
    assert client.invalidate("key", cas_token=token, stale_policy=StalePolicy(mark_stale_on_deletion_ttl=100))
    assert client.set("key", "late", ttl=1000, cas_token=token, stale_policy=StalePolicy(mark_stale_on_cas_mismatch=True))
    assert [client.get("key", recache_policy=recache) for _ in range(2)] == [None, "late"]
