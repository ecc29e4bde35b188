"""What this machine is, and what runs on it besides the measurement."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")

BUSY_LIMIT = 0.1
"""More than this part of one core used by others is worth a warning."""


class Failure(Exception):
    """Why something can't be measured, and what to do about it."""


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def describe() -> dict[str, object]:
    """What a reader of the figures has to know."""
    information = Path("/proc/cpuinfo").read_text()
    pairs = (line.partition(":") for line in information.splitlines())
    fields = {key.strip(): value.strip() for key, _, value in pairs}
    memory = int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0]) * 1024
    return {
        "processor": fields.get("model name", platform.machine()),
        "isVirtual": "hypervisor" in fields.get("flags", "").split(),
        "cores": len(cores()),
        "memoryBytes": memory,
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
    }


def raise_file_limit() -> int:
    """Allows as many open files as may be allowed, here and in what is started from here; how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Watch:
    """What the cores of this machine did since it was made, in seconds."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.busy, self.steal = self.read()

    @staticmethod
    def read() -> tuple[float, float]:
        """Seconds that the cores worked, and that the machine's host took from them."""
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _, _, interrupt, soft, steal = (int(each) / TICKS for each in fields[:8])
        return user + nice + system + interrupt + soft, steal

    def shares(self, own_seconds: float = 0) -> tuple[float, float]:
        """How much of one core others used, and the host took, on average."""
        elapsed = max(1e-3, time.monotonic() - self.start)
        busy, steal = self.read()
        return max(0.0, busy - self.busy - own_seconds) / elapsed, (steal - self.steal) / elapsed


def others_now(seconds: float = 1.0) -> float:
    """How much of one core is in use while nothing is measured."""
    watch = Watch()
    time.sleep(seconds)
    return watch.shares()[0]
