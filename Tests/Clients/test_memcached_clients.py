"""The client libraries that people have for memcached, as their documents say they are used.

libmemcached's own check of a server (`memccapable`) and its load generators; pymemcache's client classes, python-memcached,
pylibmc (libmemcached in Python) and aiomcache.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing

import aiomcache
import memcache
import pylibmc
import pytest
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient
from pymemcache.exceptions import MemcacheIllegalInputError, MemcacheUnknownCommandError
from pymemcache.serde import CompressedSerde, PickleSerde, compressed_serde, pickle_serde

from servers import Server, required

TIME_LIMIT = 120

# libmemcached's tools


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, timeout=TIME_LIMIT, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, text
    return text


def test_memccapable_finds_the_whole_text_protocol(server: Server) -> None:
    report = run(required("memccapable"), "-h", "127.0.0.1", "-p", str(server.memcached_port), "-a", "-t", "20")
    assert "All tests passed" in report
    assert len(re.findall(r"^ascii .*\[pass\]$", report, re.MULTILINE)) == 27, report


@pytest.mark.parametrize("options", [[], ["--non-blocking", "--tcp-nodelay"], ["--noreply"]])
@pytest.mark.parametrize("test", ["set", "get", "mget"])
def test_memcslap(server: Server, test: str, options: list[str]) -> None:
    servers = f"--servers=127.0.0.1:{server.memcached_port}"
    report = run(required("memcslap"), servers, "--concurrency=4", "--execute-number=500", f"--test={test}", *options)
    assert "Time total" in report


@pytest.mark.parametrize("options", [[], ["-d", "20"], ["-X", "4096"]])
def test_memcaslap_reads_what_it_wrote(server: Server, options: list[str]) -> None:
    where = ["-s", f"127.0.0.1:{server.memcached_port}"]
    report = run(required("memcaslap"), *where, "-T", "2", "-c", "16", "-x", "20000", "-v", "0.5", *options)
    counts = {name: int(count) for name, count in re.findall(r"^(\w+): (\d+)", report, re.MULTILINE)}
    assert counts["cmd_get"] + counts["cmd_set"] >= 20_000, report
    assert counts["get_misses"] == counts["verify_misses"] == counts["verify_failed"] == 0, report


# pymemcache: all its clients do the same


@pytest.fixture(params=["Client", "PooledClient", "HashClient", "HashClient, pooled", "RetryingClient"])
def pymemcache_client(server: Server, request: pytest.FixtureRequest) -> Iterator[Client]:
    address = ("127.0.0.1", server.memcached_port)
    options = {"timeout": 10, "connect_timeout": 10, "default_noreply": False, "no_delay": True}
    match request.param:
        case "Client":
            client = Client(address, **options)
        case "PooledClient":
            client = PooledClient(address, max_pool_size=4, **options)
        case "HashClient":
            client = HashClient([address], **options)
        case "HashClient, pooled":
            client = HashClient([address], use_pooling=True, max_pool_size=4, **options)
        case _:
            client = RetryingClient(Client(address, **options), attempts=3, retry_delay=0.01)
    yield client
    client.close()


def test_each_pymemcache_client_stores_and_reads(pymemcache_client: Client) -> None:
    client = pymemcache_client
    assert client.get("none") is None
    assert client.set("k", "v") is True
    assert client.get("k") == b"v"
    assert client.add("k", "x") is False
    assert client.add("new", "x") is True
    assert client.replace("gone", "x") is False
    assert client.replace("k", "w") is True
    assert client.append("k", "2") is True
    assert client.prepend("k", "0") is True
    assert client.get("k") == b"0w2"
    assert client.delete("k") is True
    assert client.delete("k") is False
    assert client.touch("new", 100) is True
    assert client.touch("gone", 100) is False


def test_each_pymemcache_client_counts_and_compares(pymemcache_client: Client) -> None:
    client = pymemcache_client
    client.set("n", "1")
    assert client.incr("n", 41) == 42
    assert client.decr("n", 50) == 0
    assert client.incr("gone", 1) is None
    client.set("k", "v")
    _, unique = client.gets("k")
    assert client.cas("k", "w", unique) is True
    assert client.cas("k", "x", unique) is False
    assert client.cas("gone", "x", unique) is None
    assert client.gets("gone") == (None, None)


def test_each_pymemcache_client_takes_many(pymemcache_client: Client) -> None:
    client = pymemcache_client
    values = {f"key{i}": b"value%d" % i for i in range(200)}
    assert client.set_many(values) == []
    assert client.get_many(list(values)) == values
    found = client.gets_many(list(values)[:10])
    assert {key: value for key, (value, _) in found.items()} == dict(list(values.items())[:10])
    assert client.delete_many(list(values)) is True
    assert client.get_many(list(values)) == {}


def test_each_pymemcache_client_may_do_without_replies(pymemcache_client: Client) -> None:
    client = pymemcache_client
    for i in range(500):
        client.set(f"key{i}", str(i), noreply=True)
    client.delete("key7", noreply=True)
    client.incr("key8", 1, noreply=True)
    client.touch("key9", 100, noreply=True)
    # A pool or a ring may use another connection, which can be ahead of the one that isn't waited for.
    client.flush_all(noreply=False)
    assert client.get_many([f"key{i}" for i in range(500)]) in ({}, {"key499": b"499"})


@pytest.mark.parametrize("value", ["text", "ä" * 1000, b"bytes", 5, 2**70, {"a": [1, 2.5]}, None, True, ["x"] * 5000])
@pytest.mark.parametrize("version", [0, 2, 5])
def test_pymemcache_pickles(server: Server, value: object, version: int) -> None:
    with closing(Client(("127.0.0.1", server.memcached_port), serde=PickleSerde(version), timeout=10)) as client:
        client.set("k", value, noreply=False)
        assert client.get("k") == value
        assert client.get_many(["k"]) == {"k": value}


def test_pymemcache_compresses(server: Server) -> None:
    address = ("127.0.0.1", server.memcached_port)
    serde = CompressedSerde(compress=zlib.compress, decompress=zlib.decompress, serde=pickle_serde, min_compress_len=100)
    for each in (serde, compressed_serde):
        with closing(Client(address, serde=each, timeout=10)) as client:
            for value in ("short", "long" * 100_000, {"key": "value" * 1000}):
                client.set("k", value, noreply=False)
                assert client.get("k") == value
    with closing(Client(address, timeout=10)) as bare:
        assert len(bare.get("k")) < 1000


def test_pymemcache_ignores_nothing_it_should_not(server: Server) -> None:
    with closing(Client(("127.0.0.1", server.memcached_port), timeout=10, default_noreply=False)) as client:
        for key in ("with space", "k" * 251, "line\r\nbreak"):
            with pytest.raises(MemcacheIllegalInputError):
                client.set(key, "v")
    with closing(Client(("127.0.0.1", server.memcached_port), allow_unicode_keys=True, timeout=10)) as client:
        client.set("schlüssel", "wert", noreply=False)
        assert client.get("schlüssel") == b"wert"
    with closing(Client(("127.0.0.1", server.memcached_port), key_prefix=b"app:", timeout=10)) as client:
        client.set("k", "v", noreply=False)
        assert client.get("k") == b"v"
    with closing(Client(("127.0.0.1", server.memcached_port), timeout=10)) as client:
        assert client.get("app:k") == b"v"


def test_pymemcache_hash_client_goes_on_without_a_server(server: Server) -> None:
    from servers import free_ports

    (dead,) = free_ports(1)
    addresses = [("127.0.0.1", server.memcached_port), ("127.0.0.1", dead)]
    client = HashClient(addresses, timeout=2, connect_timeout=2, ignore_exc=True, retry_attempts=0, dead_timeout=100)
    try:
        for i in range(50):
            client.set(f"key{i}", str(i), noreply=False)
        for i in range(50):
            client.set(f"key{i}", str(i), noreply=False)
        assert client.get_many([f"key{i}" for i in range(50)]) == {f"key{i}": b"%d" % i for i in range(50)}
    finally:
        client.close()


def test_pymemcache_quit_and_shutdown(server: Server) -> None:
    client = Client(("127.0.0.1", server.memcached_port), timeout=10)
    client.quit()
    # Neither server was started so that clients may stop it.
    with pytest.raises(MemcacheUnknownCommandError, match="shutdown"):
        client.shutdown()
    with closing(Client(("127.0.0.1", server.memcached_port), timeout=10)) as other:
        assert other.version()


def test_pymemcache_statistics(pymemcache: Client, server: Server) -> None:
    pymemcache.set("k", "v")
    pymemcache.get("k")
    stats = pymemcache.stats()
    assert stats[b"get_hits"] >= 1
    assert isinstance(stats[b"rusage_user"], float)
    assert pymemcache.stats("settings")[b"item_size_max"] == 1 << 20
    assert pymemcache.cache_memlimit(64) is True
    with server.redis() as redis:
        redis("CONFIG", "SET", "maxmemory", "0")
    # Two of them: a client reads on to END, which the first of these replies has not.
    assert pymemcache.raw_command("stats reset") == b"RESET"
    assert pymemcache.stats()[b"get_hits"] == 0


# python-memcached


@pytest.fixture
def python_memcached(server: Server) -> Iterator[memcache.Client]:
    client = memcache.Client([f"127.0.0.1:{server.memcached_port}"], cache_cas=True, socket_timeout=10)
    yield client
    client.disconnect_all()


def test_python_memcached(python_memcached: memcache.Client) -> None:
    client = python_memcached
    assert client.get("none") is None
    for value in ["text", b"bytes", 7, 2**80, {"a": 1}, [1, 2, 3], "ä"]:
        assert client.set("k", value)
        assert client.get("k") == value
    assert client.set("large", "x" * 500_000, min_compress_len=1000)
    assert client.get("large") == "x" * 500_000
    assert not client.set("larger", bytes(range(256)) * 5000)
    assert client.get("larger") is None
    assert client.add("k", "x") == 0
    assert client.replace("none", "x") == 0
    assert client.set("n", 10)
    assert client.incr("n") == 11
    assert client.decr("n", 20) == 0
    assert client.incr("none") is None
    assert client.set("s", "b")
    assert client.append("s", "c")
    assert client.prepend("s", "a")
    assert client.get("s") == "abc"
    assert client.touch("s", 100)
    assert client.delete("s") == 1
    assert client.get("s") is None
    assert client.set_multi({"a": 1, "b": "two", "c": [3]}, key_prefix="p:") == []
    assert client.get_multi(["a", "b", "c", "d"], key_prefix="p:") == {"a": 1, "b": "two", "c": [3]}
    assert client.delete_multi(["a", "b"], key_prefix="p:") == 1
    assert client.get_multi(["a", "b", "c"], key_prefix="p:") == {"c": [3]}


def test_python_memcached_cas(server: Server, python_memcached: memcache.Client) -> None:
    python_memcached.set("k", "old")
    assert python_memcached.gets("k") == "old"
    with closing(Client(("127.0.0.1", server.memcached_port), timeout=10)) as other:
        other.set("k", "other", noreply=False)
    assert not python_memcached.cas("k", "new")
    assert python_memcached.gets("k") == b"other"
    assert python_memcached.cas("k", "new")
    assert python_memcached.get("k") == "new"


def test_python_memcached_administration(python_memcached: memcache.Client) -> None:
    ((_, stats),) = python_memcached.get_stats()
    assert int(stats["curr_connections"]) >= 1
    ((_, settings),) = python_memcached.get_stats("settings")
    assert settings["item_size_max"] == str(1 << 20)
    assert isinstance(python_memcached.get_slab_stats(), list)
    python_memcached.set("k", 1)
    python_memcached.flush_all()
    assert python_memcached.get("k") is None


# pylibmc, which is libmemcached


@pytest.fixture(params=[{}, {"no_block": True, "tcp_nodelay": True}, {"hash": "murmur", "ketama": True}])
def libmemcached_client(server: Server, request: pytest.FixtureRequest) -> Iterator[pylibmc.Client]:
    behaviors = {"cas": True, "verify_keys": True, **request.param}
    client = pylibmc.Client([f"127.0.0.1:{server.memcached_port}"], behaviors=behaviors)
    yield client
    client.disconnect_all()


def test_pylibmc(libmemcached_client: pylibmc.Client) -> None:
    client = libmemcached_client
    assert client.get("none") is None
    for value in ["text", b"bytes", 7, 2**80, {"a": 1}, [1, 2, 3], True, None]:
        assert client.set("k", value)
        assert client.get("k") == value
    assert client.set("compressed", "x" * 200_000, min_compress_len=1000)
    assert client.get("compressed") == "x" * 200_000
    assert client.set("plain", b"x" * 900_000)
    assert client.get("plain") == b"x" * 900_000
    with pytest.raises((pylibmc.TooBig, pylibmc.ServerError, pylibmc.Error)):
        client.set("larger", b"x" * 1_100_000)
    assert client.get("larger") is None
    assert not client.add("k", 1)
    assert not client.replace("none", 1)
    client.set("n", 10)
    assert client.incr("n", 5) == 15
    assert client.decr("n", 20) == 0
    with pytest.raises(pylibmc.NotFound):
        client.incr("none")
    client.set("s", "b")
    assert client.append("s", "c")
    assert client.prepend("s", "a")
    assert client.get("s") == "abc"
    assert client.touch("s", 100)
    assert client.delete("s")
    assert not client.delete("s")
    assert client.set_multi({f"m{i}": i for i in range(100)}) == []
    assert client.get_multi([f"m{i}" for i in range(110)]) == {f"m{i}": i for i in range(100)}
    assert client.delete_multi([f"m{i}" for i in range(100)])
    assert client.get_multi([f"m{i}" for i in range(100)]) == {}


def test_pylibmc_cas(libmemcached_client: pylibmc.Client) -> None:
    client = libmemcached_client
    client.set("k", "old")
    value, unique = client.gets("k")
    assert value == "old"
    assert client.cas("k", "new", unique)
    assert not client.cas("k", "newer", unique)
    assert client.get("k") == "new"
    assert client.gets("none") == (None, None)


def test_pylibmc_administration(libmemcached_client: pylibmc.Client) -> None:
    ((_, stats),) = libmemcached_client.get_stats()
    assert int(stats[b"pid" if b"pid" in stats else "pid"]) > 0
    libmemcached_client.set("k", 1)
    assert libmemcached_client.flush_all()
    assert libmemcached_client.get("k") is None


def test_pylibmc_pool(server: Server) -> None:
    client = pylibmc.Client([f"127.0.0.1:{server.memcached_port}"])
    client.set("n", 0)
    pool = pylibmc.ThreadMappedPool(client)

    def count() -> None:
        with pool.reserve() as own:
            for _ in range(100):
                own.incr("n")
        pool.relinquish()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("n") == 800


# aiomcache


def test_aiomcache(server: Server) -> None:
    async def use() -> None:
        client = aiomcache.Client("127.0.0.1", server.memcached_port, pool_size=4)
        try:
            assert await client.get(b"none") is None
            assert await client.set(b"k", b"v")
            assert await client.get(b"k") == b"v"
            value, unique = await client.gets(b"k")
            assert value == b"v"
            assert await client.cas(b"k", b"w", unique)
            assert not await client.cas(b"k", b"x", unique)
            assert not await client.add(b"k", b"x")
            assert not await client.replace(b"none", b"x")
            assert await client.append(b"k", b"2")
            assert await client.prepend(b"k", b"0")
            assert await client.multi_get(b"k", b"none", b"k2") == (b"0w2", None, None)
            assert await client.set(b"n", b"10")
            assert await client.incr(b"n", 5) == 15
            assert await client.decr(b"n", 20) == 0
            assert await client.touch(b"n", 100)
            assert await client.get(b"n") == b"0 "
            assert await client.delete(b"n")
            assert not await client.delete(b"n")
            assert (await client.stats())[b"pid"].isdigit()
            assert (await client.version())[:1].isdigit()
            with pytest.raises(aiomcache.ValidationException):
                await client.set(b"with space", b"v")
            await asyncio.gather(*(client.set(b"key%d" % i, b"%d" % i) for i in range(200)))
            values = await client.multi_get(*(b"key%d" % i for i in range(200)))
            assert list(values) == [b"%d" % i for i in range(200)]
            await client.flush_all()
            assert await client.get(b"k") is None
        finally:
            await client.close()

    asyncio.run(use())
