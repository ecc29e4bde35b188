"""Strings and counters."""

from __future__ import annotations

from random import Random

from . import Difference
from . import _chance as chance

SCRIPTS = [
    (
        "setting and reading",
        "both",
        r"""
        GET k
        SET k v
        GET k
        SET k ""
        GET k
        SET k "\x00\xff\r\n"
        GET k
        STRLEN k
        STRLEN missing
        GETSET k new
        GETSET other first
        GETDEL k
        GETDEL k
        MSET a 1 b 2 a 3
        MGET a b c a
        MSETNX c 1 a 2
        MGET a c
        MSETNX c 1 d 2 c 3
        MGET c d
        SETNX c x
        SETNX e x
        """,
    ),
    (
        "conditions and options of SET",
        "both",
        """
        SET k a XX
        SET k a NX
        SET k b NX
        SET k b XX
        SET k c GET
        SET k d NX GET
        GET k
        SET new x NX GET
        GET new
        SET k e EX 100
        TTL k
        SET k f KEEPTTL
        TTL k
        SET k g
        TTL k
        SET k h PX 100000
        TTL k
        SET k h EXAT 4000000000
        EXPIRETIME k
        SET k h PXAT 4000000000123
        PEXPIRETIME k
        SET k i NX XX
        SET k i EX
        SET k i EX 0
        SET k i EX -1
        SET k i EX x
        SET k i PX 0
        SET k i EX 9223372036854775807
        SET k i EX 10 PX 10
        SET k i EX 10 KEEPTTL
        SET k i FOO
        SET k i GET GET
        SET k
        SET k v get nx ex 100
        """,
    ),
    (
        "setting with an expiry",
        "both",
        """
        SETEX k 100 v
        TTL k
        PSETEX k 100000 v
        TTL k
        SETEX k 0 v
        SETEX k -1 v
        SETEX k x v
        PSETEX k 0 v
        SETEX k 9223372036854775807 v
        GETEX k
        TTL k
        GETEX k PERSIST
        TTL k
        GETEX k EX 100
        TTL k
        GETEX k PX 200000
        TTL k
        GETEX k EXAT 4000000000
        EXPIRETIME k
        GETEX k PXAT 1
        EXISTS k
        GETEX k
        SET k v
        GETEX k EX
        GETEX k EX 0
        GETEX k EX x
        GETEX k EX 10 PERSIST
        GETEX k FOO
        """,
    ),
    (
        "counters",
        "both",
        """
        INCR n
        INCRBY n 10
        DECR n
        DECRBY n 5
        GET n
        INCRBY n x
        INCRBY n 1.5
        INCRBY n 9223372036854775807
        DECRBY n -9223372036854775808
        SET n 9223372036854775807
        INCR n
        SET n -9223372036854775808
        DECR n
        SET n " 1"
        INCR n
        SET n 01
        INCR n
        SET n ""
        INCR n
        SET n 10 EX 100
        INCR n
        TTL n
        SET n -0
        INCR n
        """,
    ),
    (
        "parts of strings",
        "both",
        r"""
        APPEND k Hello
        APPEND k " World"
        APPEND k ""
        APPEND empty ""
        EXISTS empty
        GETRANGE k 0 4
        GETRANGE k -5 -1
        GETRANGE k 0 -1
        GETRANGE k 5 2
        GETRANGE k 3 1000
        GETRANGE k -1000 2
        GETRANGE k -1 -5
        GETRANGE k 100 200
        GETRANGE k x 1
        GETRANGE k 0 x
        GETRANGE missing 0 -1
        SUBSTR k 0 4
        SETRANGE k 6 Redis
        GET k
        SETRANGE k 20 end
        GET k
        SETRANGE k 0 ""
        SETRANGE k 5 ""
        SETRANGE missing 0 ""
        EXISTS missing
        SETRANGE missing 3 x
        GET missing
        SETRANGE k -1 x
        SETRANGE k x x
        SETRANGE k 536870911 xx
        SETRANGE k 9223372036854775807 x
        """,
    ),
    (
        "wrong types and wrong counts of words",
        "both",
        """
        SADD s a
        GET s
        GETSET s x
        GETDEL s
        GETEX s
        SET s x GET
        SET s x NX GET
        STRLEN s
        APPEND s x
        GETRANGE s 0 1
        SETRANGE s 0 x
        SETRANGE s 0 ""
        INCR s
        DECRBY s 1
        MGET s
        SMEMBERS s
        GET
        GET a b
        SET
        MSET
        MSET a
        MSET a 1 b
        MSETNX a 1 b
        MGET
        APPEND a
        GETRANGE a 1
        SETEX a 1
        SETNX a
        STRLEN
        INCR
        INCR a b
        INCRBY a
        """,
    ),
]

DIFFERENCES = [
    Difference(
        "valkey",
        "GETEX",
        r"-ERR (value is not an integer or out of range|invalid expire time in 'getex' command)\r\n",
        r"(\$-1|_|-WRONGTYPE [^\r\n]*)\r\n",
        "As in Redis, a key that isn't there or holds something else is found before the number is looked at",
    ),
]

EXPIRIES = ["EX", "PX", "EXAT", "PXAT", "KEEPTTL"]


def expiry(random: Random) -> list[str | bytes]:
    match random.choice(EXPIRIES):
        case "EX":
            return ["EX", chance.seconds(random)]
        case "PX":
            return ["PX", chance.milliseconds(random)]
        case "EXAT":
            return ["EXAT", random.choice(["4000000000", "1", "0", "-1"])]
        case "PXAT":
            return ["PXAT", random.choice(["4000000000000", "1", "0", "-1"])]
        case keep:
            return [keep]


def random_command(random: Random) -> list[str | bytes]:
    key = chance.key(random, "string")
    word = chance.word(random)

    def condition() -> list[str | bytes]:
        return random.choice([[], [], ["NX"], ["XX"]])

    def pairs() -> list[str | bytes]:
        return [each for key in chance.keys(random, "string") for each in (key, chance.word(random))]

    made = random.choice(
        [
            lambda: ["GET", key],
            lambda: ["SET", key, word],
            lambda: ["SET", key, chance.number(random)],
            lambda: ["SET", key, word, *condition(), *chance.option(random, "GET"), *chance.option(random, *expiry(random))],
            lambda: ["GETSET", key, word],
            lambda: ["GETDEL", key],
            lambda: ["GETEX", key, *chance.option(random, *random.choice([expiry(random), ["PERSIST"]]))],
            lambda: ["MSET", *pairs()],
            lambda: ["MSETNX", *pairs()],
            lambda: ["MGET", *chance.keys(random, "string")],
            lambda: ["SETNX", key, word],
            lambda: ["SETEX", key, chance.seconds(random), word],
            lambda: ["PSETEX", key, chance.milliseconds(random), word],
            lambda: ["STRLEN", key],
            lambda: ["APPEND", key, word],
            lambda: [random.choice(["GETRANGE", "SUBSTR"]), key, chance.number(random), chance.number(random)],
            lambda: ["SETRANGE", key, random.choice(["0", "1", "5", "30", "-1", "x", "536870912"]), word],
            lambda: [random.choice(["INCR", "DECR"]), key],
            lambda: [random.choice(["INCRBY", "DECRBY"]), key, chance.number(random)],
        ]
    )()
    return chance.spoilt(random, made)
