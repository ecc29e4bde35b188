"""What is asked of Martlet and of its peers, Redis 7 and Valkey 9, to compare every reply: `test_redis_compared.py` does so.

Each module of this folder is a group of commands. It holds

    SCRIPTS = [
        ("name of what it shows", "both", '''
            RPUSH list a b c
            LRANGE list 0 -1
            ~SMEMBERS set
            ?SRANDMEMBER set
        '''),
    ]

    def random_command(random: Random) -> list[str | bytes]: ...

A script begins with empty databases on a new connection. Each of its lines is a command in redis-cli's quoting; `#` begins
a line of comment. `~` before a command: the order of the elements of its reply doesn't matter, on any level. `?`: it is
run, and its reply is not compared. `"both"` are Redis and Valkey; `"valkey"` and `"redis"` name the only one that
replies so.

`random_command` makes one command up: about few keys (`k0` to `k5`; `_chance.key` prefers those of a type), with small
values, and with wrong types and bad numbers now and then. Nothing in it may depend on chance or on the clock: no `SPOP` that leaves some members, no expiry
of less than some minutes. A module may have `random_command_of_valkey` for what only Valkey knows, too; and what a
peer doesn't know at all isn't asked of it. What differs on purpose is listed in the module's
`DIFFERENCES: list[Difference]`, and in docs/REDIS.md.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from wire import Raw

PEERS = {"both": ("redis", "valkey"), "redis": ("redis",), "valkey": ("valkey",)}
"""Whom a script is compared with, by what it says."""

UNORDERED = {
    *("SMEMBERS", "SUNION", "SINTER", "SDIFF", "SPOP", "HGETALL", "HKEYS", "HVALS", "KEYS"),
    "PUBSUB",
}
"""Commands whose replies have no order, in random sequences. In a script a line says so itself."""

CHANCE = {
    *("SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER", "RANDOMKEY", "SCAN", "SSCAN", "HSCAN", "ZSCAN"),
    *("TIME", "LASTSAVE", "INFO", "CLIENT", "DUMP"),
}
"""Commands whose replies chance or the server makes, in random sequences: only their errors are compared. What a scan
replies at a time is up to the server."""

TIMES = {
    *("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME"),
    "OBJECT",
}
"""Commands that reply with times, in random sequences: they may differ by `TIME_TOLERANCE`."""

TIME_TOLERANCE = 20_000
"""How far times may be apart, as integers: milliseconds, and for those in seconds far too much. That a time is set at all
and is the right one is seen, how precise it is the scripts say."""


@dataclass(frozen=True)
class Difference:
    """A reply that is another one on purpose."""

    peer: str
    """As scripts name it."""
    command: str
    """The name of the command, in capitals, as a regular expression."""
    theirs: str
    """What the peer replies, as a regular expression for the whole reply as it is sent."""
    ours: str
    reason: str
    listed: str
    """The first cell of its row among the intended differences of docs/REDIS.md."""

    def explains(self, peer: str, command: list[bytes], theirs: bytes, ours: bytes) -> bool:
        return (
            peer in PEERS[self.peer]
            and re.fullmatch(self.command.encode(), command[0].upper()) is not None
            and re.fullmatch(self.theirs.encode(), theirs, re.DOTALL) is not None
            and re.fullmatch(self.ours.encode(), ours, re.DOTALL) is not None
        )


@dataclass(frozen=True)
class Line:
    """A command of a script, and how its reply is compared."""

    words: list[bytes]
    is_ordered: bool = True
    is_compared: bool = True


@dataclass(frozen=True)
class Script:
    group: str
    name: str
    peers: tuple[str, ...]
    lines: list[Line]


@dataclass(frozen=True)
class Group:
    """A module of this folder."""

    name: str
    scripts: list[Script]
    makers: dict[str, list[Callable[[Random], list[str | bytes]]]]
    """What makes commands up, by the peer that they are for."""
    differences: list[Difference]


ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
WORD = re.compile(
    rb"""\s*(?:"(?P<double>(?:\\x[0-9a-fA-F]{2}|\\.|[^"\\])*)"|'(?P<single>(?:\\'|[^'])*)'|(?P<bare>[^\s"']+))(?=\s|\Z)""",
    re.DOTALL,
)


def words(text: str) -> list[bytes]:
    """The words of a command, quoted as redis-cli has it."""
    found, line, position = [], text.strip().encode(), 0
    while position < len(line):
        match = WORD.match(line, position)
        assert match, f"quotes that don't match: {text}"
        if match["double"] is not None:
            found.append(re.sub(rb"\\(?:x([0-9a-fA-F]{2})|(.))", unescape, match["double"], flags=re.DOTALL))
        elif match["single"] is not None:
            found.append(match["single"].replace(rb"\'", b"'"))
        else:
            found.append(match["bare"])
        position = match.end()
    return found


def unescape(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes([int(match[1], 16)])
    return ESCAPES.get(match[2], match[2])


def line(text: str) -> Line:
    mark = text[0]
    return Line(words(text.lstrip("~?")), is_ordered=mark != "~", is_compared=mark != "?")


def groups() -> list[Group]:
    """The modules of this folder, in the order of their names."""
    found = []
    for name in sorted(each.name for each in pkgutil.iter_modules(__path__)):
        if name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{name}")
        scripts = []
        for title, peers, text in module.SCRIPTS:
            lines = [each.strip() for each in text.strip().splitlines()]
            lines = [line(each) for each in lines if each and not each.startswith("#")]
            scripts.append(Script(name, title, PEERS[peers], lines))
        of_both = [module.random_command] if hasattr(module, "random_command") else []
        of_valkey = [module.random_command_of_valkey] if hasattr(module, "random_command_of_valkey") else []
        makers = {"redis": of_both, "valkey": of_both + of_valkey}
        found.append(Group(name, scripts, makers, getattr(module, "DIFFERENCES", [])))
    return found


GROUPS = groups()
SCRIPTS = [script for group in GROUPS for script in group.scripts]
DIFFERENCES = [difference for group in GROUPS for difference in group.differences]


def random_command(random: Random, peer: str) -> list[bytes]:
    """A command of any group for Martlet and a peer."""
    group = random.choice([group for group in GROUPS if group.makers[peer]])
    made = random.choice(group.makers[peer])(random)
    return [word.encode() if isinstance(word, str) else word for word in made]


# MARK: Comparing


def agree(peer: str, command: list[bytes], theirs: Raw, ours: Raw, *, is_ordered: bool) -> bool:
    """Whether two replies are the same, or different on purpose."""
    if not is_ordered:
        theirs, ours = theirs.sorted, ours.sorted
    if theirs == ours:
        return True
    return any(each.explains(peer, command, theirs.bytes, ours.bytes) for each in DIFFERENCES)


def agree_in_sequence(peer: str, command: list[bytes], theirs: Raw, ours: Raw) -> bool:
    """The same for commands made up by chance, which don't say how their replies are to be compared."""
    name = command[0].upper().decode(errors="replace")
    if name in CHANCE and not (theirs.is_error or ours.is_error):
        return True
    if name in TIMES and agree_on_times(theirs, ours):
        return True
    return agree(peer, command, theirs, ours, is_ordered=name not in UNORDERED)


def agree_on_times(theirs: Raw, ours: Raw) -> bool:
    """Whether two replies are the same but for integers not below zero, which may be some seconds apart."""
    times = [each.head[1:] for each in (theirs, ours) if each.head[:1] == b":" and each.head[1:] >= b"0"]
    if len(times) == 2 and abs(int(times[0]) - int(times[1])) <= TIME_TOLERANCE:
        return True
    if not theirs.children:
        return theirs == ours
    return (
        theirs.head == ours.head
        and len(theirs.children) == len(ours.children)
        and all(map(agree_on_times, theirs.children, ours.children))
    )
