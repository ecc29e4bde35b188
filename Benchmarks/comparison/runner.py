"""Goes through the experiments in alternating rounds, and keeps what they give."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .experiments import Context, Experiment
from .load import Figures
from .machine import Failure
from .servers import Contestant

FORMAT = 1
"""Of the file of results."""

TRUST_AFTER = 30.0
"""Seconds."""


@dataclass
class Results:
    """What was measured, on what, and when; kept as JSON."""

    about: dict[str, Any]
    """`machine`, `versions`, `rounds`, `seconds`, `millions`, `startedAt`, `warnings`."""
    measurements: list[dict[str, Any]] = field(default_factory=list)
    """Each has `experiment`, `contestant`, `round` and either `figures` or `error`."""

    @classmethod
    def read(cls, path: Path) -> Results:
        try:
            content = json.loads(path.read_text())
        except OSError as error:
            raise Failure(f"{path}: {error.strerror}") from None
        except ValueError:
            content = {}
        if content.get("format") != FORMAT:
            raise Failure(f"{path} isn't a file of results of format {FORMAT}")
        return cls(content["about"], content["measurements"])

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"format": FORMAT, "about": self.about, "measurements": self.measurements}
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        unfinished.replace(path)

    def values(self, experiment: str, contestant: str, figure: str) -> dict[int, float]:
        """A figure in each round that has it."""
        return {
            each["round"]: each["figures"][figure]
            for each in self.measurements
            if each["experiment"] == experiment and each["contestant"] == contestant
            if figure in each.get("figures", {})
        }

    @property
    def errors(self) -> list[str]:
        return [f"{each['experiment']}, {each['contestant']}: {each['error']}"
                for each in self.measurements if "error" in each]  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One measurement that is to be made."""

    experiment: Experiment
    contestant: Contestant
    round: int

    def estimate(self, context: Context) -> float:
        """Seconds that it takes, about."""
        return self.experiment.estimate(self.contestant, context)


def plan(experiments: list[Experiment], rounds: int) -> list[Step]:
    """All measurements in their order. Each round has all servers of an experiment right after each other, so that
    they have the same machine, and another one first than the round before."""
    steps = []
    for number in range(rounds):
        for experiment in experiments:
            if number >= experiment.rounds(rounds):
                continue
            shift = number % len(experiment.contestants)
            turn = experiment.contestants[shift:] + experiment.contestants[:shift]
            steps += [Step(experiment, contestant, number) for contestant in turn]
    return steps


def carry_out(steps: list[Step], context: Context, results: Results, path: Path) -> None:
    """Makes the measurements, and says which and how long the rest will take. What is there is written after each, so
    that nothing is lost when it is interrupted."""
    began = time.monotonic()
    done = 0.0
    for index, step in enumerate(steps):
        left = sum(each.estimate(context) for each in steps[index:])
        # How good the estimates have been is known once much has been done.
        left *= (time.monotonic() - began + TRUST_AFTER) / (done + TRUST_AFTER)
        text = f"[{index + 1}/{len(steps)}, {duration(left)} left] {step.experiment.key}"
        print(f"{text} round {step.round + 1}, {step.contestant.key}: ", end="", file=sys.stderr, flush=True)
        results.measurements.append(measure(step, context))
        results.about["endedAt"] = now()
        results.write(path)
        done += step.estimate(context)


def measure(step: Step, context: Context) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "experiment": step.experiment.key,
        "contestant": step.contestant.key,
        "round": step.round,
    }
    try:
        entry["figures"] = step.experiment.measure(step.contestant, context)
        print(summary(entry["figures"]), file=sys.stderr, flush=True)
    except (Failure, OSError, subprocess.TimeoutExpired) as failure:
        entry["error"] = str(failure)
        print(f"FAILED: {failure}", file=sys.stderr, flush=True)
    return entry


def summary(figures: Figures) -> str:
    """The figures that one wants to see pass by."""
    shown = [
        ("cpu", "µs"),
        ("rate", "/s"),
        ("p999", "µs p99.9"),
        ("resident", "B a pair"),
        ("start", "s to start"),
        ("idle", "% at rest"),
        ("connection", "B a connection"),
    ]
    texts = []
    for name, unit in shown:
        for key, value in figures.items():
            if key == name or key.endswith(f".{name}"):
                texts.append(f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}")
    return ", ".join(texts)


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
