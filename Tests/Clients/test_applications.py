"""Real applications of Redis do their usual job: queues of jobs, sessions of web pages, caches, messages between servers.

They have an environment of their own, since not all of them can be with the newest redis-py (`Tests/run` makes it). None
of them needs scripts for what is done here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers import MartletServer, Server

FOLDER = Path(__file__).parent / "applications"
LIMIT = 100
"""Seconds after which an application hangs."""


@pytest.fixture(scope="module")
def python() -> Path:
    path = Path(os.environ.get("MARTLET_APPLICATIONS", Path(sys.prefix).parent / "applications")) / "bin/python"
    assert path.exists(), f"{path} is missing: Tests/run makes it, of {FOLDER / 'requirements.txt'}"
    return path


def run(python: Path, name: str, server: Server) -> None:
    command = [python, FOLDER / f"run_{name}.py", str(server.redis_port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr[-5000:]


@pytest.mark.parametrize("name", ["aiocache", "arq", "flask_session", "socketio"])
def test_an_application_does_its_job(server: Server, python: Path, name: str) -> None:
    run(python, name, server)


@pytest.mark.martlet
def test_sessions_survive_the_death_of_the_server(martlet: MartletServer, python: Path) -> None:
    run(python, "flask_session", martlet)
    martlet.kill_and_start()
    with martlet.redis() as redis:
        assert len(redis("KEYS", "session:*")) == 19
