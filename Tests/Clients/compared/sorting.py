"""SORT and SORT_RO: elements in the order of numbers or bytes, their own or those at other keys."""

from __future__ import annotations

from random import Random

from . import Difference
from . import _chance as chance

SCRIPTS = [
    (
        "a zero byte ends a number",
        "redis",
        """
        RPUSH l 2 "\\x00" "1\\x00x" -3
        SORT l
        SORT l DESC
        """,
    ),
    (
        "numbers",
        "both",
        """
        RPUSH l 3 1 2 10 -5 2.5 1e2 +7
        SORT l
        SORT l DESC
        SORT l ASC DESC ASC
        SORT l LIMIT 2 3
        SORT l LIMIT 0 0
        SORT l LIMIT -3 2
        SORT l LIMIT 5 -1
        SORT l LIMIT 100 2
        SORT l limit 1 2 desc
        SORT l LIMIT 1 2 LIMIT 0 1
        SORT_RO l
        SADD s 3 1 2 10
        SORT s
        ZADD z 1 30 2 20 3 10
        SORT z
        SORT z DESC LIMIT 0 2
        SORT missing
        RPUSH same 1 1.0 01 1e0
        SORT same
        SORT same DESC
        RPUSH inf inf -inf 0
        SORT inf
        """,
    ),
    (
        "an element without a digit",
        "redis",
        """
        RPUSH e "" 1 -1
        SORT e
        """,
    ),
    (
        "bytes",
        "both",
        r"""
        RPUSH l b a "" ab B 10 9 "a b" "\xff"
        SORT l ALPHA
        SORT l ALPHA DESC
        SORT l alpha limit 1 3
        SORT_RO l ALPHA
        SADD s b a c
        SORT s ALPHA
        ZADD z 1 c 2 b 3 a
        SORT z ALPHA DESC
        """,
    ),
    (
        "the order of other keys, and what they hold",
        "both",
        """
        RPUSH l 1 2 3 4
        MSET w_1 30 w_2 10 w_3 20 d_1 one d_2 two d_3 three
        SORT l BY w_*
        SORT l BY w_* DESC
        SORT l BY d_* ALPHA
        SORT l BY d_* ALPHA DESC
        SORT l BY d_*
        SORT l BY w_* GET d_*
        SORT l BY w_* GET # GET d_* GET w_*
        SORT l GET constant
        SORT l BY nosort
        SORT l BY nosort DESC
        SORT l BY nosort GET # LIMIT 1 2
        SORT l BY #
        SORT_RO l BY w_* GET d_* LIMIT 0 2
        HSET h_1 f 3 g x
        HSET h_2 f 2
        HSET h_3 f 1
        SORT l BY h_*->f
        SORT l BY h_*->f GET h_*->g
        SORT l BY h_*->f GET h_*->missing GET h_*
        SORT l BY h_*->
        SORT l GET w_*->f
        SORT l BY a*b*c
        SORT l BY w_* BY nosort
        ZADD z 1 c 2 b 3 a
        SORT z BY nosort
        SORT z BY nosort DESC
        SORT z BY nosort DESC LIMIT 1 1
        SORT z BY nosort LIMIT 1 9
        """,
    ),
    (
        "results that are stored",
        "both",
        """
        RPUSH l 3 1 2
        SORT l STORE to
        LRANGE to 0 -1
        SORT l DESC STORE to
        LRANGE to 0 -1
        SORT l STORE l
        LRANGE l 0 -1
        MSET d_1 one d_3 three
        SORT l GET # GET d_* STORE to
        LRANGE to 0 -1
        SET other x EX 100
        SORT l STORE other
        TTL other
        TYPE other
        SORT missing STORE to
        EXISTS to
        SORT l LIMIT 5 1 STORE other
        EXISTS other
        SADD s c b a
        SORT s BY nosort STORE to
        LRANGE to 0 -1
        SORT s BY nosort DESC STORE to
        LRANGE to 0 -1
        SORT l STORE a STORE b
        EXISTS a b
        SORT l BY store STORE c
        EXISTS store c
        SORT l GET store STORE c ALPHA
        EXISTS c
        SORT_RO l STORE to
        """,
    ),
    (
        "what is wrong",
        "both",
        """
        RPUSH l 1 a
        SORT l
        SORT l STORE to
        SORT l BY *
        SET 1 x
        SORT l BY *
        SET string x
        SORT string
        SORT string LIMIT
        HSET h f v
        SORT h
        SORT l LIMIT
        SORT l LIMIT 1
        SORT l LIMIT x 1
        SORT l LIMIT 1 x
        SORT l BY
        SORT l GET
        SORT l STORE
        SORT l FOO
        SORT
        SORT_RO
        SORT_RO string
        RPUSH n nan
        SORT n
        MULTI
        SORT l ALPHA
        SORT l BY w_* ALPHA STORE to
        LRANGE to 0 -1
        EXEC
        COMMAND GETKEYS SORT l
        COMMAND GETKEYS SORT l STORE to
        COMMAND GETKEYS SORT l BY w_* STORE a STORE b
        COMMAND GETKEYS SORT_RO l BY w_*
        """,
    ),
]


DIFFERENCES = [
    Difference(
        "valkey",
        "SORT",
        r"-ERR One or more scores can't be converted into double\r\n",
        r"\*.*",
        "Nothing counts as 0, as in Redis; Valkey 9 refuses it.",
        "`SORT` of an element without a digit",
    )
]


def random_command(random: Random) -> list[str | bytes]:
    key = chance.key(random, random.choice(["list", "list", "zset", "set"]))
    patterns = ["k*", "*", "k3->*", "k*->a", "nosort", "#", "*1", "", "x*y"]
    # Among equal texts of other keys there is no order, and what may be refused by one of the peers alone stores nothing.
    order = random.choice(
        [
            [],
            ["BY", random.choice(["k*", "*", "k*->a", "x*y", "*->"])],
            ["ALPHA"],
            ["ALPHA", "STORE", chance.key(random, "list")],
        ]
    )
    gets = [each for _ in range(random.randrange(3)) for each in ("GET", random.choice(patterns))]
    made: list[str | bytes] = [
        *("SORT", key, *order, *gets),
        *chance.option(random, "LIMIT", chance.number(random), chance.number(random)),
        *chance.option(random, random.choice(["ASC", "DESC", "desc"])),
    ]
    return chance.spoilt(random, made)
