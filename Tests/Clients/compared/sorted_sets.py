"""Sorted sets, by rank, by score and by bytes, and what is made of several."""

from __future__ import annotations

from random import Random

from . import Difference
from . import _chance as chance

SCRIPTS = [
    (
        "infinity times 0",
        "both",
        """
        ZADD a inf x -inf y 1 z
        ZADD b 2 x 3 y 4 z
        ZINTER 2 a a WEIGHTS 2 0 AGGREGATE MAX WITHSCORES
        ZINTER 2 a a WEIGHTS 2 0 AGGREGATE MIN WITHSCORES
        ZINTER 2 a a WEIGHTS 2 0 WITHSCORES
        ZINTER 2 a b WEIGHTS 0 1 AGGREGATE MAX WITHSCORES
        ZINTER 2 b a WEIGHTS 1 0 AGGREGATE MIN WITHSCORES
        ZINTER 2 b a WEIGHTS 1 0 WITHSCORES
        ZUNION 2 a a WEIGHTS 2 0 AGGREGATE MAX WITHSCORES
        ZUNION 2 a b WEIGHTS 0 1 AGGREGATE MIN WITHSCORES
        ZUNION 2 b a WEIGHTS 1 0 AGGREGATE MAX WITHSCORES
        ZUNIONSTORE c 2 a a WEIGHTS 1 -1
        ZRANGE c 0 -1 WITHSCORES
        """,
    ),
    (
        "ZADD and its options",
        "both",
        """
        ZADD z 1 a 2.5 b -3 c
        ZADD z 2 a 4 d
        ZADD z CH 3 a 5 e 4 d
        ZADD z NX 9 a 9 f
        ZADD z XX 9 g
        ZADD z XX CH 7 f
        ZADD z GT CH 1 a 10 f
        ZADD z LT CH 1 a 10 f
        ZADD z GT CH 5 n 6 n 4 n
        ZADD z NX 5 m 6 m
        ZADD z CH 1 k 2 k 1 k
        ZADD z CH 1 k 2 k 1 k
        ZADD z INCR 1.5 a
        ZADD z XX INCR 1 missing
        ZADD z NX INCR 1 a
        ZADD z GT INCR -1 a
        ZADD z LT INCR -1 a
        ZADD missing XX 1 a
        EXISTS missing
        ZRANGE z 0 -1 WITHSCORES
        ZADD z
        ZADD z 1
        ZADD z NX CH
        ZADD z 1 a 2
        ZADD z NX XX 1 a
        ZADD z NX GT 1 a
        ZADD z GT LT 1 a
        ZADD z INCR 1 a 2 b
        ZADD z one a
        ZADD z nan a
        ZADD z "1 " a
        ZADD z " 1" a
        ZADD z 1e400 a
        ZADD z "" a
        ZADD z FOO 1 a
        TYPE z
        SET s v
        ZADD s 1 a
        ZADD s x a
        ZINCRBY s 1 a
        GET z
        SADD z a
        HSET z a b
        APPEND z a
        INCR z
        SETNX z v
        """,
    ),
    (
        "Scores: their forms, ZSCORE, ZMSCORE, ZINCRBY",
        "both",
        r"""
        ZADD z 1.5 a inf b -inf c +5 d .5 e 5. f 1e20 g 123456789012 h 1e3 i
        ZSCORE z a
        ZSCORE z b
        ZSCORE z c
        ZSCORE z d
        ZSCORE z e
        ZSCORE z f
        ZSCORE z g
        ZSCORE z h
        ZSCORE z i
        ZSCORE z missing
        ZSCORE missing a
        ZMSCORE z a missing b
        ZMSCORE missing a b
        ZMSCORE z
        ZSCORE z
        ZINCRBY z 2.25 a
        ZINCRBY z -3.75 a
        ZINCRBY z 5 new
        ZINCRBY z 1 b
        ZINCRBY z -inf b
        ZINCRBY z nan a
        ZINCRBY z x a
        ZINCRBY z 1
        ZADD z -0 zero
        ZSCORE z zero
        ZADD z 0.5 "" 0.25 "two words" 0.125 "\x00\xff"
        ZRANGE z 0 4 WITHSCORES
        ZSCORE z ""
        SET s v
        ZSCORE s a
        ZMSCORE s a
        """,
    ),
    (
        "Ranks",
        "both",
        """
        ZADD z 1 a 1 b 2 c 3 d
        ZRANK z a
        ZRANK z b
        ZRANK z d
        ZREVRANK z a
        ZREVRANK z d
        ZRANK z missing
        ZRANK missing a
        ZCARD z
        ZCARD missing
        SET s v
        ZCARD s
        ZRANK s a
        ZRANK z
        """,
    ),
    (
        "ZRANGE by rank, ZREVRANGE",
        "both",
        """
        ZADD z 1 a 2 b 3 c 4 d 5 e
        ZRANGE z 0 -1
        ZRANGE z 1 3
        ZRANGE z -2 -1
        ZRANGE z -100 100
        ZRANGE z 3 1
        ZRANGE z 5 9
        ZRANGE z -9 -7
        ZRANGE z 0 0 WITHSCORES
        ZRANGE z 0 1 REV WITHSCORES
        ZRANGE z 1 2 REV
        ZREVRANGE z 0 1
        ZREVRANGE z 0 1 WITHSCORES
        ZREVRANGE z 0 1 REV
        ZREVRANGE z 0 1 BYSCORE
        ZRANGE missing 0 -1
        ZRANGE missing 0 x
        ZRANGE z 0 x
        ZRANGE z (0 1
        ZRANGE z 9223372036854775807 9223372036854775807
        ZRANGE z -9223372036854775808 9223372036854775807
        ZRANGE z 0 -1 LIMIT 1 2
        ZRANGE z 0 -1 LIMIT 1 -1
        ZRANGE z 0 -1 LIMIT 1
        ZRANGE z 0 -1 FOO
        ZRANGE z 0 -1 REV REV
        ZRANGE z 0
        SET s v
        ZRANGE s 0 -1
        ZREVRANGE s 0 -1
        """,
    ),
    (
        "Ranges of scores",
        "both",
        """
        ZADD z 1 a 2 b 2 c 3 d inf e -inf f
        ZRANGE z 1 3 BYSCORE
        ZRANGE z (1 (3 BYSCORE WITHSCORES
        ZRANGE z 3 1 BYSCORE
        ZRANGE z 3 1 BYSCORE REV
        ZRANGE z (3 -inf BYSCORE REV
        ZRANGE z -inf +inf BYSCORE
        ZRANGE z (-inf (inf BYSCORE
        ZRANGE z -inf inf BYSCORE LIMIT 1 2
        ZRANGE z -inf inf BYSCORE LIMIT 1 -1
        ZRANGE z -inf inf BYSCORE LIMIT -1 2
        ZRANGE z -inf inf BYSCORE LIMIT 9 2
        ZRANGE z -inf inf BYSCORE LIMIT 0 0
        ZRANGE z -inf inf BYSCORE LIMIT x 1
        ZRANGE z inf -inf BYSCORE REV LIMIT 1 2 WITHSCORES
        ZRANGE z one 2 BYSCORE
        ZRANGE z 1 2 BYSCORE BYLEX
        ZRANGEBYSCORE z 1 3
        ZRANGEBYSCORE z 1 3 WITHSCORES LIMIT 1 1
        ZRANGEBYSCORE z ( 2
        ZRANGEBYSCORE z "" 2
        ZRANGEBYSCORE z nan 2
        ZRANGEBYSCORE z 1e400 inf
        ZRANGEBYSCORE z 1 3 REV
        ZREVRANGEBYSCORE z 3 1
        ZREVRANGEBYSCORE z 3 1 WITHSCORES
        ZREVRANGEBYSCORE z 1 3
        ZCOUNT z 1 3
        ZCOUNT z (1 3
        ZCOUNT z -inf +inf
        ZCOUNT z 3 1
        ZCOUNT z x 1
        ZCOUNT missing 1 2
        ZREMRANGEBYSCORE z (1 2
        ZREMRANGEBYSCORE z 7 8
        ZREMRANGEBYSCORE z 7 x
        ZREMRANGEBYSCORE missing 1 2
        ZRANGE z 0 -1
        ZREMRANGEBYSCORE z -inf inf
        EXISTS z
        SET s v
        ZCOUNT s 1 2
        ZRANGEBYSCORE s 1 2
        ZREMRANGEBYSCORE s 1 2
        """,
    ),
    (
        "Ranges of bytes",
        "both",
        """
        ZADD z 0 a 0 b 0 c 0 cc 0 d
        ZRANGE z [b [cc BYLEX
        ZRANGE z (b (cc BYLEX
        ZRANGE z - + BYLEX
        ZRANGE z + - BYLEX REV
        ZRANGE z - + BYLEX REV
        ZRANGE z [c (a BYLEX REV LIMIT 1 1
        ZRANGE z [ + BYLEX
        ZRANGE z - [ BYLEX
        ZRANGE z b c BYLEX
        ZRANGE z "" + BYLEX
        ZRANGE z -x + BYLEX
        ZRANGE z - + BYLEX WITHSCORES
        ZRANGEBYLEX z [b +
        ZRANGEBYLEX z [b + LIMIT 1 2
        ZRANGEBYLEX z [b + WITHSCORES
        ZREVRANGEBYLEX z + (b
        ZREVRANGEBYLEX z [b [c
        ZLEXCOUNT z [b (d
        ZLEXCOUNT z - +
        ZLEXCOUNT z + -
        ZLEXCOUNT z b +
        ZLEXCOUNT missing - +
        ZREMRANGEBYLEX z [b (cc
        ZREMRANGEBYLEX z b c
        ZREMRANGEBYLEX missing - +
        ZRANGE z 0 -1
        SET s v
        ZLEXCOUNT s - +
        ZREMRANGEBYLEX s - +
        """,
    ),
    (
        "ZREM, ZREMRANGEBYRANK, taking from an end",
        "both",
        """
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h
        ZREM z a a missing
        ZREM missing a
        ZREM z
        ZREMRANGEBYRANK z 0 0
        ZREMRANGEBYRANK z -1 -1
        ZREMRANGEBYRANK z 9 12
        ZREMRANGEBYRANK z x 1
        ZREMRANGEBYRANK missing 0 1
        ZRANGE z 0 -1
        ZPOPMIN z
        ZPOPMAX z 2
        ZPOPMIN z 0
        ZPOPMIN z -1
        ZPOPMIN z x
        ZPOPMIN z 1 2
        ZPOPMIN missing
        ZPOPMIN missing 2
        ZMPOP 2 missing z MIN
        ZADD z 1 a 2 b 3 c
        ZMPOP 1 z MAX COUNT 2
        ZMPOP 1 z MIN COUNT 0
        ZMPOP 1 z MIN COUNT x
        ZMPOP 0 z MIN
        ZMPOP x z MIN
        ZMPOP 1 z
        ZMPOP 3 z MIN
        ZMPOP 1 z FIRST
        ZMPOP 1 z MIN MAX
        ZMPOP 1 z MIN COUNT 1 COUNT 1
        ZMPOP 1 missing MIN
        ZPOPMIN z 100
        EXISTS z
        SET s v
        ZPOPMIN s
        ZPOPMIN s 0
        ZMPOP 1 s MIN
        ZREM s a
        ZREMRANGEBYRANK s 0 1
        """,
    ),
    (
        "Unions, intersections, differences",
        "both",
        """
        ZADD a 1 a 2 b 3 c
        ZADD b 10 b 20 c 30 d
        SADD m b z
        SET s v
        ZUNION 2 a b
        ZUNION 2 a b WITHSCORES
        ZUNION 2 a b WEIGHTS 2 0.5 WITHSCORES
        ZUNION 2 a b AGGREGATE MIN WITHSCORES
        ZUNION 2 a b AGGREGATE max WITHSCORES
        ZUNION 2 a m WITHSCORES
        ZUNION 2 a a WITHSCORES
        ZUNION 1 missing
        ZUNION 2 a s
        ZUNION 2 a b WEIGHTS 1 WITHSCORES
        ZUNION 2 a b WEIGHTS 1 x
        ZUNION 2 a b WEIGHTS 1
        ZUNION 2 a b AGGREGATE AVG
        ZUNION 2 a b AGGREGATE
        ZUNION 0 a
        ZUNION x a
        ZUNION 3 a b
        ZUNION 1 a b
        ZINTER 2 a b
        ZINTER 2 a b WITHSCORES
        ZINTER 3 a b m WITHSCORES
        ZINTER 2 a b WEIGHTS 2 0.5 AGGREGATE MAX WITHSCORES
        ZINTER 2 a missing
        ZINTER 1 m WITHSCORES
        ZINTER 2 missing s
        ZINTERCARD 2 a b
        ZINTERCARD 2 a b LIMIT 1
        ZINTERCARD 2 a b LIMIT 0
        ZINTERCARD 2 a b LIMIT -1
        ZINTERCARD 2 a b LIMIT
        ZINTERCARD 2 a b WITHSCORES
        ZDIFF 2 a b
        ZDIFF 2 a m WITHSCORES
        ZDIFF 2 m a WITHSCORES
        ZDIFF 2 missing a
        ZDIFF 2 a b WEIGHTS 1 2
        ZUNIONSTORE d 2 a b
        ZRANGE d 0 -1 WITHSCORES
        ZUNIONSTORE d 2 a b WITHSCORES
        ZUNIONSTORE a 2 a b WEIGHTS 1 2 AGGREGATE SUM
        ZRANGE a 0 -1 WITHSCORES
        ZINTERSTORE d 2 a b
        ZINTERSTORE s 2 a b
        TYPE s
        ZDIFFSTORE d 2 a m
        ZRANGE d 0 -1 WITHSCORES
        ZDIFFSTORE d 1 missing
        EXISTS d
        ZUNIONSTORE d 0 a
        ZRANGESTORE d a 1 2
        ZRANGE d 0 -1 WITHSCORES
        ZRANGESTORE d a (3 inf BYSCORE LIMIT 1 1
        ZRANGE d 0 -1 WITHSCORES
        ZRANGESTORE d a 0 1 REV
        ZRANGE d 0 -1
        ZRANGESTORE d a 0 1 WITHSCORES
        ZRANGESTORE d a 9 10
        EXISTS d
        ZADD inf inf x
        ZADD neg -inf x
        ZUNION 2 inf neg WITHSCORES
        ZINTER 2 inf neg WITHSCORES
        ZUNION 1 inf WEIGHTS 0 WITHSCORES
        ZUNION 1 a WEIGHTS inf WITHSCORES
        """,
    ),
    (
        "Members by chance, a few at a time, and keys of sorted sets",
        "both",
        """
        ZADD z 2 a
        ZRANDMEMBER z
        ZRANDMEMBER z 5
        ZRANDMEMBER z -3
        ZRANDMEMBER z 1 WITHSCORES
        ZRANDMEMBER z -2 WITHSCORES
        ZRANDMEMBER z 0
        ZRANDMEMBER missing
        ZRANDMEMBER missing 2 WITHSCORES
        ZRANDMEMBER z x
        ZRANDMEMBER z 1 FOO
        ZRANDMEMBER z 9223372036854775807 WITHSCORES
        ZSCAN z 0
        ZADD z 1 b
        ZSCAN z 0
        ZSCAN z 0 MATCH a* COUNT 5
        ZSCAN z 0 COUNT 0
        ZSCAN z x
        ZSCAN missing 0
        COPY z y
        RENAME y x
        ZRANGE x 0 -1 WITHSCORES
        SCAN 0 TYPE zset COUNT 1000 MATCH x
        TYPE x
        EXPIRE x 100
        ZADD x 5 e
        TTL x
        DEL x
        SET s v
        ZRANDMEMBER s
        ZSCAN s 0
        """,
    ),
    (
        "scores of ranks, scans without scores, shortest digits",
        "valkey",
        """
        ZADD z 0.1 a 1e-7 b 0.00001 c 123456.7890123 d 3.3 e 12345678901234567890 f 5e-324 h 1.7976931348623157e308 i
        ZRANGE z 0 -1 WITHSCORES
        ZRANK z a WITHSCORE
        ZREVRANK z a WITHSCORE
        ZRANK z missing WITHSCORE
        ZRANK missing a WITHSCORE
        ZRANK z a FOO
        ZRANK z a WITHSCORE FOO
        ZINCRBY z 0.2 a
        ZADD z 0x10 hex
        ZSCAN z 0 NOSCORES
        SADD m a
        SSCAN m 0 NOSCORES
        """,
    ),
    (
        "with many members",
        "both",
        """
        ZADD z """
        + " ".join(f"{number * 7 % 130} member:{number}" for number in range(300))
        + """
        ZCARD z
        ZRANGE z 0 -1 WITHSCORES
        ZRANGE z 100 120 REV
        ZRANGE z (20 (30 BYSCORE WITHSCORES
        ZRANGE z 40 10 BYSCORE REV LIMIT 3 7
        ZRANK z member:77
        ZREVRANK z member:77
        ZINCRBY z 60.5 member:77
        ZRANK z member:77
        ZADD z CH GT 5 member:1 5 member:2 500 member:3 501 member:3
        ZREMRANGEBYSCORE z 30 50
        ZREMRANGEBYRANK z 10 99
        ZCOUNT z -inf 60
        ZRANGE z 0 -1
        ZPOPMIN z 3
        ZPOPMAX z 3
        ~ZSCAN z 0 COUNT 10000
        SADD s member:5 member:6 member:7
        ZUNION 2 z s WITHSCORES
        ZINTER 2 z s WITHSCORES
        ZDIFFSTORE d 2 z s
        ZRANGE d 0 -1 WITHSCORES
        ZRANGESTORE e z 10 -10
        ZRANGE e 0 -1 WITHSCORES
        ZREMRANGEBYRANK z 0 -1
        EXISTS z
        """,
    ),
    (
        "members with equal scores, many of them",
        "both",
        """
        ZADD z """
        + " ".join(f"0 {number:03}" for number in range(400))
        + """
        ZRANGEBYLEX z [100 (110
        ZREVRANGEBYLEX z [110 (100 LIMIT 2 5
        ZLEXCOUNT z - (2
        ZRANGE z [39 + BYLEX
        ZREMRANGEBYLEX z (05 [3
        ZCARD z
        ZRANGE z 0 -1
        """,
    ),
    (
        "taking from the first that has any, or waiting for that",
        "both",
        """
        ZADD z 1 a 2 b 3 c 4 d
        ZADD y 1.5 x
        BZPOPMIN z 0
        BZPOPMAX none z y 0
        BZPOPMIN none y z 0.5
        EXISTS y
        BZMPOP 0 1 z MIN
        ZADD z 1 a 2 b 3 c
        BZMPOP 0 3 none z y MAX COUNT 2
        BZMPOP 0.1 1 z min count 10
        EXISTS z
        BZPOPMIN z 0.001
        BZPOPMAX z y 0.001
        BZMPOP 0.001 2 z y MIN COUNT 3
        BZPOPMIN z z 0.001
        """,
    ),
    (
        "waiting that is wrong",
        "both",
        """
        ZADD z 1 a
        SET s x
        BZPOPMIN z -1
        BZPOPMIN z x
        BZPOPMIN z
        BZPOPMIN
        BZPOPMAX s 0
        BZPOPMAX none s 0
        BZPOPMIN z s 0
        BZMPOP 0 1 s MIN
        BZMPOP x 1 z MIN
        BZMPOP -1 1 z MIN
        BZMPOP 0 0 z MIN
        BZMPOP 0 x z MIN
        BZMPOP 0 1 z UP
        BZMPOP 0 2 z MIN
        BZMPOP 0 1 z MIN COUNT 0
        BZMPOP 0 1 z MIN COUNT 1 COUNT 1
        BZMPOP 0 1 z
        BZMPOP 0 1
        MULTI
        BZPOPMIN none 0
        BZMPOP 0 1 none MIN
        ZADD z 1 a 2 b
        BZPOPMAX z 0
        EXEC
        """,
    ),
]

DIFFERENCES = [
    Difference(
        "redis",
        "Z.*",
        r".*[0-9]\.[0-9]{12,}.*",
        r".*",
        "Scores have as few digits as tell them apart, as since Redis 7.2; Redis 7.0 writes 17.",
        "scores",
    ),
    Difference(
        "redis",
        "Z(REV)?RANK",
        r"-ERR wrong number of arguments for 'z(rev)?rank' command\r\n",
        r"(-ERR syntax error|-WRONGTYPE .*|\$-1|\*-1|_|\*2\r\n.*)\r\n",
        "WITHSCORE is there, as since Redis 7.2.",
        "`ZRANK` and `ZREVRANK` with `WITHSCORE`",
    ),
    Difference(
        "both",
        "B?Z.*",
        r".*(\$2\r\n|,)-0\r\n.*",
        r".*",
        "Zero has no sign in a sorted set; in Redis and Valkey it has in large ones.",
        "a score of -0",
    ),
]


def score(random: Random) -> str:
    """A score whose text is the same everywhere, or none."""
    if random.random() < 0.05:
        return random.choice(["", "x", "nan", "1e400", " 1", "1 ", "--1"])
    return random.choice(["0", "1", "2", "3", "-1", "-2.5", "0.5", "1.5", "7", "100", "1e3", "inf", "-inf", "+4", "-0"])


def bound(random: Random) -> str:
    return random.choice(["", "", "("]) + random.choice(["-inf", "inf", "+inf", "0", "1", "2", "-1", "1.5", "x", "3"])


def lex_bound(random: Random) -> str | bytes:
    return random.choice(["-", "+", "[a", "(a", "[b", "(c", "[", "[x", "(ab", "a", ""])


def limit(random: Random) -> list[str | bytes]:
    return chance.option(random, "LIMIT", chance.number(random), chance.number(random))


def members(random: Random) -> list[str | bytes]:
    return [each for _ in range(random.randrange(1, 4)) for each in (score(random), chance.word(random))]


def inputs(random: Random) -> list[str | bytes]:
    """A count and keys, of sorted sets and sets, and mostly as many as counted."""
    keys = [chance.key(random, random.choice(["zset", "zset", "set"])) for _ in range(random.randrange(1, 4))]
    return [str(len(keys)) if random.random() < 0.95 else chance.number(random), *keys]


def weights(random: Random, count: int) -> list[str | bytes]:
    return chance.option(random, "WEIGHTS", *(random.choice(["1", "2", "-1", "0", "inf", "x"]) for _ in range(count)))


def combination(random: Random) -> list[str | bytes]:
    keys = inputs(random)
    aggregate = chance.option(random, "AGGREGATE", random.choice(["SUM", "MIN", "MAX", "max", "AVG"]))
    return [*keys, *weights(random, len(keys) - 1), *aggregate]


def random_command(random: Random) -> list[str | bytes]:
    key = chance.key(random, "zset")
    # The order of bytes means something only among equal scores: this key has no others.
    lex = "k5lex"
    conditions = [
        *chance.option(random, random.choice(["NX", "XX"])),
        *chance.option(random, random.choice(["GT", "LT"])),
        *chance.option(random, "CH"),
    ]
    with_scores = chance.option(random, "WITHSCORES")
    made = random.choice(
        [
            lambda: ["ZADD", key, *members(random)],
            lambda: ["ZADD", key, *members(random)],
            lambda: ["ZADD", key, *conditions, *members(random)],
            lambda: ["ZADD", key, *conditions, "INCR", score(random), chance.word(random)],
            lambda: ["ZINCRBY", key, score(random), chance.word(random)],
            lambda: ["ZREM", key, *chance.some_words(random)],
            lambda: [random.choice(["ZCARD", "TYPE"]), key],
            lambda: ["ZSCORE", key, chance.word(random)],
            lambda: ["ZMSCORE", key, *chance.some_words(random)],
            lambda: [random.choice(["ZRANK", "ZREVRANK"]), key, chance.word(random)],
            lambda: ["ZCOUNT", key, bound(random), bound(random)],
            lambda: [
                random.choice(["ZRANGE", "ZREVRANGE"]),
                *(key, chance.number(random), chance.number(random)),
                *with_scores,
            ],
            lambda: [
                "ZRANGE",
                *(key, chance.number(random), chance.number(random)),
                *chance.option(random, "REV"),
                *with_scores,
                *limit(random),
            ],
            lambda: [
                "ZRANGE",
                *(key, bound(random), bound(random), "BYSCORE"),
                *chance.option(random, "REV"),
                *limit(random),
                *with_scores,
            ],
            lambda: [
                random.choice(["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]),
                *(key, bound(random), bound(random)),
                *with_scores,
                *limit(random),
            ],
            lambda: [
                "ZRANGESTORE",
                *(chance.key(random, "zset"), key, bound(random), bound(random), "BYSCORE"),
                *limit(random),
            ],
            lambda: [
                "ZRANGESTORE",
                *(chance.key(random, "zset"), key, chance.number(random), chance.number(random)),
                *chance.option(random, "REV"),
            ],
            lambda: ["ZADD", lex, "0", chance.word(random), "0", chance.word(random)],
            lambda: [
                random.choice(["ZRANGEBYLEX", "ZREVRANGEBYLEX"]),
                *(lex, lex_bound(random), lex_bound(random)),
                *limit(random),
            ],
            lambda: [random.choice(["ZLEXCOUNT", "ZREMRANGEBYLEX"]), lex, lex_bound(random), lex_bound(random)],
            lambda: ["ZREMRANGEBYSCORE", key, bound(random), bound(random)],
            lambda: ["ZREMRANGEBYRANK", key, chance.number(random), chance.number(random)],
            lambda: [random.choice(["ZPOPMIN", "ZPOPMAX"]), key, *chance.option(random, chance.number(random))],
            lambda: [
                "ZMPOP",
                *inputs(random),
                random.choice(["MIN", "MAX", "max", "x"]),
                *chance.option(random, "COUNT", chance.number(random)),
            ],
            lambda: [random.choice(["BZPOPMIN", "BZPOPMAX"]), *chance.keys(random, "zset"), "0.001"],
            lambda: [
                *("BZMPOP", "0.001", *inputs(random), random.choice(["MIN", "MAX"])),
                *chance.option(random, "COUNT", chance.number(random)),
            ],
            lambda: ["ZRANDMEMBER", key, chance.number(random), *with_scores],
            lambda: ["ZSCAN", key, random.choice(["0", "x"]), *chance.option(random, "MATCH", "a*")],
            lambda: [random.choice(["ZUNION", "ZINTER"]), *combination(random), *with_scores],
            lambda: [random.choice(["ZUNIONSTORE", "ZINTERSTORE"]), key, *combination(random)],
            lambda: ["ZDIFF", *inputs(random), *with_scores],
            lambda: ["ZDIFFSTORE", key, *inputs(random)],
            lambda: ["ZINTERCARD", *inputs(random), *chance.option(random, "LIMIT", chance.number(random))],
        ]
    )()
    return chance.spoilt(random, made)


def random_command_of_valkey(random: Random) -> list[str | bytes]:
    return [
        random.choice(["ZRANK", "ZREVRANK"]),
        chance.key(random, "zset"),
        chance.word(random),
        random.choice(["WITHSCORE", "withscore", "x"]),
    ]
