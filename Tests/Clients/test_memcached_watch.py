"""`watch`: what a watcher is shown of what others do, compared with the real memcached."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import pytest

from conversations import Pair
from servers import MartletServer, eventually
from wire import MemcachedConnection

pytestmark = pytest.mark.martlet

NewServer = Callable[..., MartletServer]

LAST = b"key=the-last "
ITS_OWN = re.compile(rb"\b(ts|gid|clsid|cfd)=[-\d.]+")
"""The fields whose numbers are each server's own."""


class Watcher:
    """A connection that watches, and what it has been shown."""

    def __init__(self, port: int, kinds: bytes) -> None:
        self.connection = MemcachedConnection(port)
        self.connection.exchange(b"watch %s\r\n" % kinds, b"OK\r\n")

    def lines(self) -> list[bytes]:
        """All lines up to the one that is about the last key."""
        lines = []
        while not lines or LAST not in lines[-1]:
            lines.append(ITS_OWN.sub(rb"\1=", self.connection.line()))
            assert lines[-1].endswith(b"\n"), "the server closed"
        return lines


def shown(port: int, kinds: bytes, before: bytes, requests: bytes) -> list[bytes]:
    with MemcachedConnection(port) as other:
        other.ask(b"flush_all\r\nset a 0 0 1\r\nx\r\nset \xff'% 0 0 3\r\nxyz\r\n" + before)
        watcher = Watcher(port, kinds)
        other.ask(requests)
        with watcher.connection:
            return watcher.lines()


@pytest.mark.parametrize("kinds", [b"", b"fetchers", b"fetchers mutations", b"mutations fetchers evictions"])
def test_fetchers(pair: Pair, kinds: bytes) -> None:
    requests = b"get a b\r\ngets a \xff'%\r\nget a-._~:/?\r\ngat 0 a b\r\ngats 100 a\r\nget the-last\r\n"
    theirs, ours = (shown(port, kinds, b"", requests) for port in (pair.peer.port, pair.martlet.memcached_port))
    assert ours == theirs
    assert len(ours) == 9


def test_mutations(pair: Pair) -> None:
    requests = (
        b"set a 5 0 2\r\nxy\r\nadd a 0 100 1\r\ny\r\nadd b 0 100 1\r\ny\r\nreplace b 0 0 3\r\nabc\r\n"
        b"replace none 0 0 1\r\ny\r\nset \xff'% 0 1000 0 noreply\r\n\r\ncas a 0 0 1 1\r\nx\r\n"
        b"cas none 0 0 1 1\r\nx\r\nget a\r\ndelete a\r\nset the-last 0 0 1\r\nx\r\n"
    )
    theirs, ours = (
        shown(port, b"mutations", b"", requests) for port in (pair.peer.port, pair.martlet.memcached_port)
    )
    assert ours == theirs
    assert b"type=item_store key=a status=not_stored cmd=add ttl=100 " in b"".join(ours)


def test_a_watcher_sees_only_what_it_asked_for(pair: Pair) -> None:
    ours = shown(pair.martlet.memcached_port, b"mutations", b"", b"get a\r\nset the-last 0 0 1\r\nx\r\n")
    assert len(ours) == 1
    assert shown(pair.martlet.memcached_port, b"fetchers", b"", b"set a 0 0 1\r\nx\r\nget the-last\r\n")[0].count(LAST)


def test_what_a_watcher_sends_is_not_run(pair: Pair) -> None:
    port = pair.martlet.memcached_port
    watcher = Watcher(port, b"fetchers")
    watcher.connection.send(b"set sent 0 0 1\r\nx\r\n")
    with MemcachedConnection(port) as other:
        other.ask(b"get the-last\r\n")
        assert watcher.lines()
        assert other.ask(b"get sent\r\n") == b"END\r\n"
    watcher.connection.close()


def test_a_watcher_that_leaves_is_forgotten(pair: Pair) -> None:
    port = pair.martlet.memcached_port

    def connections() -> int:
        with MemcachedConnection(port) as other:
            return other.ask(b"stats conns\r\n").count(b":addr")

    before = connections()
    watchers = [Watcher(port, b"fetchers mutations") for _ in range(5)]
    assert connections() == before + 5
    for watcher in watchers[:3]:
        watcher.connection.close()
    for watcher in watchers[3:]:
        watcher.connection.socket.shutdown(socket.SHUT_WR)
        assert watcher.connection.rest() == b""
        watcher.connection.close()
    assert eventually(lambda: connections() == before, 20)


def test_a_watcher_that_does_not_read_is_told_what_it_missed(pair: Pair) -> None:
    port = pair.martlet.memcached_port
    watcher = Watcher(port, b"fetchers")
    keys = b" ".join(b"k%d-" % i + b"x" * 200 for i in range(1000))
    with MemcachedConnection(port) as other:
        # Some 30 MB of lines, of which the sockets and the watcher's queue hold less.
        for _ in range(100):
            other.exchange(b"get " + keys + b"\r\n", b"END\r\n")

        def ends() -> bool:
            other.ask(b"get the-last\r\n")
            return True

        lines = []
        watcher.connection.socket.settimeout(20)
        skipped = 0
        while not lines or LAST not in lines[-1]:
            if not lines or len(lines) % 1000 == 0:
                ends()
            lines.append(watcher.connection.line())
            if lines[-1].startswith(b"skipped="):
                skipped += int(lines[-1].split(b"=")[1])
    watcher.connection.close()
    assert skipped > 0
    events = [line for line in lines if line.startswith(b"ts=")]
    numbers = [int(re.search(rb"gid=(\d+)", line)[1]) for line in events]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - numbers[0] + 1 == len(events) + skipped


def test_not_too_many_may_watch(pair: Pair) -> None:
    for port in (pair.peer.port, pair.martlet.memcached_port):
        # Those of other tests may still be on their way out.
        watchers: list[MemcachedConnection] = []

        def one_more() -> bool:
            connection = MemcachedConnection(port)
            connection.send(b"watch\r\n")
            line = connection.line()
            if line == b"OK\r\n":
                watchers.append(connection)
                return False
            assert line == b"WATCHER_TOO_MANY log watcher limit reached\r\n"
            assert connection.ask(b"get never-set\r\n") == b"END\r\n"
            connection.close()
            return True

        def is_the_limit() -> bool:
            return one_more() and len(watchers) == 20

        assert eventually(is_the_limit, 20), len(watchers)
        for connection in watchers:
            connection.close()


@pytest.mark.parametrize("request_", [b"watch x", b"watch fetchers x", b"watch x noreply", b"watch deletions"])
def test_unknown_kinds(pair: Pair, request_: bytes) -> None:
    answers = []
    for port in (pair.peer.port, pair.martlet.memcached_port):
        with MemcachedConnection(port) as connection:
            answers.append(connection.ask(request_ + b"\r\n"))
    assert answers[1] == answers[0]


def test_evictions(new_server: NewServer) -> None:
    server = new_server("--memory-limit", "8mb", "--evict", "lru", "--durability", "never")
    watcher = Watcher(server.memcached_port, b"evictions")
    sets = b"".join(b"set key:%d 0 0 1000 noreply\r\n%s\r\n" % (number, b"v" * 1000) for number in range(20_000))
    with watcher.connection, server.memcached() as other:
        other.ask(sets)
        line = watcher.connection.line()
    assert re.fullmatch(
        rb"ts=\d+\.\d{6} gid=\d+ type=eviction key=key%3A\d+ fetch=no ttl=-1 la=\d+ clsid=0 size=\d+\n", line
    )


def test_a_server_may_be_told_to_let_nobody_watch(new_server: NewServer) -> None:
    with new_server("--memcached-watch", "no").memcached() as client:
        assert client.ask(b"watch\r\n") == b"CLIENT_ERROR watch commands not allowed\r\n"
