"""Makes tables of results, and puts them between the markers of a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from .machine import Failure
from .runner import Results
from .servers import Contestant
from .targets import TABLES, TARGETS, Limit, Line, Table, Target

PROTOCOLS = {"memcached": "memcached", "redis": "RESP"}

BUSY = 0.9
"""When the load generator runs for more than this part of the time, it may be what bounds the rate (docs/BENCH.md)."""


@dataclass(frozen=True)
class Spread:
    """A figure of several rounds."""

    middle: float
    least: float
    most: float
    rounds: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        found = list(values)
        return cls(median(found), min(found), max(found), len(found)) if found else None

    def text(self, unit: str) -> str:
        """`4.61 µs (4.55–4.70)`"""
        factor, unit, digits = scale(self.middle, unit)
        shown = [f"{round(value * factor, digits):,.{max(0, digits)}f}"
                 for value in (self.middle, self.least, self.most)]  # fmt: skip
        joint = unit if unit.startswith("/") else f" {unit}"
        return f"{shown[0]}{joint}" + (f" ({shown[1]}–{shown[2]})" if self.rounds > 1 else "")


def scale(value: float, unit: str) -> tuple[float, str, int]:
    """A factor and a unit that suit people, and how many digits to show behind the point, or to round before it."""
    factor = 1.0
    if unit == "µs" and value >= 1_000_000:
        factor, unit = 1e-6, "s"
    elif unit == "µs" and value >= 10_000:
        factor, unit = 1e-3, "ms"
    number = value * factor
    if unit == "/s":
        return factor, unit, min(0, 3 - len(f"{number:.0f}"))
    digits = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3
    return factor, unit, digits


def ratio(results: Results, target: Target, limit: Limit) -> Spread | None:
    """How Martlet compares with the best of others, each round by itself: what a round's servers share, such as what the
    machine's other tenants do just then, doesn't count."""
    own = results.values(target.experiment, target.subject.key, target.figure)
    others = [results.values(target.experiment, each.key, target.figure) for each in limit.others]
    rounds = set(own).intersection(*others)
    return Spread.of(own[each] / min(other[each] for other in others) for each in sorted(rounds))


def verdict(results: Results, target: Target, limit: Limit) -> tuple[str, bool | None]:
    """What is to be said of a limit, and whether it is kept; None if that wasn't measured."""
    if limit.others:
        found = ratio(results, target, limit)
        who = name(results, limit.others[0].server) if len(limit.others) == 1 else "the better"
        wanted = f"{limit.most:g} × {who}"
        text = f"{found.middle:.2f}" if found else ""
    else:
        found = Spread.of(results.values(target.experiment, target.subject.key, target.figure).values())
        wanted = f"{limit.most:g} {target.unit}"
        text = found.text(target.unit).split(" ")[0] if found else ""
    if not found:
        return f"{wanted}: not measured", None
    met = found.middle <= limit.most
    return f"at most {wanted}: {text}, {'met' if met else '**missed**'}", met


# MARK: Tables


def targets_table(results: Results) -> str:
    servers = ("martlet", "floor", "memcached", "valkey")
    rows = [row(["load", *(name(results, each) for each in servers), "target, and what it is"])]
    rows.append("| --- " * (len(servers) + 2) + "|")
    kept: list[bool | None] = []
    for target in TARGETS:
        own = cell(results, target.experiment, target.subject.key, target.figure, target.unit)
        if not own:
            continue
        floor = Contestant("floor", target.subject.protocol)
        cells = [own, cell(results, target.experiment, floor.key, target.figure, target.unit)]
        for server in ("memcached", "valkey"):
            places = [(target.experiment, server)]
            places += [(experiment, each.key) for experiment, each in target.beside if each.server == server]
            texts = [cell(results, experiment, key, target.figure, target.unit) for experiment, key in places]
            cells.append(next((text for text in texts if text), ""))
        verdicts = [verdict(results, target, limit) for limit in target.limits]
        kept += [met for _, met in verdicts]
        rows.append(row([target.title, *cells, "<br>".join(text for text, _ in verdicts)]))
    if not kept:
        return ""
    known = [met for met in kept if met is not None]
    words = f"{sum(known)} of {len(known)} targets are met."
    return "\n".join([*rows, "", words, "", stamp(results, {target.experiment for target in TARGETS})])


def plain_table(results: Results, table: Table) -> str:
    servers = [each for each in table.servers if any(contestant(results, line, each) for line in table.lines)]
    rows = [
        row([table.corner, *(name(results, each) for each in servers)]),
        "| --- " * (len(servers) + 1) + "|",
    ]
    for line in table.lines:
        cells = []
        for server in servers:
            key = contestant(results, line, server)
            texts = [
                cell(results, line.experiment, key, line.figure(figure), unit) if key else ""
                for figure, unit in table.figures
            ]
            cells.append(", ".join(text for text in texts if text))
        if any(cells):
            rows.append(row([line.label, *cells]))
    if len(rows) == 2:
        return ""
    words = steps(results, table, servers) if table.step else ""
    places = {line.experiment for line in table.lines}
    return "\n".join([*rows, *(["", words] if words else []), "", stamp(results, places)])


def steps(results: Results, table: Table, servers: list[str]) -> str:
    """Tells the largest step from a line to the next."""
    found = []
    for server in servers:
        middles = []
        for line in table.lines:
            key = contestant(results, line, server) or ""
            spread = Spread.of(results.values(line.experiment, key, line.figure(table.step)).values())
            if spread:
                middles.append((line.label, spread.middle))
        pairs = [(after / before, first, second) for (first, before), (second, after) in pairwise(middles)]
        if pairs:
            times, first, second = max(pairs)
            found.append(f"{name(results, server)} × {times:.2f} ({first} to {second})")
    if not found:
        return ""
    growth = f", while {table.growth}" if table.growth else ""
    return f"The largest step of the CPU time from a line to the next{growth}: {'; '.join(found)}."


def contestant(results: Results, line: Line, server: str) -> str | None:
    """The contestant of a server that a line has figures of."""
    keys = {each["contestant"] for each in results.measurements
            if each["experiment"] == line.experiment and "figures" in each}  # fmt: skip
    names = [server, *(f"{server}/{protocol}" for protocol in PROTOCOLS)]
    return next((name for name in names if name in keys), None)


def cell(results: Results, experiment: str, key: str, figure: str, unit: str) -> str:
    """A figure; a rate that the load generator may have bounded is one that the server has at the least."""
    spread = Spread.of(results.values(experiment, key, figure).values())
    if not spread:
        return ""
    at_least = ""
    if unit == "/s":
        busy = results.values(experiment, key, figure.removesuffix("rate") + "generator").values()
        at_least = "≥ " if busy and median(busy) > BUSY else ""
    return at_least + spread.text(unit)


def name(results: Results, server: str) -> str:
    """What a server is called in a table; in Valkey's place there may be another."""
    if server == "valkey":
        return str(results.about["versions"].get("valkey", "Valkey")).split()[0]
    return {"martlet": "Martlet", "martlet-nio": "Martlet on SwiftNIO"}.get(server, server)


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def stamp(results: Results, experiments: set[str]) -> str:
    """When and of what a table is."""
    rounds = {each["round"] for each in results.measurements if each["experiment"] in experiments}
    count = f"up to {len(rounds)} rounds: median (least–most)" if len(rounds) > 1 else "one round"
    return f"*{results.about['startedAt'][:10]}, {results.about['versions']['martlet']}, {count}*"


def machine_text(results: Results) -> str:
    about = results.about
    machine, versions = about["machine"], about["versions"]
    kind = "a virtual machine with " if machine["isVirtual"] else ""
    lines = [
        f"- **machine**: {machine['processor']}, {kind}{machine['cores']} cores and"
        f" {machine['memoryBytes'] / 2**30:.0f} GiB; Linux {machine['kernel']}, {machine['system']}",
        f"- **versions**: {', '.join(versions.values())}",
        f"- **measured**: from {about['startedAt']} to {about['endedAt']}; for the targets, rounds of"
        f" {about['seconds']:g} s for each load and server",
    ]
    for suffix, words in (("others", "other programs used"), ("steal", "the machine's host took")):
        shares = [value for each in results.measurements for figure, value in each.get("figures", {}).items()
                  if figure.rpartition(".")[2] == suffix]  # fmt: skip
        if shares:
            lines.append(f"- while a load ran, {words} {100 * median(shares):.1f} % of a core at the median,"
                         f" {100 * max(shares):.1f} % at most")  # fmt: skip
    lines += [f"- **warning**: {text}" for text in about["warnings"]]
    lines += [f"- **failed**: {text.splitlines()[0]}" for text in results.errors]
    return "\n".join(lines)


def idle_table(results: Results) -> str:
    """The memory of a connection over both transports."""
    rows = [row(["an idle connection", "bytes"]), "| --- | --- |"]
    for server in ("martlet", "martlet-nio"):
        for protocol, shown in PROTOCOLS.items():
            text = cell(results, "idle", f"{server}/{protocol}", "connection", "B")
            if text:
                rows.append(row([f"{name(results, server)}, {shown}", text]))
    return "\n".join([*rows, "", stamp(results, {"idle"})]) if len(rows) > 2 else ""


def sections(results: Results) -> dict[str, str]:
    """All texts by the names of their markers; those that nothing was measured for are left out."""
    texts = {"machine": machine_text(results), "targets": targets_table(results), "idle": idle_table(results)}
    texts |= {table.key: plain_table(results, table) for table in TABLES}
    return {name: text for name, text in texts.items() if text}


# MARK: Pages


def replace(page: str, sections: dict[str, str]) -> str:
    """A page with these texts between their markers, `<!-- begin NAME -->` and `<!-- end NAME -->`. What is between
    others stays as it is."""
    for name, text in sections.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise Failure(f"the page has to have {begin} and {end} once")
        before, after = pattern.split(page)
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page


def write(results: Results, path: Path) -> list[str]:
    """Writes the tables of a page anew; returns the names of those that weren't measured wholly, which stay as they
    are."""
    texts = sections(results)
    measured = {each["experiment"] for each in results.measurements}
    needed = {"targets": {each.experiment for each in TARGETS}}
    needed |= {table.key: {line.experiment for line in table.lines} for table in TABLES}
    left = [name for name, experiments in needed.items() if not experiments <= measured]
    if left:
        # What is said of the machine is of all tables, or of none.
        texts.pop("machine")
    for name in left:
        texts.pop(name, None)
    path.write_text(replace(path.read_text(), texts))
    return left
