"""What is measured, and what Martlet has to reach. These declarations are all that the command knows of it."""

from __future__ import annotations

from dataclasses import dataclass

from .experiments import Experiment, Growing, Idle, UnderLoad
from .load import Load
from .servers import (
    FLOOR_MEMCACHED,
    FLOOR_REDIS,
    MARTLET_MEMCACHED,
    MARTLET_REDIS,
    MEMCACHED,
    NIO_MEMCACHED,
    NIO_REDIS,
    VALKEY,
    Contestant,
)

# MARK: Targets

LARGE = 102_400
MANY = 16
MIXED = "get=90,set=10"

ROUNDS_OF_OTHERS = 0.6
"""How many of the rounds what takes long takes part in."""
TWO_ROUNDS = 0.4
ONE_ROUND = 0.2


def one(key: str, title: str, load: Load, *contestants: Contestant) -> UnderLoad:
    return UnderLoad(key, title, contestants, "targets", loads=(("", load),))


GROW_MEMCACHED = Growing(
    "grow-memcached",
    "a table that grows, over memcached's protocol",
    (MARTLET_MEMCACHED, MEMCACHED),
    "targets",
    share=TWO_ROUNDS,
    peer=MEMCACHED,
)
GROW_REDIS = Growing(
    "grow-redis",
    "a table that grows, over Redis's protocol; memory; a restart",
    (MARTLET_REDIS, VALKEY),
    "targets",
    share=TWO_ROUNDS,
    peer=VALKEY,
    restarts=True,
)

MAIN: tuple[Experiment, ...] = (
    one("get-1-memcached", "GET, 1 in flight", Load(), MARTLET_MEMCACHED, FLOOR_MEMCACHED, MEMCACHED),
    one("get-1-redis", "GET, 1 in flight", Load(), MARTLET_REDIS, FLOOR_REDIS, VALKEY),
    one("mixed-1-memcached", "90/10, 1 in flight", Load(MIXED), MARTLET_MEMCACHED, MEMCACHED),
    one("mixed-1-redis", "90/10, 1 in flight", Load(MIXED), MARTLET_REDIS, VALKEY),
    one("get-16", "GET, 16 in flight", Load(pipeline=MANY), MARTLET_REDIS, FLOOR_REDIS, VALKEY),
    one("set-16", "SET, 16 in flight", Load("set", pipeline=MANY), MARTLET_REDIS, VALKEY),
    one("multiget", "get of 50 keys", Load("mget"), MARTLET_MEMCACHED, MEMCACHED),
    UnderLoad(
        "large",
        "values of 100 KiB",
        (MARTLET_MEMCACHED, MARTLET_REDIS, MEMCACHED, VALKEY),
        "targets",
        loads=(
            ("get", Load("get", keys=1000, value_bytes=LARGE)),
            ("set", Load("set", keys=1000, value_bytes=LARGE)),
        ),
    ),
    Idle(
        "idle",
        "connections at rest",
        (MARTLET_MEMCACHED, MARTLET_REDIS, NIO_MEMCACHED, NIO_REDIS, MEMCACHED, VALKEY),
        "targets",
        share=ONE_ROUND,
    ),
    GROW_REDIS,
    GROW_MEMCACHED,
)


@dataclass(frozen=True)
class Limit:
    """At most so many times the best of some others; or without others, at most that."""

    most: float
    others: tuple[Contestant, ...] = ()


@dataclass(frozen=True)
class Target:
    """What Martlet's figure has to be."""

    title: str
    experiment: str
    figure: str
    unit: str
    subject: Contestant
    limits: tuple[Limit, ...]
    beside: tuple[tuple[str, Contestant], ...] = ()
    """What is shown besides: contestants of other experiments."""


CPU = ("cpu", "µs")
BOTH = (MEMCACHED, VALKEY)

TARGETS: tuple[Target, ...] = (
    Target(
        "GET, 1 in flight, memcached", "get-1-memcached", *CPU, MARTLET_MEMCACHED,
        (Limit(1.08, (FLOOR_MEMCACHED,)), Limit(0.85, (MEMCACHED,))),
    ),
    Target(
        "GET, 1 in flight, RESP", "get-1-redis", *CPU, MARTLET_REDIS,
        (Limit(1.08, (FLOOR_REDIS,)), Limit(0.85, (VALKEY,))),
    ),
    Target(
        "90/10, 1 in flight, memcached", "mixed-1-memcached", *CPU, MARTLET_MEMCACHED,
        (Limit(0.87, (MEMCACHED,)),),
    ),
    Target("90/10, 1 in flight, RESP", "mixed-1-redis", *CPU, MARTLET_REDIS, (Limit(0.87, (VALKEY,)),)),
    Target(
        "GET, 16 in flight, RESP", "get-16", *CPU, MARTLET_REDIS,
        (Limit(1.6, (FLOOR_REDIS,)), Limit(0.70, (VALKEY,))),
    ),
    Target("SET, 16 in flight, RESP", "set-16", *CPU, MARTLET_REDIS, (Limit(0.75, (VALKEY,)),)),
    Target("get of 50 keys, memcached", "multiget", *CPU, MARTLET_MEMCACHED, (Limit(0.6, (MEMCACHED,)),)),
    Target("GET of 100 KiB, memcached", "large", "get.cpu", "µs", MARTLET_MEMCACHED, (Limit(0.9, BOTH),)),
    Target("GET of 100 KiB, RESP", "large", "get.cpu", "µs", MARTLET_REDIS, (Limit(0.9, BOTH),)),
    Target("SET of 100 KiB, memcached", "large", "set.cpu", "µs", MARTLET_MEMCACHED, (Limit(0.9, BOTH),)),
    Target("SET of 100 KiB, RESP", "large", "set.cpu", "µs", MARTLET_REDIS, (Limit(0.9, BOTH),)),
    Target(
        "memory of a pair of 16 + 32 bytes, among 5 million", "grow-redis", "resident", "B", MARTLET_REDIS,
        (Limit(78),), beside=(("grow-memcached", MEMCACHED),),
    ),
    Target(
        "memory of an idle connection, memcached", "idle", "connection", "B", MARTLET_MEMCACHED, (Limit(1, BOTH),)
    ),
    Target("memory of an idle connection, RESP", "idle", "connection", "B", MARTLET_REDIS, (Limit(1, BOTH),)),
    Target(
        "p99.9 while the table grows to 5 million keys, at 60 % of memcached's peak rate", "grow-memcached",
        "p999", "µs", MARTLET_MEMCACHED, (Limit(1, (MEMCACHED,)),),
    ),
    Target(
        "p99.9 while the table grows to 5 million keys, at 60 % of Valkey's peak rate", "grow-redis",
        "p999", "µs", MARTLET_REDIS, (Limit(1, (VALKEY,)),),
    ),
    Target(
        "from start to serving, 5 million keys on disk", "grow-redis", "start", "s", MARTLET_REDIS,
        (Limit(0.5, (VALKEY,)),),
    ),
    Target("CPU at rest, 1,000 connections", "idle", "idle", "%", MARTLET_REDIS, (Limit(0.1),)),
)  # fmt: skip

# MARK: Other tables


@dataclass(frozen=True)
class Line:
    """A line of a table: an experiment, or one of its loads."""

    label: str
    experiment: str
    load: str = ""

    def figure(self, name: str) -> str:
        return f"{self.load}.{name}" if self.load else name


@dataclass(frozen=True)
class Table:
    """Figures without a target. A cell shows several of them."""

    key: str
    corner: str
    figures: tuple[tuple[str, str], ...]
    """Names and units of the figures of a cell."""
    lines: tuple[Line, ...]
    servers: tuple[str, ...] = ("martlet", "memcached", "valkey")
    step: str = ""
    """The figure whose largest step from a line to the next is told."""
    growth: str = ""
    """What grows from line to line, and by how much."""


USUAL = (("cpu", "µs"), ("rate", "/s"))
REDIS_ONLY = (MARTLET_REDIS, VALKEY)
ALL = (MARTLET_REDIS, VALKEY, MEMCACHED)


def short(number: int) -> str:
    """1000000 as 1,000,000."""
    return f"{number:,}"


def size(count: int) -> str:
    """Bytes for people; sizes are powers of two, but for the largest."""
    for unit, factor in (("MB", 1_000_000), ("KiB", 1024)):
        if count >= factor and count % factor == 0:
            return f"{count // factor} {unit}"
    return f"{count} B"


CORES = tuple(
    UnderLoad(
        f"cores-{depth}-{protocol}", f"2 threads, 90/10, {depth} in flight, {protocol}", contestants, "cores",
        share=ROUNDS_OF_OTHERS, threads=2, shares_cores=True,
        loads=(("", Load(MIXED, pipeline=depth, threads=2)),),
    )
    for depth in (1, 16)
    for protocol, contestants in (("memcached", (MARTLET_MEMCACHED, MEMCACHED)), ("redis", REDIS_ONLY))
)  # fmt: skip

SYNCED = (
    ("SET, 1 connection", "set-1", Load("set", connections=1)),
    ("SET, 50 connections", "set-50", Load("set", connections=50)),
    ("SET, 500 connections", "set-500", Load("set", connections=500)),
    ("90/10, 50 connections", "mixed-50", Load(MIXED, connections=50)),
)
SYNC = tuple(
    UnderLoad(
        f"sync-{key}", f"an fsync for each write: {title}", REDIS_ONLY, "sync",
        share=ROUNDS_OF_OTHERS, syncs=True, loads=(("", load),),
    )
    for title, key, load in SYNCED
)  # fmt: skip


Loads = tuple[tuple[str, Load], ...]


def sweep(
    section: str,
    count: int,
    title: str,
    contestants: tuple[Contestant, ...],
    loads: Loads,
    is_filled: bool = True,
) -> UnderLoad:
    """A point of a table of costs that grow."""
    return UnderLoad(
        f"{section}-{count}", title, contestants, section,
        share=ONE_ROUND, loads=loads, is_filled=is_filled, time_share=0.5,
    )  # fmt: skip


KEYS = tuple(
    sweep(
        "keys", count, f"{short(count)} keys", ALL,
        loads=(
            ("get", Load("get", pipeline=MANY, keys=count)),
            ("set", Load("set", pipeline=MANY, keys=count)),
        ),
    )
    for count in (10_000, 100_000, 1_000_000, 5_000_000, 20_000_000)
)  # fmt: skip

VALUE_SIZES = (8, 64, 512, 4096, 32_768, 262_144, 1_000_000)
"""The last one fits memcached's limit of 1 MiB with its header."""
VALUES_TOTAL = 200_000_000
VALUES = tuple(
    sweep(
        "values", count, f"values of {size(count)}", ALL,
        loads=tuple(
            (verb, Load(verb, keys=min(100_000, VALUES_TOTAL // count), value_bytes=count))
            for verb in ("get", "set")
        ),
    )
    for count in VALUE_SIZES
)  # fmt: skip

CONNECTIONS = tuple(
    sweep(
        "connections",
        count,
        f"{short(count)} connection{'s' if count > 1 else ''}",
        ALL,
        loads=(("", Load(connections=count)),),
    )
    for count in (1, 10, 100, 1000, 10_000)
)  # fmt: skip
DEPTHS = tuple(
    sweep("depth", count, f"{count} in flight", ALL, loads=(("", Load(pipeline=count)),))
    for count in (1, 2, 4, 8, 16, 32, 64, 128, 256)
)

MEMBERS_TOTAL = 1_000_000
"""In all sets of a server together, so that only the size of a set differs."""
SETS = tuple(
    sweep(
        "sets", count, f"sets of {short(count)} members", REDIS_ONLY, is_filled=False,
        loads=(
            ("sadd", Load("sadd", pipeline=MANY, keys=MEMBERS_TOTAL // count, members=count,
                          requests=2 * MEMBERS_TOTAL, warmup=0)),
            ("sismember", Load("sismember", pipeline=MANY, keys=MEMBERS_TOTAL // count, members=count)),
        ),
    )
    for count in (10, 100, 1000, 10_000, 100_000, 1_000_000)
)  # fmt: skip

EXPERIMENTS: tuple[Experiment, ...] = (*MAIN, *CORES, *SYNC, *KEYS, *VALUES, *CONNECTIONS, *DEPTHS, *SETS)


KEYS_GROWTH = "their number grows × 4 to × 10"
SETS_GROWTH = "the sets grow × 10"


def lines(experiments: tuple[UnderLoad, ...], load: str = "", verb: str = "") -> tuple[Line, ...]:
    """One for each of the experiments, named for it."""
    return tuple(Line(verb + each.title, each.key, load) for each in experiments)


TABLES: tuple[Table, ...] = (
    Table(
        "cores", "load", USUAL,
        tuple(Line(f"{'RESP' if each.contestants == REDIS_ONLY else 'memcached'}, "
                   f"{each.loads[0][1].pipeline} in flight", each.key) for each in CORES),
    ),
    Table(
        "sync", "load", (("rate", "/s"), ("p99", "µs")),
        tuple(Line(title, f"sync-{key}") for title, key, _ in SYNCED), ("martlet", "valkey"),
    ),
    Table("keys", "GET", USUAL, lines(KEYS, "get"), step="cpu", growth=KEYS_GROWTH),
    Table("keys-set", "SET", USUAL, lines(KEYS, "set"), step="cpu", growth=KEYS_GROWTH),
    Table("values", "GET", USUAL, lines(VALUES, "get"), step="cpu", growth="the size grows × 8"),
    Table("values-set", "SET", USUAL, lines(VALUES, "set"), step="cpu", growth="the size grows × 8"),
    Table(
        "connections", "GET, 1 in flight", USUAL, lines(CONNECTIONS), step="cpu", growth="their number grows × 10"
    ),
    Table("depth", "GET", USUAL, lines(DEPTHS), step="cpu"),
    Table("sets", "SADD", USUAL, lines(SETS, "sadd"), ("martlet", "valkey"), step="cpu", growth=SETS_GROWTH),
    Table("sets-sismember", "SISMEMBER", USUAL, lines(SETS, "sismember"), ("martlet", "valkey"),
        step="cpu", growth=SETS_GROWTH),
)  # fmt: skip
