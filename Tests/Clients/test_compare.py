"""`Benchmarks/compare`: it measures the servers that are here, its tables are right, and it leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from comparison import report, runner, targets
from comparison.machine import Failure
from comparison.servers import FLOOR_REDIS, MARTLET_REDIS, MEMCACHED, VALKEY
from servers import MARTLET, ROOT, eventually

pytestmark = pytest.mark.martlet

TIME_LIMIT = 100

Measured = dict[tuple[str, str], dict[str, list[float]]]


def results(measured: Measured) -> runner.Results:
    """Results with these figures: for each experiment and contestant, values of each round."""
    machine = {"processor": "P", "isVirtual": True, "cores": 2, "memoryBytes": 2**34}
    about = {
        "machine": {**machine, "kernel": "6", "system": "S"},
        "versions": {
            "martlet": "Martlet 1 (abc)",
            "memcached": "memcached 1.6",
            "valkey": "Valkey 9.1 (malloc: m)",
        },
        "rounds": 3,
        "seconds": 3.0,
        "millions": 5_000_000,
        "startedAt": "2026-01-02T03:04:05+00:00",
        "endedAt": "2026-01-02T03:34:05+00:00",
        "warnings": [],
    }
    rounds: dict[tuple[str, str, int], dict[str, float]] = {}
    for (experiment, contestant), figures in measured.items():
        for figure, values in figures.items():
            for number, value in enumerate(values):
                rounds.setdefault((experiment, contestant, number), {})[figure] = value
    measurements: list[dict[str, Any]] = [
        {"experiment": experiment, "contestant": contestant, "round": number, "figures": figures}
        for (experiment, contestant, number), figures in rounds.items()
    ]
    return runner.Results(about, measurements)


GET_16: Measured = {
    ("get-16", "martlet/redis"): {"cpu": [1.0, 2.0, 3.0]},
    ("get-16", "floor/redis"): {"cpu": [0.8, 1.0, 2.0]},
    ("get-16", "valkey"): {"cpu": [2.0, 2.5, 6.0]},
}


def lines(text: str) -> list[list[str]]:
    """The cells of the lines of a table."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


def test_a_ratio_is_the_median_of_those_of_each_round() -> None:
    target = next(each for each in targets.TARGETS if each.experiment == "get-16")
    found = report.ratio(results(GET_16), target, targets.Limit(1.6, (FLOOR_REDIS,)))
    # 1.25, 2 and 1.5 in the rounds; the medians' own ratio would be 2.
    assert found is not None and (found.middle, found.least, found.most) == (1.5, 1.25, 2.0)
    # Of several others the best of each round counts; a round that one of them lacks doesn't.
    several = results({**GET_16, ("get-16", "memcached"): {"cpu": [0.5, 4.0]}})
    found = report.ratio(several, target, targets.Limit(1, (VALKEY, MEMCACHED)))
    assert found is not None and (found.least, found.most, found.rounds) == (0.8, 2.0, 2)


def test_a_target_is_met_up_to_its_limit_and_missed_above() -> None:
    table = report.targets_table(results(GET_16))
    (line,) = lines(table)[2:]
    assert line[:3] == ["GET, 16 in flight, RESP", "2.00 µs (1.00–3.00)", "1.00 µs (0.80–2.00)"]
    assert line[3:5] == ["", "2.50 µs (2.00–6.00)"]
    assert line[5] == "at most 1.6 × floor: 1.50, met<br>at most 0.7 × Valkey: 0.50, met"
    slow = results({**GET_16, ("get-16", "valkey"): {"cpu": [1.0, 2.0, 3.0]}})
    assert "at most 0.7 × Valkey: 1.00, **missed**" in report.targets_table(slow)
    assert "1 of 2 targets are met." in report.targets_table(slow)
    # A limit that is a number of its own.
    memory = {
        ("grow-redis", "martlet/redis"): {"resident": [80.0]},
        ("grow-memcached", "memcached"): {"resident": [125.0]},
    }
    (line,) = lines(report.targets_table(results(memory)))[2:]
    assert line[1:] == ["80.0 B", "", "125 B", "", "at most 78 B: 80.0, **missed**"]


def test_what_was_not_measured_is_not_met() -> None:
    only = {("get-16", "martlet/redis"): {"cpu": [1.0]}, ("get-16", "floor/redis"): {"cpu": [1.0]}}
    table = report.targets_table(results(only))
    assert "0.7 × Valkey: not measured" in table and "1 of 1 targets are met." in table


def test_the_largest_step_of_a_table_is_told() -> None:
    figures = {10_000: 1.0, 100_000: 1.5, 1_000_000: 1.2, 5_000_000: 2.4}
    measured = {
        (f"keys-{keys}", "martlet/redis"): {
            "get.cpu": [cpu],
            "get.rate": [1 / cpu * 1e6],
            "get.generator": [busy],
        }
        for (keys, cpu), busy in zip(figures.items(), [0.95, 0.5, 0.5, 0.5], strict=True)
    }
    table = report.plain_table(results(measured), next(each for each in targets.TABLES if each.key == "keys"))
    # Where the load generator was busy all the time, the server could do more.
    assert lines(table)[2] == ["10,000 keys", "1.00 µs, ≥ 1,000,000/s"]
    assert lines(table)[3] == ["100,000 keys", "1.50 µs, 667,000/s"]
    assert "Martlet × 2.00 (1,000,000 keys to 5,000,000 keys)" in table


def test_texts_go_between_their_markers_and_nothing_else_changes() -> None:
    page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n<!-- begin y -->\nold\n<!-- end y -->\n"
    new = report.replace(page, {"x": r"new \1"})
    assert new == page.replace("old", r"new \1", 1)
    for bad in ("nothing", page + page):
        with pytest.raises(Failure, match="begin x"):
            report.replace(bad, {"x": "new"})


def test_the_page_has_a_place_for_every_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    shutil.copy(ROOT / "docs/PERFORMANCE.md", page)
    before = page.read_text()
    names = ["machine", "targets", "idle", *(each.key for each in targets.TABLES)]
    texts = {name: f"table {name}" for name in names}
    page.write_text(report.replace(before, texts))
    assert all(f"table {name}\n" in page.read_text() for name in texts)
    assert before.count("<!-- begin ") == len(texts)


def test_a_part_of_the_experiments_leaves_the_other_tables_as_they_are(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    shutil.copy(ROOT / "docs/PERFORMANCE.md", page)
    before = page.read_text()
    measured: Measured = {
        (f"sync-{key}", "martlet/redis"): {"rate": [1234.0], "p99": [56.0]} for _, key, _ in targets.SYNCED
    }
    left = report.write(results({**measured, **GET_16}), page)
    assert "targets" in left and "sync" not in left
    assert "| SET, 1 connection | 1,230/s, 56.0 µs |" in page.read_text()
    begin, end = "<!-- begin sync -->", "<!-- end sync -->"
    assert page.read_text().split(begin)[0] == before.split(begin)[0]
    assert page.read_text().split(end)[1] == before.split(end)[1]


def test_a_whole_run_writes_every_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    shutil.copy(ROOT / "docs/PERFORMANCE.md", page)
    empty = {
        name: "nothing" for name in ["machine", "targets", "idle", *(each.key for each in targets.TABLES)]
    }
    page.write_text(report.replace(page.read_text(), empty))
    figures = ["cpu", "rate", "p99", "p999", "generator", "resident", "start", "idle", "connection", "others"]
    loads = ["", "get.", "set.", "sadd.", "sismember."]
    measured = {
        (experiment.key, contestant.key): {load + figure: [1.0] for load in loads for figure in figures}
        for experiment in targets.EXPERIMENTS
        for contestant in experiment.contestants
    }
    assert report.write(results(measured), page) == []
    assert "nothing" not in page.read_text().splitlines()
    assert "targets are met." in page.read_text() and "- **versions**: Martlet 1 (abc), " in page.read_text()
    for line in (line for table in targets.TABLES for line in table.lines):
        assert f"| {line.label} | " in page.read_text()


def test_rounds_alternate_and_another_server_is_first_in_each() -> None:
    experiment = next(each for each in targets.EXPERIMENTS if each.key == "get-1-redis")
    rare = next(each for each in targets.EXPERIMENTS if each.key == "keys-10000")
    steps = runner.plan([experiment, rare], 4)
    firsts = [next(step.contestant for step in steps if step.round == number) for number in range(4)]
    assert firsts == [MARTLET_REDIS, FLOOR_REDIS, VALKEY, MARTLET_REDIS]
    assert [step.round for step in steps] == sorted(step.round for step in steps)
    assert sum(step.experiment is experiment for step in steps) == 4 * 3
    assert sum(step.experiment is rare for step in steps) == 3


def test_every_target_and_line_is_of_an_experiment_that_has_its_servers() -> None:
    experiments = {each.key: each for each in targets.EXPERIMENTS}
    assert len(experiments) == len(targets.EXPERIMENTS)
    for target in targets.TARGETS:
        needed = {target.subject, *(other for limit in target.limits for other in limit.others)}
        assert needed <= set(experiments[target.experiment].contestants), target.title
    assert {line.experiment for table in targets.TABLES for line in table.lines} <= set(experiments)


# With the real servers.


def command(*options: object) -> list[str]:
    words = [ROOT / "Benchmarks/compare", "--martlet", MARTLET, *options]
    return [sys.executable, *(str(word) for word in words)]


@pytest.fixture
def compare(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*options: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        words = command(*options, "--json", tmp_path / "results.json")
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def test_it_measures_servers_and_prints_the_tables(
    compare: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    options = ["--quick", "--rounds", 1, "--seconds", 0.2, "--valkey", shutil.which("redis-server")]
    done = compare(*options, "--only", "mixed-1-*", "depth-16")
    found = runner.Results.read(tmp_path / "results.json")
    for experiment, contestant in [
        ("mixed-1-memcached", "martlet/memcached"),
        ("mixed-1-memcached", "memcached"),
        ("mixed-1-redis", "martlet/redis"),
        ("mixed-1-redis", "valkey"),
        ("depth-16", "martlet/redis"),
    ]:
        (cpu,) = found.values(experiment, contestant, "cpu").values()
        assert 0.05 < cpu < 1000, (experiment, contestant)
    # What stands in Valkey's place is called what it is.
    assert "| load | Martlet | floor | memcached | Redis |" in done.stdout
    assert "at most 0.87 × Redis: " in done.stdout and "| 16 in flight |" in done.stdout
    assert found.about["versions"]["valkey"].startswith("Redis 7.")


def test_memory_restart_and_rest_are_measured(
    compare: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    options = ["--quick", "--seconds", 0.2, "--valkey", shutil.which("redis-server")]
    compare(*options, "--only", "grow-redis", "idle")
    found = runner.Results.read(tmp_path / "results.json")
    for server in ("martlet/redis", "valkey"):
        (resident,) = found.values("grow-redis", server, "resident").values()
        assert 48 < resident < 500
        (start,) = found.values("grow-redis", server, "start").values()
        assert 0 < start < 20
        (connection,) = found.values("idle", server, "connection").values()
        assert 0 <= connection < 50_000


@pytest.mark.parametrize("protocol", ["memcached", "redis"])
def test_the_floor_answers_every_request(tmp_path: Path, protocol: str) -> None:
    """Where the system has io_uring; where it hasn't, it says that."""
    options = ["--quick", "--rounds", "1", "--seconds", "0.2", "--valkey", shutil.which("redis-server")]
    words = command(*options, "--only", f"get-1-{protocol}", "--json", tmp_path / "results.json")
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    found = runner.Results.read(tmp_path / "results.json")
    if done.returncode != 0:
        assert all("floor" in error and "io_uring_setup: " in error for error in found.errors)
    else:
        (cpu,) = found.values(f"get-1-{protocol}", f"floor/{protocol}", "cpu").values()
        assert 0.05 < cpu < 1000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running_when_it_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    words = command("--only", "mixed-1-memcached", "--seconds", 60, "--json", tmp_path / "results.json")
    # What runs in the background of a shell ignores SIGINT, and so would all that it starts.
    process = subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        # A server and the load generator.
        assert eventually(lambda: len(children(process.pid)) == 2 or process.poll() is not None, TIME_LIMIT)
        started = children(process.pid)
        process.send_signal(number)
        process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(number, -number)
    assert len(started) == 2 and eventually(lambda: not any(is_running(pid) for pid in started))
    if number != signal.SIGKILL:
        assert not list((ROOT / ".build/comparison").glob(f"work-{process.pid}"))
    shutil.rmtree(ROOT / f".build/comparison/work-{process.pid}", ignore_errors=True)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--only", "get-2"], "no experiment or section get-2"),
        (["--report", "README.md"], "isn't a file of results"),
        (["--report", "none.json"], "none.json"),
        (["--rounds", "0"], "above 0"),
    ],
)
def test_what_is_wrong_is_told(options: list[str], reason: str) -> None:
    done = subprocess.run(
        command(*options), capture_output=True, text=True, cwd=ROOT, timeout=30, check=False
    )
    assert done.returncode != 0 and reason in done.stderr and "Traceback" not in done.stderr


def test_it_lists_all_and_measures_nothing() -> None:
    done = subprocess.run(command("--list"), capture_output=True, text=True, timeout=30, check=True)
    assert all(each.key in done.stdout for each in targets.EXPERIMENTS)
    assert "in all about" in done.stdout


def test_results_are_kept_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "folder/results.json"
    results(GET_16).write(path)
    assert report.sections(runner.Results.read(path)) == report.sections(results(GET_16))
    path.write_text(json.dumps({"format": 0}))
    with pytest.raises(Failure, match="format 1"):
        runner.Results.read(path)
    assert os.listdir(path.parent) == ["results.json"]
