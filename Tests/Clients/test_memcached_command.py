"""`martlet memcached`: memcached's own command line."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import MARTLET, MartletServer, eventually, free_ports

pytestmark = pytest.mark.martlet


class MemcachedStyleServer(MartletServer):
    """Martlet, started as memcached would be. It has a Redis port, too, so that the common checks work."""

    def commands(self) -> dict[str, list[str]]:
        ports = ["-p", str(self.memcached_port), "--redis-port", str(self.redis_port)]
        return {"martlet": [str(MARTLET), "memcached", *ports, "--data", str(self.data), *self.options]}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    own: list[MartletServer] = []

    def make(*options: str) -> MartletServer:
        folder = tmp_path / f"server-{len(own)}"
        folder.mkdir()
        server = MemcachedStyleServer(folder, *options)
        own.append(server)
        server.start()
        return server

    yield make
    for server in own:
        server.kill()


def run(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(MARTLET), "memcached", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=folder)


def connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_debians_options(start) -> None:
    server = start("-m", "64", "-l", "127.0.0.1", "-l", "::1", "-c", "50", "-I", "2m", "-n", "72", "-o", "modern,idle_timeout=60")
    with server.memcached() as connection, server.redis() as redis:
        connection.send(b"set k 0 0 5\r\nvalue\r\n")
        assert connection.receive(8) == b"STORED\r\n"
        assert redis("GET", "k") == b"value"
        assert redis("CONFIG", "GET", "maxclients") == [b"maxclients", b"50"]
        assert redis("CONFIG", "GET", "timeout") == [b"timeout", b"60"]
        assert redis("CONFIG", "GET", "maxmemory") == [b"maxmemory", b"67108864"]
        assert redis("CONFIG", "GET", "max-value-bytes") == [b"max-value-bytes", b"2097152"]
    lines = [line for line in server.errors.splitlines() if "ignored" in line]
    assert len(lines) == 1 and "-n 72, -o modern" in lines[0]


def test_data_is_there_after_a_restart(start) -> None:
    server = start("-l", "127.0.0.1")
    with server.memcached() as connection:
        connection.send(b"set k 0 0 5\r\nvalue\r\n")
        assert connection.receive(8) == b"STORED\r\n"
    server.restart()
    with server.redis() as redis:
        assert redis("GET", "k") == b"value"


def test_shutdown_and_flush(start) -> None:
    server = start("-l", "127.0.0.1", "-A", "-F")
    with server.memcached() as connection:
        connection.send(b"flush_all\r\n")
        assert connection.file.readline() == b"CLIENT_ERROR flush_all not allowed\r\n"
        connection.send(b"shutdown\r\n")
        assert connection.file.readline() == b""
    assert server.processes[0].process.wait(20) == 0
    other = start("-l", "127.0.0.1")
    with other.memcached() as connection:
        connection.send(b"shutdown\r\n")
        assert connection.file.readline() == b"ERROR: shutdown not enabled\r\n"


def test_a_unix_socket_alone(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    path, pid_file = tmp_path / "s", tmp_path / "pid"
    done = run("-d", "-s", str(path), "-a", "0770", "-p", str(port), "-P", str(pid_file), "--data", str(tmp_path / "d"))
    assert done.returncode == 0, done.stderr
    pid = int(pid_file.read_text())
    try:
        assert path.stat().st_mode & 0o777 == 0o770
        assert not connects(port)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"get k\r\n")
            assert client.recv(100) == b"END\r\n"
    finally:
        os.kill(pid, signal.SIGTERM)
    assert eventually(lambda: not path.exists() and not pid_file.exists(), 20)


def test_in_the_background(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    pid_file = tmp_path / "pid"
    options = ["-d", "-p", str(port), "-l", "127.0.0.1", "-P", str(pid_file)]
    done = run(*options, "--data", str(tmp_path / "d"))
    assert done.returncode == 0, done.stderr
    pid = int(pid_file.read_text())
    try:
        # It serves as soon as the command has returned, in a session of its own.
        assert connects(port)
        assert os.getsid(pid) == pid != os.getsid(0)
        # A second one says why it can't, and fails.
        second = run(*options, "--data", str(tmp_path / "other"))
        assert second.returncode == 1 and str(port) in second.stderr
        assert int(pid_file.read_text()) == pid
    finally:
        os.kill(pid, signal.SIGTERM)
    assert eventually(lambda: not pid_file.exists(), 20)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_another_user_in_all_threads(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent != Path("/") and parent.stat().st_uid == os.geteuid() and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o755)
    pid_file = tmp_path / "pid"
    done = run("-d", "-u", "nobody", "-p", str(port), "-l", "127.0.0.1", "-P", str(pid_file), "--data", str(tmp_path / "d"))
    assert done.returncode == 0, done.stderr
    pid = int(pid_file.read_text())
    try:
        owners = {
            tuple(line.split()[1:])
            for task in Path(f"/proc/{pid}/task").iterdir()
            for line in (task / "status").read_text().splitlines()
            if line.startswith("Uid:")
        }
        assert len(owners) == 1 and "0" not in owners.pop()
        assert (tmp_path / "d").stat().st_uid != 0
    finally:
        os.kill(pid, signal.SIGTERM)
    assert eventually(lambda: not connects(port), 20)


@pytest.mark.parametrize(
    ("options", "status", "hint"),
    [
        (["-Z"], 64, "TLS"),
        (["-U", "11211"], 64, "UDP"),
        (["-x"], 64, "-x"),
        (["-o", "nonsense"], 64, "nonsense"),
        (["-a", "9"], 78, "octal"),
        (["-d", "-e", "file"], 64, "--data"),
    ],
)
def test_what_is_refused(tmp_path: Path, options: list[str], status: int, hint: str) -> None:
    done = run(*options, folder=tmp_path)
    assert done.returncode == status and hint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_help_and_version() -> None:
    for option in ["-h", "--help"]:
        done = run(option)
        assert done.returncode == 0 and "EXAMPLES" in done.stdout
    assert run("-V").stdout.startswith("martlet ")


@pytest.mark.parametrize("transport", ["auto", "nio"])
def test_ten_thousand_idle_connections(new_server, transport: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 500), hard))
    connections: list[socket.socket] = []
    try:
        server = new_server("--max-connections", str(count + 10), "--transport", transport)
        for _ in range(count):
            connections.append(socket.create_connection(("127.0.0.1", server.memcached_port), timeout=20))
        for connection in connections[::100]:
            connection.sendall(b"get none\r\n")
            assert connection.recv(100) == b"END\r\n"
        with server.redis() as redis:
            started = time.monotonic()
            for i in range(1000):
                assert redis("SET", f"k{i}", i) is not None
            assert time.monotonic() - started < 20
            assert f"connected_clients:{count + 1}".encode() in redis("INFO", "clients")
    finally:
        for connection in connections:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
