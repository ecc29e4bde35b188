"""Bitmaps and bit fields."""

from __future__ import annotations

from random import Random

from . import _chance as chance

SCRIPTS = [
    (
        "single bits",
        "both",
        r"""
        SETBIT k 7 1
        GET k
        SETBIT k 7 1
        SETBIT k 7 0
        GET k
        SETBIT k 100 1
        GETBIT k 100
        GETBIT k 99
        GETBIT k 1000
        GETBIT missing 0
        STRLEN k
        SETBIT new 20 0
        GET new
        SET k "\xff" EX 100
        SETBIT k 0 0
        TTL k
        GET k
        SETBIT k -1 1
        SETBIT k 4294967296 1
        SETBIT k x 1
        SETBIT k 1 2
        SETBIT k 1 -1
        SETBIT k 1 x
        SETBIT k x x
        SETBIT k 1
        GETBIT k -1
        GETBIT k x
        GETBIT k 4294967295
        GETBIT k 4294967296
        GETBIT k
        SADD s a
        SETBIT s 1 1
        GETBIT s 1
        """,
    ),
    (
        "counting",
        "both",
        r"""
        SET k foobar
        BITCOUNT k
        BITCOUNT k 0 0
        BITCOUNT k 1 1
        BITCOUNT k 0 -1
        BITCOUNT k -2 -1
        BITCOUNT k -100 1
        BITCOUNT k 3 100
        BITCOUNT k 4 2
        BITCOUNT k -1 -3
        BITCOUNT k 100 200
        BITCOUNT k 1 1 BYTE
        BITCOUNT k 5 30 BIT
        BITCOUNT k 0 0 BIT
        BITCOUNT k 1 1 bit
        BITCOUNT k -5 -1 BIT
        BITCOUNT k 1 7 BIT
        BITCOUNT k -100 100 BIT
        BITCOUNT missing
        BITCOUNT missing 0 -1
        SET empty ""
        BITCOUNT empty
        BITCOUNT empty 0 -1
        BITCOUNT k 0 x
        BITCOUNT k x 0
        BITCOUNT k 0 0 FOO
        BITCOUNT k 0 0 BYTE x
        BITCOUNT
        SET long "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x0f"
        BITCOUNT long
        BITCOUNT long 1 -2
        BITCOUNT long 3 141 BIT
        BITCOUNT long 63 64 BIT
        SADD s a
        BITCOUNT s
        """,
    ),
    (
        "counting from a start on",
        "valkey",
        """
        SET k foobar
        BITCOUNT k 0
        BITCOUNT k 2
        BITCOUNT k -1
        BITCOUNT k 100
        BITCOUNT missing x y
        BITCOUNT missing 0
        SADD s a
        BITCOUNT s x y
        BITPOS missing 0 x
        BITPOS s 1 x
        """,
    ),
    (
        "finding",
        "both",
        r"""
        SET k "\xff\xf0\x00"
        BITPOS k 0
        BITPOS k 1
        BITPOS k 1 2
        BITPOS k 0 2
        BITPOS k 0 0 0
        BITPOS k 0 0 1
        BITPOS k 0 1 -1
        BITPOS k 1 -1
        BITPOS k 1 -2 -1
        BITPOS k 1 1 1 BYTE
        BITPOS k 1 7 15 BIT
        BITPOS k 0 7 15 BIT
        BITPOS k 0 0 11 BIT
        BITPOS k 1 12 -1 BIT
        BITPOS k 0 -1 -5 BIT
        BITPOS k 0 5 2
        SET one a
        BITPOS one 0 -1 -2
        BITPOS one 1 -1 -2
        BITPOS one 0 -3 -2
        BITPOS one 0 -1 -2 BIT
        BITPOS one 1 -1 -20 BIT
        BITCOUNT one -1 -2
        BITCOUNT one -1 -20 BIT
        BITPOS k 0 3
        BITPOS k 0 3 4
        BITPOS k 1 100
        SET ones "\xff\xff\xff"
        BITPOS ones 0
        BITPOS ones 0 0
        BITPOS ones 0 0 -1
        BITPOS ones 0 5
        BITPOS ones 0 0 -1 BIT
        SET zeros "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        BITPOS zeros 1
        BITPOS zeros 1 0 -1
        SETBIT zeros 77 1
        BITPOS zeros 1
        BITPOS zeros 1 0 76 BIT
        BITPOS zeros 1 3 77 BIT
        SET empty ""
        BITPOS empty 0
        BITPOS empty 1
        BITPOS empty 0 0 -1
        BITPOS missing 0
        BITPOS missing 1
        BITPOS missing 0 0 -1
        BITPOS k 2
        BITPOS k -1
        BITPOS k x
        BITPOS k 1 x
        BITPOS k 1 0 x
        BITPOS k 1 0 -1 FOO
        BITPOS k 1 0 BIT
        BITPOS k 1 0 -1 BIT x
        BITPOS k
        SADD s a
        BITPOS s 1
        BITPOS s 2
        """,
    ),
    (
        "combining",
        "both",
        r"""
        MSET a foobar b abcdef c "\x0f" d ""
        BITOP AND and a b
        GET and
        BITOP OR or a b c
        GET or
        BITOP XOR xor a b
        GET xor
        BITOP NOT not a
        GET not
        BITOP AND and a c
        GET and
        BITOP AND and a missing
        GET and
        BITOP OR or c missing
        GET or
        BITOP XOR xor a a
        GET xor
        BITOP not not missing
        EXISTS not
        BITOP AND and d missing
        EXISTS and
        SET and x EX 100
        BITOP AND and a
        TTL and
        GET and
        BITOP XOR a a b c
        GET a
        SET l1 0123456789abcdef01234
        SET l2 "\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00\xff"
        BITOP AND l l1 l2
        GET l
        BITOP AND l l2 l1
        GET l
        BITOP OR l l2 l1
        GET l
        BITOP NOT l l1
        GET l
        BITOP NOT not a b
        BITOP FOO x a
        BITOP AND x
        BITOP
        SADD s a
        BITOP AND x a s
        BITOP AND x s a
        BITOP OR s c
        TYPE s
        """,
    ),
    (
        "fields",
        "both",
        r"""
        BITFIELD k SET u8 0 200 GET u8 0 GET i8 0
        GET k
        BITFIELD k INCRBY u8 0 100
        BITFIELD k OVERFLOW SAT INCRBY u8 0 250
        BITFIELD k OVERFLOW FAIL INCRBY u8 0 1
        BITFIELD k OVERFLOW SAT INCRBY u8 0 -1000
        BITFIELD k OVERFLOW FAIL INCRBY u8 0 -1 OVERFLOW WRAP INCRBY u8 0 -1
        BITFIELD k SET i5 3 -16 GET i5 3 GET u5 3 INCRBY i5 3 -1 INCRBY i5 3 -1
        BITFIELD k SET i64 1 -1 GET i64 1 GET u63 1 GET i64 0
        BITFIELD k INCRBY i64 1 -9223372036854775808
        BITFIELD k OVERFLOW SAT INCRBY i64 1 -9223372036854775808
        BITFIELD k OVERFLOW SAT SET i8 #2 1000 SET i8 #2 -1000 SET u8 #2 -1 GET u8 #2
        BITFIELD k OVERFLOW FAIL SET i8 #2 1000 SET u8 #2 -1 SET u4 40 15 SET u4 40 16
        BITFIELD k SET u1 100 1 GET u1 100 GET u1 101 SET u2 100 5
        BITFIELD k GET u63 #3 GET i1 0 SET i1 0 1 GET i1 0
        BITFIELD k SET u63 5 9223372036854775807 INCRBY u63 5 1
        GET k
        STRLEN k
        BITFIELD new OVERFLOW FAIL INCRBY u8 32 300
        GET new
        BITFIELD new GET u8 1000
        STRLEN new
        BITFIELD none GET u8 0
        EXISTS none
        BITFIELD none
        BITFIELD none OVERFLOW SAT
        EXISTS none
        SET t "\x00\x00" EX 100
        BITFIELD t SET u4 2 9
        TTL t
        GET t
        BITFIELD_RO t GET u4 2 GET u16 0
        BITFIELD_RO none GET u4 2
        BITFIELD_RO t
        BITFIELD_RO t SET u4 0 1
        BITFIELD_RO t GET u4 0 INCRBY u4 0 1
        """,
    ),
    (
        "fields that are none",
        "both",
        """
        BITFIELD k GET u64 0
        BITFIELD k GET i65 0
        BITFIELD k GET u0 0
        BITFIELD k GET i0 0
        BITFIELD k GET x8 0
        BITFIELD k GET 8 0
        BITFIELD k GET "" 0
        BITFIELD k GET u 0
        BITFIELD k GET u08 0
        BITFIELD k GET U8 0
        BITFIELD k GET u8 -1
        BITFIELD k GET u8 x
        BITFIELD k GET u8 ""
        BITFIELD k GET u8 #
        BITFIELD k GET u8 #-1
        BITFIELD k GET u8 4294967296
        BITFIELD k GET u8 #536870912
        BITFIELD k GET u8 #9223372036854775807
        BITFIELD k SET u8 0 x
        BITFIELD k SET u8 0
        BITFIELD k GET u8
        BITFIELD k GET
        BITFIELD k FOO u8 0
        BITFIELD k OVERFLOW
        BITFIELD k OVERFLOW FOO
        BITFIELD k INCRBY u8 0 9223372036854775808
        BITFIELD k SET u8 0 1 FOO
        BITFIELD
        EXISTS k
        SADD s a
        BITFIELD s GET u8 0
        BITFIELD s SET u8 0 1
        BITFIELD s
        BITFIELD_RO s GET u8 0
        """,
    ),
]

OFFSETS = ["0", "1", "7", "8", "13", "40", "100", "-1", "x"]
ENCODINGS = ["u1", "u4", "u8", "i8", "i5", "u13", "i33", "u63", "i64", "u64", "x"]
NUMBERS = ["0", "1", "-1", "100", "-100", "255", "70000", "9223372036854775807", "-5000000000", "x"]


def operation(random: Random) -> list[str | bytes]:
    encoding = random.choice(ENCODINGS[:-2] if random.random() < 0.95 else ENCODINGS)
    offset = random.choice([*OFFSETS[:-2], "#0", "#1", "#3"] if random.random() < 0.95 else OFFSETS)
    match random.randrange(4):
        case 0:
            return ["GET", encoding, offset]
        case 1:
            return ["SET", encoding, offset, random.choice(NUMBERS)]
        case 2:
            return ["INCRBY", encoding, offset, random.choice(NUMBERS)]
        case _:
            return ["OVERFLOW", random.choice(["WRAP", "SAT", "FAIL"])]


def random_command(random: Random) -> list[str | bytes]:
    key = chance.key(random, "string")
    name = random.choice(["AND", "OR", "XOR", "NOT", "FOO"] if random.random() < 0.1 else ["AND", "OR", "XOR"])
    made = random.choice(
        [
            lambda: ["SETBIT", key, random.choice(OFFSETS), random.choice(["0", "1", "1", "2"])],
            lambda: ["GETBIT", key, random.choice(OFFSETS)],
            lambda: ["BITCOUNT", key],
            lambda: ["BITOP", name, key, *chance.keys(random, "string")],
            lambda: ["BITOP", "NOT", key, chance.key(random, "string")],
            lambda: ["BITFIELD", key, *[word for _ in range(random.randrange(1, 5)) for word in operation(random)]],
            lambda: ["BITFIELD_RO", key, "GET", random.choice(ENCODINGS), random.choice(OFFSETS)],
        ]
    )()
    return chance.spoilt(random, made) if made[0] != "BITCOUNT" else made


def random_command_of_valkey(random: Random) -> list[str | bytes]:
    """Redis 7.0 looks at the key first and then at the range."""
    key = chance.key(random, "string")
    bounds = [chance.number(random) for _ in range(random.randrange(3))]
    unit = random.choice([[], ["BIT"], ["BYTE"], ["FOO"]]) if len(bounds) == 2 else []
    if random.random() < 0.5:
        return ["BITCOUNT", key, *bounds, *unit]
    return ["BITPOS", key, random.choice(["0", "1", "1", "2"]), *bounds, *unit]
