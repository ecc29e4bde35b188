"""A whole session with a server: store, read, several clients at once, look at the database, start again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import redis
from pymemcache.client.base import Client as PymemcacheClient

from servers import MartletServer

pytestmark = pytest.mark.martlet

OVERLAPPING = [
    "cat",
    "catalog",
    "cat1",
    "Cat",
    "CAT",
    "ca",
    "at",
    "concat",
    "cat:",
    "catcat",
    "caf\u00e9",
    "cafe",
]


class RedisPy:
    def __init__(self, server: MartletServer) -> None:
        self.client = redis.Redis(port=server.redis_port, socket_timeout=10)

    def get(self, key: str) -> bytes | None:
        return self.client.get(key)

    def set(self, key: str, value: str) -> None:
        assert self.client.set(key, value) is True

    def close(self) -> None:
        self.client.close()


class Pymemcache:
    def __init__(self, server: MartletServer) -> None:
        address = ("127.0.0.1", server.memcached_port)
        self.client = PymemcacheClient(address, timeout=10, allow_unicode_keys=True, encoding="utf-8")

    def get(self, key: str) -> bytes | None:
        return self.client.get(key)

    def set(self, key: str, value: str) -> None:
        assert self.client.set(key, value.encode(), noreply=False) is True

    def close(self) -> None:
        self.client.close()


class CommandLine:
    """`martlet get` and `martlet set`."""

    def __init__(self, server: MartletServer) -> None:
        self.server = server

    def get(self, key: str) -> bytes | None:
        done = self.server.run("get", key)
        if done.returncode == 1:
            assert done.stdout == b""
            return None
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(b"\n")
        return done.stdout[:-1]

    def set(self, key: str, value: str) -> None:
        done = self.server.run("set", key, value)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        pass


AnyClient = RedisPy | Pymemcache | CommandLine
LogIn = Callable[[], AnyClient]


@pytest.fixture(params=[RedisPy, Pymemcache, CommandLine], ids=["redis-py", "pymemcache", "martlet"])
def log_in(request: pytest.FixtureRequest, martlet: MartletServer) -> Callable[[], AnyClient]:
    return lambda: request.param(martlet)


@contextmanager
def clients(log_in: LogIn, count: int) -> Iterator[list[AnyClient]]:
    with ExitStack() as stack:
        made = [log_in() for _ in range(count)]
        for each in made:
            stack.callback(each.close)
        yield made


def all_at_once(actions: list[Callable[[], object]]) -> list[object]:
    """Runs every action in a thread of its own, begun together, and gives their results."""
    barrier = threading.Barrier(len(actions))
    results: list[object] = [None] * len(actions)

    def run(index: int) -> None:
        barrier.wait()
        results[index] = actions[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def one_client_reads_and_writes(log_in: LogIn) -> None:
    with clients(log_in, 1) as [client]:
        assert client.get("Hello") == b"World"
        client.set("Distributed", "Networks")
        assert client.get("Distributed") == b"Networks"
        assert client.get("None") is None


def three_clients_at_once(log_in: LogIn, value: str) -> None:
    with clients(log_in, 3) as three:
        assert all_at_once([lambda each=each: each.get("Hello") for each in three]) == [b"World"] * 3
        assert all_at_once([lambda each=each: each.get("Distributed") for each in three]) == [b"Networks"] * 3
        first, *others = three
        first.set("shared", value)
        assert [each.get("shared") for each in others] == [value.encode()] * 2
        others[0].set("shared", value + ", again")
        assert [each.get("shared") for each in three] == [f"{value}, again".encode()] * 3


def the_database_shows_it(server: MartletServer) -> None:
    lines = server.database_lines
    assert "SET Hello World" in lines
    assert "SET Distributed Networks" in lines


@pytest.mark.parametrize("end", ["restart", "kill_and_start"])
def test_the_session_holds_before_and_after_a_new_start(
    martlet: MartletServer, log_in: LogIn, end: str
) -> None:
    with clients(log_in, 1) as [client]:
        client.set("Hello", "World")
    for round in range(3):
        one_client_reads_and_writes(log_in)
        three_clients_at_once(log_in, f"value {round}")
        the_database_shows_it(martlet)
        getattr(martlet, end)()
    with clients(log_in, 1) as [client]:
        assert client.get("shared") == b"value 2, again"


def test_keys_that_overlap_are_exact(martlet: MartletServer, log_in: LogIn) -> None:
    with clients(log_in, 1) as [client]:
        for stored, key in enumerate(OVERLAPPING):
            client.set(key, f"value of {key}")
            for other in OVERLAPPING[stored + 1 : stored + 3]:
                assert client.get(other) is None, f"{other} isn't stored yet"
        for key in OVERLAPPING:
            assert client.get(key) == f"value of {key}".encode()
    martlet.kill_and_start()
    with clients(log_in, 1) as [client]:
        for key in OVERLAPPING:
            assert client.get(key) == f"value of {key}".encode()
        assert client.get("cata") is None


def test_a_value_is_replaced_and_stays_replaced(martlet: MartletServer, log_in: LogIn) -> None:
    with clients(log_in, 1) as [client]:
        for value in ["first", "second", "third"]:
            client.set("Distributed", value)
    martlet.restart()
    with clients(log_in, 1) as [client]:
        assert client.get("Distributed") == b"third"


def test_words_with_blanks_and_quotes_come_back_as_they_were(martlet: MartletServer, log_in: LogIn) -> None:
    values = [
        "two words",
        ' "quoted" ',
        "back\\slash",
        "line\nbreak",
        "",
        "#",
        "'",
        "-1",
        "\u00fcber",
        "\u202e",
    ]
    with clients(log_in, 1) as [client]:
        for index, value in enumerate(values):
            client.set(f"key{index}", value)
    martlet.kill_and_start()
    with clients(log_in, 1) as [client]:
        for index, value in enumerate(values):
            assert client.get(f"key{index}") == value.encode()


def test_everything_comes_back_after_a_start(martlet: MartletServer) -> None:
    """Every type, database, expiry and flag, with all bytes in keys, values and members."""
    everything = bytes(range(256))
    with martlet.redis() as connection:
        connection("SET", everything, everything[::-1])
        connection("SET", "", "")
        connection("SADD", "set", "a", everything, "")
        connection("SADD", "large set", *range(2000))
        connection("SREM", "large set", *range(1000))
        connection("SET", "expires", "v", "PXAT", "9999999999123")
        connection("SET", "persists", "v", "EX", "100")
        connection("PERSIST", "persists")
        connection("SET", "deleted", "v")
        connection("DEL", "deleted")
        connection("SET", "old name", "v")
        connection("RENAME", "old name", "new name")
        connection("INCRBY", "n", "41")
        connection("INCR", "n")
        connection("SET", "appended", "a")
        connection("APPEND", "appended", "b")
        connection("SETRANGE", "appended", "4", "c")
        connection("SET", "large", b"\r\n\0x" * 500_000)
        connection("SELECT", "7")
        connection("MSET", "a", "1", "b", "2")
        connection("SELECT", "8")
        connection("SET", "flushed", "v")
        connection("FLUSHDB")
        connection("SET", "after", "v")
    with martlet.memcached() as connection:
        assert connection.ask(b"set flags 4294967295 0 1\r\nx\r\n") == b"STORED\r\n"
    for start in [martlet.restart, martlet.kill_and_start]:
        start()
        with martlet.redis() as connection:
            assert connection("GET", everything) == everything[::-1]
            assert connection("GET", "") == b""
            assert set(connection("SMEMBERS", "set")) == {b"a", everything, b""}
            assert set(connection("SMEMBERS", "large set")) == {str(i).encode() for i in range(1000, 2000)}
            assert connection("PEXPIRETIME", "expires") == 9_999_999_999_123
            assert connection("TTL", "persists") == -1
            assert connection("EXISTS", "deleted", "old name") == 0
            assert connection("GET", "new name") == b"v"
            assert connection("GET", "n") == b"42"
            assert connection("GET", "appended") == b"ab\0\0c"
            assert connection("GET", "large") == b"\r\n\0x" * 500_000
            assert connection("DBSIZE") == 11
            connection("SELECT", "7")
            assert connection("MGET", "a", "b") == [b"1", b"2"]
            connection("SELECT", "8")
            assert connection("KEYS", "*") == [b"after"]
        with martlet.memcached() as connection:
            assert connection.ask(b"get flags\r\n") == b"VALUE flags 4294967295 1\r\nx\r\nEND\r\n"


def test_the_database_is_text_that_shows_plain_words_as_they_are(martlet: MartletServer) -> None:
    with martlet.redis() as connection:
        connection("SET", "greeting", "Good morning")
        connection("SADD", "fruit", "apple")
        connection("SET", "binary", bytes(range(256)))
    data = martlet.database.read_bytes()
    data.decode("utf-8")
    assert b"Good morning" in data
    assert b"apple" in data
    assert not set(data) & (set(range(32)) - {10}), "control characters are escaped"


def test_martlet_cli(martlet: MartletServer) -> None:
    done = martlet.run("cli", "SET", "Hello", "World")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"OK\n", b"")
    done = martlet.run("cli", "GET", "Hello")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"World\n", b"")
    done = martlet.run("cli", "-x", "SET", "input", input=b"from standard\ninput")
    assert done.returncode == 0
    assert martlet.run("cli", "GET", "input").stdout == b"from standard\ninput\n"
    done = martlet.run("cli", "SADD", "set", "only")
    assert done.stdout == b"1\n"
    assert martlet.run("cli", "SMEMBERS", "set").stdout == b"only\n"
    done = martlet.run("cli", "INCR", "Hello")
    assert done.returncode == 1
    assert b"value is not an integer or out of range" in done.stderr
    assert done.stdout == b""


def test_martlet_cli_reads_commands_from_a_pipe(martlet: MartletServer) -> None:
    done = martlet.run("cli", input=b'SET a "1 2"\n# a remark\nGET a\nINCR n\n')
    assert (done.returncode, done.stdout) == (0, b"OK\n1 2\n1\n")


def test_martlet_get_and_set(martlet: MartletServer) -> None:
    done = martlet.run("set", "Distributed", "Networks")
    assert (done.returncode, done.stderr) == (0, b"")
    done = martlet.run("get", "Distributed")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Networks\n", b"")
    done = martlet.run("get", "none")
    assert (done.returncode, done.stdout) == (1, b"")
    assert martlet.run("set", "one word").returncode != 0


def test_without_a_server_the_client_says_so(martlet: MartletServer) -> None:
    martlet.stop()
    for command in (["cli", "GET", "a"], ["get", "a"], ["set", "a", "b"]):
        done = martlet.run(*command)
        assert done.returncode == 1
        assert done.stdout == b""
        assert str(martlet.redis_port).encode() in done.stderr
        assert len(done.stderr.splitlines()) == 1
