"""The disk is full: nothing is acknowledged that isn't kept, reads go on, and writes resume as soon as there is room.

Two ways to a full disk: the preloaded library that says so, which works everywhere, and a real file system of a few
megabytes, where the tests may mount one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from servers import POLL_INTERVAL, FaultyServer, MartletServer, eventually
from wire import OK, Connection, Error

pytestmark = pytest.mark.martlet

CAPACITY = 2 << 20
BALLASTS = [700_000, 700_000]
"""Bytes of files beside the database that somebody deletes, one after the other, to make room."""
VALUE_SIZE = 10_000
PATIENCE = 20.0
"""Seconds that a write may wait before a test fails."""


def mount(folder: Path) -> bool:
    """Mounts a small file system; whether that's allowed here."""
    options = ["-t", "tmpfs", "-o", f"size={CAPACITY},mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True, capture_output=True)


def may_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        if mount(Path(folder)):
            unmount(Path(folder))
            return True
    return False


class Disk:
    """A server on a disk that will be full soon."""

    def __init__(self, server: MartletServer) -> None:
        self.server = server
        self.ballasts = []
        for number, size in enumerate(BALLASTS):
            self.ballasts.append(server.data / f"ballast{number}")
            self.ballasts[-1].write_bytes(bytes(size))

    def make_room(self) -> None:
        self.ballasts.pop().unlink()


@pytest.fixture(params=["limited", "mounted"] if may_mount() else ["limited"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, faults_library: Path) -> Iterator[Disk]:
    with ExitStack() as stack:
        if request.param == "limited":
            server: MartletServer = FaultyServer(tmp_path, faults_library)
            server.data.mkdir()
            server.faults.limit(CAPACITY)
        else:
            server = MartletServer(tmp_path)
            server.data.mkdir()
            assert mount(server.data)
            stack.callback(unmount, server.data)
        stack.callback(server.kill)
        disk = Disk(server)
        server.start()
        yield disk


def value_of(key: str) -> bytes:
    return (key.encode() + b" ").ljust(VALUE_SIZE, b"x")


class Writer:
    """Writes to a new key each time, in either protocol, and notes what was answered."""

    def __init__(self, server: MartletServer, name: str, is_memcached: bool) -> None:
        self.server = server
        self.name = name
        self.is_memcached = is_memcached
        self.count = 0
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.refusal = ""
        self.unanswered: list[tuple[str, Connection]] = []

    def connect(self) -> Connection:
        connection = self.server.memcached() if self.is_memcached else self.server.redis()
        connection.socket.settimeout(PATIENCE)
        return connection

    def send(self, connection: Connection) -> str:
        """Sends a write; its key."""
        self.count += 1
        key = f"{self.name}:{self.count}"
        value = value_of(key)
        if self.is_memcached:
            connection.send(f"set {key} 0 0 {len(value)}\r\n".encode() + value + b"\r\n")
        else:
            connection.send(f"*3\r\n$3\r\nSET\r\n${len(key)}\r\n{key}\r\n${len(value)}\r\n".encode())
            connection.send(value + b"\r\n")
        return key

    def receive(self, connection: Connection, key: str) -> bool:
        """Reads the answer; whether the write was acknowledged. A connection that is closed acknowledges nothing."""
        line = connection.line()
        if line in (b"+OK\r\n", b"STORED\r\n"):
            self.acknowledged.append(key)
            return True
        if not line:
            raise EOFError("the server closed the connection")
        assert line.startswith(b"SERVER_ERROR " if self.is_memcached else b"-"), line
        self.refused.append(key)
        self.refusal = line.decode().strip()
        return False

    def write(self, connection: Connection) -> bool:
        return self.receive(connection, self.send(connection))

    def write_patiently(self, seconds: float) -> bool | None:
        """A write on a connection of its own; None if there is no answer in so many seconds. Then it stays open."""
        connection = self.connect()
        key = self.send(connection)
        connection.socket.settimeout(seconds)
        try:
            answer = self.receive(connection, key)
        except TimeoutError:
            # The buffered reader of a socket is of no use after a timeout; nothing was read so far.
            connection.file = connection.socket.makefile("rb")
            connection.socket.settimeout(PATIENCE)
            self.unanswered.append((key, connection))
            return None
        connection.close()
        return answer

    def until_refused(self) -> None:
        """Writes until it is refused. Writes that the full disk took by surprise have no answer yet."""
        assert eventually(lambda: self.write_patiently(1.0) is False, within=PATIENCE), "the disk is never full"

    def collect(self) -> None:
        """Waits for the answers that are still due, which all have to be good."""
        while self.unanswered:
            key, connection = self.unanswered.pop()
            assert self.receive(connection, key), f"{key}: {self.refusal}"
            connection.close()

    def give_up(self) -> None:
        """Closes the connections of a server that is gone."""
        for _, connection in self.unanswered:
            connection.close()
        self.unanswered.clear()


class Crowd:
    """Many writers that fill the disk, and go on until the first write that is acknowledged after there is room."""

    def __init__(self, server: MartletServer, name: str) -> None:
        self.has_room = threading.Event()
        self.gives_up = threading.Event()
        self.writers = [Writer(server, f"{name}:{number}", number % 2 == 1) for number in range(6)]
        self.failures: list[BaseException] = []
        self.threads = [threading.Thread(target=self.run, args=[writer]) for writer in self.writers]
        for thread in self.threads:
            thread.start()

    def run(self, writer: Writer) -> None:
        try:
            with writer.connect() as connection:
                while not self.gives_up.is_set():
                    is_last = self.has_room.is_set()
                    if writer.write(connection):
                        if is_last:
                            return
                    else:
                        time.sleep(POLL_INTERVAL)
        except (OSError, EOFError) as error:
            self.failures.append(error)

    def join(self) -> list[BaseException]:
        """Waits until all have been acknowledged once more, or failed; how they failed."""
        eventually(lambda: not any(thread.is_alive() for thread in self.threads), within=PATIENCE)
        late = [thread.name for thread in self.threads if thread.is_alive()]
        self.gives_up.set()
        for thread in self.threads:
            thread.join()
        assert late == [], "writes have not resumed"
        return self.failures


def assert_kept(server: MartletServer, writers: list[Writer]) -> None:
    """All that was acknowledged is there, whole; nothing that was refused is."""
    with server.redis() as redis, server.memcached() as memcached:
        for writer in writers:
            for key in list(writer.acknowledged):
                value = value_of(key)
                assert redis("GET", key) == value, key
                answer = b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key.encode(), len(value), value)
                assert memcached.ask(f"get {key}\r\n".encode()) == answer, key
            for key in list(writer.refused):
                assert redis("GET", key) is None, key


def fill(server: MartletServer, name: str = "fill") -> tuple[Crowd, list[Writer]]:
    """Fills the disk with many clients until a client of each protocol is refused; all writers. Their keys begin
    with `name`."""
    crowd = Crowd(server, name)
    probes = [Writer(server, f"{name}:redis", False), Writer(server, f"{name}:memcached", True)]
    for probe in probes:
        probe.until_refused()
    return crowd, [*crowd.writers, *probes]


def test_a_full_disk_is_said_and_writes_resume_by_themselves(disk: Disk) -> None:
    server = disk.server
    crowd, writers = fill(server)
    probes = writers[-2:]
    try:
        assert probes[0].refusal.startswith("-MISCONF "), probes[0].refusal
        for probe in probes:
            text = probe.refusal.lower()
            assert "full" in text or "no space left" in text, probe.refusal
            assert "resume" in text, probe.refusal
        assert_kept(server, writers)
        with server.redis() as connection:
            # Every command that writes is refused, whatever it is.
            for words in [("DEL", "a"), ("INCR", "a"), ("SADD", "a", "b"), ("EXPIRE", "a", 9), ("FLUSHALL",)]:
                refusal = connection(*words)
                assert isinstance(refusal, Error) and refusal.text.startswith("MISCONF "), (words, refusal)
            assert connection("EXISTS", "a") == 0
    finally:
        crowd.has_room.set()
        disk.make_room()
    assert crowd.join() == []
    for probe in probes:
        probe.collect()
        with probe.connect() as connection:
            assert eventually(lambda probe=probe, connection=connection: probe.write(connection), PATIENCE)
            assert all(probe.write(connection) for _ in range(5))
    assert_kept(server, writers)
    server.restart()
    assert_kept(server, writers)
    with server.redis() as connection:
        assert connection("SET", "after", "restart") == OK
    server.kill_and_start()
    assert_kept(server, writers)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_server_that_ends_while_the_disk_is_full_keeps_what_it_acknowledged(disk: Disk, end: int) -> None:
    server = disk.server
    crowd, writers = fill(server)
    (process,) = server.processes
    process.signal(end)
    crowd.join()
    for writer in writers:
        writer.give_up()
    disk.make_room()
    server.start()
    assert_kept(server, writers)
    with server.redis() as connection:
        assert connection("SET", "after", "restart") == OK


def test_a_disk_that_is_full_twice(disk: Disk) -> None:
    server = disk.server
    writers = []
    for name in ["once", "twice"]:
        crowd, filled = fill(server, name)
        writers += filled
        crowd.has_room.set()
        disk.make_room()
        assert crowd.join() == []
        for probe in filled[-2:]:
            probe.collect()
        assert_kept(server, writers)
    server.kill_and_start()
    assert_kept(server, writers)


def test_a_checkpoint_without_room_harms_nothing(faulty: FaultyServer) -> None:
    """There is room for the changes and not for a second file: the first goes on."""
    writer = Writer(faulty, "writer", False)
    with writer.connect() as connection:
        assert all(writer.write(connection) for _ in range(100))
    faulty.faults.limit(faulty.database.stat().st_size + 30 * VALUE_SIZE)
    faulty.begin_checkpoint()
    with writer.connect() as connection:
        for _ in range(10):
            # The room that the checkpoint takes comes back when it gives up.
            assert eventually(lambda: writer.write(connection), PATIENCE)
    assert_kept(faulty, [writer])
    faulty.kill_and_start()
    assert_kept(faulty, [writer])
    faulty.faults.limit(None)
    faulty.checkpoint()
    faulty.restart()
    assert_kept(faulty, [writer])
