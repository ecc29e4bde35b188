"""Decides whether a history of concurrent operations is linearizable: whether each of them could have happened
at one moment between its call and its return, in an order that explains all that was answered.

The method is the search of Wing and Gong ("Testing and verifying concurrent objects", 1993), key by key, for
linearizability is local (Herlihy and Wing, "Linearizability", 1990). Two things of Lowe's ("Testing for
linearizability", 2017) keep it short: no situation is looked at twice, and an operation is put in its place only
when a return demands it ("just in time"). A third is for operations whose connection broke: a situation that used
up more of them than another, equal one can explain nothing that the other can't.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

MAXIMUM_SITUATIONS = 2_000_000
"""How many situations of one key are looked at before the search gives up."""
SHOWN_BEFORE = 8
"""How many operations before a violation are shown with it."""


class Outcome(Enum):
    """What a client knows of its operation."""

    OK = "ok"
    """The server answered, and the answer is the operation's result."""
    FAILED = "failed"
    """The server refused: it had no effect, then or later."""
    UNKNOWN = "unknown"
    """The connection broke: it happened at some moment up to `returned`, or never."""


@dataclass(frozen=True)
class Operation:
    """One operation on one key. `called` and `returned` are readings of one clock, in any unit.

    | name | arguments | result |
    | --- | --- | --- |
    | `get` | | the value, or None |
    | `gets` | | the value and its `cas unique`, or None |
    | `set` | value | None |
    | `setnx` | value | whether the key was free |
    | `getset` | value | the value before, or None |
    | `append` | value | how long the value is now |
    | `delete` | | whether there was a key |
    | `incr` | number | the sum, of which a missing key is 0; None if the value is no number |
    | `cas` | value, a token from `gets` | `"STORED"`, `"EXISTS"` or `"NOT_FOUND"` |
    """

    key: str
    name: str
    arguments: tuple[bytes | int, ...] = ()
    outcome: Outcome = Outcome.OK
    result: object = None
    called: float = 0
    returned: float = math.inf
    client: object = None

    def __str__(self) -> str:
        words = " ".join(str(each) for each in (self.name, self.key, *self.arguments))
        answer = repr(self.result) if self.outcome is Outcome.OK else self.outcome.value
        return f"[{self.called:.6f} .. {self.returned:.6f}] {self.client}: {words} -> {answer}"


class State(NamedTuple):
    """One key: its value, and what is known of its token."""

    value: bytes | None = None
    token: int | None = None
    """The value's `cas unique`, once a `gets` has shown it."""
    floor: int = 0
    """The highest token shown so far. Versions only rise, so that of a later value is higher."""

    def holding(self, value: bytes | None) -> State:
        return State(value, None, self.floor)


INITIAL = State()
READS = frozenset(["get", "gets"])


def apply(state: State, operation: Operation) -> State | None:
    """The state after the operation; None if it couldn't have answered what it answered."""
    name, arguments, value = operation.name, operation.arguments, state.value
    result: object = None
    after = state
    match name:
        case "get":
            result = value
        case "gets":
            if value is not None:
                shown = operation.result[1] if operation.result is not None else 0
                if state.token is None and shown > state.floor:
                    after = State(value, shown, shown)
                result = (value, after.token)
        case "set":
            after = state.holding(arguments[0])
        case "setnx":
            result = value is None
            after = state.holding(arguments[0]) if result else state
        case "getset":
            result = value
            after = state.holding(arguments[0])
        case "append":
            joined = (value or b"") + arguments[0]
            result = len(joined)
            after = state.holding(joined)
        case "delete":
            result = value is not None
            after = state.holding(None) if result else state
        case "incr":
            number = b"0" if value is None else value
            if number.removeprefix(b"-").isdigit() and b"%d" % int(number) == number:
                result = int(number) + arguments[0]
                after = state.holding(b"%d" % result)
        case "cas":
            if value is None:
                result = "NOT_FOUND"
            elif state.token != arguments[1]:
                result = "EXISTS"
            else:
                result = "STORED"
                after = state.holding(arguments[0])
        case _:
            raise ValueError(f"no model of {name}")
    return after if operation.outcome is Outcome.UNKNOWN or result == operation.result else None


@dataclass(frozen=True)
class Violation:
    """Why a history is not linearizable."""

    key: str
    operation: Operation
    """The first in the order of returns that no order explains."""
    meanwhile: list[Operation]
    """Those that were under way when it returned, and the last that returned before."""

    def __str__(self) -> str:
        around = "\n".join(f"  {each}" for each in self.meanwhile)
        return f"nothing explains\n  {self.operation}\nwith these before it or beside it:\n{around}"


class Undecided(Exception):
    """The search took too long."""


def check(history: Iterable[Operation]) -> Violation | None:
    """What is wrong with a history that begins without keys; None if it is linearizable.

    :raises Undecided: after `MAXIMUM_SITUATIONS`.
    """
    keys: dict[str, list[Operation]] = {}
    for operation in history:
        keys.setdefault(operation.key, []).append(operation)
    violations = (check_key(operations) for operations in keys.values())
    return next((each for each in violations if each is not None), None)


class Event(NamedTuple):
    """An operation's return, and what else was under way then."""

    operation: Operation
    bit: int
    """Stands for the operation as long as it is under way; afterwards it may stand for another."""
    beside: tuple[tuple[Operation, int], ...]
    """The other operations under way, those of unknown outcome last."""
    uncertain: int
    """The bits of the operations beside it that may never happen."""


def events_of(operations: list[Operation]) -> list[Event]:
    """All returns in their order. Calls come before returns of the same instant."""
    moments = []
    for number, operation in enumerate(operations):
        if operation.returned < operation.called:
            raise ValueError(f"returned before it was called: {operation}")
        # What was refused has no effect, and of an unanswered read nothing was seen.
        if operation.outcome is Outcome.FAILED:
            continue
        if operation.outcome is Outcome.UNKNOWN and operation.name in READS:
            continue
        moments.append((operation.called, 0, number))
        moments.append((operation.returned, 1, number))
    under_way: dict[int, int] = {}
    free_bits: list[int] = []
    bits = 0
    events = []
    for _, is_return, number in sorted(moments):
        if not is_return:
            if not free_bits:
                free_bits.append(1 << bits)
                bits += 1
            under_way[number] = free_bits.pop()
            continue
        bit = under_way.pop(number)
        free_bits.append(bit)
        beside = [(operations[each], other) for each, other in under_way.items()]
        beside.sort(key=lambda each: each[0].outcome is Outcome.UNKNOWN)
        uncertain = sum(other for each, other in beside if each.outcome is Outcome.UNKNOWN)
        events.append(Event(operations[number], bit, tuple(beside), uncertain))
    return events


class Situation(NamedTuple):
    """A place in the search."""

    index: int
    """The next return."""
    done: int
    """The bits of the operations under way that have taken place."""
    state: State


def check_key(operations: list[Operation]) -> Violation | None:
    """The same for the operations of one key."""
    events = events_of(operations)
    # For each situation but for the operations that may never happen: which of those were used up in it.
    seen: dict[Situation, list[int]] = {}
    looked_at = 0
    furthest = 0
    paths = [iter([Situation(0, 0, INITIAL)])]
    while paths:
        situation = next(paths[-1], None)
        if situation is None:
            paths.pop()
            continue
        index, done, state = situation
        while index < len(events) and done & events[index].bit:
            done ^= events[index].bit
            index += 1
        if index == len(events):
            return None
        furthest = max(furthest, index)
        used = done & events[index].uncertain
        before = seen.setdefault(Situation(index, done ^ used, state), [])
        if any(fewer & used == fewer for fewer in before):
            continue
        before.append(used)
        looked_at += 1
        if looked_at > MAXIMUM_SITUATIONS:
            raise Undecided(f"no answer after {looked_at} situations; {explain(events, furthest)}")
        paths.append(choices(events[index], index, done, state))
    return explain(events, furthest)


def choices(event: Event, index: int, done: int, state: State) -> Iterator[Situation]:
    """What may take place next so that the operation can return: itself, or first one beside it."""
    if event.operation.outcome is Outcome.UNKNOWN:
        # It didn't happen.
        yield Situation(index + 1, done, state)
    after = apply(state, event.operation)
    if after is not None:
        yield Situation(index, done | event.bit, after)
    tried = set()
    for operation, bit in event.beside:
        if done & bit:
            continue
        if operation.outcome is Outcome.UNKNOWN:
            # Of several that could do the same until the same time, one is as good as another.
            alike = (operation.name, operation.arguments, operation.returned)
            if alike in tried:
                continue
            tried.add(alike)
        after = apply(state, operation)
        if after is None or after == state and operation.outcome is Outcome.UNKNOWN:
            continue
        yield Situation(index, done | bit, after)


def explain(events: list[Event], index: int) -> Violation:
    event = events[index]
    before = [each.operation for each in events[max(0, index - SHOWN_BEFORE) : index]]
    return Violation(event.operation.key, event.operation, before + [each for each, _ in event.beside])
