"""What `Benchmarks/count` makes of a profile and of a budget."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

PROFILE = """\
fn=(1) counted
+3 40
cfn=(2) swift_retain
calls=20 0
* 100
cfn=(3) malloc@@GLIBC_2.2.5
calls=10 0
* 300
fn=(2)
cfn=(3)
calls=5 0
* 10
cfn=(4) swift_beginAccess
calls=7 0
* 7
fn=(5) swift_bridgeObjectRetain
cfn=(2)
calls=3000 0
* 9
totals: 5000
"""


@pytest.fixture(scope="module")
def count() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "Benchmarks/count"
    loader = SourceFileLoader("count", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("count", loader))
    sys.modules["count"] = module
    loader.exec_module(module)
    return module


def cost(count: ModuleType, instructions: float, requests: int = 1000, **calls: float) -> object:
    return count.Cost(instructions, dict.fromkeys(count.CALLS, 0) | calls, requests)


def test_a_profile_is_read_by_the_request(count: ModuleType) -> None:
    read = count.read_profile(PROFILE.splitlines(), 10)
    assert read.instructions == 500
    assert read.calls == {"retains": 2, "releases": 0, "accesses": 0.7, "mallocs": 1.5}


def test_a_budget_is_read_as_it_was_written(count: ModuleType) -> None:
    budget = {"get": cost(count, 1100, 1), "set-100k": cost(count, 200000, 1, mallocs=0.29)}
    assert count.read_budget(count.write_budget(budget)) == budget


def test_what_was_accepted_passes_and_is_no_wider_than_three_percent(
    count: ModuleType, capsys: pytest.CaptureFixture
) -> None:
    counted = cost(count, 1000, retains=0.006, mallocs=1)
    budget = {"get": count.accepted(counted)}
    assert budget["get"].instructions == 1030
    assert budget["get"].calls == {"retains": 0, "releases": 0, "accesses": 0, "mallocs": 1}
    assert count.judge({"get": counted}, budget) == 0
    assert count.judge({"get": cost(count, 1030, mallocs=1)}, budget) == 0
    assert "lowered" not in capsys.readouterr().out


def test_a_request_above_its_budget_fails_and_says_what_to_do(
    count: ModuleType, capsys: pytest.CaptureFixture
) -> None:
    budget = {"get": cost(count, 1000), "set": cost(count, 1500)}
    assert count.judge({"get": cost(count, 1100), "set": cost(count, 1500)}, budget) == 1
    out = capsys.readouterr().out
    assert "get: 1100 instructions, 10.0 % above its budget of 1000" in out
    assert "callgrind_annotate" in out and "Benchmarks/count --accept get" in out
    assert "set:" not in out


@pytest.mark.parametrize("kind", ["retains", "releases", "accesses", "mallocs"])
def test_one_call_more_fails(count: ModuleType, kind: str, capsys: pytest.CaptureFixture) -> None:
    assert count.judge({"get": cost(count, 1000, **{kind: 1})}, {"get": cost(count, 1000)}) == 1
    assert f"1.00 {kind}, its budget is 0" in capsys.readouterr().out


def test_a_request_without_a_budget_fails(count: ModuleType, capsys: pytest.CaptureFixture) -> None:
    assert count.judge({"new": cost(count, 10)}, {"get": cost(count, 1000)}) == 1
    assert "new: has no budget" in capsys.readouterr().out


def test_a_request_well_below_its_budget_passes_with_a_word(
    count: ModuleType, capsys: pytest.CaptureFixture
) -> None:
    assert count.judge({"get": cost(count, 900)}, {"get": cost(count, 1000)}) == 0
    assert "get: its budget can be lowered" in capsys.readouterr().out


def test_each_budget_in_the_repository_names_the_same_requests(count: ModuleType) -> None:
    budgets = sorted((count.ROOT / "Benchmarks").glob("budget-*"))
    names = [list(count.read_budget(path.read_text())) for path in budgets]
    assert names and all(each == names[0] and "get" in each for each in names)
