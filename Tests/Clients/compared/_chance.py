"""What the groups' random commands have in common: few keys, small words, odd numbers."""

from __future__ import annotations

from random import Random

KEYS = ["k0", "k1", "k2", "k3", "k4", "k5"]
PREFERRED = {
    "string": ["k0", "k1"],
    "set": ["k1", "k2"],
    "hash": ["k3"],
    "list": ["k4"],
    "zset": ["k5", "k0"],
}
"""Keys that mostly have values of a type, so that commands don't always meet another."""

NUMBERS = ["0", "1", "2", "3", "-1", "-2", "5", "7", "10", "100"]
BAD_NUMBERS = ["", "x", "1.5", "+1", "01", " 1", "1 ", "-0", "9223372036854775807", "-9223372036854775808", "9223372036854775808"]
WORDS = ["", "a", "b", "c", "d", "1", "2", "-1", "10", "ab", "A", "a b", "\n", "x" * 70, "3.5", "\\x00"]


def key(random: Random, kind: str | None = None) -> str:
    """A key, mostly one that may have a value of this type."""
    return random.choice(PREFERRED[kind] if kind and random.random() < 0.9 else KEYS)


def keys(random: Random, kind: str | None = None, most: int = 3) -> list[str]:
    return [key(random, kind) for _ in range(random.randrange(1, most + 1))]


def word(random: Random) -> str | bytes:
    return random.choice(WORDS) if random.random() < 0.97 else b"\xff\x00\xfe"


def some_words(random: Random, most: int = 4) -> list[str | bytes]:
    return [word(random) for _ in range(random.randrange(1, most + 1))]


def number(random: Random) -> str:
    return random.choice(NUMBERS if random.random() < 0.9 else BAD_NUMBERS)


def option(random: Random, *words: str | bytes) -> list[str | bytes]:
    """The words or, as often, none; now and then in small letters."""
    if random.random() < 0.5:
        return []
    return [each.lower() if isinstance(each, str) and random.random() < 0.1 else each for each in words]


def seconds(random: Random) -> str:
    """A time to live in seconds that is long, or over at once, or none at all."""
    return random.choice(["1000", "1000", "5000", "100000", "0", "-1", "x", "9223372036854775807"])


def milliseconds(random: Random) -> str:
    """The same in milliseconds."""
    return random.choice(["1000000", "1000000", "5000000", "100000000", "0", "-1", "x", "9223372036854775807"])


def spoilt(random: Random, command: list[str | bytes]) -> list[str | bytes]:
    """Mostly the command, now and then with a word too few or too many."""
    chance = random.random()
    if chance < 0.01 and len(command) > 1:
        return command[:-1]
    if chance < 0.02:
        return [*command, word(random)]
    return command
