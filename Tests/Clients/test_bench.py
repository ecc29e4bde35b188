"""`martlet bench`: what it says it did is what the server says was done, and what goes wrong is told."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from servers import MARTLET, MartletServer, Peers, Server, eventually
from wire import OK, MemcachedConnection

pytestmark = pytest.mark.martlet

TIME_LIMIT = 120

WIRES = ["redis", "resp3", "memcached", "meta"]
PLACES = [("peers", wire) for wire in WIRES] + [("server", wire) for wire in WIRES]
"""Servers and the protocols that they speak. `server` is Martlet."""


class Bench:
    """Runs the load generator and keeps what it says."""

    def __init__(self, folder: Path) -> None:
        self.json = folder / "bench.json"

    def __call__(
        self, *options: str | int, status: int = 0, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        self.json.unlink(missing_ok=True)
        words = [str(MARTLET), "bench", "--json", str(self.json), *map(str, options)]
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            env={**os.environ, **(environment or {})},
            check=False,
        )
        assert done.returncode == status, done
        return done

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.json.read_text())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Redis and memcached themselves."""
    server = Peers(tmp_path_factory.mktemp("peers"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(params=["server", "peers"])
def target(request: pytest.FixtureRequest) -> Server:
    """Martlet, and the servers that it takes after; empty."""
    server = request.getfixturevalue(request.param)
    server.flush()
    return server


@pytest.fixture(params=PLACES, ids=["-".join(place) for place in PLACES])
def place(request: pytest.FixtureRequest) -> tuple[Server, str]:
    """Each of them with each protocol that it speaks."""
    name, wire = request.param
    server = request.getfixturevalue(name)
    server.flush()
    return server, wire


def where(server: Server, wire: str) -> list[str | int]:
    """The options that say which server."""
    port = server.redis_port if wire in ("redis", "resp3") else server.memcached_port
    return ["--protocol", wire, "--port", port]


def calls(server: Server) -> dict[str, int]:
    """How often each command was called, by Redis's own count."""
    with server.redis() as redis:
        text = redis("INFO", "commandstats")
    assert isinstance(text, bytes)
    return {name: int(count) for name, count in re.findall(r"cmdstat_(\w+):calls=(\d+)", text.decode())}


def stats(server: Server) -> dict[str, int]:
    with server.memcached() as connection:
        lines = connection.ask(b"stats\r\n").decode().splitlines()
    return {
        word[1]: int(word[2]) for line in lines if len(word := line.split()) == 3 and word[2].isdigit()
    }


def verb(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in report["verbs"] if each["name"] == name)


SMALL = ["--keys", 500, "--connections", 7, "--warmup", "0s"]


@pytest.mark.parametrize("pipeline", [1, 16])
def test_every_verb_works_and_every_value_is_right(
    bench: Bench, place: tuple[Server, str], pipeline: int
) -> None:
    target, wire = place
    mix = "get=5,set=2,touch=1,incr=1,append=1,mget=1" + (",sadd=1" if wire in ("redis", "resp3") else "")
    bench(
        *where(target, wire), *SMALL, "--threads", 2, "--pipeline", pipeline, "--requests", 20_000,
        "--mix", mix, "--multiget", 20, "--value-bytes", "0-3000", "--key-bytes", "9-40", "--fill", "--verify",
    )  # fmt: skip
    report = bench.report
    assert report["all"]["count"] == 20_000 == sum(each["count"] for each in report["verbs"])
    assert report["errors"] == [] and report["warnings"] == [] or report["generator"]["isBottleneck"]
    assert all(each["count"] > 500 for each in report["verbs"])
    # All keys were there, and each key of an mget counts.
    assert verb(report, "get")["hits"] == verb(report, "get")["count"]
    assert verb(report, "mget")["hits"] == verb(report, "mget")["count"] * 20
    assert report["all"]["misses"] == 0
    assert report["sentWithWarmup"] == report["repliesWithWarmup"] == 20_000


def test_sets_are_of_so_many_members(bench: Bench, target: Server) -> None:
    options = [*where(target, "redis"), "--keys", 1, "--requests", 4000, "--warmup", "0s"]
    bench(*options, "--mix", "sadd", "--members", 50)
    with target.redis() as redis:
        assert redis("SCARD", "set:000000000000") == 50
    bench(*options, "--mix", "sismember", "--members", 50)
    assert verb(bench.report, "sismember")["hits"] == 4000
    # Half of these were never added.
    bench(*options, "--mix", "sismember", "--members", 100)
    assert 1500 < verb(bench.report, "sismember")["misses"] < 2500


def test_redis_counts_the_same(bench: Bench, peers: Server) -> None:
    with peers.redis() as redis:
        redis("CONFIG", "RESETSTAT")
    bench(*where(peers, "redis"), *SMALL, "--requests", 10_000, "--mix", "get=3,set=2,delete=1,mget=1")
    report = bench.report
    counted = calls(peers)
    for name, command in {"get": "get", "set": "set", "delete": "del", "mget": "mget"}.items():
        assert verb(report, name)["count"] == counted[command]


def test_memcached_counts_the_same(bench: Bench, target: Server) -> None:
    before = stats(target)
    bench(*where(target, "memcached"), *SMALL, "--requests", 10_000, "--mix", "get=3,set=2,touch=1,mget=1")
    after = stats(target)
    report = bench.report
    counted = {name: after[name] - before[name] for name in ("cmd_get", "cmd_set", "cmd_touch", "get_misses")}
    assert counted["cmd_set"] == verb(report, "set")["count"]
    assert counted["cmd_touch"] == verb(report, "touch")["count"]
    # Each key of an mget counts.
    assert counted["cmd_get"] == verb(report, "get")["count"] + 50 * verb(report, "mget")["count"]
    assert counted["get_misses"] == verb(report, "get")["misses"] + verb(report, "mget")["misses"] > 0


def test_the_warm_up_is_not_measured(bench: Bench, peers: Server) -> None:
    with peers.redis() as redis:
        redis("CONFIG", "RESETSTAT")
    bench(
        *where(peers, "redis"), "--keys", 100, "--connections", 3, "--warmup", "300ms", "--requests", 1000,
        "--mix", "get",
    )  # fmt: skip
    report = bench.report
    assert report["all"]["count"] == 1000
    assert report["sentWithWarmup"] == calls(peers)["get"] > 1000


def test_the_same_seed_asks_for_the_same(bench: Bench, peers: Server) -> None:
    hits = []
    for seed in (1, 1, 2):
        peers.flush()
        options = [*where(peers, "memcached"), "--keys", 1000, "--connections", 1, "--warmup", "0s"]
        bench(*options, "--requests", 2000, "--mix", "get=1,set=1", "--seed", seed)
        hits.append(verb(bench.report, "get")["hits"])
    assert hits[0] == hits[1] != hits[2]


def test_a_wrong_value_is_noticed(bench: Bench, target: Server) -> None:
    options = [*where(target, "memcached"), "--keys", 10, "--connections", 2, "--warmup", "0s", "--mix", "get"]
    bench(*options, "--requests", 100, "--fill", "--verify")
    with target.memcached() as connection:
        connection.ask(b"set key:000000000003 0 0 5\r\nwrong\r\n")
    done = bench(*options, "--requests", 200, "--verify", status=1)
    kinds = {each["kind"]: each for each in bench.report["errors"]}
    assert list(kinds) == ["wrong value"] and 0 < kinds["wrong value"]["count"] < 200
    assert "key:000000000003 has 5 bytes that are not its 32" in done.stdout
    bench(*options, "--requests", 200)


def test_errors_are_counted_by_kind(bench: Bench, target: Server) -> None:
    with target.redis() as redis:
        for key in range(10):
            redis("SADD", f"num:{key:012}", "member")
    options = [*where(target, "redis"), "--keys", 10, "--connections", 2, "--warmup", "0s", "--mix", "incr=1,get=1"]
    done = bench(*options, "--requests", 1000, status=1)
    report = bench.report
    [error] = report["errors"]
    assert error["kind"] == "WRONGTYPE" and error["count"] == report["errorCount"]
    assert error["count"] == verb(report, "incr")["errors"] == verb(report, "incr")["count"]
    assert verb(report, "get")["errors"] == 0
    assert "WRONGTYPE, the first: WRONGTYPE Operation against a key" in done.stdout


class ServerWithPassword(MartletServer):
    """Martlet, for those who know its password."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environment = {"MARTLET_PASSWORD": "secret"}

    def answers(self) -> bool:
        try:
            with self.redis() as redis, self.memcached():
                return redis("AUTH", "secret") == OK
        except (OSError, EOFError):
            return False


def test_a_password_is_asked_for(bench: Bench, tmp_path: Path) -> None:
    server = ServerWithPassword(tmp_path)
    small = ["--keys", 10, "--connections", 2, "--warmup", "0s", "--mix", "get", "--requests", 100]
    try:
        server.start()
        for wire in ("redis", "resp3", "memcached"):
            if wire == "resp3":
                refused = bench(*where(server, wire), *small, status=1)
                assert "NOAUTH" in refused.stderr
            else:
                bench(*where(server, wire), *small, status=1)
                [error] = bench.report["errors"]
                assert error["kind"] == ("NOAUTH" if wire == "redis" else "CLIENT_ERROR")
                assert error["count"] == 100
            bench(*where(server, wire), *small, "--password", "secret")
            bench(*where(server, wire), *small, environment={"MARTLET_PASSWORD": "secret"})
            wrong = bench(*where(server, wire), *small, "--password", "guess", status=1)
            assert "refused: " in wrong.stderr
    finally:
        server.kill()


@pytest.mark.parametrize("wire", ["redis", "memcached"])
def test_a_fixed_rate_is_kept(bench: Bench, target: Server, wire: str) -> None:
    bench(
        *where(target, wire), *SMALL, "--threads", 2, "--rate", "1000/s", "--duration", "2s",
        "--distribution", "zipfian",
    )  # fmt: skip
    report = bench.report
    # Two threads, each with its own schedule.
    assert 1996 <= report["all"]["count"] <= 2004
    assert report["schedule"]["unsent"] == 0 and report["schedule"]["rate"] == 1000


class StallingServer:
    """Says it has nothing, to every memcached `get`; and after so many of them says nothing for a while."""

    def __init__(self, stall_after: int, seconds: float) -> None:
        self.stall_after = stall_after
        self.seconds = seconds
        self.gets = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        # One thread serves all, so that a stall is everybody's.
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                if line.startswith(b"version"):
                    connection.sendall(b"VERSION 1\r\n")
                    continue
                self.gets += 1
                if self.gets == self.stall_after:
                    time.sleep(self.seconds)
                connection.sendall(b"END\r\n")


def test_a_stall_is_charged_for_all_that_was_due(bench: Bench) -> None:
    server = StallingServer(stall_after=1000, seconds=1.0)
    options = ["--protocol", "memcached", "--port", server.port, "--connections", 1, "--warmup", "0s"]
    bench(*options, "--rate", 1000, "--duration", "3s", "--mix", "get")
    report = bench.report
    latency = report["all"]["latency"]
    assert report["all"]["count"] == 3000
    # A third was due while it stalled and waited half a second on average, and who came next had to queue.
    assert latency["p99"] > 900_000 and latency["p90"] > 500_000
    assert report["schedule"]["backlogMaximum"] > 900
    # Closed loop, the same stall is one slow request.
    server = StallingServer(stall_after=1000, seconds=1.0)
    options = ["--protocol", "memcached", "--port", server.port, "--connections", 1, "--warmup", "0s"]
    bench(*options, "--requests", 3000, "--mix", "get")
    slow = [count for time, count in bench.report["all"]["histogram"] if time > 900_000]
    assert slow == [1]


def test_a_rate_that_cannot_be_kept_is_told(bench: Bench) -> None:
    server = StallingServer(stall_after=10**9, seconds=0)
    options = ["--protocol", "memcached", "--port", server.port, "--connections", 1, "--warmup", "0s"]
    done = bench(*options, "--rate", "3m/s", "--duration", "200ms", "--mix", "get")
    schedule = bench.report["schedule"]
    assert schedule["unsent"] > 0 and schedule["backlogMaximum"] >= schedule["unsent"]
    assert "warning: the server didn't keep up" in done.stdout


def test_an_interrupted_run_is_reported(bench: Bench, peers: Server) -> None:
    with peers.redis() as redis:
        redis("CONFIG", "RESETSTAT")
    options = [*where(peers, "redis"), "--keys", 100, "--warmup", "0s", "--duration", "10m", "--mix", "set"]
    command = [MARTLET, "bench", "--json", bench.json, *options]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    try:
        assert eventually(lambda: calls(peers).get("set", 0) > 1000 or process.poll() is not None, 20)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0 and "warning: interrupted" in printed
    assert 0 < bench.report["all"]["count"] <= calls(peers)["set"]


def test_a_server_that_closes_is_an_error(bench: Bench) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"VERSION 1\r\n")
            connection.recv(1000)
            connection.sendall(b"END\r\n")
            connection.recv(1000)

    threading.Thread(target=serve, daemon=True).start()
    done = bench(
        "--protocol", "memcached", "--port", listener.getsockname()[1], "--connections", 1, "--warmup", "0s",
        "--mix", "get", status=1,
    )  # fmt: skip
    assert {each["kind"]: each["count"] for each in bench.report["errors"]} == {"connection": 1, "unanswered": 1}
    assert bench.report["all"]["count"] == 1
    assert "the server closed a connection" in done.stdout


def test_another_protocol_than_the_server_s_is_told(bench: Bench, target: Server) -> None:
    wrong = {"memcached": target.redis_port, "meta": target.redis_port, "redis": target.memcached_port}
    for wire, port in wrong.items():
        done = bench("--protocol", wire, "--port", port, status=1)
        assert f"doesn't speak {wire}" in done.stderr or f"Does it speak {wire}?" in done.stderr


def test_no_server_is_told_at_once(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = bench("--port", port, status=1)
    assert done.stderr.startswith("martlet: can't connect to 127.0.0.1")
    assert "Is the server running there?" in done.stderr


def test_a_unix_socket(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "m"
    process = subprocess.Popen(["memcached", "-s", str(path), "-u", "root" if os.geteuid() == 0 else os.getlogin()])
    try:
        assert eventually(path.exists, 20)
        bench("--unix-socket", path, "--protocol", "meta", *SMALL, "--requests", 1000, "--fill", "--verify")
        assert bench.report["settings"]["target"] == str(path)
    finally:
        process.kill()
        process.wait()


def test_the_server_s_own_use_is_shown(bench: Bench, target: Server) -> None:
    pid = target.processes[0].process.pid
    done = bench(
        *where(target, "redis"), *SMALL, "--requests", 100_000, "--pipeline", 16, "--server-pid", pid,
        "--percentiles",
    )  # fmt: skip
    server = bench.report["server"]
    assert server["pid"] == pid and server["residentBytes"] > 1_000_000
    assert 0 < server["cpuSeconds"] < 60
    assert re.fullmatch(r"martlet bench \d+\.\d+\.\d+", bench.report["program"])
    assert "of CPU a request" in done.stdout and "100.0000 %" in done.stdout
    assert bench.report["serverVersion"].split()[0] in ("redis", "martlet")


def test_large_values_come_and_go_in_pieces(bench: Bench, target: Server) -> None:
    bench(
        *where(target, "memcached"), "--keys", 20, "--connections", 3, "--pipeline", 4, "--warmup", "0s",
        "--value-bytes", 900_000, "--mix", "get=1,set=1", "--requests", 400, "--fill", "--verify",
    )  # fmt: skip
    assert bench.report["all"]["count"] == 400
    assert verb(bench.report, "get")["receivedBytes"] > 900_000 * verb(bench.report, "get")["hits"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--mix", "fetch=1"], "fetch is none of"),
        (["--tls"], "TLS is not there yet"),
        (["--protocol", "http"], "choose redis"),
        (["--keys", "0"], "--keys 0"),
        (["--key-bytes", "5"], "need names of at least 9 bytes"),
        (["--rate", "fast"], "--rate fast"),
        (["--distribution", "normal"], "--distribution normal"),
        (["--port", "0"], "from 1 to 65535"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_sent(
    bench: Bench, options: list[str], reason: str
) -> None:
    assert reason in bench(*options, status=64).stderr


def test_help_has_examples(bench: Bench) -> None:
    done = subprocess.run([str(MARTLET), "bench", "--help"], capture_output=True, text=True, check=True)
    assert "EXAMPLES" in done.stdout and "coordinated" in done.stdout


def test_what_is_stored_is_what_the_options_say(
    new_server: Callable[..., MartletServer], bench: Bench
) -> None:
    server = new_server()
    bench(*where(server, "redis"), "--keys", 3, "--requests", 3, "--warmup", "0s", "--fill", "--connections", 1)
    with MemcachedConnection(server.memcached_port) as connection:
        reply = connection.ask(b"get key:000000000002\r\n")
    assert re.fullmatch(rb"VALUE key:000000000002 0 32\r\nkey:000000000002:32:[a-z]{12}\r\nEND\r\n", reply)
