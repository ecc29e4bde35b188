"""HyperLogLogs."""

from __future__ import annotations

import re
from random import Random

from . import Difference
from . import _chance as chance

ADD_MANY = "\n".join(
    "PFADD {} {}".format(key, " ".join(f"{key}{n}" for n in range(start, start + 50)))
    for key, count in (("many", 3000), ("few", 400))
    for start in range(0, count, 50)
)

SCRIPTS = [
    (
        "adding and counting",
        "both",
        r"""
        PFADD h
        PFADD h
        GET h
        PFCOUNT h
        PFADD h a b c
        GET h
        PFADD h a b c
        PFCOUNT h
        PFADD h d "" "\x00\xff"
        PFCOUNT h
        PFCOUNT h missing
        PFCOUNT missing
        PFCOUNT missing missing
        PFADD h2 c d e f g
        PFCOUNT h h2
        PFCOUNT h2 h2
        EXPIRE h2 100
        PFADD h2 x
        TTL h2
        STRLEN h2
        PFADD
        PFCOUNT
        """,
    ),
    ("many elements", "both", f"{ADD_MANY}\nSTRLEN many\nSTRLEN few\nGET few\nGET many\nPFCOUNT many\nPFCOUNT few\nPFCOUNT many few"),
    (
        "merging",
        "both",
        f"""
        {ADD_MANY}
        PFADD a 1 2 3
        PFADD b 3 4 5
        PFMERGE m a b
        GET m
        PFCOUNT m
        PFMERGE m
        PFMERGE new
        GET new
        PFCOUNT new
        PFMERGE s a few missing
        GET s
        PFCOUNT s
        PFMERGE a few
        GET a
        PFMERGE d a many
        GET d
        PFCOUNT d
        EXPIRE b 100
        PFMERGE b many few
        TTL b
        GET b
        PFCOUNT b
        PFMERGE b a
        PFMERGE
        """,
    ),
    (
        "a string that came from elsewhere",
        "both",
        r"""
        SET h "HYLL\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x7f\xff"
        PFCOUNT h
        PFADD h a
        GET h
        PFCOUNT h
        SET v "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x8b\x8b\x7f\xf7"
        PFADD v a b c d e f g h i j k l m n o p
        GET v
        PFCOUNT v
        SET z "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f\x3f\x88\x7f\x7e"
        PFADD z a b c d e f
        GET z
        """,
    ),
    (
        "strings that are none",
        "both",
        r"""
        MSET string x empty "" short HYLL
        PFADD string a
        PFCOUNT string
        PFMERGE string
        PFMERGE new string
        PFCOUNT new string
        PFADD empty
        PFADD short a
        SET bad "HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        PFCOUNT bad
        SET bad "HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        PFCOUNT bad
        SET bad "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xfe"
        PFCOUNT bad
        PFCOUNT bad bad
        PFMERGE new bad
        EXISTS new
        SET bad "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff\x00"
        PFCOUNT bad
        SADD s a
        PFADD s a
        PFCOUNT s
        PFMERGE s
        PFMERGE new s
        """,
    ),
]

KEPT_COUNT = re.compile(rb"(HYLL[\x00\x01]\x00{3}).{8}", re.DOTALL)


class KeptCount(Difference):
    """What differs is only the count that Redis and Valkey keep in the string."""

    def explains(self, peer: str, command: list[bytes], theirs: bytes, ours: bytes) -> bool:
        return KEPT_COUNT.sub(rb"\1", theirs) == KEPT_COUNT.sub(rb"\1", ours)


DIFFERENCES: list[Difference] = [
    KeptCount("both", "", "", "", "A read is no write: it doesn't write the count into the string.", "`PFCOUNT`")
]

HASHES = ["h0", "h1", "h2"]
"""Keys of their own: what other commands make of such a string shows the count that is kept in it."""


def random_command(random: Random) -> list[str | bytes]:
    keys = [random.choice(HASHES) for _ in range(random.randrange(1, 4))]
    elements = [str(random.randrange(2000)) for _ in range(random.randrange(0, 120))]
    made = random.choice(
        [
            lambda: ["PFADD", keys[0], *elements],
            lambda: ["PFADD", keys[0], *elements],
            lambda: ["PFCOUNT", *keys],
            lambda: ["PFMERGE", *keys],
        ]
    )()
    return chance.spoilt(random, made)
