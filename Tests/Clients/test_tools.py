"""The command-line tools that people have: redis-cli, redis-benchmark, and libmemcached's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from servers import Server, required
from wire import encode

TIME_LIMIT = 120


def run(*command: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=input, capture_output=True, timeout=TIME_LIMIT, check=False)


class RedisCli:
    def __init__(self, server: Server) -> None:
        self.command = [required("redis-cli"), "-p", str(server.redis_port)]

    def __call__(self, *words: str, input: bytes = b"") -> str:
        done = run(*self.command, *words, input=input)
        assert done.returncode == 0, done
        return done.stdout.decode()


class Libmemcached:
    """libmemcached's tools. Debian calls them memccat and so on, others memcat."""

    def __init__(self, server: Server) -> None:
        self.port = server.memcached_port

    def __call__(self, tool: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        program = shutil.which(f"memc{tool}") or required(f"mem{tool}")
        return run(program, f"--servers=127.0.0.1:{self.port}", *words)


@pytest.fixture
def redis_cli(server: Server) -> RedisCli:
    return RedisCli(server)


@pytest.fixture
def libmemcached(server: Server) -> Libmemcached:
    return Libmemcached(server)


@pytest.mark.parametrize("protocol", [[], ["-3"]], ids=["RESP2", "RESP3"])
def test_redis_cli_sends_commands(redis_cli: RedisCli, protocol: list[str]) -> None:
    assert redis_cli(*protocol, "set", "Hello", "World") == "OK\n"
    assert redis_cli(*protocol, "get", "Hello") == "World\n"
    assert redis_cli(*protocol, "get", "none") == "\n"
    assert redis_cli(*protocol, "--no-raw", "get", "none") == "(nil)\n"
    assert redis_cli(*protocol, "incr", "n") == "1\n"
    assert redis_cli(*protocol, "sadd", "set", "a", "b") == "2\n"
    assert sorted(redis_cli(*protocol, "smembers", "set").split()) == ["a", "b"]
    assert "value is not an integer or out of range" in redis_cli(*protocol, "incr", "Hello")
    assert redis_cli(*protocol, "-x", "set", "x", input=b"from standard input") == "OK\n"
    assert redis_cli(*protocol, "get", "x") == "from standard input\n"
    assert redis_cli(*protocol, "-n", "3", "dbsize") == "0\n"


def test_redis_cli_reads_commands_from_a_pipe(redis_cli: RedisCli) -> None:
    assert redis_cli(input=b'set a "1 2"\nget a\nappend a 3\n') == "OK\n1 2\n4\n"


def test_redis_cli_scans(redis_cli: RedisCli) -> None:
    for name in ["cat", "catalog", "dog"]:
        redis_cli("set", name, "v")
    assert sorted(redis_cli("--scan").split()) == ["cat", "catalog", "dog"]
    assert sorted(redis_cli("--scan", "--pattern", "cat*").split()) == ["cat", "catalog"]


def test_redis_cli_loads_in_bulk(redis_cli: RedisCli) -> None:
    commands = b"".join(encode("SET", f"key{i}", f"value{i}") for i in range(10_000))
    assert "errors: 0, replies: 10000" in redis_cli("--pipe", input=commands)
    assert redis_cli("dbsize") == "10000\n"
    assert redis_cli("get", "key9999") == "value9999\n"


def test_redis_cli_shows_the_server(redis_cli: RedisCli) -> None:
    assert "redis_version:" in redis_cli("info", "server")
    assert "name=" in redis_cli("-3", "client", "info")
    assert "summary" in redis_cli("command", "docs", "get")


def test_redis_benchmark(server: Server) -> None:
    program = required("redis-benchmark")
    for options in ([], ["-P", "16"]):
        done = run(
            program, "-p", str(server.redis_port), "-t", "set,get", "-n", "20000", "-c", "50", "-q", *options
        )
        printed = (done.stdout + done.stderr).decode()
        assert done.returncode == 0, printed
        assert "SET: " in printed and "GET: " in printed
        assert "requests per second" in printed
        assert "rror" not in printed and "WARNING" not in printed, printed


def test_redis_benchmark_with_its_whole_list(server: Server) -> None:
    program = required("redis-benchmark")
    done = run(program, "-p", str(server.redis_port), "-n", "2000", "-c", "20", "-q")
    printed = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, printed
    assert printed.count("requests per second") == 20, printed
    for name in ("LPUSH", "RPOP", "HSET", "SPOP", "ZADD", "ZPOPMIN", "LRANGE_600", "MSET (10 keys)"):
        assert name in printed
    assert "rror" not in printed and "WARNING" not in printed, printed


def test_memcp_and_memcat(libmemcached: Libmemcached, tmp_path: Path) -> None:
    (tmp_path / "Hello").write_bytes(b"World")
    (tmp_path / "binary").write_bytes(b"a\r\n\0b")
    assert libmemcached("cp", str(tmp_path / "Hello"), str(tmp_path / "binary")).returncode == 0
    found = libmemcached("cat", "Hello")
    assert (found.returncode, found.stdout) == (0, b"World\n")
    assert libmemcached("cat", "binary").stdout == b"a\r\n\0b\n"
    missing = libmemcached("cat", "none")
    assert (missing.returncode, missing.stdout) == (1, b"")


def test_memcp_keeps_flags_and_expiry(libmemcached: Libmemcached, server: Server, tmp_path: Path) -> None:
    (tmp_path / "Hello").write_bytes(b"World")
    assert libmemcached("cp", "--flags=7", "--expire=100", str(tmp_path / "Hello")).returncode == 0
    with server.memcached() as connection:
        assert connection.ask(b"get Hello\r\n") == b"VALUE Hello 7 5\r\nWorld\r\nEND\r\n"


def test_memexist_memtouch_and_memrm(libmemcached: Libmemcached, server: Server) -> None:
    with server.memcached() as connection:
        connection.ask(b"set Hello 0 0 5\r\nWorld\r\n")
    statuses = [
        libmemcached("exist", "Hello").returncode,
        libmemcached("exist", "none").returncode,
        libmemcached("touch", "--expire=100", "Hello").returncode,
        libmemcached("touch", "--expire=100", "none").returncode,
        libmemcached("rm", "Hello").returncode,
        libmemcached("rm", "Hello").returncode,
        libmemcached("exist", "Hello").returncode,
    ]
    assert statuses == [0, 1, 0, 1, 0, 1, 1]


def test_memping_memstat_and_memflush(libmemcached: Libmemcached, server: Server) -> None:
    assert libmemcached("ping").returncode == 0
    stats = libmemcached("stat")
    assert stats.returncode == 0
    assert b"curr_items: " in stats.stdout
    with server.memcached() as connection:
        connection.ask(b"set a 0 0 1\r\nx\r\n")
        assert libmemcached("flush").returncode == 0
        assert connection.ask(b"get a\r\n") == b"END\r\n"


def test_memcapable_finds_the_text_protocol_whole(server: Server) -> None:
    program = shutil.which("memccapable") or required("memcapable")
    done = run(program, "-h", "127.0.0.1", "-p", str(server.memcached_port), "-a", "-t", "10")
    printed = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, printed
    assert "All tests passed" in printed
