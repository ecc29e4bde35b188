"""The checker of histories itself: it accepts what is linearizable and rejects what isn't."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import count

import pytest

import linearizability
from linearizability import INITIAL, READS, Operation, Outcome, State, Undecided, apply, check

SEEDS = range(30)


def op(
    called: float, returned: float, name: str, *arguments: bytes | int, result: object = None, key: str = "k"
) -> Operation:
    return Operation(key, name, arguments, Outcome.OK, result, called, returned)


def refused(called: float, returned: float, name: str, *arguments: bytes | int) -> Operation:
    return Operation("k", name, arguments, Outcome.FAILED, None, called, returned)


def unknown(called: float, name: str, *arguments: bytes | int, until: float = math.inf) -> Operation:
    return Operation("k", name, arguments, Outcome.UNKNOWN, None, called, until)


ACCEPTED = {
    "nothing": [],
    "one after the other": [
        op(0, 1, "get"),
        op(2, 3, "set", b"a"),
        op(4, 5, "get", result=b"a"),
        op(6, 7, "delete", result=True),
        op(8, 9, "delete", result=False),
        op(10, 11, "get"),
    ],
    "a read beside a write sees the old value": [op(0, 9, "set", b"a"), op(1, 2, "get")],
    "a read beside a write sees the new value": [op(0, 9, "set", b"a"), op(1, 2, "get", result=b"a")],
    "two writes at once, in the other order": [
        op(0, 9, "set", b"a"),
        op(1, 8, "set", b"b"),
        op(10, 11, "get", result=b"a"),
    ],
    "calls and returns of the same instant overlap": [op(0, 1, "set", b"a"), op(1, 2, "get")],
    "an unanswered write that happened": [unknown(0, "set", b"a"), op(1, 2, "get", result=b"a")],
    "an unanswered write that never happened": [unknown(0, "set", b"a"), op(1, 2, "get"), op(3, 4, "get")],
    "an unanswered write that happened late": [
        unknown(0, "set", b"a"),
        op(1, 2, "get"),
        op(3, 4, "set", b"b"),
        op(5, 6, "get", result=b"a"),
    ],
    "an unanswered write that happened in time, shown by a read that ends later": [
        unknown(0, "set", b"a", until=3),
        op(1, 9, "get", result=b"a"),
    ],
    "an unanswered write that only the next one's answer shows": [
        unknown(0, "set", b"a"),
        op(1, 2, "delete", result=True),
    ],
    "unanswered counts, of which two happened": [
        unknown(0, "incr", 1),
        unknown(0, "incr", 1),
        unknown(0, "incr", 1),
        op(1, 2, "get", result=b"2"),
        op(3, 4, "incr", 10, result=12),
    ],
    "a refused write": [refused(0, 1, "set", b"a"), op(2, 3, "get")],
    "what counts no number": [op(0, 1, "set", b"a"), op(2, 3, "incr", 1), op(4, 5, "get", result=b"a")],
    "compare and set": [
        op(0, 1, "cas", b"x", 1, result="NOT_FOUND"),
        op(2, 3, "set", b"a"),
        op(4, 5, "gets", result=(b"a", 7)),
        op(6, 7, "cas", b"b", 7, result="STORED"),
        op(8, 9, "cas", b"c", 7, result="EXISTS"),
        op(10, 11, "gets", result=(b"b", 8)),
    ],
    "conditions and answers with the value before": [
        op(0, 1, "setnx", b"a", result=True),
        op(2, 3, "setnx", b"b", result=False),
        op(4, 5, "getset", b"c", result=b"a"),
        op(6, 7, "append", b"d", result=2),
        op(8, 9, "get", result=b"cd"),
    ],
}

REJECTED = {
    "a stale read": [op(0, 1, "set", b"a"), op(2, 3, "set", b"b"), op(4, 5, "get", result=b"a")],
    "a write that is not seen": [op(0, 1, "set", b"a"), op(2, 3, "get")],
    "a lost update": [op(0, 9, "incr", 1, result=1), op(0, 9, "incr", 1, result=1)],
    "an update lost without a trace": [
        op(0, 5, "incr", 1, result=1),
        op(0, 5, "incr", 1, result=2),
        op(6, 7, "get", result=b"1"),
    ],
    "a value never written": [op(0, 1, "set", b"a"), op(2, 3, "get", result=b"x")],
    "a value not yet written": [op(0, 1, "get", result=b"a"), op(2, 3, "set", b"a")],
    "a value that goes after it was shown": [
        op(0, 9, "set", b"a"),
        op(1, 2, "get", result=b"a"),
        op(3, 4, "get"),
    ],
    "two readers who saw two writes in two orders": [
        op(0, 9, "set", b"a"),
        op(0, 9, "set", b"b"),
        op(1, 2, "get", result=b"a"),
        op(3, 4, "get", result=b"b"),
        op(5, 6, "get", result=b"a"),
    ],
    "a refused write that happened": [refused(0, 1, "set", b"a"), op(2, 3, "get", result=b"a")],
    "an unanswered write that went after it was shown": [
        unknown(0, "set", b"a"),
        op(1, 2, "get", result=b"a"),
        op(3, 4, "get"),
    ],
    "an unanswered write that happened twice": [
        unknown(0, "set", b"a"),
        op(1, 2, "get", result=b"a"),
        op(3, 4, "set", b"b"),
        op(5, 6, "get", result=b"a"),
    ],
    "an unanswered write that happened after its time": [
        unknown(0, "set", b"a", until=2),
        op(3, 4, "get"),
        op(5, 6, "get", result=b"a"),
    ],
    "more counts than there were": [
        unknown(0, "incr", 1),
        unknown(0, "incr", 1),
        op(1, 2, "get", result=b"3"),
    ],
    "a compare and set that missed a change": [
        op(0, 1, "set", b"a"),
        op(2, 3, "gets", result=(b"a", 7)),
        op(4, 5, "set", b"b"),
        op(6, 7, "cas", b"c", 7, result="STORED"),
    ],
    "a compare and set refused without a change": [
        op(0, 1, "set", b"a"),
        op(2, 3, "gets", result=(b"a", 7)),
        op(4, 5, "cas", b"c", 7, result="EXISTS"),
    ],
    "two that compared and set the same": [
        op(0, 1, "set", b"a"),
        op(2, 3, "gets", result=(b"a", 7)),
        op(4, 9, "cas", b"b", 7, result="STORED"),
        op(4, 9, "cas", b"c", 7, result="STORED"),
    ],
    "a token that came back": [
        op(0, 1, "set", b"a"),
        op(2, 3, "gets", result=(b"a", 7)),
        op(4, 5, "set", b"a"),
        op(6, 7, "gets", result=(b"a", 7)),
    ],
    "a token that changed by itself": [
        op(0, 1, "set", b"a"),
        op(2, 3, "gets", result=(b"a", 7)),
        op(4, 5, "gets", result=(b"a", 8)),
    ],
    "two that both found the key free": [
        op(0, 9, "setnx", b"a", result=True),
        op(0, 9, "setnx", b"b", result=True),
    ],
    "two that both deleted one value": [
        op(0, 1, "set", b"a"),
        op(2, 9, "delete", result=True),
        op(2, 9, "delete", result=True),
    ],
}


@pytest.mark.parametrize("history", ACCEPTED.values(), ids=ACCEPTED)
def test_accepts(history: list[Operation]) -> None:
    assert check(history) is None


@pytest.mark.parametrize("history", REJECTED.values(), ids=REJECTED)
def test_rejects(history: list[Operation]) -> None:
    violation = check(history)
    assert violation is not None
    assert violation.operation in history


def test_keys_are_apart() -> None:
    assert check([op(0, 1, "set", b"a"), op(2, 3, "get", key="other")]) is None
    violation = check([op(0, 1, "set", b"a"), op(2, 3, "get", key="other", result=b"a")])
    assert violation is not None and violation.key == "other"


def test_the_first_operation_that_nothing_explains_is_named() -> None:
    wrong = op(4, 5, "get", result=b"a")
    history = [op(0, 1, "set", b"a"), op(2, 3, "set", b"b"), wrong, op(6, 7, "get", result=b"b")]
    violation = check(history)
    assert violation is not None and violation.operation == wrong
    assert "get k -> b'a'" in str(violation)


def by_definition(history: list[Operation]) -> bool:
    """Whether a small history of one key is linearizable, by trying every order."""

    def extends(left: list[Operation], state: State) -> bool:
        if all(each.outcome is not Outcome.OK for each in left):
            return True
        for index, operation in enumerate(left):
            rest = left[:index] + left[index + 1 :]
            if operation.outcome is not Outcome.OK and extends(rest, state):
                return True
            late = any(other.returned < operation.called for other in rest)
            if late or operation.outcome is Outcome.FAILED:
                continue
            after = apply(state, operation)
            if after is not None and extends(rest, after):
                return True
        return False

    return extends(history, INITIAL)


@pytest.mark.parametrize("seed", SEEDS)
def test_agrees_with_the_definition_on_small_histories(seed: int) -> None:
    chance = random.Random(seed)
    verdicts = {True: 0, False: 0}
    for _ in range(100):
        history = []
        for _ in range(chance.randint(2, 6)):
            called = chance.randrange(12)
            name, arguments, results = chance.choice(
                [
                    ("get", (), [None, b"1", b"2"]),
                    ("set", (chance.choice([b"1", b"2"]),), [None]),
                    ("delete", (), [True, False]),
                    ("incr", (1,), [1, 2, 3]),
                    ("setnx", (b"2",), [True, False]),
                    ("getset", (b"1",), [None, b"1", b"2"]),
                ]
            )
            outcome = chance.choice([Outcome.OK] * 6 + [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.FAILED])
            returned = called + chance.randrange(8)
            if outcome is Outcome.UNKNOWN and chance.random() < 0.5:
                returned = math.inf
            history.append(
                Operation("k", name, arguments, outcome, chance.choice(results), called, returned)
            )
        expected = by_definition(history)
        verdicts[expected] += 1
        assert (check(history) is None) == expected, "\n".join(map(str, history))
    assert min(verdicts.values()) >= 10, "the histories say little"


def long_history(chance: random.Random, length: int) -> list[Operation]:
    """What happened one at a time, on some keys, at the moments 0, 1, 2 …, with calls and returns moved apart. Every
    value is written once, so that each read says whose write it saw."""
    states = {f"key {number}": INITIAL for number in range(3)}
    tokens, values = count(1), count(1)
    history = []
    for moment in range(length):
        key = chance.choice(list(states))
        state = before = states[key]
        name = chance.choice(["get", "get", "gets", "set", "set", "delete", "incr", "setnx", "getset", "cas"])
        new = b"value %d" % next(values)
        arguments: tuple[bytes | int, ...] = {
            "set": (new,),
            "setnx": (new,),
            "getset": (new,),
            "incr": (1,),
            "cas": (new, state.token or state.floor),
        }.get(name, ())
        if name == "gets" and state.value is not None and state.token is None:
            token = next(tokens)
            state = State(state.value, token, token)
        result = answer(state, name, arguments)
        operation = Operation(key, name, arguments, Outcome.OK, result)
        after = apply(state, operation)
        assert after is not None
        width = chance.choice([0.4, 2, 8])
        called, returned = moment - chance.random() * width, moment + chance.random() * width
        operation = replace(operation, called=called, returned=returned, client=chance.randrange(9))
        match chance.randrange(40):
            case 0 if name not in READS:
                operation = replace(operation, outcome=Outcome.UNKNOWN, result=None)
            case 1:
                operation, after = replace(operation, outcome=Outcome.FAILED, result=None), before
            case 2:
                never = Operation(key, "set", (b"never",), Outcome.UNKNOWN, called=called)
                history.append(never)
        states[key] = after
        history.append(operation)
    return history


def answer(state: State, name: str, arguments: tuple[bytes | int, ...]) -> object:
    """What a server would answer."""
    value = state.value
    match name:
        case "get" | "getset":
            return value
        case "gets":
            return None if value is None else (value, state.token)
        case "delete":
            return value is not None
        case "setnx":
            return value is None
        case "incr":
            return None if value and value.startswith(b"value") else int(value or 0) + arguments[0]
        case "cas":
            if value is None:
                return "NOT_FOUND"
            return "STORED" if state.token == arguments[1] else "EXISTS"
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_accepts_what_was_done_one_at_a_time_however_long_it_took(seed: int) -> None:
    history = long_history(random.Random(seed), 400)
    assert check(history) is None


@pytest.mark.parametrize("seed", SEEDS)
def test_rejects_one_wrong_answer_in_a_long_history(seed: int) -> None:
    chance = random.Random(seed)
    history = long_history(chance, 300)
    reads = [
        (place, each)
        for place, each in enumerate(history)
        if each.name == "get" and each.outcome is Outcome.OK and each.called > 50
    ]
    tried = 0
    for place, read in chance.sample(reads, 10):
        # A value that was there, and had been replaced for sure before the read was called.
        known = [
            each
            for each in history
            if each.key == read.key and each.outcome is Outcome.OK and each.name in ("set", "getset")
        ]
        stale = [
            first.arguments[0]
            for first in known
            if any(first.returned < second.called and second.returned < read.called for second in known)
        ]
        for wrong in [b"never written", *stale[-2:]]:
            changed = [*history[:place], replace(read, result=wrong), *history[place + 1 :]]
            violation = check(changed)
            assert violation is not None and violation.key == read.key
            tried += 1
    assert tried > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_rejects_a_write_whose_value_vanished(seed: int) -> None:
    """A write that nobody else's write could have covered, and a read behind it that saw what was before."""
    chance = random.Random(seed)
    history = long_history(chance, 300)
    end = max(each.returned for each in history if each.outcome is Outcome.OK) + 1
    key = chance.choice(history).key
    shown = [
        Operation(key, "set", (b"last but one",), called=end, returned=end + 1),
        Operation(key, "set", (b"last",), called=end + 2, returned=end + 5),
        Operation(key, "get", result=b"last", called=end + 3, returned=end + 4),
    ]
    assert check([*history, *shown]) is None
    gone = Operation(key, "get", result=b"last but one", called=end + 6, returned=end + 7)
    violation = check([*history, *shown, gone])
    assert violation is not None and violation.operation == gone


def test_a_search_that_takes_too_long_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linearizability, "MAXIMUM_SITUATIONS", 10)
    with pytest.raises(Undecided):
        check([op(0, 100, "incr", 1, result=each + 1) for each in reversed(range(50))])


def test_many_clients_and_many_broken_connections_are_decided_quickly() -> None:
    """Sixteen clients on one key, all of them cut off ten times: found good, and found wrong."""
    history = []
    sum_so_far = 0
    for cut in range(10):
        start = cut * 1000.0
        for step in range(60):
            sum_so_far += 1
            called = start + step
            history.append(op(called, called + 16, "incr", 1, result=sum_so_far))
        history += [unknown(start + 70 + each, "incr", 1, until=start + 100) for each in range(16)]
        sum_so_far += 5
        history.append(op(start + 200, start + 201, "get", result=b"%d" % sum_so_far))
    assert check(history) is None
    history.append(op(20_000, 20_001, "get", result=b"%d" % (sum_so_far + 1)))
    assert check(history) is not None
