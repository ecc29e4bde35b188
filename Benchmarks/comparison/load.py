"""Runs the load generator, `martlet bench`."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .machine import Failure, Watch
from .servers import PR_SET_PDEATHSIG, Server

Figures = dict[str, float]

TIME_LIMIT = 600.0


@dataclass(frozen=True)
class Load:
    """What is asked of a server. docs/BENCH.md says what each word means."""

    mix: str = "get"
    pipeline: int = 1
    connections: int = 50
    keys: int = 100_000
    value_bytes: int = 32
    members: int = 1000
    multiget: int = 50
    threads: int = 1
    requests: int | None = None
    rate: float | None = None
    distribution: str = "uniform"
    warmup: float | None = None
    """Seconds; a sixth of the measured time unless given."""

    def options(self, seconds: float) -> list[object]:
        words: list[object] = [
            "--mix",
            self.mix,
            "--pipeline",
            self.pipeline,
            "--connections",
            self.connections,
        ]
        words += ["--keys", self.keys, "--value-bytes", self.value_bytes, "--members", self.members]
        words += ["--multiget", self.multiget, "--threads", self.threads, "--distribution", self.distribution]
        words += ["--warmup", f"{seconds / 6 if self.warmup is None else self.warmup:.3f}s"]
        words += ["--requests", self.requests] if self.requests else ["--duration", f"{seconds:.3f}s"]
        return words + (["--rate", f"{self.rate:.0f}"] if self.rate else [])


def run(load: Load, server: Server, seconds: float, cores: tuple[int, ...]) -> Figures:
    """Puts the load on a server for so many seconds. Times are in microseconds."""
    path = server.folder / "bench.json"
    words: list[object] = [server.programs.martlet, "bench", "--json", path, "--server-pid", server.pid]
    words += ["--protocol", server.contestant.protocol, "--port", server.port, *load.options(seconds)]

    def prepare() -> None:
        os.sched_setaffinity(0, cores)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    watch, own = Watch(), own_seconds(server)
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        start_new_session=True,
        preexec_fn=prepare,
        check=False,
    )
    others, steal = watch.shares(own_seconds(server) - own)
    if done.returncode != 0:
        raise Failure(f"the load on {server.contestant.key} failed: {done.stderr or done.stdout}")
    figures = read(path)
    if figures["misses"] and load.mix.startswith(("get", "mget")) and server.contestant.server != "floor":
        raise Failure(f"{server.contestant.key} lost keys: {figures['misses']:.0f} misses")
    return {**figures, "others": others, "steal": steal}


def own_seconds(server: Server) -> float:
    """CPU time of the measurement: server, ended load generators, and this program."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return server.cpu_seconds + sum(each.ru_utime + each.ru_stime for each in used)


def read(path: Path) -> Figures:
    """The figures of a report that are kept."""
    report = json.loads(path.read_text())
    everything, latency = report["all"], report["all"]["latency"]
    return {
        "cpu": report["server"]["cpuMicrosecondsPerRequest"],
        "rate": everything["perSecond"],
        "count": everything["count"],
        "misses": everything["misses"],
        "p50": latency["p50"],
        "p99": latency["p99"],
        "p999": latency["p999"],
        "maximum": latency["maximum"],
        "generator": max(report["generator"]["busy"]),
        "unsent": (report.get("schedule") or {}).get("unsent", 0),
    }
