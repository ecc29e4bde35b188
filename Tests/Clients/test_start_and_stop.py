"""What the server says when it starts, what keeps it from starting, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from servers import MARTLET, MartletServer, eventually, free_ports
from wire import Error, Status, encode

pytestmark = pytest.mark.martlet


def try_to_serve(redis_port: int, memcached_port: int, data: Path) -> subprocess.CompletedProcess[str]:
    """Starts a server that is expected to give up by itself."""
    ports = ["--port", str(redis_port), "--memcached-port", str(memcached_port)]
    command = [str(MARTLET), "serve", *ports, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def assert_one_clear_error(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode > 0, done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for part in parts:
        assert part in done.stderr


def start_line(server: MartletServer) -> str:
    """The one line that names both ports. The server prints it after it has begun to answer."""
    ports = (str(server.redis_port), str(server.memcached_port))

    def lines() -> list[str]:
        printed = (server.output + server.errors).splitlines()
        return [line for line in printed if all(port in line for port in ports)]

    assert eventually(lines), server.printed
    (line,) = lines()
    return line


def test_the_start_line_says_ports_folder_keys_and_time(martlet: MartletServer) -> None:
    for keys in [0, 3]:
        line = start_line(martlet)
        assert str(martlet.data) in line
        assert re.search(rf"\b{keys}\b.*\bkeys?\b|\bkeys?\b\D*\b{keys}\b", line), line
        assert re.search(r"\d ?(ns|µs|us|ms|s|seconds?|milliseconds?)\b", line), line
        with martlet.redis() as connection:
            connection("MSET", "a", "1", "b", "2", "c", "3")
        for path in [martlet.processes[0].output_path, martlet.processes[0].error_path]:
            os.truncate(path, 0)
        martlet.restart()


def test_the_start_creates_the_folder_and_the_database(martlet: MartletServer) -> None:
    assert martlet.data.is_dir()
    with martlet.redis() as connection:
        connection("SET", "Hello", "World")
    assert "SET Hello World" in martlet.database_lines


@pytest.mark.parametrize("taken", ["redis", "memcached"])
def test_a_port_in_use(tmp_path: Path, taken: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        (free,) = free_ports(1)
        ports = (port, free) if taken == "redis" else (free, port)
        assert_one_clear_error(try_to_serve(*ports, tmp_path / "data"), str(port))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert_one_clear_error(try_to_serve(*free_ports(2), file / "data"), str(file / "data"))
    assert_one_clear_error(try_to_serve(*free_ports(2), file), str(file))
    assert file.read_text() == "not a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o500)
    assert_one_clear_error(try_to_serve(*free_ports(2), folder), str(folder))


def test_a_second_server_on_the_same_folder(martlet: MartletServer) -> None:
    with martlet.redis() as connection:
        connection("SET", "Hello", "World")
        database = martlet.database.read_bytes()
        assert_one_clear_error(try_to_serve(*free_ports(2), martlet.data), str(martlet.data))
        assert martlet.database.read_bytes() == database
        assert connection("GET", "Hello") == b"World"


def test_the_folder_is_free_again_after_any_end(martlet: MartletServer) -> None:
    martlet.kill_and_start()
    martlet.restart()
    assert martlet.running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_signals_end_the_server_in_order(martlet: MartletServer, number: int) -> None:
    with martlet.redis() as idle, martlet.redis() as connection:
        connection("SET", "Hello", "World")
        assert idle("PING") is not None
        (process,) = martlet.processes
        assert process.signal(number) == 0, process.errors
    martlet.start()
    with martlet.redis() as connection:
        assert connection("GET", "Hello") == b"World"


def test_redis_clients_can_end_the_server(martlet: MartletServer) -> None:
    with martlet.redis() as redis:
        redis("SET", "k", "v")
        assert redis("SHUTDOWN", "SAVE", "NOSAVE") == Error("ERR syntax error")
        assert redis("SHUTDOWN", "LATER") == Error("ERR syntax error")
        assert redis("SHUTDOWN", "ABORT") == Error("ERR No shutdown in progress.")
        redis("MULTI")
        assert redis("SHUTDOWN") == Error("ERR Command not allowed inside a transaction")
        redis("DISCARD")
        redis.send(encode("SHUTDOWN", "NOSAVE"))
        with pytest.raises((EOFError, ConnectionResetError)):
            redis.read()
    assert martlet.processes[0].process.wait(20) == 0
    martlet.start()
    with martlet.redis() as redis:
        assert redis("GET", "k") == b"v"


def test_an_orderly_end_loses_no_acknowledged_write(martlet: MartletServer) -> None:
    acknowledged = [0]

    def write() -> None:
        try:
            with martlet.redis() as connection:
                while True:
                    connection("SET", f"key{acknowledged[0]}", "v")
                    acknowledged[0] += 1
        except (OSError, EOFError):
            pass

    writer = threading.Thread(target=write)
    writer.start()
    assert eventually(lambda: acknowledged[0] > 50, within=20)
    assert martlet.stop() == [0]
    writer.join()
    martlet.start()
    with martlet.redis() as connection:
        assert connection("EXISTS", *[f"key{i}" for i in range(acknowledged[0])]) == acknowledged[0]


def test_an_unknown_option_and_a_wrong_setting(tmp_path: Path) -> None:
    for options in (["--no-such-option"], ["--port", "x"], ["--port", "99999"], ["--durability", "perhaps"]):
        command = [str(MARTLET), "serve", "--data", str(tmp_path / "data"), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode > 0
        assert done.stderr
    assert not (tmp_path / "data").exists()


def test_help() -> None:
    for arguments in (["--help"], ["serve", "--help"], ["cli", "--help"]):
        done = subprocess.run(
            [str(MARTLET), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout


def test_more_clients_than_allowed_are_turned_away(new_server: Callable[..., MartletServer]) -> None:
    allowed = 8
    server = new_server("--max-connections", str(allowed))

    def clients_served() -> int:
        """How many connections are served at the same time, of twice as many as are allowed."""
        served = 0
        with ExitStack() as held:
            for _ in range(2 * allowed):
                try:
                    served += held.enter_context(server.redis())("PING") == Status("PONG")
                except (OSError, EOFError):
                    pass
        return served

    # Connections that were closed just now may count for a moment.
    assert eventually(lambda: clients_served() == allowed)
    assert eventually(server.answers)


@pytest.mark.parametrize("durability", ["always", "everysec", "never"])
def test_an_orderly_end_keeps_everything_whatever_the_durability(
    new_server: Callable[..., MartletServer], durability: str
) -> None:
    server = new_server("--durability", durability)
    with server.redis() as connection:
        connection.pipeline([("SET", f"key{i}", i) for i in range(500)])
    server.restart()
    with server.redis() as connection:
        assert connection("DBSIZE") == 500
        assert connection("GET", "key499") == b"499"
