"""Starts and stops the servers that are compared, all in one way, and looks at their processes."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .clients import Client
from .machine import TICKS, Failure
from .peers import Programs

START_LIMIT = 120.0
STOP_LIMIT = 60.0

SETTLED = 0.1
SETTLED_SHARE = 0.05
"""Of a core: what a server at rest uses at the most."""

CACHE_MEGABYTES = 16_384
"""What memcached may use: more than any experiment stores."""

PORTS = range(20_000, 32_000)
"""Below those that the system gives to outgoing connections."""

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Setup:
    """How a server is to run."""

    cores: tuple[int, ...]
    threads: int = 1
    syncs: bool = False
    """Whether a write is on disk before its reply."""
    connections: int = 1000
    value_bytes: int = 32
    """What the floor answers."""


@dataclass(frozen=True)
class Contestant:
    """A server and the protocol in which it is asked."""

    server: str
    protocol: str

    @property
    def key(self) -> str:
        return self.server if self.server in ("memcached", "valkey") else f"{self.server}/{self.protocol}"


MARTLET_MEMCACHED = Contestant("martlet", "memcached")
MARTLET_REDIS = Contestant("martlet", "redis")
NIO_MEMCACHED = Contestant("martlet-nio", "memcached")
NIO_REDIS = Contestant("martlet-nio", "redis")
FLOOR_MEMCACHED = Contestant("floor", "memcached")
FLOOR_REDIS = Contestant("floor", "redis")
MEMCACHED = Contestant("memcached", "memcached")
VALKEY = Contestant("valkey", "redis")


class Server:
    """A server that runs, with a folder of its own that goes when it is closed."""

    def __init__(self, contestant: Contestant, setup: Setup, programs: Programs, folder: Path) -> None:
        self.contestant = contestant
        self.setup = setup
        self.programs = programs
        self.folder = folder
        self.port = free_port()
        self.other_port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the server at once, and removes what it wrote."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        began = time.monotonic()
        errors = self.folder / "stderr"
        with errors.open("wb") as output:
            self.process = subprocess.Popen(
                [str(word) for word in self.command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                # A Ctrl-C is for the one who measures; the servers end with it, however it ends.
                start_new_session=True,
                preexec_fn=self.prepare,
            )
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - began > START_LIMIT:
                text = errors.read_text(errors="replace")[-2000:]
                line = " ".join(map(str, self.command()))
                raise Failure(f"{self.contestant.key} doesn't run: {line}\n{text}")
            time.sleep(0.002)

    def stop(self) -> None:
        """Ends the server in the orderly way."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.contestant.key} didn't end in {STOP_LIMIT:.0f} s") from None

    def prepare(self) -> None:
        os.sched_setaffinity(0, self.setup.cores)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def answers(self) -> bool:
        if self.contestant.server == "floor":
            request, reply = b"", b""
        elif self.contestant.protocol == "memcached":
            request, reply = b"version\r\n", b"VERSION"
        else:
            request, reply = b"PING\r\n", b"+PONG"
        try:
            with Client(self.port) as client:
                return not request or client.ask(request).startswith(reply)
        except OSError:
            return False

    def command(self) -> list[object]:
        setup = self.setup
        connections = setup.connections + 100
        match self.contestant.server:
            case "martlet" | "martlet-nio":
                ports = [self.port, self.other_port]
                if self.contestant.protocol == "memcached":
                    ports.reverse()
                transport = "nio" if self.contestant.server == "martlet-nio" else "auto"
                words = [self.programs.martlet, "serve", "--data", "data", "--host", "127.0.0.1"]
                words += ["--port", ports[0], "--memcached-port", ports[1], "--threads", setup.threads]
                words += ["--max-connections", connections, "--log-level", "warning"]
                words += ["--transport", transport]
                return [*words, "--durability", "always" if setup.syncs else "never"]
            case "memcached":
                words = [self.programs.memcached, "-l", "127.0.0.1", "-p", self.port, "-t", setup.threads]
                words += ["-m", CACHE_MEGABYTES, "-c", connections]
                return words + (["-u", "root"] if os.geteuid() == 0 else [])
            case "valkey":
                words = [self.programs.valkey, "--bind", "127.0.0.1", "--port", self.port, "--dir", "."]
                words += ["--save", "", "--io-threads", setup.threads, "--maxclients", connections]
                return words + (["--appendonly", "yes", "--appendfsync", "always"] if setup.syncs else [])
            case "floor":
                return [self.programs.floor, self.port, self.contestant.protocol, setup.value_bytes]
        raise ValueError(self.contestant.server)

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    @property
    def resident(self) -> int:
        """Bytes of its memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Failure(f"{self.contestant.key} has ended")

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all its threads, in steps of a tick."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def exact_cpu_seconds(self) -> float:
        """CPU time of all its threads, to the nanosecond."""
        clock = ctypes.c_int()
        if ctypes.CDLL(None).clock_getcpuclockid(self.pid, ctypes.byref(clock)) != 0:
            raise Failure(f"{self.contestant.key} has ended")
        return time.clock_gettime(clock.value)

    def settle(self, calm: float = SETTLED, limit: float = 60.0) -> None:
        """Waits until for so many seconds it has had no work of its own, and its memory has stayed as it is."""
        end = time.monotonic() + limit
        before = (self.resident, self.exact_cpu_seconds)
        while time.monotonic() < end:
            time.sleep(calm)
            now = (self.resident, self.exact_cpu_seconds)
            if now[0] == before[0] and now[1] - before[1] < SETTLED_SHARE * calm:
                return
            before = now


def free_port() -> int:
    """A port that nobody listens on."""
    for port in random.Random().sample(PORTS, 100):
        with socket.socket() as holder:
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failure("no free port found")
