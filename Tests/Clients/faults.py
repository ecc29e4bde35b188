"""A disk that fails when a test wants it to: Tests/Faults/faults.c, preloaded into the server."""

from __future__ import annotations

import errno
import mmap
import struct
import subprocess
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "Faults/faults.c"
NUMBER = struct.Struct("=q")
HEADER = 3
"""How many numbers stand before the rules: `attached`, `capacity` and `remembered`."""
SYNCED = 64
"""How many files there is room for behind the rules, of two numbers each."""
FOREVER = 3600.0


class Call(IntEnum):
    """What a rule is for, as in `enum call`."""

    WRITE = 0
    SYNC = 1
    TRUNCATE = 2
    RENAME = 3
    OPEN = 4


class Rule(IntEnum):
    """The fields of `struct rule`."""

    ERROR = 0
    AFTER = 1
    TIMES = 2
    DELAY = 3
    COUNT = 4
    FAILED = 5


SYNCED_PLACE = HEADER + len(Call) * len(Rule)


def compile_library(folder: Path) -> Path:
    """Compiles the library into a folder; its path."""
    library = folder / "faults.so"
    options = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    command = ["cc", *options, "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True, timeout=120)
    return library


class Faults:
    """The control file of one server's disk. Changes take effect at once."""

    def __init__(self, library: Path, folder: Path, control: Path) -> None:
        """A disk without faults for the files in `folder`, which need not exist yet."""
        control.write_bytes(bytes(NUMBER.size * (SYNCED_PLACE + 2 * SYNCED)))
        with control.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAULTS_FOLDER": str(folder.resolve()),
            "FAULTS_CONTROL": str(control),
        }
        self.clear()

    def clear(self) -> None:
        """Takes all faults away. What waits for a slow call goes on."""
        self.limit(None)
        for call in Call:
            for field in (Rule.ERROR, Rule.AFTER, Rule.TIMES, Rule.DELAY):
                self._write(self._place(call, field), 0)

    def fail(self, call: Call, error: int = errno.EIO, after: int = 0, times: int = -1) -> None:
        """Lets calls fail: after so many bytes (of writes) or calls (of others), and so many times, or always."""
        self._write(self._place(call, Rule.AFTER), after)
        self._write(self._place(call, Rule.TIMES), times)
        self._write(self._place(call, Rule.ERROR), error)

    def delay(self, call: Call, seconds: float) -> None:
        """Lets calls take so long. Those that wait already are let go when it gets shorter."""
        self._write(self._place(call, Rule.DELAY), round(seconds * 1e6))

    def hold(self, call: Call) -> None:
        """Lets calls wait until `release`."""
        self.delay(call, FOREVER)

    def release(self, call: Call) -> None:
        self.delay(call, 0)

    def limit(self, capacity: int | None) -> None:
        """How many bytes the folder's files may hold together."""
        self._write(1, -1 if capacity is None else capacity)

    @property
    def attached(self) -> int:
        """How many processes have loaded the library."""
        return self._read(0)

    def count(self, call: Call) -> int:
        """How many calls there have been, those that still wait among them."""
        return self._read(self._place(call, Rule.COUNT))

    def failed(self, call: Call) -> int:
        """How many calls have been made to fail."""
        return self._read(self._place(call, Rule.FAILED))

    def synced_size(self, path: Path) -> int:
        """How long a file was when the last sync of it began that succeeded; 0 if there was none."""
        inode = path.stat().st_ino
        for place in range(SYNCED_PLACE, SYNCED_PLACE + 2 * min(self._read(2), SYNCED), 2):
            if self._read(place) == inode:
                return self._read(place + 1)
        return 0

    @staticmethod
    def _place(call: Call, field: Rule) -> int:
        return HEADER + call * len(Rule) + field

    def _read(self, place: int) -> int:
        return NUMBER.unpack_from(self.memory, place * NUMBER.size)[0]

    def _write(self, place: int, value: int) -> None:
        NUMBER.pack_into(self.memory, place * NUMBER.size, value)
