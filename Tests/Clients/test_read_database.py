"""What docs/FORMAT.md says is enough to read a database: a reader made from it finds what the server finds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from read_database import Item, Refused, crc32c, read
from servers import MartletServer, ServerFailed
from wire import Error, MemcachedConnection, RedisConnection

DATABASES = 3
COMMANDS = 1500
FAR = int(time.time() * 1000) + 10**9
"""A time in milliseconds since 1970 that no test lives to see."""

AWKWARD = [
    b"",
    b" ",
    b"two words",
    b"'",
    b'"',
    b"\\",
    b"\\x41",
    b"line\nfeed",
    b"\r\n\t\0\x1b[2J\x7f",
    bytes(range(256)),
    bytes(range(255, -1, -1)) * 20,
    b"#",
    b"# commit 1-1 synced 0 time 2026-11-22T17:10:36.916Z db 8d7f1bedb3d8cf20 crc 8fc771c4",
    b"\n# commit 1-1\n",
    b'b64"QUJD"',
    b"b64",
    b"SELECT",
    b"PXAT",
    "Zoë \u202e\u200b\ufeff\u2028\U000e0041\U0010ffff".encode(),
    "Zürich".encode(),
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"Zo\xc3",
    b"x" * 5000,
    b"-1",
    b"007",
]
KEYS = [each for each in AWKWARD if each] + [b"key%d" % number for number in range(30)]
MEMCACHED_KEYS = [b"key%d" % number for number in range(30)] + ["Zürich".encode(), b"'", b'"', b"\\", b"#"]


def random_command(chance: random.Random) -> tuple[bytes | str | int, ...]:
    """A command of the Redis protocol, of any that leaves a record."""
    key, other = chance.choice(KEYS), chance.choice(KEYS)
    value, member = chance.choice(AWKWARD), chance.choice(AWKWARD)
    return chance.choice(
        [
            ("SET", key, value),
            ("SET", key, value, "PXAT", FAR + chance.randrange(1000)),
            ("SET", key, value, "KEEPTTL"),
            ("MSET", key, value, other, member),
            ("MSETNX", key, value, other, member),
            ("APPEND", key, value[:300]),
            ("SETRANGE", key, chance.randrange(50), value),
            ("INCR", "number"),
            ("GETSET", key, value),
            ("GETEX", key, "PXAT", FAR + chance.randrange(1000)),
            ("GETEX", key, "PERSIST"),
            ("GETDEL", key),
            ("PEXPIREAT", key, FAR + chance.randrange(1000)),
            ("PERSIST", key),
            ("DEL", key, other),
            ("RENAME", key, other),
            ("RENAMENX", key, other),
            ("COPY", key, other, "REPLACE"),
            ("COPY", key, other, "DB", chance.randrange(DATABASES), "REPLACE"),
            ("MOVE", key, chance.randrange(DATABASES)),
            ("SWAPDB", chance.randrange(DATABASES), chance.randrange(DATABASES)),
            ("MSETEX", 2, key, value, other, member, "PXAT", FAR + chance.randrange(1000)),
            ("SETBIT", key, chance.randrange(100), chance.randrange(2)),
            ("BITFIELD", key, "SET", "u8", chance.randrange(99), 200, "INCRBY", "i16", chance.randrange(999), 99),
            ("BITOP", "XOR", key, other, key),
            ("PFADD", "counted", value, member),
            ("PFMERGE", "merged", "counted"),
            ("SMOVE", "set", key, chance.randrange(1000)),
            ("SUNIONSTORE", key, "set", other),
            ("SINTERSTORE", key, "set", other),
            ("SADD", key, value, member),
            ("SADD", "set", value, member),
            ("SADD", "set", chance.randrange(1000)),
            ("SREM", "set", value, member),
            ("SPOP", "set"),
            ("HSET", key, value, member),
            ("HSET", "hash", value, member, member, value),
            ("HSET", "hash", chance.randrange(1000), value),
            ("HINCRBY", "hash", "number", 7),
            ("HSETEX", "hash", "PXAT", FAR + chance.randrange(1000), "FIELDS", 2, value, member, "number", 5),
            ("HSETEX", "hash", "KEEPTTL", "FIELDS", 1, member, value),
            ("HPEXPIREAT", "hash", FAR + chance.randrange(1000), "FIELDS", 2, value, chance.randrange(1000)),
            ("HPERSIST", "hash", "FIELDS", 2, value, member),
            ("HDEL", "hash", value, chance.randrange(1000)),
            ("ZADD", key, chance.randrange(-9, 9), value, chance.choice(["0.1", "-inf", "1e300", "2.5"]), member),
            ("ZADD", "sorted", *[each for _ in range(20) for each in (chance.randrange(50), chance.randrange(1000))]),
            ("ZINCRBY", "sorted", "1.1", member),
            ("ZREM", "sorted", value, chance.randrange(1000)),
            ("ZPOPMIN", "sorted", 3),
            ("ZREMRANGEBYRANK", "sorted", 10, chance.randrange(200)),
            ("ZUNIONSTORE", key, 2, "sorted", "set", "WEIGHTS", "0.3", 2),
            ("RPUSH", key, value, member),
            ("RPUSH", "list", value, chance.randrange(1000), member),
            ("LPUSH", "list", value, member),
            ("LPOP", "list", 2),
            ("RPOP", "list"),
            ("LSET", "list", -1, value),
            ("LINSERT", "list", "AFTER", value, member),
            ("LREM", "list", chance.randrange(-2, 3), value),
            ("LTRIM", "list", 1, -2),
            ("LMOVE", "list", "other list", "LEFT", "RIGHT"),
            ("SELECT", chance.randrange(DATABASES)),
        ]
    )


def random_request(chance: random.Random) -> bytes:
    """A request of the memcached protocol, of any that leaves a record."""
    key, value = chance.choice(MEMCACHED_KEYS), chance.choice(AWKWARD)
    flags = chance.choice([0, 1, 2**32 - 1])
    expiry = chance.choice([0, 0, FAR // 1000])
    storage = chance.choice([b"set", b"add", b"replace", b"append", b"prepend"])
    return chance.choice(
        [
            b"%s %s %d %d %d\r\n%s\r\n" % (storage, key, flags, expiry, len(value), value),
            b"set number 5 0 2\r\n41\r\n",
            b"incr number 7\r\n",
            b"decr number 1\r\n",
            b"touch %s %d\r\n" % (key, FAR // 1000),
            b"gat %d %s\r\n" % (FAR // 1000, key),
            b"delete %s\r\n" % key,
            b"md %s I\r\n" % key,
            b"md %s I T%d E%d\r\n" % (key, FAR // 1000, chance.randrange(1, 2**64)),
            b"ms %s %d E%d T%d\r\n%s\r\n" % (key, len(value), chance.randrange(1, 2**64), expiry, value),
            b"mg %s T%d\r\n" % (key, FAR // 1000),
        ]
    )


def fill(server: MartletServer, seed: int, count: int) -> None:
    """Runs commands of both protocols in turns."""
    chance = random.Random(seed)
    with server.redis() as redis, server.memcached() as memcached:
        for _ in range(count // 50):
            redis.pipeline([random_command(chance) for _ in range(40)])
            memcached.ask(b"".join(random_request(chance) for _ in range(10)))


def fill_with_every_record(server: MartletServer) -> None:
    """Each kind of record of docs/FORMAT.md at least once."""
    with server.redis() as redis, server.memcached() as memcached:
        redis.pipeline(
            [("SET", b"v%d" % place, value) for place, value in enumerate(AWKWARD)]
            + [("SET", key, key) for key in KEYS]
            + [("SADD", "awkward", *AWKWARD), ("SREM", "awkward", AWKWARD[2], AWKWARD[9])]
            + [("SADD", "gone", "a"), ("SREM", "gone", "a")]
            + [("HSET", "fields", *AWKWARD, *AWKWARD), ("HDEL", "fields", AWKWARD[2], AWKWARD[9])]
            + [("HSET", "gone", "a", "b"), ("HDEL", "gone", "a")]
            + [("ZADD", "sorted", *[each for place, word in enumerate(AWKWARD) for each in (f"{place % 7 / 10}", word)])]
            + [("ZREM", "sorted", AWKWARD[2], AWKWARD[9]), ("ZADD", "gone", 1, "a"), ("ZREM", "gone", "a")]
            + [("ZADD", "ranks", *[each for place in range(200) for each in (place, f"m{place}")])]
            + [("ZREMRANGEBYRANK", "ranks", 20, 150)]
            + [("RPUSH", "list", *AWKWARD, *AWKWARD, 1, 2, 3), ("LPUSH", "list", *AWKWARD)]
            + [("RPUSH", "gone", "a", "b"), ("LPOP", "gone"), ("RPOP", "gone")]
        )
        for words in [
            ("SELECT", 2),
            ("SET", "elsewhere", 1),
            ("SELECT", 1),
            ("SET", "flushed", 1),
            ("FLUSHDB",),
            ("SET", "kept", 1),
            ("SELECT", 0),
            ("MSET", "m1", "x", "m2", "y"),
            ("RENAME", "m1", "m3"),
            ("COPY", "m2", "m4", "DB", 1),
            ("MOVE", "v11", 2),
            ("SWAPDB", 1, 2),
            ("DEL", "v3", "v4"),
            ("PEXPIREAT", "v5", FAR),
            ("PEXPIREAT", "awkward", FAR),
            ("PEXPIREAT", "v6", FAR),
            ("PERSIST", "v6"),
            ("HSETEX", "fields", "PXAT", FAR, "FIELDS", 2, "e1", "x", "e2", "two words"),
            ("HSETEX", "fields", "KEEPTTL", "FIELDS", 1, "e1", "y"),
            ("HPEXPIREAT", "fields", FAR + 1, "FIELDS", 2, "", "#"),
            ("HPERSIST", "fields", "FIELDS", 1, "e2"),
            ("LPOP", "list", 2),
            ("RPOP", "list", 1),
            ("LSET", "list", -2, "set"),
            ("LINSERT", "list", "BEFORE", "set", "before"),
            ("LINSERT", "list", "AFTER", "set", "after"),
            ("LREM", "list", -1, AWKWARD[4]),
            ("LREM", "list", 0, AWKWARD[5]),
            ("LTRIM", "list", 1, -2),
            ("LMOVE", "list", "moved", "LEFT", "LEFT"),
            ("APPEND", "v7", "tail"),
            ("SETRANGE", "v8", "3", "xyz"),
            ("SETRANGE", "gap", "5", "xyz"),
            ("SWAPDB", 2, 1),
        ]:
            reply = redis(*words)
            assert not isinstance(reply, Error), (words, reply)
        assert memcached.ask(b"set flagged 7 %d 1\r\nx\r\n" % (FAR // 1000)) == b"STORED\r\n"
        assert memcached.ask(b"prepend v7 0 0 4\r\nhead\r\n") == b"STORED\r\n"
        assert memcached.ask(b"append v9 0 0 1\r\n \r\n") == b"STORED\r\n"
        assert memcached.ask(b"touch flagged %d\r\n" % (FAR // 1000 + 5)) == b"TOUCHED\r\n"
        assert memcached.ask(b"md v10 I\r\nmd flagged I T%d E9\r\n" % (FAR // 1000)) == b"HD\r\nHD\r\n"
        assert memcached.ask(b"ms stale 1\r\nx\r\nms stale 1 I C1\r\ny\r\n") == b"HD\r\nHD\r\n"


def server_keys(redis: RedisConnection, memcached: MemcachedConnection) -> dict[tuple[int, bytes], Item]:
    """All that the server shows of each key, without the versions. Flags, tokens and marks are those of database 0, of the
    keys that memcached's protocol can name; None where nobody can ask."""
    found = {}
    for database in range(DATABASES):
        redis("SELECT", database)
        keys = redis("KEYS", "*")
        types = redis.pipeline([("TYPE", key) for key in keys])
        read_by = {"set": "SMEMBERS", "hash": "HGETALL", "string": "GET", "zset": "ZRANGE", "list": "LRANGE"}
        rest = {"zset": ("0", "-1", "WITHSCORES"), "list": ("0", "-1")}
        reads = [(read_by[kind.text], key, *rest.get(kind.text, ())) for key, kind in zip(keys, types, strict=True)]
        values = redis.pipeline(reads)
        expiries = redis.pipeline([("PEXPIRETIME", key) for key in keys])
        for key, kind, value, expiry in zip(keys, types, values, expiries, strict=True):
            flags = token = stale = None
            if kind.text == "hash":
                fields = value[::2]
                times = redis("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)
                value = {
                    field: (each, max(time, 0))
                    for field, each, time in zip(fields, value[1::2], times, strict=True)
                }
            elif kind.text == "zset":
                value = tuple((float(score), member) for member, score in zip(value[::2], value[1::2], strict=True))
            elif kind.text == "list":
                value = tuple(value)
            elif kind.text == "set":
                value = frozenset(value)
            elif database == 0 and len(key) <= 250 and not any(byte <= 0x20 or byte == 0x7F for byte in key):
                line = memcached.ask(b"gets %s\r\n" % key).split(b"\r\n")[0].split(b" ")
                flags, token = int(line[2]), int(line[4])
                stale = b" X" in memcached.ask(b"mg %s\r\n" % key)
            found[database, key] = Item(value, None, max(expiry, 0), flags, token, stale)
    return found


def assert_reader_agrees(server: MartletServer, items: dict[tuple[int, bytes], Item]) -> None:
    with server.redis() as redis, server.memcached() as memcached:
        shown = server_keys(redis, memcached)
    assert items.keys() == shown.keys()
    for place, item in items.items():
        expected = shown[place]
        if expected.flags is None:
            item = item._replace(flags=None, token=None, stale=None)
        assert item._replace(version=None) == expected, place


@pytest.mark.martlet
@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_every_kind_of_record(martlet: MartletServer, end: str) -> None:
    with martlet.redis() as redis:
        redis("SET", "flushed", 1)
        redis("FLUSHALL")
    fill_with_every_record(martlet)
    if end == "stopped":
        assert martlet.stop() == [0]
    else:
        martlet.kill()
    content = martlet.database.read_bytes()
    names = {line.split(b" ")[0] for line in content.splitlines()}
    written = b"# SET MSET APPEND PREPEND SETRANGE DEL PEXPIREAT PERSIST RENAME COPY SADD SREM FLUSHDB FLUSHALL SELECT STALE"
    written += b" HSET HSETEX HDEL HPEXPIREAT HPERSIST MOVE SWAPDB ZADD ZREM ZREMRANGEBYRANK"
    written += b" LPUSH RPUSH LPOP RPOP LSET LINSERT LREM LTRIM"
    assert names == set(written.split())
    items = read(content)
    assert items[0, b"v9"].value == bytes(range(256)) + b" "
    assert items[2, b"elsewhere"].value == b"1"
    martlet.start()
    assert_reader_agrees(martlet, items)


@pytest.mark.martlet
@pytest.mark.parametrize("checkpoint", ["without a checkpoint", "with a checkpoint", "with two checkpoints"])
def test_many_random_changes(martlet: MartletServer, checkpoint: str) -> None:
    """The checkpoints come in between, and those who change the data don't wait for them."""
    fill(martlet, 1, COMMANDS)
    if checkpoint != "without a checkpoint":
        martlet.begin_checkpoint()
    fill(martlet, 2, COMMANDS)
    if checkpoint != "without a checkpoint":
        martlet.checkpoint()
    fill(martlet, 3, COMMANDS // 3)
    if checkpoint == "with two checkpoints":
        martlet.checkpoint()
    assert martlet.stop() == [0]
    items = read(martlet.database.read_bytes())
    assert len(items) > 30
    martlet.start()
    assert_reader_agrees(martlet, items)


@pytest.mark.martlet
@pytest.mark.parametrize("checkpoint", ["without a checkpoint", "with a checkpoint"])
def test_a_flipped_bit_is_noticed(martlet: MartletServer, checkpoint: str) -> None:
    fill_with_every_record(martlet)
    if checkpoint == "with a checkpoint":
        martlet.checkpoint()
        fill(martlet, 4, 100)
    assert martlet.stop() == [0]
    content = martlet.database.read_bytes()
    items = read(content)
    # The last line only says that all before it is safe: without it, nothing is lost. (If the line feed before it is
    # changed, it doesn't say that any more, and the last batch looks like one that a crash interrupted.)
    last_line = content.rstrip(b"\n").rindex(b"\n") + 1
    chance = random.Random(5)
    places = chance.sample(range(last_line - 1), 60)
    for place in [0, last_line - 2, *places]:
        with pytest.raises(Refused):
            read(flipped(content, place, chance))
    for place in chance.sample(range(last_line, len(content)), 30):
        try:
            assert read(flipped(content, place, chance)) == items
        except Refused:
            pass
    # (The server reads checksums in capitals, too, so a bit of theirs may not matter to it.)
    records = [place for place in places if not line_at(content, place).startswith(b"#")]
    for place in records[:4]:
        martlet.database.write_bytes(flipped(content, place, chance))
        with pytest.raises(ServerFailed, match="ended while it was starting"):
            martlet.start()
    martlet.database.write_bytes(content)
    martlet.start()
    assert_reader_agrees(martlet, items)


def flipped(content: bytes, place: int, chance: random.Random) -> bytes:
    byte = content[place] ^ 1 << chance.randrange(8)
    return content[:place] + bytes([byte]) + content[place + 1 :]


def line_at(content: bytes, place: int) -> bytes:
    return content[content.rfind(b"\n", 0, place) + 1 :].split(b"\n")[0]


# Files made by hand: what the format allows, whether or not a server writes it.


class Scribe:
    """Writes a file by the rules, or nearly."""

    def __init__(self, checkpoint: int | None = 0, identity: str = "8d7f1bedb3d8cf20") -> None:
        self.identity = identity
        self.content = b""
        self.crc = 0
        self.start = 0
        part = "" if checkpoint is None else f", checkpoint {checkpoint}"
        self.close(f"# martlet database, format 1, id {identity}, hash seed 1d0c{part}, crc ")

    def close(self, line: str) -> Scribe:
        """Writes a line up to its checksum, and the checksum."""
        self.content += line.encode()
        self.crc = crc32c(self.content[self.start :], self.crc)
        self.content += b"%08x\n" % self.crc
        self.start = len(self.content)
        return self

    def records(self, *lines: str) -> Scribe:
        self.content += "".join(f"{line}\n" for line in lines).encode()
        return self

    def part(self, number: int, checkpoint: int) -> Scribe:
        return self.close(f"# part {number} of checkpoint {checkpoint} db {self.identity} crc ")

    def complete(self, checkpoint: int, parts: int, keys: int) -> Scribe:
        fields = f"{checkpoint} parts {parts} keys {keys} time 2026-11-22T16:07:12.123Z"
        return self.close(f"# checkpoint {fields} db {self.identity} crc ")

    def commit(self, first: int, last: int, synced: int = 0) -> Scribe:
        fields = f"{first}-{last} synced {synced} time 2026-11-22T16:07:12.123Z"
        return self.close(f"# commit {fields} db {self.identity} crc ")


def test_the_checksum_is_that_of_rfc_3720() -> None:
    assert crc32c(b"123456789", 0) == 0xE3069283
    assert crc32c(bytes(32), 0) == 0x8A9136AA
    assert crc32c(b"6789", crc32c(b"12345", 0)) == 0xE3069283


def body() -> Scribe:
    """A checkpoint of version 10 in two parts."""
    scribe = Scribe(10)
    scribe.records("# a comment", 'SET a "two words" PXAT 5 FLAGS 6 CAS 7 STALE VERSION 8', "SET b 1 VERSION 9").part(1, 10)
    scribe.records("SADD s x", 'SADD s b64"AAEC" \'', "PEXPIREAT s 99", "VERSION s 4")
    scribe.records("SELECT 1", "SADD s y", "VERSION s 10").part(2, 10)
    return scribe


BODY = {
    (0, b"a"): Item(b"two words", 8, 5, 6, 7, True),
    (0, b"b"): Item(b"1", 9, 0, 0, 9),
    (1, b"s"): Item(frozenset([b"y"]), 10, 0, 0, 10),
}


@pytest.mark.parametrize("checkpoint", [None, 0])
def test_a_file_without_a_body(checkpoint: int | None) -> None:
    scribe = Scribe(checkpoint)
    assert read(scribe.content) == {}
    scribe.records("SET a 1", "append a 2").commit(1, 2).commit(3, 2, 2)
    assert read(scribe.content) == {(0, b"a"): Item(b"12", 2, 0, 0, 2)}


def test_a_body_and_batches_behind_it() -> None:
    items = read(body().complete(10, 2, 4).content)
    assert {place: item for place, item in items.items() if place != (0, b"s")} == BODY
    assert items[0, b"s"].value == {b"x", b"\0\1\2", b"'"}
    assert (items[0, b"s"].version, items[0, b"s"].expiry) == (4, 99)
    scribe = body().complete(10, 2, 4).records("SET b 2", "SELECT 1", "SADD s z").commit(11, 12)
    scribe.records("PERSIST a").commit(20, 20, 12).commit(21, 20, 20)
    items = read(scribe.content)
    assert items[0, b"a"] == Item(b"two words", 20, 0, 6, 7, True)
    assert items[0, b"b"] == Item(b"2", 11, 0, 0, 11)
    assert items[1, b"s"].value == {b"y", b"z"}
    empty = Scribe(10).complete(10, 0, 0)
    assert read(empty.content) == {}


REFUSED: dict[str, Callable[[], Scribe]] = {
    "a body without its end": body,
    "a body without its last part's end": lambda: body().records("SET c 1 VERSION 3"),
    "records behind the last part": lambda: body().records("SET c 1 VERSION 3").complete(10, 2, 5),
    "fewer parts than it says": lambda: body().complete(10, 3, 4),
    "fewer keys than it says": lambda: body().complete(10, 2, 5),
    "the end of another checkpoint": lambda: body().complete(9, 2, 4),
    "a part of another checkpoint": lambda: body().records("SET c 1 VERSION 3").part(3, 9).complete(10, 3, 5),
    "a part twice": lambda: body().part(2, 10).complete(10, 2, 4),
    "a batch in the body": lambda: body().records("SET c 1").commit(11, 11),
    "a batch from before the checkpoint": lambda: body().complete(10, 2, 4).records("SET c 1").commit(10, 10),
    "a version twice": lambda: Scribe().records("SET c 1").commit(1, 1).records("SET d 1").commit(1, 1),
    "fewer records than it says": lambda: Scribe().records("SET c 1").commit(1, 2),
    "more records than it says": lambda: Scribe().records("SET c 1", "SET d 1").commit(1, 1),
    "no record": lambda: Scribe().records("HELLO c 1").commit(1, 1),
    "two spaces": lambda: Scribe().records("SET  c 1").commit(1, 1),
    "an open quote": lambda: Scribe().records('SET c "1').commit(1, 1),
    "an unknown escape": lambda: Scribe().records(r'SET c "\q"').commit(1, 1),
    "base64 that isn't": lambda: Scribe().records('SET c b64"A?=="').commit(1, 1),
    "an unknown option": lambda: Scribe().records("SET c 1 EX 5").commit(1, 1),
}


@pytest.mark.parametrize("scribe", REFUSED.values(), ids=REFUSED)
def test_what_the_reader_refuses(scribe: Callable[[], Scribe]) -> None:
    with pytest.raises(ValueError):
        read(scribe().content)


def test_the_end_that_a_crash_left() -> None:
    whole = Scribe().records("SET a 1").commit(1, 1)
    items = read(whole.content)
    assert read(whole.content + b"SET b") == items
    later = Scribe().records("SET a 1").commit(1, 1).records("SET b 2").commit(2, 2, 1)
    for length in range(len(whole.content), len(later.content)):
        assert read(later.content[:length]) == items
    assert len(read(later.content)) == 2
    damaged = later.content.replace(b"SET b 2", b"SET b 3")
    assert read(damaged) == items
    later.records("SET c 3").commit(3, 3, 2)
    with pytest.raises(Refused):
        read(later.content.replace(b"SET b 2", b"SET b 3"))
    other = Scribe(identity="0123456789abcdef").records("SET c 3").commit(2, 2)
    with pytest.raises(Refused):
        read(whole.content + other.content)
