"""What concerns keys of every type, and the numbered databases."""

from __future__ import annotations

from random import Random

from . import _chance as chance

SCRIPTS = [
    (
        "what has been copied, renamed or moved has just been used, whatever its type",
        "both",
        """
        SET s v
        COPY s s2
        RENAME s s3
        MOVE s3 1
        OBJECT IDLETIME s2
        RPUSH l a
        COPY l l2
        RENAME l l3
        MOVE l3 1
        OBJECT IDLETIME l2
        SADD t a
        COPY t t2
        RENAME t t3
        MOVE t3 1
        OBJECT IDLETIME t2
        HSET h f v
        COPY h h2
        RENAME h h3
        MOVE h3 1
        OBJECT IDLETIME h2
        ZADD z 1 a
        COPY z z2
        RENAME z z3
        MOVE z3 1
        OBJECT IDLETIME z2
        SELECT 1
        OBJECT IDLETIME s3
        OBJECT IDLETIME l3
        OBJECT IDLETIME t3
        OBJECT IDLETIME h3
        OBJECT IDLETIME z3
        """,
    ),
    (
        "deleting and looking",
        "both",
        """
        MSET a 1 b 2 c 3
        SADD s x
        EXISTS a b a missing
        TOUCH a b a missing
        TYPE a
        TYPE s
        TYPE missing
        DEL a a missing
        UNLINK b s
        DBSIZE
        ~KEYS *
        KEYS x*
        RANDOMKEY
        DEL c
        RANDOMKEY
        DBSIZE
        EXISTS
        DEL
        TYPE
        KEYS
        """,
    ),
    (
        "expiry",
        "both",
        """
        SET k v
        TTL k
        TTL missing
        EXPIRE k 1000
        TTL k
        EXPIRE k 2000 NX
        EXPIRE k 2000 XX
        EXPIRE k 100 GT
        EXPIRE k 100 LT
        TTL k
        PERSIST k
        PERSIST k
        PERSIST missing
        EXPIRE k 100 GT
        EXPIRE k 100 LT
        EXPIREAT k 4000000000
        EXPIRETIME k
        PEXPIRETIME k
        PEXPIREAT k 4000000000999
        PEXPIRETIME k
        EXPIRETIME k
        EXPIRETIME missing
        EXPIRE k 10 NX XX
        EXPIRE k 10 GT LT
        EXPIRE k 10 FOO
        EXPIRE k 10 "\\n"
        EXPIRE k 10 "a\\r\\nb \\r\\n\\n"
        "\\nno\\nsuch\\n" a
        EXPIRE k x
        EXPIRE k 9223372036854775807
        EXPIRE missing 10
        EXPIRE k 0
        EXISTS k
        SET k v
        PEXPIREAT k 1
        EXISTS k
        SET k v
        EXPIRE k -1
        GET k
        EXPIRE k
        """,
    ),
    (
        "renaming and copying",
        "both",
        """
        SET a 1 EX 1000
        RENAME a b
        TTL b
        GET b
        EXISTS a
        RENAME missing b
        SADD s x y
        RENAME s b
        ~SMEMBERS b
        TTL b
        SET c 1
        RENAMENX b c
        RENAMENX b d
        RENAMENX missing d
        RENAME d d
        RENAMENX d d
        COPY d e
        ~SMEMBERS e
        COPY d e
        COPY c e REPLACE
        GET e
        COPY c c
        COPY missing x
        COPY c c DB 1
        COPY c c DB 1
        COPY c c DB 1 REPLACE
        COPY c c DB x
        COPY c c DB 16
        COPY c c FOO
        SELECT 1
        GET c
        """,
    ),
    (
        "scanning few keys",
        "both",
        """
        SET a 1
        SADD s 1
        HSET h a 1
        ~SCAN 0 COUNT 1000
        ~SCAN 0 COUNT 1000 TYPE set
        ~SCAN 0 COUNT 1000 TYPE string MATCH a*
        ~SCAN 0 COUNT 1000 TYPE HASH
        ~SCAN 0 COUNT 1000 MATCH nothing
        SCAN x
        SCAN 0 COUNT 0
        SCAN 0 COUNT x
        SCAN 0 FOO
        SCAN 0 MATCH
        SCAN
        """,
    ),
    (
        "numbered databases",
        "both",
        """
        SET k zero
        SELECT 1
        GET k
        SET k one
        DBSIZE
        SELECT 15
        DBSIZE
        SELECT 16
        SELECT -1
        SELECT x
        SELECT 0
        GET k
        FLUSHDB
        DBSIZE
        SELECT 1
        GET k
        FLUSHALL
        DBSIZE
        FLUSHDB FOO
        FLUSHALL ASYNC
        FLUSHDB SYNC
        """,
    ),
    (
        "moving a key, swapping databases",
        "both",
        """
        SET k zero EX 1000
        MOVE k 1
        EXISTS k
        MOVE k 1
        SELECT 1
        GET k
        TTL k
        SET j one
        SELECT 0
        SET j zero
        SELECT 1
        MOVE j 0
        GET j
        MOVE j 1
        MOVE j 16
        MOVE j -1
        MOVE j x
        MOVE j 1.5
        MOVE j 99999999999
        MOVE j 9223372036854775808
        MOVE j
        SADD s a b
        MOVE s 2
        SELECT 2
        ~SMEMBERS s
        SWAPDB 0 2
        KEYS *
        SELECT 0
        ~SMEMBERS s
        DBSIZE
        SWAPDB 0 0
        SWAPDB 1 0
        ~KEYS *
        TTL k
        SWAPDB 0 16
        SWAPDB -1 0
        SWAPDB x 0
        SWAPDB 0 x
        SWAPDB 99999999999 0
        SWAPDB 0 99999999999
        SWAPDB 0
        SELECT 1
        ~SMEMBERS s
        """,
    ),
    (
        "a watched key and SWAPDB",
        "both",
        """
        SET k 1
        WATCH k
        SWAPDB 0 1
        MULTI
        PING
        EXEC
        WATCH k
        SWAPDB 0 1
        MULTI
        PING
        EXEC
        WATCH missing
        SWAPDB 0 1
        MULTI
        GET k
        SWAPDB 0 1
        GET k
        EXEC
        """,
    ),
    (
        "OBJECT",
        "both",
        """
        MSET n 123 short abc long 123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890 big 9223372036854775808 zero 01
        OBJECT ENCODING n
        OBJECT ENCODING short
        OBJECT ENCODING big
        OBJECT ENCODING zero
        OBJECT ENCODING missing
        HSET h a 1
        OBJECT ENCODING h
        HSET h b 12345678901234567890123456789012345678901234567890123456789012345
        OBJECT ENCODING h
        OBJECT IDLETIME short
        OBJECT IDLETIME missing
        OBJECT REFCOUNT short
        OBJECT REFCOUNT missing
        OBJECT FREQ short
        OBJECT FREQ missing
        OBJECT encoding short
        OBJECT FOO short
        OBJECT ENCODING
        OBJECT ENCODING a b
        OBJECT IDLETIME
        OBJECT HELP x
        OBJECT
        """,
    ),
    (
        "the encoding of a sorted set",
        "both",
        """
        ZADD z 1 a
        OBJECT ENCODING z
        ZADD z 2 12345678901234567890123456789012345678901234567890123456789012345
        OBJECT ENCODING z
        """,
    ),
    (
        "the encoding of a set, a list, and a long string",
        "valkey",
        """
        SET long 123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890
        OBJECT ENCODING long
        SADD s a
        OBJECT ENCODING s
        SADD s 12345678901234567890123456789012345678901234567890123456789012345
        OBJECT ENCODING s
        RPUSH l a
        OBJECT ENCODING l
        """,
    ),
    (
        "patterns",
        "both",
        r"""
        MSET hello 1 hallo 2 hxllo 3 hllo 4 "h[llo" 5 "h*llo" 6
        ~KEYS h?llo
        ~KEYS h*llo
        ~KEYS h[ae]llo
        ~KEYS h[^e]llo
        ~KEYS h[a-b]llo
        ~KEYS "h\\*llo"
        ~KEYS "h\\[llo"
        ~KEYS "h[ae"
        ~KEYS ""
        """,
    ),
]


def random_command(random: Random) -> list[str | bytes]:
    key = chance.key(random)
    condition = random.choice([[], [], [], ["NX"], ["XX"], ["GT", "LT"], ["NX", "GT"], ["FOO"]])
    # Times from now on are not the same for both: only one that is fixed is later or earlier than others.
    comparison = random.choice([condition, ["GT"], ["LT"], ["GT", "XX"]])
    target = random.choice(["0", "1", "2", "2", "16", "-1", "x"])
    made = random.choice(
        [
            lambda: [random.choice(["DEL", "UNLINK"]), *chance.keys(random, most=2)],
            lambda: [random.choice(["EXISTS", "TOUCH"]), *chance.keys(random)],
            lambda: ["TYPE", key],
            lambda: ["EXPIRE", key, chance.seconds(random), *condition],
            lambda: ["PEXPIRE", key, chance.milliseconds(random), *condition],
            lambda: ["EXPIREAT", key, random.choice(["4000000000", "1", "x"]), *comparison],
            lambda: ["PEXPIREAT", key, random.choice(["4000000000000", "0", "x"]), *comparison],
            lambda: [random.choice(["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]), key],
            lambda: ["PERSIST", key],
            lambda: [random.choice(["RENAME", "RENAMENX"]), key, chance.key(random)],
            lambda: ["COPY", key, chance.key(random), *chance.option(random, "DB", target), *chance.option(random, "REPLACE")],
            lambda: ["MOVE", key, target],
            lambda: ["SWAPDB", target, random.choice(["0", "1", "2"])],
            lambda: ["OBJECT", random.choice(["IDLETIME", "FREQ", "FOO"]), key],
            lambda: ["KEYS", random.choice(["*", "k[0-2]", "?1", "x"])],
            lambda: ["DBSIZE"],
            lambda: ["SELECT", target],
            lambda: ["SELECT", "0"],
            lambda: ["RANDOMKEY"],
            lambda: ["SCAN", "0", "COUNT", random.choice(["1000", "0", "x"]), *chance.option(random, "TYPE", "set")],
        ]
    )()
    return chance.spoilt(random, made)
