"""The servers that the tests talk to: Martlet, and the peers that say what Martlet should answer."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from comparison import peers
from faults import Faults
from wire import Connection, Error, MemcachedConnection, RedisConnection, Status

ROOT = Path(__file__).resolve().parents[2]
MARTLET = Path(os.environ.get("MARTLET", ROOT / ".build/release/martlet")).absolute()
PEER = os.environ.get("PEER") == "1"

START_LIMIT = 20.0
STOP_LIMIT = 20.0
POLL_INTERVAL = 0.02


class ServerFailed(Exception):
    """A server that didn't do what was asked of it, with what it printed."""


def eventually(condition: Callable[[], object], within: float = 5.0) -> bool:
    """Whether `condition` becomes true within so many seconds; asked again and again, never a blind wait."""
    limit = time.monotonic() + within
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(POLL_INTERVAL)
    return True


FREE_PORTS = range(12_000, 32_000)
"""Below the ports that systems give to outgoing connections (Linux from 32768 on, others from 49152). One of those may
be taken while a server that has it restarts: even by a client of its own, which then is connected to itself."""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on. All are held until all are chosen, so that they differ."""
    sockets: list[socket.socket] = []
    try:
        for port in random.Random().sample(FREE_PORTS, len(FREE_PORTS)):
            if len(sockets) == count:
                break
            each = socket.socket()
            try:
                each.bind(("127.0.0.1", port))
            except OSError:
                each.close()
            else:
                sockets.append(each)
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Process:
    """A program that runs in the background; what it prints goes to files, so that no pipe can fill up."""

    def __init__(self, command: list[str], folder: Path, name: str, environment: dict[str, str]) -> None:
        self.output_path = folder / f"{name}.stdout"
        self.error_path = folder / f"{name}.stderr"
        with self.output_path.open("ab") as output, self.error_path.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=folder,
                env=environment,
            )

    @property
    def output(self) -> str:
        return self.output_path.read_text(errors="replace")

    @property
    def errors(self) -> str:
        return self.error_path.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: int) -> int:
        """Sends a signal and gives the exit status; one below zero is the signal that ended the program."""
        self.process.send_signal(number)
        try:
            return self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise ServerFailed(
                f"not ended {STOP_LIMIT:.0f} s after signal {number}; its stderr:\n{self.errors}"
            ) from None


class Server:
    """Something that answers both protocols on two ports of the loopback interface."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.redis_port, self.memcached_port = free_ports(2)
        self.processes: list[Process] = []
        self.environment: dict[str, str] = {}
        """Variables that the programs get besides those of the tests."""

    def commands(self) -> dict[str, list[str]]:
        """The programs to start, each with its arguments, by name."""
        raise NotImplementedError

    @property
    def complete_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def start(self) -> None:
        """Starts the server and returns when both ports answer."""
        self.processes = [
            Process(command, self.folder, name, self.complete_environment)
            for name, command in self.commands().items()
        ]
        if not eventually(lambda: not self.running or self.answers(), START_LIMIT):
            self.kill()
            raise ServerFailed(f"no answer on both ports after {START_LIMIT:.0f} s; {self.printed}")
        if not self.running:
            self.kill()
            raise ServerFailed(f"ended while it was starting; {self.printed}")

    def answers(self) -> bool:
        try:
            with self.redis() as redis, self.memcached() as memcached:
                return redis("PING") is not None and memcached.ask(b"") == b""
        except (OSError, EOFError):
            return False

    def stop(self) -> list[int]:
        """Ends the server in the orderly way; the exit statuses."""
        return [each.signal(signal.SIGTERM) for each in self.processes if each.running]

    def kill(self) -> None:
        """Ends the server as a crash would."""
        for each in self.processes:
            if each.running:
                each.signal(signal.SIGKILL)

    @property
    def running(self) -> bool:
        return bool(self.processes) and all(each.running for each in self.processes)

    @property
    def output(self) -> str:
        return "".join(each.output for each in self.processes)

    @property
    def errors(self) -> str:
        return "".join(each.errors for each in self.processes)

    @property
    def printed(self) -> str:
        return f"its stdout:\n{self.output}\nits stderr:\n{self.errors}"

    def redis(self, protocol: int = 2) -> RedisConnection:
        return RedisConnection(self.redis_port, protocol)

    def memcached(self) -> MemcachedConnection:
        return MemcachedConnection(self.memcached_port)

    def redis_socket(self) -> Connection:
        return Connection(self.redis_port)

    def flush(self) -> None:
        """Empties all databases."""
        with self.redis() as redis, self.memcached() as memcached:
            redis("FLUSHALL")
            memcached.ask(b"flush_all\r\n")


class MartletServer(Server):
    """The real thing, on a data folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.options = options
        self.data = folder / "data"

    def commands(self) -> dict[str, list[str]]:
        ports = ["--port", str(self.redis_port), "--memcached-port", str(self.memcached_port)]
        return {"martlet": [str(MARTLET), "serve", *ports, "--data", str(self.data), *self.options]}

    @property
    def database(self) -> Path:
        return self.data / "database.txt"

    @property
    def database_lines(self) -> list[str]:
        return self.database.read_text().splitlines()

    def begin_checkpoint(self) -> bool:
        """Asks for a checkpoint, which goes on in the background; whether the server knows how."""
        with self.redis() as connection:
            reply = connection("BGREWRITEAOF")
        if isinstance(reply, Error) and not reply.text.startswith("ERR unknown command"):
            raise ServerFailed(f"no checkpoint: {reply.text}")
        return not isinstance(reply, Error)

    def checkpoint(self) -> bool:
        """Makes a checkpoint and waits until the database begins with it; whether the server knows how."""
        before = self.header
        known = self.begin_checkpoint()
        if known and not eventually(lambda: self.header != before, START_LIMIT):
            raise ServerFailed(f"no checkpoint after {START_LIMIT:.0f} s; {self.printed}")
        return known

    @property
    def header(self) -> bytes:
        """The first line of the database, which says what checkpoint it begins with."""
        with self.database.open("rb") as file:
            return file.readline()

    def restart(self) -> None:
        """Ends the server with SIGTERM, which must succeed, and starts it on the same folder."""
        statuses = self.stop()
        if statuses != [0]:
            raise ServerFailed(f"exit status {statuses} after SIGTERM; {self.printed}")
        self.start()

    def kill_and_start(self) -> None:
        """Ends the server with SIGKILL and starts it on the same folder."""
        self.kill()
        self.start()

    def run(self, command: str, *words: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Runs one of the program's client commands (`cli`, `get`, `set`) against this server."""
        return subprocess.run(
            [str(MARTLET), command, "--port", str(self.redis_port), *words],
            input=input,
            capture_output=True,
            timeout=30,
            env={**os.environ, "HOME": str(self.folder)},
            check=False,
        )


class FaultyServer(MartletServer):
    """Martlet on a disk that fails when a test wants it to."""

    def __init__(self, folder: Path, library: Path, *options: str) -> None:
        super().__init__(folder, *options)
        self.faults = Faults(library, self.data, folder / "faults")
        self.environment = self.faults.environment

    def start(self) -> None:
        before = self.faults.attached
        super().start()
        if self.faults.attached == before:
            self.kill()
            raise ServerFailed("the server didn't load the library that makes its disk fail")

    def lose_power(self, kept: float) -> None:
        """Ends the server, and takes from the database what no sync has vouched for, but for this part of it."""
        self.kill()
        synced = self.faults.synced_size(self.database)
        size = self.database.stat().st_size
        assert synced <= size, "the database is shorter than it was when it was synced"
        os.truncate(self.database, synced + int((size - synced) * kept))


class Peers(Server):
    """Redis and memcached themselves: what they answer is what the tests expect."""

    def commands(self) -> dict[str, list[str]]:
        redis = [required("redis-server"), "--bind", "127.0.0.1", "--port", str(self.redis_port)]
        redis += ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        memcached = [required("memcached"), "-l", "127.0.0.1", "-p", str(self.memcached_port)]
        if os.geteuid() == 0:
            memcached += ["-u", "root"]
        return {"redis": redis, "memcached": memcached}


class RedisPeer(Server):
    """Redis or Valkey alone."""

    def __init__(self, folder: Path, program: str, *options: str) -> None:
        super().__init__(folder)
        self.program = program
        self.options = options

    def commands(self) -> dict[str, list[str]]:
        options = ["--bind", "127.0.0.1", "--port", str(self.redis_port), "--dir", str(self.folder)]
        return {"peer": [self.program, *options, "--save", "", "--appendonly", "no", *self.options]}

    def answers(self) -> bool:
        try:
            with self.redis() as redis:
                return redis("PING") == Status("PONG")
        except (OSError, EOFError):
            return False

    def flush(self) -> None:
        with self.redis() as redis:
            redis("FLUSHALL")


def valkey() -> str:
    """Where Valkey's server is: the environment that runs the tests has it from PyPI."""
    path = peers.valkey_in(Path(sys.prefix))
    if path is None:
        raise ServerFailed(f"no valkey-server in {sys.prefix}: pip install {peers.VALKEY_PACKAGE}")
    return str(path)


def required(program: str) -> str:
    """Where a program is that the tests can't do without."""
    path = shutil.which(program)
    if path is None:
        raise ServerFailed(f"{program} is not installed")
    return path
