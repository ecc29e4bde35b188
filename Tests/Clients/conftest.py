"""Fixtures: the server under test, and connections to it.

With PEER=1 in the environment the server under test is Redis and memcached themselves, and the tests marked
`martlet`, which concern only Martlet, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from pymemcache.client.base import Client as PymemcacheClient

from conversations import Pair
from faults import compile_library
from servers import MARTLET, PEER, FaultyServer, MartletServer, Peers, Server
from wire import MemcachedConnection, RedisConnection

started: list[Server] = []
"""Every server that runs, for the report of a test that fails."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "martlet: concerns only Martlet, so it is left out when PEER=1")
    if not PEER and not config.option.collectonly and not MARTLET.exists():
        raise pytest.UsageError(f"no server at {MARTLET}: build it, or set MARTLET, or set PEER=1")


def pytest_report_header() -> str:
    return "server under test: " + ("redis-server and memcached" if PEER else str(MARTLET))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not PEER:
        return
    left_out = [item for item in items if item.get_closest_marker("martlet")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in started:
            report.sections.append(("server's stderr", server.errors[-5000:]))


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all the tests that need no server of their own."""
    folder = tmp_path_factory.mktemp("server")
    server = Peers(folder) if PEER else MartletServer(folder)
    server.start()
    started.append(server)
    yield server
    started.remove(server)
    statuses = server.stop()
    assert PEER or statuses == [0], f"exit status {statuses} after SIGTERM; {server.printed}"


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """The shared server, emptied. If a test brings it down, that test fails and the next has a new one."""
    if not shared_server.running:
        shared_server.start()
    shared_server.flush()
    yield shared_server
    assert shared_server.running, f"the server ended: {shared_server.errors[-5000:]}"


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., MartletServer]]:
    """Makes Martlet servers with options, each on a folder of its own, running."""
    own: list[MartletServer] = []

    def make(*options: str) -> MartletServer:
        folder = tmp_path / f"server-{len(own)}"
        folder.mkdir()
        server = MartletServer(folder, *options)
        own.append(server)
        started.append(server)
        server.start()
        return server

    yield make
    for server in own:
        server.kill()
        started.remove(server)


@pytest.fixture
def martlet(new_server: Callable[..., MartletServer]) -> MartletServer:
    """A Martlet server of the test's own, with a fresh data folder, that may be restarted and killed."""
    return new_server()


@pytest.fixture(scope="session")
def faults_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes a server's disk fail, compiled."""
    return compile_library(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def faulty(tmp_path: Path, faults_library: Path) -> Iterator[FaultyServer]:
    """A Martlet server on a disk whose faults the test controls, running."""
    folder = tmp_path / "faulty"
    folder.mkdir()
    server = FaultyServer(folder, faults_library)
    started.append(server)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        started.remove(server)


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def protocol(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def wire(server: Server, protocol: int) -> Iterator[RedisConnection]:
    """A bare Redis connection, in each version of the protocol."""
    with server.redis(protocol) as connection:
        yield connection


@pytest.fixture
def client(server: Server, protocol: int) -> Iterator[redis.Redis]:
    """redis-py, in each version of the protocol."""
    with redis.Redis(port=server.redis_port, protocol=protocol, socket_timeout=10) as client:
        yield client


@pytest.fixture
def memcached(server: Server) -> Iterator[MemcachedConnection]:
    """A bare memcached connection."""
    with server.memcached() as connection:
        yield connection


@pytest.fixture
def pymemcache(server: Server) -> Iterator[PymemcacheClient]:
    """pymemcache, which waits for the reply to each command."""
    client = PymemcacheClient(("127.0.0.1", server.memcached_port), timeout=10, default_noreply=False)
    yield client
    client.close()


@pytest.fixture(scope="session")
def shared_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """memcached and Martlet, for the tests that compare them."""
    pair = Pair(tmp_path_factory.mktemp("pair"))
    started.append(pair.martlet)
    yield pair
    started.remove(pair.martlet)
    pair.kill()


@pytest.fixture
def pair(shared_pair: Pair) -> Pair:
    """The shared pair, both running. If a test brings one down, that test fails and the next has new ones."""
    if not shared_pair.running:
        shared_pair.kill()
        shared_pair.start()
    return shared_pair
