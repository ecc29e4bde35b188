"""A sync that fails or takes long: nobody is told that a write is safe that isn't, and nobody waits who needn't."""

from __future__ import annotations

import errno
import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from faults import Call
from servers import FaultyServer, eventually, required
from wire import OK, Connection, Error

pytestmark = pytest.mark.martlet

CLIENTS = 50
SLOW_SYNC = 0.02
"""Seconds; long beside the time that a client needs for its next request."""
WRITES = 6000
COMMIT = re.compile(r"^# commit (\d+)-(\d+) ", re.MULTILINE)


def test_the_faults_reach_the_server(faulty: FaultyServer) -> None:
    """What the tests below stand on: the calls are counted where the server makes them."""
    with faulty.redis() as connection:
        before = {call: faulty.faults.count(call) for call in (Call.WRITE, Call.SYNC)}
        assert connection("SET", "k", "v") == OK
        assert all(faulty.faults.count(call) > count for call, count in before.items())
    assert faulty.faults.count(Call.OPEN) > 0
    assert not any(faulty.faults.failed(call) for call in Call)


def outcome(connection: Connection) -> bytes:
    """All that a connection still gets: an answer, or nothing if it is closed without one."""
    try:
        return connection.line()
    except ConnectionResetError:
        return b""


def test_after_a_sync_that_failed_nothing_is_acknowledged(faulty: FaultyServer) -> None:
    keys = [f"safe{number}" for number in range(20)]
    with faulty.redis() as connection:
        for key in keys:
            assert connection("SET", key, "before") == OK
    # Only one sync fails, as on Linux, where the next one would succeed without having written what the first lost.
    faulty.faults.fail(Call.SYNC, errno.EIO, times=1)
    with faulty.redis() as redis, faulty.memcached() as memcached:
        redis.send(b"SET lost1 x\r\n")
        memcached.send(b"set lost2 0 0 1\r\nx\r\n")
        answers = [outcome(redis), outcome(memcached)]
    assert faulty.faults.failed(Call.SYNC) == 1
    assert answers[0] == b"" or answers[0].startswith(b"-"), answers
    assert answers[1] == b"" or answers[1].startswith(b"SERVER_ERROR "), answers
    with faulty.redis() as redis, faulty.memcached() as memcached:
        for number in range(3):
            refusal = redis("SET", f"refused{number}", "x")
            assert isinstance(refusal, Error) and refusal.text.startswith("MISCONF "), refusal
            assert "Input/output error" in refusal.text
            answer = memcached.ask(b"set refused%d 0 0 1\r\nx\r\n" % number)
            assert answer.startswith(b"SERVER_ERROR "), answer
        assert redis("MGET", *keys) == [b"before"] * len(keys)
        for key in keys:
            request = f"get {key}\r\n".encode()
            assert memcached.ask(request) == f"VALUE {key} 0 6\r\nbefore\r\nEND\r\n".encode()
    faulty.kill()
    faulty.faults.clear()
    faulty.start()
    with faulty.redis() as connection:
        assert connection("MGET", *keys) == [b"before"] * len(keys)
        assert connection("EXISTS", *[f"refused{number}" for number in range(3)]) == 0
        assert connection("SET", "again", "after") == OK
    faulty.kill_and_start()
    with faulty.redis() as connection:
        assert connection("GET", "again") == b"after"


def test_many_clients_wait_for_a_sync_that_fails(faulty: FaultyServer) -> None:
    """All that wait for it are left without an acknowledgement; what they wrote is whole or not there."""
    with faulty.redis() as connection:
        assert connection("SET", "safe", "before") == OK
    faulty.faults.hold(Call.SYNC)
    syncs = faulty.faults.count(Call.SYNC)
    connections = [faulty.redis() for _ in range(20)]
    for number, connection in enumerate(connections):
        connection.send(f"MSET a{number} x b{number} x\r\n".encode())
    assert eventually(lambda: faulty.faults.count(Call.SYNC) > syncs)
    faulty.faults.fail(Call.SYNC, errno.EIO)
    faulty.faults.release(Call.SYNC)
    with ThreadPoolExecutor(len(connections)) as pool:
        answers = list(pool.map(outcome, connections))
    for connection in connections:
        connection.close()
    assert [each for each in answers if each and not each.startswith(b"-")] == []
    with faulty.redis() as connection:
        assert connection("GET", "safe") == b"before"
    faulty.kill()
    faulty.faults.clear()
    faulty.start()
    with faulty.redis() as connection:
        assert connection("GET", "safe") == b"before"
        for number in range(len(connections)):
            pair = connection("MGET", f"a{number}", f"b{number}")
            assert pair in ([b"x", b"x"], [None, None])


def test_a_write_that_fails_is_not_acknowledged(faulty: FaultyServer) -> None:
    """The disk takes half of a batch and fails: after a restart the half is not there."""
    with faulty.redis() as connection:
        assert connection("SET", "safe", "before") == OK
    faulty.faults.fail(Call.WRITE, errno.EIO, after=1000)
    with faulty.redis() as connection:
        connection.send(b"SET torn " + b"x" * 10_000 + b"\r\n")
        assert eventually(lambda: faulty.faults.failed(Call.WRITE) > 0)
        with faulty.redis() as other:
            assert other("GET", "safe") == b"before"
        faulty.kill()
        answer = outcome(connection)
    assert answer == b"" or answer.startswith(b"-"), answer
    faulty.faults.clear()
    faulty.start()
    with faulty.redis() as connection:
        assert connection("MGET", "safe", "torn") == [b"before", None]
        assert connection("SET", "again", "after") == OK
    faulty.kill_and_start()
    with faulty.redis() as connection:
        assert connection("MGET", "safe", "torn", "again") == [b"before", None, b"after"]


def test_a_sync_that_fails_at_the_start_stops_the_start(faulty: FaultyServer) -> None:
    """Nobody is shown what the disk may not have."""
    with faulty.redis() as connection:
        assert connection("SET", "safe", "before") == OK
    faulty.kill()
    faulty.faults.fail(Call.SYNC, errno.EIO)
    (command,) = faulty.commands().values()
    done = subprocess.run(
        command, env=faulty.complete_environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode > 0
    assert "Input/output error" in done.stderr, done.stderr
    faulty.faults.clear()
    faulty.start()
    with faulty.redis() as connection:
        assert connection("GET", "safe") == b"before"


def test_readers_of_other_keys_do_not_wait_for_a_sync(faulty: FaultyServer) -> None:
    with faulty.redis() as connection:
        assert connection("MSET", "other", "1", "k", "old") == OK
    syncs = faulty.faults.count(Call.SYNC)
    faulty.faults.hold(Call.SYNC)
    with faulty.redis() as writer, faulty.redis() as waiting, faulty.redis() as redis:
        writer.send(b"SET k new\r\n")
        assert eventually(lambda: faulty.faults.count(Call.SYNC) > syncs)
        # The sync is held for as long as this takes.
        with faulty.memcached() as memcached:
            for _ in range(100):
                assert redis("GET", "other") == b"1"
                assert memcached.ask(b"get other none\r\n") == b"VALUE other 0 1\r\n1\r\nEND\r\n"
        waiting.send(b"GET k\r\n")
        for connection in (writer, waiting):
            connection.socket.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.socket.recv(1)
            connection.socket.settimeout(10)
        faulty.faults.release(Call.SYNC)
        assert writer.socket.recv(100) == b"+OK\r\n"
        assert waiting.socket.recv(100) == b"$3\r\nnew\r\n"


def test_what_was_not_acknowledged_when_the_server_died_was_shown_to_nobody(faulty: FaultyServer) -> None:
    """Killed during a sync: the reader who asked for the write it waits for has seen nothing."""
    with faulty.redis() as connection:
        assert connection("SET", "k", "old") == OK
    syncs = faulty.faults.count(Call.SYNC)
    faulty.faults.hold(Call.SYNC)
    with faulty.redis() as writer, faulty.redis() as reader:
        writer.send(b"SET k new\r\n")
        assert eventually(lambda: faulty.faults.count(Call.SYNC) > syncs)
        reader.send(b"GET k\r\n")
        faulty.kill()
        assert writer.rest() == b""
        assert reader.rest() == b""
    faulty.faults.clear()
    faulty.start()
    with faulty.redis() as connection:
        assert connection("GET", "k") in (b"old", b"new")


def test_closed_loop_clients_share_their_syncs(faulty: FaultyServer) -> None:
    """All clients that wait for a sync should be in the next batch together. If the next sync began as soon as one
    ends, they would split into two convoys that wait for each other's syncs, each batch with half of the clients."""
    faulty.faults.delay(Call.SYNC, SLOW_SYNC)
    load = ["-t", "set", "-c", str(CLIENTS), "-n", str(WRITES), "-r", "1000", "-q"]
    command = [required("redis-benchmark"), "-p", str(faulty.redis_port), *load]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    faulty.faults.clear()
    assert faulty.stop() == [0]
    batches = [int(last) - int(first) + 1 for first, last in COMMIT.findall(faulty.database.read_text())]
    sizes = [size for size in batches if size > 0]
    assert sum(sizes) >= WRITES
    assert sum(sizes) / len(sizes) >= 0.7 * CLIENTS, sizes


def test_a_slow_sync_slows_no_reader(faulty: FaultyServer) -> None:
    """A reader gets through many reads while writers wait for one sync after the other."""
    with faulty.redis() as connection:
        assert connection("SET", "other", "1") == OK
    faulty.faults.delay(Call.SYNC, 0.3)
    done = threading.Event()

    def write() -> None:
        with faulty.redis() as connection:
            while not done.is_set():
                assert connection("INCR", "n") > 0

    with ThreadPoolExecutor(4) as pool, faulty.redis() as reader:
        writers = [pool.submit(write) for _ in range(4)]
        try:
            start = faulty.faults.count(Call.SYNC)
            reads = 0
            while faulty.faults.count(Call.SYNC) < start + 4:
                assert reader("GET", "other") == b"1"
                reads += 1
        finally:
            done.set()
        assert [each.result(20) for each in writers] == [None] * 4
    # If each read waited for a sync, there would be some four.
    assert reads > 40
