"""memcached's binary protocol, compared with the real memcached, byte for byte (see `binary.py`).

What they answer isn't written here: memcached says it. Each conversation is held in whole packets, and cut at
places chosen from a seed, some byte by byte.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace

import bmemcached
import pylibmc
import pytest

from binary import ADD, ADDQ, APPEND, APPENDQ, DECREMENT, DECREMENTQ, DELETE, DELETEQ, FLUSH, FLUSHQ, GAT, GATK, GATKQ, GATQ
from binary import GET, GETK, GETKQ, GETQ, INCREMENT, INCREMENTQ, NOOP, PREPEND, PREPENDQ, QUIT, QUITQ, REPLACE, REPLACEQ
from binary import SASL_LIST, SASL_STEP, SET, SETQ, STAT, TOUCH, VERBOSITY, VERSION
from binary import Cas, Conversation, Frame, chance_conversation, compare, count, hold, plain, store, touch
from conversations import WAYS, Pair
from servers import ROOT, MartletServer, eventually, required

pytestmark = pytest.mark.martlet

LIMIT = 1 << 20
FAR = 60 * 60 * 24 * 30

STORES = (SET, SETQ, ADD, ADDQ, REPLACE, REPLACEQ)
JOINS = (APPEND, APPENDQ, PREPEND, PREPENDQ)
COUNTS = (INCREMENT, INCREMENTQ, DECREMENT, DECREMENTQ)
GETS = (GET, GETQ, GETK, GETKQ)
TOUCHES = (TOUCH, GAT, GATQ, GATK, GATKQ)
BARE = (NOOP, VERSION, QUIT, QUITQ)
KNOWN = (*range(0x1B), *range(0x1C, 0x1F), *range(0x20, 0x25))

# On nothing, and then on a key that is there.
COMMANDS: list[Conversation] = [
    *([[store(opcode, b"k", b"one", 7)], [Frame(GETK, b"k")], [store(opcode, b"k", b"two")], [Frame(GETK, b"k")]] for opcode in STORES),
    *([[Frame(opcode, b"k", value=b"x")], [store(SET, b"k", b"one", 7, 1000)], [Frame(opcode, b"k", value=b"x")], [Frame(GETK, b"k")]] for opcode in JOINS),
    *([[Frame(opcode, b"k")], [store(SET, b"k", b"one", 7)], [Frame(opcode, b"k")]] for opcode in (*GETS, DELETE, DELETEQ)),
    *([[touch(opcode, b"k", 100)], [store(SET, b"k", b"one", 7)], [touch(opcode, b"k", 0)], [touch(opcode, b"k", 1000)], [Frame(GET, b"k")]] for opcode in TOUCHES),
    *([[count(opcode, b"k", 3, 9)], [count(opcode, b"k", 3, 9)], [count(opcode, b"k", 100)], [Frame(GET, b"k")]] for opcode in COUNTS),
    *([[count(opcode, b"k", 3, 9, 0xFFFFFFFF)], [Frame(GET, b"k")]] for opcode in COUNTS),
    *([[store(SET, b"k")], [Frame(opcode)], [Frame(GET, b"k")]] for opcode in (FLUSH, FLUSHQ, *BARE)),
    *([[store(SET, b"k")], [Frame(opcode, extras=struct.pack(">I", delay))], [Frame(GET, b"k")]] for opcode in (FLUSH, FLUSHQ) for delay in (0, 100_000, 4_000_000_000)),
    *([[Frame(opcode)], [Frame(opcode, value=b"body")], [Frame(NOOP)]] for opcode in (VERBOSITY, 0x1F, 0x25, 0x3D, 0x50, 0x80, 0xFF)),
    [[Frame(STAT, b"reset")], [Frame(STAT, b"none")], [Frame(STAT, b"item")]],
    [[Frame(SASL_LIST)], [plain(b"\0ada\0secret")], [plain(b"\0ada\0secret", SASL_STEP)], [plain(b"")], [Frame(NOOP)]],
]

# With CAS tokens: any, the right one, another one; on a key that is there, and on one that isn't.
TOKENS: list[Conversation] = [
    [[store(SET, b"k", b"1")], [replace(request, key=key, cas=cas)], [Frame(GETK, key)], [Frame(GETK, b"k")]]
    for request in [
        *(store(opcode, b"", b"2") for opcode in STORES),
        *(Frame(opcode, value=b"2") for opcode in JOINS),
        *(count(opcode, b"", 1, 5) for opcode in COUNTS),
        *(count(opcode, b"", 1, 5, 0xFFFFFFFF) for opcode in (INCREMENT, DECREMENTQ)),
        *(Frame(opcode) for opcode in (DELETE, DELETEQ, *GETS)),
        *(touch(opcode, b"", 1000) for opcode in TOUCHES),
    ]
    for key in (b"k", b"other")
    for cas in (Cas(1), 1 << 60, 0xFFFFFFFFFFFFFFFF)
]

# Of a value without digits memcached reads what lies behind it in its memory.
NUMBERS: list[Conversation] = [
    [[store(SET, b"k", value)], [count(INCREMENT, b"k", 1)], [count(DECREMENT, b"k", 11)], [count(INCREMENT, b"k", (1 << 64) - 1)], [Frame(GET, b"k")]]
    for value in [
        *(b"0", b"9", b"10", b"007", b"18446744073709551615", b"18446744073709551616", b"", b"-1", b"+1", b" 1", b"1 "),
        *(b"1x", b"x1", b"1.5", b"1 x", b"\t5", b"5\r\n", b"0x10", b"99999999999999999999999", b"1" + b" " * 19, b"1" + b" " * 20),
    ]
] + [
    [[count(opcode, b"k", amount, initial, expiry)], [Frame(GET, b"k")], [count(opcode, b"k", amount)], [Frame(GET, b"k")]]
    for opcode in (INCREMENT, DECREMENT)
    for amount, initial in [(0, 0), (1, 10), (1 << 63, 1 << 63), ((1 << 64) - 1, (1 << 64) - 1)]
    for expiry in (0, 1000, FAR + 1, 0xFFFFFFFE)
]

EXPIRIES: list[Conversation] = [
    [[store(SET, b"k", expiry=expiry)], [Frame(GET, b"k")], [store(ADD, b"k", b"new")], [touch(GATK, b"k", expiry)], [Frame(GET, b"k")]]
    for expiry in (0, 1000, FAR - 1, FAR, FAR + 1, 1 << 31, 4_000_000_000, 0xFFFFFFFF)
]

KEYS: list[Conversation] = [
    [[store(SET, key)], [Frame(GETK, key)], [count(INCREMENT, key)], [Frame(DELETE, key)], [Frame(GETK, key)]]
    for key in (b" ", b"\r\n", b"\0", b"a\0b", bytes(range(250)), b"\x80", b"k" * 249, b"k" * 250)
] + [[[Frame(opcode, b"k" * size)], [Frame(NOOP)]] for opcode in (GET, DELETE, STAT, 0x99) for size in (251, 9999)] + [
    [[store(SET, b"k" * 251)], [Frame(NOOP)]],
    [[Frame(GET, b"k" * 251, key_length=250)], [Frame(NOOP)]],
]

SIZES: list[Conversation] = [
    [[store(SET, b"k", b"old")], [store(opcode, b"k", b"x" * size)], [Frame(GET, b"k")]]
    for opcode in (SET, SETQ, ADD, REPLACE)
    for size in (0, 1, 1023, 16_384, 100_000, LIMIT + 1, LIMIT + 70_000)
] + [
    [[store(SET, b"k", b"old")], [Frame(opcode, b"k", value=b"x" * size)], [Frame(GET, b"k")]]
    for opcode in (APPEND, PREPENDQ)
    for size in (0, 100_000, LIMIT + 1)
] + [
    [[store(SET, b"k", b"x" * 600_000)], [Frame(APPEND, b"k", value=b"y" * 600_000)], [Frame(APPENDQ, b"k", value=b"y" * 600_000)], [Frame(DELETE, b"k")]],
]

# Lengths that don't fit the command: each with and without a key, extras of several lengths, and a value.
SHAPES: list[Conversation] = [
    [[Frame(opcode, key, extras, value)], [Frame(NOOP)]]
    for opcode in KNOWN
    for key in (b"", b"k")
    for extras in (b"", b"\0" * 4, b"\0" * 7, b"\0" * 8, b"\0" * 20)
    for value in (b"", b"v")
    # The value that a touch or a stat shouldn't have: see DIFFERENCES. A stat alone tells what differs by nature.
    if not (opcode in TOUCHES and key and len(extras) == 4 and value)
    and not (opcode == STAT and not extras and (value or not key))
]

# Lengths that contradict each other. The key has come: memcached waits for it.
LENGTHS: list[Conversation] = [
    [[Frame(opcode, b"key", extras, body_length=body)], [Frame(NOOP)]]
    for opcode in (*KNOWN, 0x99)
    for extras, body in ((b"", 0), (b"", 2), (b"\0" * 8, 10), (b"\0" * 8, 3))
]

MAGIC: list[Conversation] = [
    [[Frame(NOOP), Frame(NOOP, magic=magic), Frame(NOOP)]] for magic in (0, 0x7F, 0x81, 0xFF, ord("g"))
] + [[[Frame(NOOP), b"get k\r\nget k\r\nget k\r\nget k\r\n"]]]

FIELDS: list[Conversation] = [
    [[replace(request, opaque=opaque, reserved=reserved, data_type=kind)], [Frame(GET, b"k")]]
    for request in (store(SET, b"k"), Frame(GET, b"k"), Frame(NOOP), Frame(0x99))
    for opaque, reserved, kind in ((0, 0, 0), (0xFFFFFFFF, 0xFFFF, 0xFF), (1 << 31, 1, 1))
]

PIPELINES: list[Conversation] = [
    [[*(Frame(GETQ, b"k%d" % i) for i in range(50)), Frame(NOOP)], [*(store(SETQ, b"k%d" % i, b"v" * i) for i in range(50)), Frame(NOOP)],
     [*(Frame(GETKQ, b"k%d" % i) for i in range(60)), Frame(NOOP)], [*(Frame(DELETEQ, b"k%d" % i) for i in range(52)), Frame(NOOP)]],
    [[store(ADDQ, b"k"), store(ADDQ, b"k"), store(REPLACEQ, b"k", b"2"), store(REPLACEQ, b"none"), Frame(APPENDQ, b"k", value=b"3"),
      Frame(PREPENDQ, b"none", value=b"3"), count(INCREMENTQ, b"k", 4), count(DECREMENTQ, b"none", 4, 0, 0xFFFFFFFF), touch(GATQ, b"none"),
      touch(GATKQ, b"k"), Frame(FLUSHQ), Frame(GETQ, b"k"), Frame(NOOP)]],
    [[store(SETQ, b"k", b"x" * (LIMIT + 1)), Frame(GETQ, b"k"), Frame(NOOP)]],
    [[Frame(NOOP), Frame(QUIT), Frame(NOOP)]],
    [[store(SETQ, b"k"), Frame(QUITQ), Frame(NOOP)]],
]

TABLES = {
    "commands": COMMANDS, "tokens": TOKENS, "numbers": NUMBERS, "expiries": EXPIRIES, "keys": KEYS, "sizes": SIZES,
    "shapes": SHAPES, "lengths": LENGTHS, "magic": MAGIC, "fields": FIELDS, "pipelines": PIPELINES,
}  # fmt: skip


# Byte by byte takes long, so it is done where what may matter is.
CASES = [(table, way) for table in TABLES for way in WAYS if way != "bytes" or table in ("commands", "pipelines", "keys")]


@pytest.mark.parametrize(("table", "way"), CASES)
def test_both_say_the_same(pair: Pair, table: str, way: str) -> None:
    for conversation in TABLES[table]:
        compare(pair, conversation, way)


@pytest.mark.parametrize("seed", range(60))
def test_both_say_the_same_to_chance(pair: Pair, seed: int) -> None:
    conversation = chance_conversation(seed)
    compare(pair, conversation, pads=False)
    compare(pair, conversation, "cut", pads=False)


def test_the_tables_hold_a_few_hundred_requests() -> None:
    assert sum(len(step) for table in TABLES.values() for conversation in table for step in conversation) > 1500


# MARK: Where they mean to differ


@dataclass(frozen=True)
class Difference:
    """Where Martlet means to say something else than memcached."""

    title: str
    """The first cell of its row in docs/MEMCACHED.md."""
    conversation: Conversation
    theirs: str
    """How it ends."""
    ours: list[object]
    """The statuses of the replies, and how it ends."""


UNKNOWN, INVALID = 0x81, 0x04

DIFFERENCES = [
    Difference(
        "an unknown command with a key or extras",
        [[Frame(0x99, b"k", b"extras", b"value"), Frame(NOOP)]], "closed", [UNKNOWN, 0, "open"],
    ),
    Difference(
        "`touch`, `gat` with a value, `stat` with one",
        [[replace(touch(TOUCH, b"k"), value=Frame(VERSION).encode([]))]], "open", [INVALID, "closed"],
    ),
]  # fmt: skip


@pytest.mark.parametrize("difference", DIFFERENCES, ids=[each.title for each in DIFFERENCES])
def test_still_differs(pair: Pair, difference: Difference) -> None:
    theirs, ours = ([each if isinstance(each, str) else each.status for each in side] for side in hold(pair, difference.conversation))
    # The first step empties the servers.
    assert theirs[-1] == difference.theirs
    assert ours == [0, "open", *difference.ours]


def test_the_document_lists_the_same() -> None:
    section = (ROOT / "docs/MEMCACHED.md").read_text().split("\n## The binary protocol\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ")[0] for line in section.splitlines() if line.startswith("| ")]
    assert [row for row in rows if row in {each.title for each in DIFFERENCES}] == [each.title for each in DIFFERENCES]


# MARK: Real clients


@pytest.fixture
def bmemcached_client(martlet: MartletServer) -> Iterator[bmemcached.Client]:
    """python-binary-memcached, as a client without a password uses it."""
    client = bmemcached.Client(f"127.0.0.1:{martlet.memcached_port}", socket_timeout=10)
    yield client
    client.disconnect_all()


def test_python_binary_memcached(martlet: MartletServer, bmemcached_client: bmemcached.Client) -> None:
    client = bmemcached_client
    assert client.set("key", "value", time=1000)
    assert client.get("key") == "value"
    assert not client.add("key", "other")
    assert client.replace("key", {"a": [1, 2]})
    assert client.get("key") == {"a": [1, 2]}
    assert client.set_multi({f"key{number}": number for number in range(100)}) == []
    assert client.get_multi([f"key{number}" for number in range(110)]) == {f"key{number}": number for number in range(100)}
    value, token = client.gets("key")
    assert value == {"a": [1, 2]}
    assert not client.cas("key", "stale", token + 1)
    assert client.cas("key", "fresh", token)
    assert client.get("key") == "fresh"
    assert client.incr("count", 5, default=10) == 10
    assert client.incr("count", 5) == 15
    assert client.decr("count", 20) == 0
    assert client.delete("key")
    assert client.get("key") is None
    assert client.delete_multi([f"key{number}" for number in range(50)])
    (stats,) = client.stats().values()
    assert int(stats["curr_items"]) == 51
    martlet.kill_and_start()
    # Its first request is lost with the old connection.
    assert eventually(lambda: client.get("key99") == 99)
    assert client.flush_all()
    assert client.get("key99") is None


def test_pylibmc(martlet: MartletServer) -> None:
    behaviours = {"tcp_nodelay": True, "cas": True, "receive_timeout": 10_000_000}
    client = pylibmc.Client([f"127.0.0.1:{martlet.memcached_port}"], binary=True, behaviors=behaviours)
    assert client.set("key", "value", time=1000)
    assert client.get("key") == "value"
    assert not client.add("key", "other")
    assert client.replace("key", "vALUE")
    assert client.prepend("key", "a ") and client.append("key", "!")
    assert client.get("key") == "a vALUE!"
    value, token = client.gets("key")
    assert client.cas("key", "fresh", token)
    assert not client.cas("key", "stale", token)
    assert client.set_multi({f"key{number}": "x" * number for number in range(100)}) == []
    assert client.get_multi([f"key{number}" for number in range(110)]) == {f"key{number}": "x" * number for number in range(100)}
    assert client.set("count", 1)
    assert client.incr("count", 41) == 42
    assert client.decr("count", 2) == 40
    assert client.touch("key", 1000)
    assert client.delete("key") and not client.delete("key")
    assert client.flush_all()
    assert client.get("key1") is None


def test_one_value_in_both_protocols(martlet: MartletServer, bmemcached_client: bmemcached.Client) -> None:
    assert bmemcached_client.set("key", "value")
    with martlet.memcached() as text, martlet.redis() as redis:
        assert text.ask(b"get key\r\n").startswith(b"VALUE key ")
        assert redis("GET", "key") == b"value"
        redis("SADD", "set", "member")
    with pytest.raises(bmemcached.exceptions.MemcachedException, match="collection"):
        bmemcached_client.get("set")
    assert "SET key value" in " ".join(martlet.database_lines)


def test_memccapable_finds_the_whole_binary_protocol(martlet: MartletServer) -> None:
    # Debian names the tool memccapable, others memcapable.
    program = shutil.which("memccapable") or required("memcapable")
    words = [program, "-h", "127.0.0.1", "-p", str(martlet.memcached_port), "-b", "-t", "10"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All tests passed" in done.stdout + done.stderr
