"""How much memory the server takes for its connections: little while they rest, and not for good what a burst took."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from servers import MartletServer, eventually
from wire import Connection, encode

pytestmark = pytest.mark.martlet

TRANSPORTS = {"io_uring": 640, "nio": 5400}
"""Bytes that an idle connection may take. memcached 1.6.18 takes 639."""


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def resident(server: MartletServer) -> int:
    """Bytes of the server in memory."""
    status = Path(f"/proc/{server.processes[0].process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024


def connect(stack: ExitStack, port: int, request: bytes, reply: bytes) -> Connection:
    """A connection that has asked once."""
    connection = stack.enter_context(Connection(port))
    connection.send(request)
    assert connection.receive(len(reply)) == reply
    return connection


@pytest.mark.parametrize("protocol", ["redis", "memcached"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_idle_connection_takes_little_memory(
    new_server: Callable[..., MartletServer], transport: str, protocol: str
) -> None:
    server = new_server("--transport", transport, "--durability", "never")
    if protocol == "redis":
        port, request, reply = server.redis_port, encode("GET", "none"), b"$-1\r\n"
    else:
        port, request, reply = server.memcached_port, b"get none\r\n", b"END\r\n"
    with ExitStack() as stack:
        # What the first ones cost is the server's.
        for _ in range(500):
            connect(stack, port, request, reply)
        before = resident(server)
        for _ in range(4000):
            connect(stack, port, request, reply)
        assert (resident(server) - before) / 4000 <= TRANSPORTS[transport]


def test_who_has_written_takes_no_more_than_who_has_read(new_server: Callable[..., MartletServer]) -> None:
    # Its reply has waited for the disk, in memory that it no longer needs.
    server = new_server("--transport", "io_uring")
    with ExitStack() as stack:
        for _ in range(500):
            connect(stack, server.redis_port, encode("SET", "k", "v"), b"+OK\r\n")
        before = resident(server)
        for _ in range(2000):
            connect(stack, server.redis_port, encode("SET", "k", "v"), b"+OK\r\n")
        assert (resident(server) - before) / 2000 <= TRANSPORTS["io_uring"]


def test_what_a_burst_of_large_requests_took_goes_back(new_server: Callable[..., MartletServer]) -> None:
    server = new_server("--transport", "io_uring")
    body = b"x" * 100_000
    request = encode("ECHO", body)
    with ExitStack() as stack:
        ping = (encode("PING"), b"+PONG\r\n")
        clients = [connect(stack, server.redis_port, *ping) for _ in range(1000)]
        before = resident(server)
        # All requests are under way at the same time.
        for client in clients:
            client.send(request[:90_000])
        assert eventually(lambda: resident(server) - before > 80_000_000, 20)
        for client in clients:
            client.send(request[90_000:])
        for client in clients:
            assert client.receive(9 + 100_000 + 2) == b"$100000\r\n" + body + b"\r\n"
        # The lanes' buffers for what is received, at most 4 MiB each, stay, and so may 2 MiB that malloc keeps
        # between blocks that are in use.
        lanes = len([name for name in thread_names(server) if name == "martlet-lane"])
        assert lanes > 0
        assert eventually(lambda: resident(server) - before < lanes * (6 << 20) + 4_000_000, 20)


def thread_names(server: MartletServer) -> list[str]:
    tasks = Path(f"/proc/{server.processes[0].process.pid}/task")
    return [(task / "comm").read_text().strip() for task in tasks.iterdir()]
