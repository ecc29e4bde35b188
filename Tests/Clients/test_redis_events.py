"""What happens to keys, as Martlet, Redis 7 and Valkey 9 tell it (`notify-keyspace-events`): the same commands have to bring
the same events, in the same order.

The scripts name what each type of value can tell; a line that begins with `!` is sent by a client of its own, which then waits.
Random sequences are those of `test_redis_compared.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest

from compared import random_command, words
from conftest import started
from random_conversations import shrink
from servers import Server, eventually
from test_redis_compared import Company, show
from wire import RedisConnection, encode

pytestmark = pytest.mark.martlet

FIRST = int(os.environ.get("COMPARED_SEED", "1"))
COUNT = int(os.environ.get("COMPARED_SEQUENCES", "25"))
LENGTH = 200
ALL = "KEA"
END = b"__keyevent@0__:end of a command"
"""A channel on which nothing else is said: what comes before it was brought by the commands before it."""

Events = list[tuple[bytes, bytes]]

SCRIPTS = [
    (
        "lists",
        "both",
        """
        LPUSH l a b c
        RPUSH l d
        LPUSHX l x
        RPUSHX nothing x
        LINSERT l BEFORE a q
        LINSERT l BEFORE nothing q
        LSET l 0 z
        LREM l 0 z
        LREM l 0 nothing
        LTRIM l 0 1
        LTRIM l 0 -1
        LMOVE l m LEFT RIGHT
        LMOVE l l LEFT RIGHT
        LMOVE l m LEFT LEFT
        RPOPLPUSH m n
        LPOP m 5
        LPOP n
        LMOVE nothing n LEFT LEFT
        RPUSH a 1 2
        LTRIM a 5 6
        RPUSH a 1 1
        LREM a 0 1
        RPUSH a 1 2
        LMPOP 2 nothing a LEFT COUNT 2
        RPUSH a 1 2
        RPOP a 0
        BRPOP a 0
        BLPOP a 0
        RPUSH a 1
        BLMOVE a b LEFT RIGHT 0
        RPUSH a 1
        LMOVE a a LEFT RIGHT
        BLMPOP 0 1 a LEFT
        SET a x
        LPUSH a 1
        """,
    ),
    ("a client that waits", "both", "! BLPOP k 0\nRPUSH k a"),
    ("a client that waits, and something is left", "both", "! BLPOP k 0\nRPUSH k a b"),
    ("a client that waits to move", "both", "! BLMOVE k m LEFT RIGHT 0\nRPUSH k a"),
    ("a client that waits to move to the same list", "both", "! BLMOVE k k LEFT RIGHT 0\nRPUSH k a"),
    ("a client that waits for several", "both", "! BLMPOP 0 2 x k LEFT COUNT 5\nRPUSH k a b"),
    (
        "a chain of clients that wait",
        "both",
        "! BLMOVE k m LEFT RIGHT 0\n! BRPOP m 0\nRPUSH k a",
    ),
    (
        "a client that waits for a transaction",
        "both",
        "! BLPOP k 0\nMULTI\nRPUSH k a\nLPOP k\nRPUSH k b\nEXEC",
    ),
    ("a client that waits for a key that is renamed", "both", "! BLPOP k 0\nRPUSH l z\nRENAME l k"),
    ("a client that waits for a key that is copied", "both", "! BLPOP k 0\nRPUSH l z\nCOPY l k"),
    ("a client that waits for an element that is moved", "both", "! BLPOP k 0\nRPUSH l z\nLMOVE l k LEFT LEFT"),
    (
        "sorted sets",
        "both",
        """
        ZADD z 1 a
        ZADD z 1 a
        ZADD z 2 a 3 b
        ZADD z INCR 1 a
        ZADD z INCR 0 a
        ZADD z NX 5 c 6 a
        ZADD z XX 5 d
        ZADD z XX CH 9 a 10 nothing
        ZINCRBY z 1 a
        ZINCRBY z 0 a
        ZINCRBY y 1 a
        ZREM z nothing
        ZREM z a
        ZREMRANGEBYSCORE z 100 200
        ZREMRANGEBYSCORE z 0 3
        ZADD z 1 a 2 b 3 c 4 d 5 e
        ZREMRANGEBYRANK z 0 0
        ZREMRANGEBYLEX z [b [b
        ZPOPMIN z
        ZPOPMAX z 1
        ZMPOP 2 nothing z MAX COUNT 10
        ZADD z 1 a 2 b
        ZREMRANGEBYRANK z 0 -1
        ZADD z 1 a 2 b
        ZREMRANGEBYLEX z - +
        ZADD z 1 a 2 b
        ZPOPMIN z 10
        ZADD z 1 a 2 b
        ZPOPMIN z 0
        ZUNIONSTORE d 2 z y
        ZUNIONSTORE d 1 nothing
        ZUNIONSTORE d 1 nothing
        ZINTERSTORE d 2 z z
        ZINTERSTORE d 2 z nothing
        ZDIFFSTORE d 2 z nothing
        ZDIFFSTORE d 2 z z
        ZRANGESTORE d z 0 -1
        ZRANGESTORE d z 5 6
        ZRANGESTORE d z 5 6
        SET d x
        ZRANGESTORE d z 0 -1
        SET d x
        ZUNIONSTORE d 2 z y
        SET d x
        ZUNIONSTORE d 1 nothing
        ZREM z a b
        """,
    ),
    ("a client that waits for a member", "both", "! BZPOPMIN z 0\nZADD z 1 a"),
    ("a client that waits for the highest member", "both", "! BZPOPMAX x z 0\nZADD z 1 a 2 b"),
    ("a client that waits for members", "both", "! BZMPOP 0 2 x z MIN COUNT 5\nZADD z 1 a 2 b"),
    ("a client that waits for a stored sorted set", "both", "! BZPOPMIN z 0\nZADD y 1 a\nZUNIONSTORE z 1 y"),
    ("a client that waits for a sorted list", "both", "! BLPOP l 0\nSADD s 2 1\nSORT s STORE l"),
    (
        "what is taken at once",
        "both",
        """
        ZADD z 1 a 2 b 3 c
        BZPOPMIN z 0
        BZPOPMAX z 0
        BZMPOP 0 1 z MIN
        RPUSH l 3 1 2
        SORT l STORE d
        SORT nothing STORE d
        SORT nothing STORE d
        SORT l
        """,
    ),
    (
        "places",
        "both",
        """
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        GEOADD g 13.361389 38.115556 Palermo
        GEOADD g NX 1 1 Palermo
        GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km
        GEOSEARCHSTORE d g FROMLONLAT 100 37 BYRADIUS 200 km
        GEOSEARCHSTORE d g FROMLONLAT 100 37 BYRADIUS 200 km
        GEORADIUS g 15 37 200 km STORE d
        GEORADIUS g 105 37 200 km STORE d
        GEORADIUS g 105 37 200 km STORE d
        GEORADIUS g 15 37 200 km STOREDIST d
        GEORADIUSBYMEMBER g Palermo 200 km STORE e
        """,
    ),
    (
        "sets",
        "both",
        """
        SADD s a b c
        SADD s a
        SREM s nothing
        SREM s a
        SMOVE s t b
        SMOVE s t nothing
        SMOVE s s c
        SMOVE s t c
        SADD s b
        SMOVE s t b
        SADD s a b
        SPOP s 1
        SPOP s 10
        SADD s a b
        SUNIONSTORE d s t
        SINTERSTORE d s nothing
        SINTERSTORE d s nothing
        SDIFFSTORE d s t
        SINTERSTORE d s t
        SET d x
        SUNIONSTORE d s t
        SET d x
        SUNIONSTORE d nothing
        SPOP nothing
        """,
    ),
    (
        "counts of different elements",
        "both",
        """
        PFADD h a
        PFADD h a
        PFADD h b
        PFCOUNT h
        PFMERGE h2 h
        PFMERGE h2 h
        PFADD h3
        PFADD h3
        PFMERGE h4 nothing
        PFCOUNT h h2
        """,
    ),
    (
        "bits",
        "both",
        """
        SETBIT b 7 1
        SETBIT b 7 1
        SETBIT b 0 0
        SETBIT b 100 0
        BITFIELD b SET u8 0 5
        BITFIELD b SET u8 0 5
        BITFIELD b GET u8 0
        BITFIELD b INCRBY u8 0 1
        BITFIELD b INCRBY u8 0 1 INCRBY u8 0 -1
        BITFIELD b OVERFLOW FAIL INCRBY u8 0 255
        BITFIELD b OVERFLOW FAIL INCRBY u8 800 256
        BITFIELD n OVERFLOW FAIL INCRBY u8 0 256
        BITFIELD n2 SET u8 0 0
        BITOP AND d b b
        BITOP OR d nothing
        BITOP OR d nothing
        SADD s x
        BITOP NOT s b
        GETBIT b 0
        BITCOUNT b
        """,
    ),
    (
        "strings",
        "both",
        """
        SET k v
        SET k v EX 100
        SET k v GET
        SET k v KEEPTTL
        SET k v NX
        SET k v XX
        GETSET k v
        GETEX k EX 100
        GETEX k PERSIST
        GETEX k PERSIST
        GETEX k
        GETDEL k
        SET k 5
        INCR k
        INCRBY k 1
        DECR k
        INCRBYFLOAT k 1.5
        APPEND k x
        APPEND k ""
        APPEND new ""
        APPEND new2 x
        SETRANGE k 0 x
        SETRANGE k 0 ""
        SETRANGE nothing 0 ""
        SETRANGE newk 2 x
        SETEX k 10 v
        PSETEX k 10000 v
        SETNX k v
        SETNX k2 v
        MSET a 1 b 2
        MSETNX a 1 b 2
        MSETNX c 1 d 2
        """,
    ),
    (
        "what expires before it is there",
        "valkey",
        """
        SET k v
        SET k v PXAT 1
        SET k v
        SET k v EXAT 1
        """,
    ),
    (
        "several strings that expire",
        "valkey",
        """
        MSETEX 2 a 1 b 2 EX 100
        MSETEX 2 a 1 b 2
        MSETEX 2 a 1 q 2 KEEPTTL
        DELIFEQ b zz
        DELIFEQ b 2
        """,
    ),
    ("a key that is deleted by its expiry", "redis", "SET k v\nGETEX k EXAT 1\nSET k v\nPEXPIREAT k 1"),
    (
        "any key",
        "both",
        """
        SET c x
        EXPIRE c 100
        EXPIRE c 100 NX
        PERSIST c
        PERSIST c
        SET d x
        DEL d
        DEL d
        SET d x
        UNLINK d
        SET e v
        TOUCH e
        COPY e f
        COPY e f
        COPY e f REPLACE
        COPY e f DB 1
        RENAME e g
        RENAME g f
        RENAMENX f g
        RENAMENX g g
        RENAME g g
        MOVE g 1
        SET g x
        MOVE g 1
        SWAPDB 0 1
        FLUSHDB
        SET a 1
        FLUSHALL
        """,
    ),
    (
        "hashes",
        "both",
        """
        HSET h a 1
        HSET h a 1
        HSETNX h a 1
        HSETNX h b 1
        HINCRBY h a 1
        HINCRBYFLOAT h a 1
        HMSET h x 1
        HDEL h x nothing
        HDEL h a b
        """,
    ),
    (
        "fields that expire",
        "valkey",
        """
        HSET h a 1 b 2
        HEXPIRE h 100 FIELDS 1 a
        HPERSIST h FIELDS 1 a
        HGETDEL h FIELDS 1 a
        HGETDEL h FIELDS 1 b
        HSETEX h EX 100 FIELDS 1 a 1
        HGETEX h PERSIST FIELDS 1 a
        HGETEX h EX 10 FIELDS 1 a
        HPEXPIREAT h 1 FIELDS 1 a
        HSETEX h PX 0 FIELDS 1 a 1
        HSET h x 1
        HSETEX h PX 0 FIELDS 1 a 1
        HSET h a 1
        HSETEX h PX 0 FIELDS 2 a 1 b 1
        HSET k a 1
        HSETEX k PXAT 1 FIELDS 1 a 2
        """,
    ),
]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = Company(tmp_path_factory.mktemp("events"))
    company.start()
    martlet = company.servers["martlet"]
    started.append(martlet)
    yield company
    started.remove(martlet)
    company.kill()


class Listener:
    """Hears what is told of the keys of a server whose databases are empty."""

    def __init__(self, server: Server, classes: str = ALL) -> None:
        self.server = server
        self.speaker = server.redis()
        self.speaker("FLUSHALL")
        self.speaker("CONFIG", "SET", "notify-keyspace-events", classes)
        self.ears = server.redis()
        self.ears("PSUBSCRIBE", "__key*@*__:*")
        self.others: list[RedisConnection] = []

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.speaker, self.ears, *self.others):
            each.close()

    def has_waiting(self, count: int) -> bool:
        with self.server.redis() as connection:
            return b"blocked_clients:%d\r" % count in connection.text("INFO", "clients")

    def wait(self, command: list[bytes]) -> None:
        """Has a client of its own say something that it waits for."""
        client = self.server.redis()
        self.others.append(client)
        client.send(encode(*command))
        eventually(lambda: self.has_waiting(len(self.others)))

    def heard(self) -> Events:
        """All that has been told by now."""
        with self.server.redis() as connection:
            connection("PUBLISH", END, "")
        return self.heard_until_end()

    def heard_until_end(self) -> Events:
        events: Events = []
        while True:
            message = self.ears.read()
            assert isinstance(message, list)
            _, _, channel, data = message
            if channel == END:
                return events
            events.append((channel, data))

    def brought_by(self, line: str) -> Events:
        if line.startswith("!"):
            self.wait(words(line[1:]))
        else:
            self.speaker(*words(line))
        return self.heard()


@pytest.mark.parametrize(
    ("peer", "text"),
    [
        pytest.param(peer, text, id=f"{name}, {peer}")
        for name, peers, text in SCRIPTS
        for peer in (("redis", "valkey") if peers == "both" else (peers,))
    ],
)
def test_events(company: Company, peer: str, text: str) -> None:
    # Only Redis tells that a key is new.
    classes = ALL + "mn" if peer == "redis" else ALL + "m"
    differences = []
    with Listener(company.servers[peer], classes) as theirs, Listener(company.servers["martlet"], classes) as ours:
        for line in filter(None, map(str.strip, text.splitlines())):
            expected, told = theirs.brought_by(line), ours.brought_by(line)
            if told != expected:
                differences.append(f"{line}\n  {peer:8}{expected}\n  martlet {told}")
    assert not differences, "\n" + "\n".join(differences)


def sequence(seed: int, known: set[bytes]) -> list[list[bytes]]:
    random = Random(seed)
    made: list[list[bytes]] = []
    while len(made) < LENGTH:
        command = random_command(random, "valkey")
        name = command[0].upper()
        # What Valkey sets with a time that has passed it keeps, until somebody comes across it.
        is_kept = name == b"MSETEX" and {b"EXAT", b"PXAT"} & {each.upper() for each in command}
        if name in known and name not in UNTOLD and not is_kept:
            made.append(command)
    return made


EXPIRING = {b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT", b"GETEX"}
"""What deletes a key by a time that has passed: Valkey says that it expired, Martlet like Redis that it was deleted."""


def agree(command: list[bytes], theirs: Events, ours: Events) -> bool:
    if command[0].upper() in EXPIRING:
        theirs = [(channel.replace(b":expired", b":del"), data.replace(b"expired", b"del")) for channel, data in theirs]
    return theirs == ours


UNTOLD = {b"CLIENT", b"CONFIG", b"ACL", b"PUBLISH", b"SPUBLISH", b"RESET"}
"""What random sequences leave out: it has no events, and some of it changes what is told."""


def first_difference(company: Company, commands: list[list[bytes]]) -> str | None:
    """The first command that brings other events than at Valkey."""
    told: list[list[Events]] = []
    for name in ("valkey", "martlet"):
        with Listener(company.servers[name]) as listener:
            told.append([])
            for start in range(0, len(commands), 50):
                some = [each for command in commands[start : start + 50] for each in (command, [b"PUBLISH", END, b""])]
                listener.speaker.raw_pipeline(some)
                for _ in commands[start : start + 50]:
                    told[-1].append(listener.heard_until_end())
    for command, theirs, ours in zip(commands, *told, strict=True):
        if not agree(command, theirs, ours):
            return f"{show(command)}\n  valkey  {theirs}\n  martlet {ours}"
    return None


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_random_sequence(company: Company, seed: int) -> None:
    commands = sequence(seed, company.known["valkey"])
    found = first_difference(company, commands)
    if found is None:
        return
    fewer = shrink(commands, lambda some: first_difference(company, some) is not None)
    found = first_difference(company, fewer) or f"differed once, and not again: {found}"
    pytest.fail("\n".join([f"seed {seed}:", *map(show, fewer), "", found]))
