"""DUMP and RESTORE: what is taken, and what is refused in which order. The payloads are of version 10, which all three read."""

from __future__ import annotations

from random import Random

from payloads import payload

from . import _chance as chance


def quoted(value: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'


VALUES = {
    "string": b"\x00\x05hello",
    "number": b"\x00\xc1\x39\x30",
    "list": b"\x01\x02\x01a\xc0\x05",
    "set": b"\x02\x02\x01a\x01b",
    "hash": b"\x04\x02\x01f\x01v\x01n\xc0\x05",
    "zset": b"\x05\x02\x01a\x00\x00\x00\x00\x00\x00\xf8\x3f\x01b\x00\x00\x00\x00\x00\x00\xf0\xff",
    "intset": bytes.fromhex("0b0e0200000003000000d4fe01000200"),
    "listpack": bytes.fromhex("1012120000000400816602817602816e020501ff"),
    "ziplist": bytes.fromhex("0a0f0f0000000c000000020000f302f6ff"),
}
GOOD = {name: payload(value) for name, value in VALUES.items()}
STRING = quoted(GOOD["string"])

BAD = [
    b"",
    b"short",
    GOOD["string"][:-1],
    GOOD["string"][:-1] + b"\x00",
    payload(b"\x00\x20hell"),
    payload(b"\x02\x00"),
    payload(b"\x02\x02\x01a\x01a"),
    payload(b"\x05\x02\x01a\x00\x00\x00\x00\x00\x00\xf8\x3f\x01a\x00\x00\x00\x00\x00\x00\xf8\x3f"),
    payload(b"\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x7f"),
    payload(b"\x08\x01a"),
    payload(b"\xfe\x00"),
    payload(b"\x00\x01a", 300),
]
"""What all three refuse, and with the same error."""

SCRIPTS = [
    (
        "values of every type come and are what they were",
        "both",
        "\n".join(
            f"""
            RESTORE {name} 0 {quoted(value)}
            TYPE {name}
            TTL {name}
            """
            for name, value in GOOD.items()
        )
        + """
        GET string
        GET number
        LRANGE list 0 -1
        ~SMEMBERS set
        ~HGETALL hash
        ZRANGE zset 0 -1 WITHSCORES
        ~SMEMBERS intset
        ~HGETALL listpack
        LRANGE ziplist 0 -1
        DBSIZE
        """,
    ),
    (
        "what is wrong is told in an order",
        "both",
        f"""
        SET k v
        RESTORE
        RESTORE k 0
        RESTORE k 0 rubbish
        RESTORE k x rubbish
        RESTORE k -1 rubbish
        RESTORE k x rubbish REPLACE
        RESTORE k -1 rubbish REPLACE
        RESTORE k 0 rubbish REPLACE
        RESTORE k 0 rubbish REPLACE FOO
        RESTORE n 0 rubbish IDLETIME
        RESTORE n 0 rubbish IDLETIME x
        RESTORE n 0 rubbish IDLETIME -1
        RESTORE n 0 rubbish FREQ
        RESTORE n 0 rubbish FREQ x
        RESTORE n 0 rubbish FREQ -1
        RESTORE n 0 rubbish FREQ 256
        RESTORE n 0 rubbish FREQ 1 IDLETIME 1
        RESTORE n 0 rubbish IDLETIME 1 FREQ 1
        RESTORE n 0 rubbish IDLETIME 1 IDLETIME x
        RESTORE k 0 {STRING}
        RESTORE k 0 {STRING} REPLACE IDLETIME 1000
        OBJECT IDLETIME k
        RESTORE k 0 {STRING} replace freq 3
        GET k
        DUMP
        DUMP a b
        DUMP missing
        """,
    ),
    (
        "payloads that are no value",
        "both",
        "\n".join(f"RESTORE k 0 {quoted(each)}\nEXISTS k\n" for each in BAD),
    ),
    (
        "a time to live",
        "both",
        f"""
        RESTORE a 4000000000000 {STRING} ABSTTL
        PEXPIRETIME a
        RESTORE b 1 {STRING} ABSTTL
        EXISTS b
        RESTORE a 1 {STRING} ABSTTL REPLACE
        EXISTS a
        SET c v EX 100
        RESTORE c 0 {STRING} REPLACE
        TTL c
        RESTORE d 4000000000000 {quoted(GOOD["list"])} absttl
        PEXPIRETIME d
        LRANGE d 0 -1
        MULTI
        RESTORE e 0 {quoted(GOOD["zset"])}
        RESTORE e 0 {STRING}
        RESTORE e 0 {STRING} REPLACE
        EXEC
        GET e
        """,
    ),
    (
        "a short string's payload, byte for byte",
        "redis",
        """
        SET k hello
        DUMP k
        SET k -7
        DUMP k
        SET k 12345
        DUMP k
        SET k 2000000000
        DUMP k
        SET k 123456789012
        DUMP k
        SET k ""
        DUMP k
        """,
    ),
]


def random_command(random: Random) -> list[str | bytes]:
    """`DUMP`'s reply isn't compared: the payload is each one's own."""
    if random.random() < 0.3:
        return chance.spoilt(random, ["DUMP", chance.key(random)])
    kind = random.choice(["string", "set", "hash", "list", "zset"])
    value = GOOD[kind] if random.random() < 0.9 else random.choice(BAD)
    time = random.choice(["0", "0", "0", "100000", "-1", "x"])
    command: list[str | bytes] = ["RESTORE", chance.key(random, kind), time, value]
    return chance.spoilt(random, command + chance.option(random, "REPLACE"))
