"""Hashes, and the expiry of their fields, which of the two peers only Valkey has."""

from __future__ import annotations

from random import Random

from . import _chance as chance

SCRIPTS = [
    (
        "setting and reading fields",
        "both",
        r"""
        HSET h a 1 b 2 a 3
        HSET h a 4 c 5
        HGET h a
        HGET h x
        HGET missing a
        HMGET h a x b a
        HMGET missing a b
        ~HGETALL h
        HGETALL missing
        ~HKEYS h
        ~HVALS h
        HKEYS missing
        HLEN h
        HLEN missing
        HEXISTS h a
        HEXISTS h x
        HEXISTS missing a
        HSTRLEN h a
        HSTRLEN h x
        HSETNX h a 9
        HSETNX h d 9
        HSETNX new a 1
        HMSET h e 1 f 2
        HSET h "" "" "\x00\xff" "\r\n"
        HGET h ""
        HGET h "\x00\xff"
        HDEL h a b x a
        HDEL h x
        HDEL missing a
        HDEL new a
        EXISTS new
        """,
    ),
    (
        "numbers in fields",
        "both",
        """
        HINCRBY h n 5
        HINCRBY h n -7
        HGET h n
        HINCRBY h n x
        HINCRBY h n 1.5
        HSET h s x m 9223372036854775807
        HINCRBY h s 1
        HINCRBY h m 1
        HINCRBYFLOAT h f 1.5
        HINCRBYFLOAT h f -0.25
        HINCRBYFLOAT h n 0.5
        HINCRBYFLOAT h s 1
        HINCRBYFLOAT h f x
        HINCRBYFLOAT h f inf
        HINCRBYFLOAT h f nan
        HINCRBYFLOAT h e 5.0e3
        HINCRBYFLOAT h e -5000
        HGET h e
        """,
    ),
    (
        "chosen by chance, all of them",
        "both",
        """
        HSET h a 1 b 2
        ?HRANDFIELD h
        ~HRANDFIELD h 5
        ~HRANDFIELD h 5 WITHVALUES
        HRANDFIELD h 0
        HRANDFIELD missing
        HRANDFIELD missing 2
        HRANDFIELD h x
        HRANDFIELD h 1 FOO
        HRANDFIELD h 1 WITHVALUES x
        HDEL h b
        HRANDFIELD h -3
        HRANDFIELD h -2 WITHVALUES
        """,
    ),
    (
        "scanning a small hash",
        "both",
        """
        HSET h a 1 ab 2 b 3
        ~HSCAN h 0
        ~HSCAN h 0 MATCH a* COUNT 100
        HSCAN missing 0
        HSCAN h x
        HSCAN h 0 COUNT 0
        HSCAN h 0 FOO
        """,
    ),
    (
        "wrong types and wrong counts of words",
        "both",
        """
        SET string x
        HSET string a 1
        HSETNX string a 1
        HGET string a
        HMGET string a
        HGETALL string
        HKEYS string
        HVALS string
        HLEN string
        HEXISTS string a
        HSTRLEN string a
        HDEL string a
        HINCRBY string a 1
        HINCRBYFLOAT string a 1
        HRANDFIELD string
        HSCAN string 0
        HSET h
        HSET h a
        HSET h a 1 b
        HMSET h a
        HMSET h a 1 b
        HGET h
        HDEL h
        HMGET h
        HINCRBY h a
        """,
    ),
    (
        "fields that expire",
        "valkey",
        """
        HSET h a 1 b 2 c 3
        HEXPIRE h 1000 FIELDS 2 a x
        HPEXPIREAT h 4000000000000 FIELDS 1 b
        ?HPEXPIRETIME h FIELDS 1 a
        HPEXPIRETIME h FIELDS 2 b c
        HEXPIRETIME h FIELDS 1 b
        HEXPIRE h 2000 NX FIELDS 1 a
        HEXPIRE h 1 GT FIELDS 1 a
        HPERSIST h FIELDS 4 a b c a
        HEXPIRE h 1000 FIELDS 1 a
        HPERSIST h FIELDS 3 a a missing
        HTTL h FIELDS 1 a
        HEXPIRE h 0 FIELDS 1 a
        HEXISTS h a
        HSETEX h EX 1000 FIELDS 1 d 4
        HTTL h FIELDS 1 d
        HGETEX h PERSIST FIELDS 2 d x
        HSET twice a 1 b 2 c 3
        HGETEX twice EX 1000 FIELDS 2 a a
        HGETEX twice EX 0 FIELDS 3 b b a
        HGETEX twice EXAT 1 FIELDS 2 c c
        EXISTS twice
        HTTL h FIELDS 1 d
        HEXPIRE h -1 FIELDS 1 b
        HEXPIRE h x FIELDS 1 b
        HEXPIRE h 10 FIELDS 2 b
        HEXPIRE missing 10 FIELDS 1 b
        HTTL missing FIELDS 1 b
        ~HGETALL h
        """,
    ),
]

FRACTIONS = ["0.5", "-0.25", "1", "3e2", "x", "inf", ""]


def random_command(random: Random) -> list[str | bytes]:
    key = chance.key(random, "hash")
    word = chance.word(random)

    def pairs() -> list[str | bytes]:
        return [each for field in chance.some_words(random, 3) for each in (field, chance.word(random))]

    made = random.choice(
        [
            lambda: ["HSET", key, *pairs()],
            lambda: ["HSET", key, *pairs()],
            lambda: ["HMSET", key, *pairs()],
            lambda: ["HSETNX", key, word, chance.word(random)],
            lambda: ["HGET", key, word],
            lambda: ["HMGET", key, *chance.some_words(random)],
            lambda: ["HGETALL", key],
            lambda: [random.choice(["HKEYS", "HVALS", "HLEN"]), key],
            lambda: [random.choice(["HEXISTS", "HSTRLEN"]), key, word],
            lambda: ["HDEL", key, *chance.some_words(random)],
            lambda: ["HINCRBY", key, word, chance.number(random)],
            lambda: ["HINCRBYFLOAT", key, word, random.choice(FRACTIONS)],
            lambda: ["HRANDFIELD", key, chance.number(random), *chance.option(random, "WITHVALUES")],
            lambda: ["HSCAN", key, random.choice(["0", "x"]), *chance.option(random, "MATCH", "a*")],
        ]
    )()
    return chance.spoilt(random, made)


def random_command_of_valkey(random: Random) -> list[str | bytes]:
    key = chance.key(random, "hash")
    fields = chance.some_words(random, 3)
    counted = ["FIELDS", str(len(fields)) if random.random() < 0.95 else chance.number(random), *fields]
    condition = random.choice([[], [], ["NX"], ["XX"]])
    # Times from now on are not the same for both: only one that is fixed is later or earlier than others.
    comparison = random.choice([condition, ["GT"], ["LT"]])
    made = random.choice(
        [
            lambda: ["HEXPIRE", key, chance.seconds(random), *condition, *counted],
            lambda: ["HPEXPIREAT", key, random.choice(["4000000000000", "1", "x"]), *comparison, *counted],
            lambda: [random.choice(["HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME"]), key, *counted],
            lambda: ["HPERSIST", key, *counted],
            lambda: ["HGETEX", key, *chance.option(random, "EX", chance.seconds(random)), *counted],
            lambda: ["HGETEX", key, "PERSIST", *counted],
            lambda: ["HGETDEL", key, *counted],
            lambda: ["HSETEX", key, *chance.option(random, "PX", chance.milliseconds(random)), "FIELDS", "1", fields[0], "v"],
        ]
    )()
    return chance.spoilt(random, made)
