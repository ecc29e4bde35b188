"""Sets."""

from __future__ import annotations

from random import Random

from . import _chance as chance

SCRIPTS = [
    (
        "adding, counting, taking out",
        "both",
        """
        SADD s a b c a
        SADD s a b
        SADD s d
        SCARD s
        SCARD missing
        ~SMEMBERS s
        SMEMBERS missing
        SREM s a x a
        SREM s x
        SREM missing a
        SREM s b c d
        EXISTS s
        SADD s ""
        SMEMBERS s
        """,
    ),
    (
        "membership",
        "both",
        r"""
        SADD s a "" "\x00\xff" 01 1
        SISMEMBER s a
        SISMEMBER s ""
        SISMEMBER s "\x00\xff"
        SISMEMBER s A
        SISMEMBER missing a
        SMISMEMBER s a b "" 1 01 001
        SMISMEMBER missing a b
        """,
    ),
    (
        "a set of integers",
        "both",
        """
        SADD n 3 1 2 10 -5 9223372036854775807
        SISMEMBER n 3
        SISMEMBER n 03
        SADD n 3
        ~SMEMBERS n
        SREM n 3 03
        SADD n x
        SCARD n
        ~SMEMBERS n
        """,
    ),
    (
        "taking and choosing by chance, all of them",
        "both",
        """
        SADD s a b c
        ~SRANDMEMBER s 5
        ?SRANDMEMBER s
        SRANDMEMBER s 0
        SRANDMEMBER missing
        SRANDMEMBER missing 3
        SRANDMEMBER missing -3
        SRANDMEMBER s x
        SRANDMEMBER s 1 2
        SRANDMEMBER s -9223372036854775808
        SPOP s 0
        SPOP s -1
        SPOP s x
        SPOP s 1 2
        SPOP missing
        SPOP missing 2
        ~SPOP s 10
        EXISTS s
        SADD s a
        SPOP s
        EXISTS s
        SADD s a
        SRANDMEMBER s
        SRANDMEMBER s -3
        SPOP s 1
        """,
    ),
    (
        "scanning a small set",
        "both",
        """
        SADD s a ab b c
        ~SSCAN s 0
        ~SSCAN s 0 MATCH a*
        ~SSCAN s 0 MATCH a* COUNT 100
        ~SSCAN s 0 COUNT 100 MATCH nothing
        SSCAN missing 0
        SSCAN missing 0 COUNT 0
        SSCAN s x
        SSCAN s 0 COUNT 0
        SSCAN s 0 COUNT x
        SSCAN s 0 MATCH
        SSCAN s 0 TYPE string
        """,
    ),
    (
        "unions, intersections, differences",
        "both",
        """
        SADD a 1 2 3 x
        SADD b 2 3 4 y
        SADD c 3 4 5 y
        ~SUNION a b c
        ~SUNION a
        ~SUNION missing b
        SUNION missing
        SUNION missing missing
        ~SINTER a b
        SINTER a b c
        ~SINTER a
        ~SINTER a a
        SINTER a missing
        SINTER missing
        ~SDIFF a b
        ~SDIFF a b c
        ~SDIFF a
        SDIFF a a
        ~SDIFF a missing
        SDIFF missing a
        SINTERCARD 2 a b
        SINTERCARD 3 a b c
        SINTERCARD 1 a
        SINTERCARD 2 a missing
        SINTERCARD 2 a b LIMIT 1
        SINTERCARD 2 a b LIMIT 0
        SINTERCARD 2 a b LIMIT 10
        SINTERCARD 2 a b limit 1 LIMIT 2
        SINTERCARD 0 a
        SINTERCARD -1 a
        SINTERCARD x a
        SINTERCARD 3 a b
        SINTERCARD 1 a b
        SINTERCARD 1 a LIMIT
        SINTERCARD 1 a LIMIT -1
        SINTERCARD 1 a LIMIT x
        SINTERCARD 1 a FOO 1
        SINTERCARD 1
        SUNION
        SINTER
        SDIFF
        """,
    ),
    (
        "unions, intersections, differences that are kept",
        "both",
        """
        SADD a 1 2 3
        SADD b 2 3 4
        SUNIONSTORE u a b
        ~SMEMBERS u
        SINTERSTORE i a b
        ~SMEMBERS i
        SDIFFSTORE d a b
        SMEMBERS d
        SDIFFSTORE a a b
        SMEMBERS a
        SUNIONSTORE b a b missing
        ~SMEMBERS b
        SINTERSTORE b b missing
        EXISTS b
        SUNIONSTORE none missing
        EXISTS none
        SET string x EX 100
        SUNIONSTORE string i
        TYPE string
        TTL string
        EXPIRE u 1000
        SUNIONSTORE u u
        TTL u
        SET string x
        SINTERSTORE string missing
        EXISTS string
        SET string x
        SUNIONSTORE u a string
        SINTERSTORE u missing string
        SDIFFSTORE u missing string
        ~SMEMBERS u
        SUNION u string
        SINTER string
        SDIFF a string
        SINTERCARD 2 missing string
        SUNIONSTORE u
        SINTERSTORE u
        SDIFFSTORE
        """,
    ),
    (
        "moving a member",
        "both",
        """
        SADD a 1 2 3
        SADD b 3 4
        SMOVE a b 1
        SMOVE a b 3
        SMOVE a b 9
        SMOVE missing b 1
        SMOVE a new 2
        EXISTS a
        ~SMEMBERS b
        SMEMBERS new
        SMOVE b b 4
        SMOVE b b 9
        SET string x
        SMOVE b string 4
        SMOVE b string 9
        SMOVE string b 4
        SMOVE missing string 1
        SMOVE string string 1
        SMOVE a b
        SMOVE a b c d
        """,
    ),
    (
        "wrong types and wrong counts of words",
        "both",
        """
        SET string x
        SADD string a
        SREM string a
        SCARD string
        SISMEMBER string a
        SMISMEMBER string a
        SMEMBERS string
        SPOP string
        SPOP string 0
        SRANDMEMBER string
        SRANDMEMBER string 2
        SSCAN string 0
        SADD s
        SREM s
        SCARD
        SCARD s s
        SISMEMBER s
        SISMEMBER s a b
        SMISMEMBER s
        SMEMBERS s s
        SPOP
        SRANDMEMBER
        SSCAN s
        """,
    ),
]


def random_command(random: Random) -> list[str | bytes]:
    key = chance.key(random, "set")
    made = random.choice(
        [
            lambda: ["SADD", key, *chance.some_words(random)],
            lambda: ["SADD", key, *chance.some_words(random)],
            lambda: ["SREM", key, *chance.some_words(random)],
            lambda: ["SCARD", key],
            lambda: ["SISMEMBER", key, chance.word(random)],
            lambda: ["SMISMEMBER", key, *chance.some_words(random)],
            lambda: ["SMEMBERS", key],
            # All or none: some would be members by chance.
            lambda: ["SPOP", key, random.choice(["0", "-1", "x", "100"])],
            lambda: ["SRANDMEMBER", key, chance.number(random)],
            lambda: [random.choice(["SUNION", "SINTER", "SDIFF"]), *chance.keys(random, "set")],
            lambda: [random.choice(["SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE"]), key, *chance.keys(random, "set")],
            lambda: ["SINTERCARD", chance.number(random), *chance.keys(random, "set"), *chance.option(random, "LIMIT", "1")],
            lambda: ["SMOVE", key, chance.key(random, "set"), chance.word(random)],
            lambda: ["SSCAN", key, random.choice(["0", "x"]), *chance.option(random, "MATCH", "a*")],
        ]
    )()
    # Without its count it would take a member by chance.
    return made if made[0] == "SPOP" else chance.spoilt(random, made)
