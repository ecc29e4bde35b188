"""How each thing is measured. An experiment has contestants; one measurement of one of them gives named figures."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from .clients import PATIENCE, Client, connect_idle, fill
from .load import Figures, Load, run
from .machine import Failure
from .peers import Programs
from .servers import Contestant, Server, Setup

START_SECONDS = 0.8
"""What starting and ending a server takes about, for telling how long everything will take."""

REQUESTS_A_SECOND = 400_000
"""What a server does at the least when many requests are in flight, for the same purpose."""

GROWTH_PIPELINE = 16
"""So that what is due isn't kept waiting by the load generator when a server stalls."""
PEAK_REQUESTS = 1_000_000
USUAL_PEAK = 150_000
GROWTH_SHARE = 0.6
"""Of the peer's peak rate: the load under which a table grows."""

CALM = 1.0
"""Seconds without work after which what a server does in the background is over, even if it waits for a disk."""


@dataclass
class Context:
    """What all experiments share."""

    programs: Programs
    folder: Path
    seconds: float
    """How long a load is measured."""
    server_core: int
    load_core: int
    millions: int
    """How many keys a large database has."""
    idle_connections: int
    peaks: dict[str, float] = field(default_factory=dict)
    """The rates that peers reached while their tables grew, by their keys."""

    def setup(self, threads: int = 1, shares_cores: bool = False) -> Setup:
        both = (self.server_core, self.load_core)
        return Setup(cores=both if shares_cores else (self.server_core,), threads=threads)

    def server(self, contestant: Contestant, setup: Setup) -> Server:
        return Server(contestant, setup, self.programs, self.folder / "server")


@dataclass(frozen=True)
class Experiment:
    """Something to be measured of several servers."""

    key: str
    title: str
    contestants: tuple[Contestant, ...]
    section: str
    share: float = 1.0
    """How many of the rounds it takes part in."""

    def measure(self, contestant: Contestant, context: Context) -> Figures:
        raise NotImplementedError

    def estimate(self, contestant: Contestant, context: Context) -> float:
        """Seconds that a measurement takes, about."""
        raise NotImplementedError

    def rounds(self, rounds: int) -> int:
        return max(1, round(rounds * self.share))


@dataclass(frozen=True)
class UnderLoad(Experiment):
    """One load or several, one after the other, on a server that has just been started and filled."""

    loads: tuple[tuple[str, Load], ...] = ()
    """By the name that their figures get in front of them."""
    threads: int = 1
    shares_cores: bool = False
    syncs: bool = False
    is_filled: bool = True
    time_share: float = 1.0
    """Of the usual time for which a load is measured."""

    def measure(self, contestant: Contestant, context: Context) -> Figures:
        loads = [load for _, load in self.loads]
        setup = replace(
            context.setup(self.threads, self.shares_cores),
            syncs=self.syncs,
            connections=max(load.connections for load in loads),
            value_bytes=loads[0].value_bytes,
        )
        cores = setup.cores if self.shares_cores else (context.load_core,)
        figures: Figures = {}
        with context.server(contestant, setup) as server:
            if self.is_filled and contestant.server != "floor":
                fill(server.port, contestant.protocol, loads[0].keys, loads[0].value_bytes)
            for name, load in self.loads:
                server.settle()
                found = run(load, server, context.seconds * self.time_share, cores)
                figures |= {f"{name}.{figure}" if name else figure: value for figure, value in found.items()}
        return figures

    def estimate(self, contestant: Contestant, context: Context) -> float:
        first = self.loads[0][1]
        filling = (
            first.keys / REQUESTS_A_SECOND + first.keys * first.value_bytes / 3e8 if self.is_filled else 0
        )
        usual = context.seconds * self.time_share * 7 / 6 + 0.3
        running = sum(load.requests / REQUESTS_A_SECOND if load.requests else usual for _, load in self.loads)
        return START_SECONDS + filling + running


@dataclass(frozen=True)
class Growing(Experiment):
    """A table grows from nothing at a fixed rate, a part of what the peer can do. Then: memory, and a restart.

    Figures: `rate`, `p50`, `p99`, `p999`, `maximum` (from when a request was due), `resident` (bytes a pair), `start`
    (seconds until a restarted server has all keys; not of memcached, which has none), and for the peer its `peak`.
    """

    peer: Contestant = field(kw_only=True)
    restarts: bool = False

    def measure(self, contestant: Contestant, context: Context) -> Figures:
        count = context.millions
        load = Load(
            "set", pipeline=GROWTH_PIPELINE, keys=count, requests=count, distribution="sequential", warmup=0
        )
        peak = self.peak(load, context)
        figures: Figures = {"peak": peak} if contestant == self.peer else {}
        with context.server(contestant, context.setup()) as server:
            server.settle()
            empty = server.resident
            paced = replace(load, rate=peak * GROWTH_SHARE)
            figures |= run(paced, server, context.seconds, (context.load_core,))
            server.settle(CALM)
            figures["resident"] = (server.resident - empty) / count
            if self.restarts:
                figures["start"] = self.restart(server, count)
        return figures

    def peak(self, load: Load, context: Context) -> float:
        """The rate that the peer reaches in a closed loop while its table grows; measured once.

        With one request in flight, since at a fixed rate they come one by one, too: a rate that a server reaches only
        with many at once would be more than it can do then.
        """
        if self.peer.key not in context.peaks:
            with context.server(self.peer, context.setup()) as server:
                growing = replace(load, pipeline=1, requests=min(context.millions, PEAK_REQUESTS))
                context.peaks[self.peer.key] = run(growing, server, 0, (context.load_core,))["rate"]
        return context.peaks[self.peer.key]

    def restart(self, server: Server, count: int) -> float:
        """Has the server save, ends it, starts it, and waits for the keys."""
        with Client(server.port) as client:
            # One that the server began by itself may be under way.
            limit = time.monotonic() + PATIENCE
            while b"in progress" in (reply := client.ask(b"SAVE\r\n")) and time.monotonic() < limit:
                time.sleep(0.1)
            if reply != b"+OK":
                raise Failure(f"{server.contestant.key} didn't save: {reply!r}")
        server.settle()
        server.stop()
        began = time.monotonic()
        server.start()
        with Client(server.port) as client:
            while (reply := client.ask(b"DBSIZE\r\n")).startswith(b"-LOADING"):
                time.sleep(0.002)
        took = time.monotonic() - began
        if reply != b":%d" % count:
            raise Failure(f"{server.contestant.key} has {reply!r} keys of {count} after a restart")
        return took

    def estimate(self, contestant: Contestant, context: Context) -> float:
        rate = context.peaks.get(self.peer.key, USUAL_PEAK) * GROWTH_SHARE
        return START_SECONDS + context.millions / rate + (context.millions / 300_000 if self.restarts else 0)


@dataclass(frozen=True)
class Idle(Experiment):
    """Connections that have asked once and then rest.

    Figures: `idle`, the percentage of a core that 1,000 of them cost; `connection`, the bytes that each costs, measured
    with as many as the limit of open files allows, up to 10,000; `connections`, how many these were.
    """

    few: int = 1000

    def measure(self, contestant: Contestant, context: Context) -> Figures:
        many = context.idle_connections
        setup = replace(context.setup(), connections=many)
        request = b"get none\r\n" if contestant.protocol == "memcached" else b"PING\r\n"
        with context.server(contestant, setup) as server:
            server.settle()
            before = server.resident
            connections: list[socket.socket] = []
            try:
                connections += [connect_idle(server.port, request) for _ in range(self.few)]
                server.settle()
                percent = 100 * self.rest(server, self.resting(context))
                connections += [connect_idle(server.port, request) for _ in range(many - self.few)]
                server.settle()
                each = (server.resident - before) / many
            finally:
                for connection in connections:
                    connection.close()
        return {"idle": percent, "connection": each, "connections": many}

    @staticmethod
    def resting(context: Context) -> float:
        return 2.5 * context.seconds

    @staticmethod
    def rest(server: Server, seconds: float) -> float:
        """How much of a core the server uses while nobody asks anything."""
        cpu, began = server.exact_cpu_seconds, time.monotonic()
        time.sleep(seconds)
        return (server.exact_cpu_seconds - cpu) / (time.monotonic() - began)

    def estimate(self, contestant: Contestant, context: Context) -> float:
        return START_SECONDS + self.resting(context) + context.idle_connections / 8000
