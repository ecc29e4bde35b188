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
        "numbers with a fraction",
        "both",
        """
        INCRBYFLOAT n 10.50
        INCRBYFLOAT n 0.1
        INCRBYFLOAT n -5
        GET n
        INCRBYFLOAT n 5.0e3
        INCRBYFLOAT n -5005.6
        INCRBYFLOAT n -0
        SET n 5e-3 EX 100
        INCRBYFLOAT n 3.0e3
        TTL n
        INCRBYFLOAT n 1e17
        INCRBYFLOAT n 0.1
        INCRBYFLOAT new -1.5
        INCRBYFLOAT n x
        INCRBYFLOAT n ""
        INCRBYFLOAT n " 1"
        INCRBYFLOAT n "1 "
        INCRBYFLOAT n inf
        INCRBYFLOAT n -inf
        INCRBYFLOAT n nan
        INCRBYFLOAT n 0x10
        INCRBYFLOAT n 1e5000
        SET n inf
        INCRBYFLOAT n 1
        SET n x
        INCRBYFLOAT n 1
        INCRBYFLOAT n x
        SET n ""
        INCRBYFLOAT n 1
        SADD s a
        INCRBYFLOAT s 1
        INCRBYFLOAT s x
        INCRBYFLOAT n
        SET i 3
        INCRBYFLOAT i 1
        INCR i
        """,
    ),
    (
        "longest common subsequences",
        "both",
        r"""
        MSET a ohmytext b mynewtext
        LCS a b
        LCS a b LEN
        LCS a b IDX
        LCS a b IDX MINMATCHLEN 4
        LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
        LCS a b IDX WITHMATCHLEN MINMATCHLEN 0
        LCS a b IDX MINMATCHLEN -3
        LCS a b LEN WITHMATCHLEN MINMATCHLEN 4
        LCS a b WITHMATCHLEN
        LCS a a
        LCS a a IDX
        LCS a missing
        LCS missing a LEN
        LCS missing a IDX
        LCS missing missing
        MSET c ABCBDAB d BDCABA e AAAA f AA g "" h "\x00\xff\x00x" i "\xff\x00\x00"
        LCS c d
        LCS c d IDX
        LCS d c
        LCS d c IDX WITHMATCHLEN
        LCS e f IDX
        LCS f e
        LCS e f
        LCS a g
        LCS g g IDX
        LCS h i
        LCS h i IDX
        LCS a b LEN IDX
        LCS a b FOO
        LCS a b MINMATCHLEN
        LCS a b MINMATCHLEN x
        LCS a
        SADD s x
        LCS a s
        LCS s missing FOO
        """,
    ),
    (
        "SET if the string is another, and DELIFEQ",
        "valkey",
        """
        SET k v
        SET k w IFEQ x
        GET k
        SET k w IFEQ v
        GET k
        SET missing w IFEQ v
        SET k x IFEQ w GET
        SET k y IFEQ w GET
        SET missing y IFEQ w GET
        GET k
        SET k y ifeq x EX 100
        TTL k
        SET k z IFEQ y KEEPTTL
        TTL k
        SET k z IFEQ
        SET k z IFEQ z NX
        SET k z NX IFEQ z
        SET k z XX IFEQ z
        SET k z IFEQ z IFEQ z
        SET k IFEQ IFEQ z
        GET k
        SADD s a
        SET s x IFEQ a
        SET s x IFEQ a GET
        DELIFEQ s a
        DELIFEQ k x
        DELIFEQ k IFEQ
        EXISTS k
        DELIFEQ k IFEQ
        DELIFEQ k
        DELIFEQ k x y
        """,
    ),
    (
        "several strings with one expiry",
        "valkey",
        """
        MSETEX 2 a 1 b 2
        MGET a b
        MSETEX 2 a 3 b 4 EX 1000
        TTL a
        TTL b
        MSETEX 2 a 5 new 6 KEEPTTL
        TTL a
        TTL new
        MSETEX 2 a 7 b 8 NX
        MSETEX 2 x 7 y 8 NX PX 1000000
        TTL y
        MSETEX 2 x 9 z 8 XX
        MSETEX 2 x 9 y 8 XX KEEPTTL
        TTL x
        MGET a b x y z
        MSETEX 2 c 1 c 2
        GET c
        MSETEX 2 a 1 new2 2 EXAT 1
        EXISTS a new2
        MSETEX 1 b 1 PXAT 4000000000123
        PEXPIRETIME b
        SADD s x
        MSETEX 1 s 1 XX
        TYPE s
        MSETEX 2 a 1 b
        MSETEX 2 a 1 b 2 c
        MSETEX 0 a 1
        MSETEX -1 a 1
        MSETEX x a 1
        MSETEX 2147483647 a 1
        MSETEX 2147483648 a 1
        MSETEX 1 a 1 NX XX
        MSETEX 1 a 1 XX NX
        MSETEX 1 a 1 NX NX
        MSETEX 1 a 1 EX
        MSETEX 1 a 1 EX 0
        MSETEX 1 a 1 EX x
        MSETEX 1 a 1 EX 9223372036854775807
        MSETEX 1 a 1 EX 10 PX 10
        MSETEX 1 a 1 EX 10 KEEPTTL
        MSETEX 1 a 1 GET
        MSETEX 1 a
        MSETEX 1
        MSETEX
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
        "As in Redis, a key that isn't there or holds something else is found before the number is looked at.",
        "`GETEX` of a missing key with a bad number",
    ),
]

FRACTIONS = ["0.5", "-0.25", "1", "3e2", "1e17", "x", "inf", "nan", "", "-0.0"]
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
            lambda: ["INCRBYFLOAT", key, random.choice(FRACTIONS)],
            lambda: ["LCS", key, chance.key(random, "string"), *random.choice(LCS_OPTIONS)],
        ]
    )()
    return chance.spoilt(random, made)


LCS_OPTIONS: list[list[str | bytes]] = [[], ["LEN"], ["IDX"], ["IDX", "WITHMATCHLEN"], ["IDX", "MINMATCHLEN", "2"], ["FOO"]]


def random_command_of_valkey(random: Random) -> list[str | bytes]:
    key = chance.key(random, "string")
    keys = chance.keys(random, "string")
    pairs = [each for key in keys for each in (key, chance.word(random))]
    count = str(len(keys)) if random.random() < 0.95 else chance.number(random)
    condition = random.choice([[], [], ["NX"], ["XX"]])
    made = random.choice(
        [
            lambda: ["SET", key, chance.word(random), "IFEQ", chance.word(random), *chance.option(random, "GET")],
            lambda: ["DELIFEQ", key, chance.word(random)],
            lambda: ["MSETEX", count, *pairs, *condition, *chance.option(random, *expiry(random))],
        ]
    )()
    return chance.spoilt(random, made)
