"""Conversations made up from a seed: few keys, odd numbers, several clients, so that requests get in each other's way.

`VERBS` is what may be said, each with a weight. Another protocol's verbs are added by appending to it, or by a list of its
own given to `converse`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from conversations import Conversation, Pair, Send, Step

KEYS = ["a", "a", "a", "b", "b", "c", "k" * 250, "\xff\x01", "a\tb"]
LONG_KEY = "k" * 251
NUMBERS = ["0", "1", "2", "9", "10", "91", "99", "00", "+1", "-0", "-1", "x", "", "1x", "18446744073709551615", "18446744073709551616", "9223372036854775808", "0x1", "1\t", "4294967295"]
FLAGS = ["0", "0", "0", "1", "65536", "4294967295", "-1", "x", "007", "+5"]
TIMES = ["0", "0", "0", "0", "100", "-1", "-100", "2592000", "2592001", "<now+1000>", "<now-5000000>", "x", "1.5", "+100", "-0"]
# No value is of blanks alone: what memcached reads as a number then depends on what lay in its memory before.
VALUES = ["", "0", "1", "9", "10", "99", "100", "x", "abc", "1 ", " 7", "1 2", "-1", "-0", "007", "18446744073709551615", "9999999999999999999", "x" * 100, "1\r\n2", "\x00\xff", "0" * 30 + "5", "7" + " " * 30]
STORE = ["set", "set", "set", "add", "replace", "append", "prepend", "cas"]

Verb = Callable[[random.Random], str]


def noreply(chance: random.Random) -> str:
    return chance.choice(["", "", "", "", " noreply", " noreply", " x"])


def store(chance: random.Random) -> str:
    verb, value = chance.choice(STORE), chance.choice(VALUES)
    # A length that isn't the value's, now and then.
    length = str(len(value)) if chance.random() < 0.96 else chance.choice(["0", "1", "5", "-1", "x", "", "+1"])
    token = f" <cas {chance.randrange(1, 8)}>" if verb == "cas" and chance.random() < 0.9 else " 0" if verb == "cas" else ""
    return f"{verb} {chance.choice(KEYS)} {chance.choice(FLAGS)} {chance.choice(TIMES)} {length}{token}{noreply(chance)}\r\n{value}\r\n"


def get(chance: random.Random) -> str:
    count = chance.choice([1, 1, 1, 2, 3, 30])
    # Of the others memcached takes a long line only if it comes in one packet.
    verb = chance.choice(["get", "gets", "gets", "bget"] if count < 8 else ["get", "gets"])
    return f"{verb} {' '.join(chance.choices(KEYS, k=count))}\r\n"


def get_and_touch(chance: random.Random) -> str:
    keys = " ".join(chance.choices(KEYS, k=chance.choice([1, 1, 2])))
    return f"{chance.choice(['gat', 'gats'])} {chance.choice(TIMES)} {keys}\r\n"


def count(chance: random.Random) -> str:
    return f"{chance.choice(['incr', 'decr'])} {chance.choice(KEYS)} {chance.choice(NUMBERS)}{noreply(chance)}\r\n"


def touch(chance: random.Random) -> str:
    return f"touch {chance.choice(KEYS)} {chance.choice(TIMES)}{noreply(chance)}\r\n"


def delete(chance: random.Random) -> str:
    return f"delete {chance.choice(KEYS)}{chance.choice(['', '', ' 0', ' 1'])}{noreply(chance)}\r\n"


def flush(chance: random.Random) -> str:
    # None with a delay: memcached counts in whole seconds, and brings back what a former one had flushed.
    return f"flush_all{chance.choice(['', ' 0', ' -1', ' x'])}{chance.choice(['', ' noreply'])}\r\n"


def nonsense(chance: random.Random) -> str:
    words = ["get", "set", "a", "0", "1", "noreply", "", "x", "gat", "cas", "verbosity", "delete", "incr", "bget", "\t", "-1"]
    end = chance.choice(["\r\n", "\n", "\r\r\n"])
    return " ".join(chance.choices(words, k=chance.randrange(0, 7))) + end


def administration(chance: random.Random) -> str:
    return chance.choice(["verbosity 1", "stats reset", "cache_memlimit 64", "shutdown", "stats x", "cache_memlimit 1"]) + "\r\n"


VERBS: list[tuple[int, Verb]] = [
    (30, store),
    (20, get),
    (12, count),
    (8, get_and_touch),
    (6, touch),
    (8, delete),
    (2, flush),
    (4, nonsense),
    (1, administration),
]


def converse(seed: int, length: int, verbs: Sequence[tuple[int, Verb]] = VERBS) -> list[Send]:
    """The steps of a conversation: each is one packet of a few requests, from one of a few clients."""
    chance = random.Random(seed)
    steps = []
    weights = [weight for weight, _ in verbs]
    for _ in range(length):
        requests = chance.choices(verbs, weights, k=chance.choice([1, 1, 1, 2, 3, 6]))
        text = "".join(verb(chance) for _, verb in requests)
        if chance.random() < 0.02:
            # Alone in its packet: memcached drops the replies before it.
            text = f"{chance.choice(['get a', 'gets', 'gat 0', 'delete', 'incr', 'touch'])} {LONG_KEY} 1\r\n"
        steps.append(Send(text.encode("latin-1"), on=chance.choice([0, 0, 0, 1, 2])))
    return steps


Element = TypeVar("Element")


def shrink(steps: list[Element], fails: Callable[[list[Element]], bool]) -> list[Element]:
    """Fewer steps that still fail."""
    size = len(steps) // 2
    while size > 0:
        position = 0
        while position < len(steps):
            fewer = steps[:position] + steps[position + size :]
            if fewer and fails(fewer):
                steps = fewer
            else:
                position += size
        size //= 2
    return steps


def compare(pair: Pair, seed: int, steps: list[Step], way: str) -> None:
    """Holds a conversation, and fails with as little of it as still differs."""

    def conversation(steps: list[Step]) -> Conversation:
        return Conversation(f"seed {seed}", tuple(steps), (way,))

    def differs(steps: list[Step]) -> bool:
        theirs, ours = pair.hold(conversation(steps), way)
        return theirs != ours

    if not differs(steps):
        return
    shrunken = shrink(steps, differs)
    try:
        pair.compare(conversation(shrunken), way)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from None
    raise AssertionError(f"seed {seed} differed once, and not again:\n{conversation(steps).text}")
