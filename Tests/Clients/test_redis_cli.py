"""redis-cli as people use it: at a terminal with hints and help, listening, and its ways of looking at a server."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from select import select

import pytest

from servers import Server, eventually, required
from wire import RedisConnection

LIMIT = 20.0
"""How long to wait for something to be shown, in seconds."""
COLUMNS = 200
KEY_TAB, KEY_CONTROL_U = "\t", "\x15"


def words(server: Server, *options: str) -> list[str]:
    return [required("redis-cli"), "-p", str(server.redis_port), *options]


class Terminal:
    """redis-cli at a terminal."""

    def __init__(self, command: list[str]) -> None:
        self.descriptor, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
        environment = {**os.environ, "TERM": "xterm", "REDISCLI_HISTFILE": "/dev/null", "REDISCLI_RCFILE": "/dev/null"}
        self.process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True
        )
        os.close(other)
        self.shown = ""
        self.is_busy = True

    def type(self, text: str) -> None:
        # What is typed before there is a prompt is thrown away.
        if self.is_busy:
            self.waits_for("> $")
        self.is_busy = False
        self.shown = ""
        os.write(self.descriptor, text.encode())

    def enter(self, line: str) -> None:
        self.type(line + "\r")
        self.is_busy = True

    def waits_for(self, pattern: str) -> str:
        """What has been shown since something was typed last, once it has this in it; without colours and the like."""
        limit = time.monotonic() + LIMIT
        while not re.search(pattern, self.text):
            assert time.monotonic() < limit, f"{pattern!r} is not in {self.text!r}"
            if select([self.descriptor], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.descriptor, 65536).decode(errors="replace")
                except OSError as gone:
                    raise AssertionError(f"redis-cli has ended: {self.text!r}") from gone
        return self.text

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.descriptor)


@pytest.fixture
def terminal(server: Server) -> Iterator[Terminal]:
    made = Terminal(words(server))
    yield made
    made.close()


@pytest.fixture
def redis(server: Server) -> Iterator[RedisConnection]:
    with server.redis() as connection:
        yield connection


@contextmanager
def listening(server: Server, *options: str) -> Iterator[Callable[[str], bool]]:
    """redis-cli with options that have it run until it is ended; whether it comes to print something."""
    process = subprocess.Popen(words(server, *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout
    os.set_blocking(process.stdout.fileno(), False)
    printed = b""

    def prints(pattern: str) -> bool:
        def is_there() -> bool:
            nonlocal printed
            with suppress(BlockingIOError):
                printed += os.read(process.stdout.fileno(), 65536)
            return re.search(pattern.encode(), printed, re.DOTALL) is not None

        assert eventually(is_there, LIMIT), printed
        return True

    try:
        yield prints
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ended(server: Server, *options: str) -> str:
    done = subprocess.run(words(server, *options), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout.decode()


# MARK: At a terminal


def test_hints_help_and_completion(terminal: Terminal) -> None:
    terminal.type("set ")
    assert "NX" in terminal.waits_for("key value")
    terminal.type(KEY_CONTROL_U + "zadd ")
    terminal.waits_for("key .*score member")
    terminal.type(KEY_CONTROL_U + "lpu" + KEY_TAB)
    terminal.waits_for("(?i)lpush")
    terminal.type(KEY_CONTROL_U)
    terminal.enter("help rpush")
    terminal.waits_for("summary: .*list")
    terminal.enter("help @list")
    terminal.waits_for("(?s)BLMOVE.*RPUSHX")


@pytest.mark.martlet
def test_hints_of_what_redis_cli_learns_from_the_server(terminal: Terminal) -> None:
    terminal.type("prepend ")
    terminal.waits_for("prepend .*key")


def test_a_session_at_a_terminal(terminal: Terminal, server: Server, redis: RedisConnection) -> None:
    terminal.enter("set Hello World")
    terminal.waits_for("OK")
    terminal.enter("rpush l a b")
    terminal.waits_for(r"\(integer\) 2")
    terminal.enter("lrange l 0 -1")
    terminal.waits_for(r'1\) "a"\r\n2\) "b"')
    terminal.enter("incr Hello")
    terminal.waits_for(r"\(error\) ERR value is not an integer")
    terminal.enter("select 2")
    terminal.waits_for(rf"{server.redis_port}\[2\]> ")
    terminal.enter("multi")
    terminal.waits_for(r"\(TX\)> ")
    terminal.enter("set a 1")
    terminal.waits_for("QUEUED")
    terminal.enter("exec")
    terminal.waits_for(r"1\) OK")
    terminal.enter("hello 3")
    terminal.waits_for('"proto" => .integer. 3')
    terminal.enter("select 0")
    terminal.waits_for(rf"{server.redis_port}> ")
    terminal.enter("hset h f 1 g 2")
    terminal.waits_for(r"\(integer\) 2")
    terminal.enter("hgetall h")
    terminal.waits_for(r'1# "[fg]" => "[12]"')
    terminal.enter("debug nosuch")
    terminal.waits_for(r"\(error\) ERR")
    # Whoever waits can give up.
    terminal.enter("blpop nothing 0")
    assert eventually(lambda: b"blocked_clients:1" in redis("INFO", "clients"))
    terminal.process.send_signal(signal.SIGINT)
    assert eventually(lambda: b"blocked_clients:0" in redis("INFO", "clients"))


def test_subscribing_at_a_terminal(terminal: Terminal, redis: RedisConnection) -> None:
    terminal.enter("subscribe news")
    terminal.waits_for(r'(?s)"subscribe".*"news".*\(integer\) 1')
    assert redis("PUBLISH", "news", "hello") == 1
    terminal.waits_for(r'(?s)"message".*"news".*"hello"')


# MARK: Listening


def test_subscribe_and_psubscribe(server: Server, redis: RedisConnection) -> None:
    with listening(server, "psubscribe", "new*") as prints:
        assert prints("psubscribe\nnew\\*\n1\n")
        redis("PUBLISH", "news", "hello")
        assert prints("pmessage\nnew\\*\nnews\nhello\n")


def test_monitor(server: Server, redis: RedisConnection) -> None:
    with listening(server, "monitor") as prints:
        assert prints("OK\n")
        redis("SET", "Hello", "a b")
        assert prints(r'\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "Hello" "a b"' + "\n")


def test_stat(server: Server, redis: RedisConnection) -> None:
    redis("MSET", "a", "1", "b", "2", "c", "3")
    with listening(server, "--stat", "-i", "0.05") as prints:
        assert prints(r"keys +mem +clients")
        # Keys, memory, clients, blocked, requests (and how many more than before), connections.
        assert prints(r"\n3 +[\d.]+[KMG] +\d+ +0 +\d+ \(\+\d+\) +\d+")


def test_latency(server: Server) -> None:
    least, most, mean, count = ended(server, "--latency", "-i", "0.2").split()
    assert 0 <= int(least) <= float(mean) <= int(most) and int(count) > 0
    with listening(server, "--latency-history", "-i", "0.2") as prints:
        assert prints(r"\d+ \d+ [\d.]+ \d+.*\n.*\d+ \d+ [\d.]+ \d+")


# MARK: Looking through the keys


@pytest.fixture
def filled(redis: RedisConnection) -> RedisConnection:
    redis("SET", "small", "x")
    redis("SET", "large string", "x" * 1000)
    redis("RPUSH", "list", *range(7))
    redis("SADD", "set", *range(300))
    redis("HSET", "hash", *range(10))
    redis("ZADD", "sorted", 1, "a", 2, "b")
    return redis


@pytest.mark.usefixtures("filled")
def test_big_keys(server: Server) -> None:
    printed = ended(server, "--bigkeys", "-i", "0.001")
    assert "Sampled 6 keys in the keyspace!" in printed
    for line in [
        'Biggest string found \'"large string"\' has 1000 bytes',
        'Biggest   list found \'"list"\' has 7 items',
        'Biggest    set found \'"set"\' has 300 members',
        'Biggest   hash found \'"hash"\' has 5 fields',
        'Biggest   zset found \'"sorted"\' has 2 members',
        "2 strings with 1001 bytes (33.33% of keys, avg size 500.50)",
    ]:
        assert line in printed, printed


@pytest.mark.usefixtures("filled")
def test_memory_of_keys(server: Server) -> None:
    printed = ended(server, "--memkeys")
    assert "Sampled 6 keys in the keyspace!" in printed
    assert re.search(r"Biggest string found '\"large string\"' has 1\d\d\d bytes", printed), printed
    assert re.search(r"Biggest +set found '\"set\"' has \d{3,} bytes", printed), printed
    assert "Sampled 6 keys" in ended(server, "--memkeys-samples", "5")


# MARK: Formats


def test_formats(server: Server) -> None:
    ended(server, "hset", "h", "f", "é\n")
    assert ended(server, "--json", "hgetall", "h") == '{"f":"é\\n"}\n'
    assert ended(server, "--csv", "hgetall", "h") == '"f","\\xc3\\xa9\\n"\n'
    assert ended(server, "--no-raw", "hgetall", "h") == '1) "f"\n2) "\\xc3\\xa9\\n"\n'
    assert ended(server, "-r", "3", "-i", "0", "incr", "n") == "1\n2\n3\n"
    assert ended(server, "-u", f"redis://127.0.0.1:{server.redis_port}/5", "set", "k", "v") == "OK\n"
    assert ended(server, "-n", "5", "get", "k") == "v\n"
