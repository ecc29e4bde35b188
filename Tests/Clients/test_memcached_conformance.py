"""memcached's classic text protocol, compared with the real memcached, byte for byte (see `conversations.py`).

Each entry starts with empty servers. What they answer isn't written here: memcached says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from conversations import Conversation, Pair, Send, Shut, Until, every_way, talk
from test_memcached_protocol import CONVERSATIONS

pytestmark = pytest.mark.martlet

DAY = 86_400
MONTH = 30 * DAY
LIMIT = 1 << 20

STORE = ("set", "add", "replace", "append", "prepend")
"""The commands that take a key, flags, a time, a length and a block of data; `cas` takes a token besides."""


def store(verb: str, rest: str = "a 0 0 1", token: str = " 1") -> str:
    """A line of a storage command: with a token, if it needs one."""
    return f"{verb} {rest}{token if verb == 'cas' else ''}"


# What a place for a number may be given: what isn't beyond 31 bits, what isn't beyond 32, and what is.
NUMBERS = [
    *("0", "1", "-1", "00", "01", "007", "-0", "-00", "+0", "+1", "+-1", "--1", "-+1", "++1", "-", "+", "0x10", "0X1f"),
    *("1e3", "1.0", ".5", "1,000", "1_000", "x", "1x", "x1", "0b1", "''", "\\0", "\x0b1", "1\x0b", "\t1", "1\t", "\t"),
    *("255", "256", "65535", "65536", "2147483646", "2147483647", "-2147483648", "0" * 40 + "1", "-" + "0" * 30),
    *("\xa0", "\xb2", "NaN", "inf", "null", "true", "1\x0bx", "1\tx", "\t-1", "-\t1", "99999999999999999999", "1" * 40),
    *("18446744073709551616", "-18446744073709551616"),
]
WORDS_OF_32_BITS = ["2147483648", "4294967294", "4294967295"]
BEYOND = [
    *("-2147483649", "4294967296", "4294967297", "-4294967295", "-4294967296", "9223372036854775806"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
    *("18446744073709551614", "18446744073709551615", "-18446744073709551615"),
]

def lasting(number: str) -> str:
    """The same in thousands if it is a second or a few: how soon those are over depends on when memcached's clock ticks."""
    return re.sub(r"(?<![\dx])(0*[1-9])(?!\d)", r"\g<1>000", number)


SECONDS = [lasting(number) for number in NUMBERS]

FLAGS = [talk(f"set a {number} 0 1\nx\nget a\n") for number in NUMBERS + WORDS_OF_32_BITS]
LENGTHS = [talk(f"{verb} a 0 0 {number}{cas}\n\nget a\n") for number in NUMBERS for verb, cas in [("set", ""), ("cas", " 1")]]
TIMES = [talk(f"set a 0 {number} 1\nx\nget a\n") for number in SECONDS]
TOUCHES = [
    talk(f"set a 0 0 1\nx\n{verb}\nget a\n")
    for number in SECONDS
    for verb in (f"touch a {number}", f"gat {number} a", f"gats {number} b", f"touch b {number}")
]
UNIQUES = [
    talk(f"set a 0 0 1\nx\ncas a 0 0 1 {number}\ny\nget a\ncas b 0 0 1 {number}\ny\n")
    for number in NUMBERS + WORDS_OF_32_BITS + BEYOND
]
DELTAS = [
    talk(f"set n 0 0 2\n12\n{verb} n {number}\nget n\n{verb} m {number}\n")
    for number in NUMBERS + WORDS_OF_32_BITS + BEYOND
    for verb in ("incr", "decr")
]
VALUES = [
    talk(f"set n 3 0 {len(value)}\n{value}\nincr n 1\nget n\ndecr n 2\nget n\n", name=f"arithmetic on {value!r}")
    for value in [
        *(number for number in NUMBERS + BEYOND if number.strip()),
        *("", " 1", "1 ", " 1 ", "1  ", "1 2", "12 x", "1\r\n", "\n1", "\r1", "1\x0c", "1\x00", "99", "999"),
        *("9" * 19, "9" * 20, "0" * 19 + "5", "0" * 20 + "5", "0" * 25 + "5", "1" + " " * 18, "1" + " " * 19),
        *("1" + " " * 20, "1" + " " * 30, "5" + "\t" * 3, " " * 19 + "7", " " * 25 + "7", "18446744073709551615 "),
        *("18446744073709551615" + " " * 5, "018446744073709551615", "1" * 100, "9" * 19 + "x", "1" + "x" * 30),
    ]
]

# Widths: up wraps around, down keeps the length.
COUNTERS = [
    *(
        talk(f"set n 0 0 {len(start)}\n{start}\n{verb} n {delta}\nget n\n{verb} n {delta}\ngets n\n")
        for start in ("0", "9", "10", "99", "100", "0099", "18446744073709551615", "9999999999999999999")
        for delta in ("0", "1", "9", "91", "18446744073709551615", "18446744073709551614")
        for verb in ("incr", "decr")
    ),
    talk("set n 7 100 1\n1\nincr n 1 noreply\ndecr n 1 noreply\nincr n 5 noreply\nget n\n"),
    talk("set n 7 0 1\n1\nincr n 9\ngets n\nincr n 9\ngets n\ndecr n 18\ngets n\n"),
    talk("set n 0 0 1\n1\ngets n\n", "incr n 1\ngets n\n", "cas n 0 0 1 <cas 1>\n5\n", "cas n 0 0 1 <cas 2>\n5\nget n\n"),
    talk("incr n\ndecr n\nincr\ndecr\nincr n 1 2\nincr n 1 noreply 2\nincr n 1 2 3\ndecr n 1 x\nincr n noreply\n"),
    talk("set n 0 0 1\n5\nincr n 1 x\nincr n 1 NOREPLY\nincr n 1 noreplyx\nget n\nincr n 1 2 noreply\nget n\n"),
    talk("incr n x noreply\nincr n -1 noreply\nincr n 1 noreply\nset n 0 0 1\nx\nincr n 1 noreply\nget n\n"),
    talk("set n 0 -1 1\n5\nincr n 1\nadd n 0 0 1\n6\nincr n 1\n"),
    talk("set n 0 0 2\n10\ndecr n 5\nappend n 0 0 1\n7\nget n\nincr n 1\nget n\n"),
    talk("set n 0 0 2\n10\ndecr n 5\nprepend n 0 0 1\n7\nget n\nincr n 1\nget n\n"),
    talk(f"set n 0 0 {LIMIT - 200}\n" + " " * (LIMIT - 201) + "7\nincr n 1\n", name="incr of a large value"),
    talk(f"set n 0 0 1000\n7" + " " * 999 + "\nincr n 1\nget n\n", name="incr of a number in 1000 bytes"),
]

# Keys: their lengths, and what they may hold.
KEYED = [
    *("get %s", "gets %s", "gat 0 %s", "gats 0 %s", "delete %s", "incr %s 1", "decr %s 1", "touch %s 0"),
    *("get a %s b", "gets a %s b", "gat 0 a %s b", "gats 0 a %s b", "delete %s 0", "delete %s noreply"),
    *("incr %s 1 noreply", "decr %s x", "touch %s 0 noreply", "touch %s x", "gat x %s"),
    *(f"{store(verb, '%s 0 0 1')}\nx" for verb in (*STORE, "cas")),
    *(f"{store(verb, '%s 0 0 1')} noreply\nx" for verb in (*STORE, "cas")),
]
ODD_KEYS = [
    *("\xff", "\xc3\xa4", "\x01", "\x7f", "a\tb", "\t", "a\x0bc", "'a'", '"a b"', "a\rb", "\\x20"),
    *("a,b", "%s", "{}", "noreply", "0", "-1", "get", "a" * 20, "\xe2\x80\xae", "\x1b[31m", "k:" + "9" * 100),
]
KEYS = [
    *(
        talk("set a 0 0 1\nx\nset b 0 0 1\ny\n", f"{line.replace('%s', 'k' * length)}\nget a b\n", name=f"{line!r} of {length}")
        for line in KEYED
        for length in (250, 251, 1000)
    ),
    *(talk(f"set {key} 5 0 1\nx\nget {key}\ngets {key}\ndelete {key}\nget {key}\n") for key in ODD_KEYS),
    *(talk(f"{line.replace('%s', '')}\nget a\n") for line in KEYED),
]

# Arguments: too few, too many, and blanks.
WORDS = [
    *("get", "gets", "gat", "gats", "set", "add", "replace", "append", "prepend", "cas", "delete", "incr", "decr"),
    *("touch", "flush_all", "verbosity", "cache_memlimit", "shutdown"),
    *("misbehave", "refresh_certs", "bget", "quitx", "GET", "Set", "gett", "ge", "g", "mgx", "stat"),
]
ARGUMENTS = [
    *(
        talk(f"{word}{' ' * (count > 0)}{' '.join(['a', '0', '0', '1', '1', 'noreply', '7', '8'][:count])}\n")
        for word in WORDS
        for count in range(9)
        if word not in ("misbehave",)
    ),
    *(talk(f"{word} noreply\nget noreply\n") for word in WORDS if word not in ("misbehave",)),
    *(talk(f"{word} a noreply\nget a\n") for word in WORDS if word not in ("misbehave",)),
]
BLANKS = [
    talk("  get a\n"),
    talk(" get a\n"),
    talk("get  a\n"),
    talk("get a \n"),
    talk("get a   \n"),
    talk("get\n"),
    talk("get \n"),
    talk("get  \n"),
    talk("get\ta\n"),
    talk("\tget a\n"),
    talk(" \n"),
    talk("   \n"),
    talk("\t\n"),
    talk("\n\n\n"),
    talk(b"\n"),
    talk(b"\n\n"),
    talk(b"\r\r\n"),
    talk(b"\r\n\n\r\n"),
    talk(b"get a\n"),
    talk(b"get a\r\r\n"),
    talk(b"get a\r\n\r\n"),
    talk(b"get a\rget b\r\n"),
    talk(b"get a\n\rget b\r\n"),
    talk(b"set a 0 0 1\nx\r\nget a\n"),
    talk(b"set a 0 0 1\nx\nget a\n"),
    talk(b"set a 0 0 1\nx\n\nget a\n"),
    talk(b"set a 0 0 1\r\r\nx\r\nget a\r\n"),
    talk(b"set a 0 0 1 \r\nx\r\nget a\r\n"),
    talk(b" set a 0 0 1\r\nx\r\nget a\r\n"),
    talk(b"set  a   0    0     1      noreply \r\nx\r\nget a\r\n"),
    talk(b"set a 0 0 1 noreply \r\nx\r\nget a\r\n"),
    talk(b"set a 0 0\t1\r\nx\r\nget a\r\n"),
    talk("set a 0 0 1\nx\nget" + " a" * 30 + "\n"),
    talk("set a 0 0 1\nx\nget" + "  a" * 30 + "  \n"),
    talk("set a 0 0 1" + " " * 100 + "\nx\nget a\n"),
    talk("delete" + " " * 500 + "a\n"),
    *(talk(f"{word}{tail}\n", "get a\n") for word in ("version", "quit", "quit ", "version ") for tail in ("", " ", " x", " noreply", " x y z")),
]

# Storage.
BLOCKS = [
    *(
        talk(f"set a 5 0 1\n0\n{store(verb)}\n{data}\n", "get a\n", name=f"{verb} of 1 byte with {data!r}")
        for verb in (*STORE, "cas")
        for data in ("", "x", "xy", "xyz", "xyzw", "x\r", "\r\n", "xyzget a", "x\r\nget a", "xyget a", "xx\n", "\n")
    ),
    *(
        talk(f"{store(verb)} noreply\n{data}\n", "get a\n", name=f"{verb} of 1 byte, noreply, with {data!r}")
        for verb in (*STORE, "cas")
        for data in ("", "xy", "xyz", "xyzw", "x\r", "xyzget b")
    ),
    *(
        talk(f"{store(verb)}".encode() + b"\r\n" + data, "get a\n", "\nget a\n", name=f"{verb} with {data!r} and no more")
        for verb in ("set", "cas")
        for data in (b"x\r\n", b"x\n", b"x\n\n", b"x", b"x\r", b"xx", b"xxx", b"xxxx", b"", b"\n\n\n", b"\r\n\r\n", b"x\rx", b"xx\n")
    ),
    *(
        talk(f"set a 5 0 3\nold\n{store(verb, f'a 7 0 {length}', ' <cas 1>')}\n{'y' * length}\ngets a\n")
        for verb in (*STORE, "cas")
        for length in (0, 1, 50)
    ),
    *(talk(f"gets a\n{store(verb, 'a 7 0 2')}\nyy\ngets a\n{store(verb, 'a 8 0 2')}\nzz\ngets a\n") for verb in (*STORE, "cas")),
    *(
        talk(f"set a 5 0 1\nx\n{store(verb, 'a 9 100 1')} noreply\ny\nget a\n{store(verb, 'b 9 100 1')} noreply\ny\nget b\n")
        for verb in (*STORE, "cas")
    ),
    *(
        talk(f"set a 5 0 1\nx\n{store(verb, 'a 9 100 1')} {word}\ny\nget a\n")
        for verb in (*STORE, "cas")
        for word in ("NOREPLY", "noreply noreply", "no", "x", "0", "noreplyx", "norepl", "x noreply")
    ),
    *(talk(f"{store(verb, rest)}\nget a\n", "\nget a\n") for verb in (*STORE, "cas") for rest in (
        "a", "a 0", "a 0 0", "a x 0 1", "a 0 x 1", "a 0 0 x", "a 0 0 -1", "a 0 0 -2", "a x y z", "a -1 -1 -1")),
    *(talk(f"{store(verb, rest)} noreply\nget a\n", "\nget a\n") for verb in (*STORE, "cas") for rest in (
        "a", "a 0", "a 0 0", "a x 0 1", "a 0 x 1", "a 0 0 x", "a 0 0 -1", "a 0 0 -2", "a x y z", "a -1 -1 -1")),
    talk("set a 0 0 1\nx\ngets a\nset a 0 0 1\nx\ngets a\n", "cas a 0 0 1 <cas 1>\ny\n", "cas a 0 0 1 <cas 2>\ny\ngets a\n"),
    talk("set a 0 0 1\nx\nset b 0 0 1\nx\ngets a b a\n", "cas b 0 0 1 <cas 1>\ny\n", "cas a 0 0 1 <cas 1>\ny\ngets a b\n"),
    talk("set a 0 0 1\nx\ngets a\ntouch a 100\ngets a\ngats 100 a\ngat 0 a\ngets a\n"),
    talk("set a 0 0 1\nx\ngets a\ndelete a\nadd a 0 0 1\nx\ngets a\n", "cas a 0 0 1 <cas 1>\ny\ngets a\n"),
    talk("set a 0 0 1\nx\ngets a\nflush_all\n", "cas a 0 0 1 <cas 1>\ny\ngets a\n"),
    talk("set a 0 0 1\nx\ngets a\nappend a 0 0 1\ny\ngets a\nprepend a 0 0 1\ny\ngets a\nreplace a 0 0 1\nz\ngets a\n"),
    talk("set a 0 -1 1\nx\ncas a 0 0 1 1\nx\nget a\n"),
    talk("set a 0 0 1\nx\ngets a\n", "cas a 0 -1 1 <cas 1>\ny\nget a\ncas a 0 0 1 1\nx\n"),
    talk("set a 7 0 1\nx\nappend a 9 -1 1\ny\nget a\nprepend a 9 -1 1\ny\nget a\n"),
    talk("set a 7 0 1\nx\nappend a 9 100 0\n\nget a\nprepend a 9 100 0\n\ngets a\n"),
    *(talk("set a 0 0 1\nx\n" + store(verb, "a 0 -1 1", " <cas 1>") + "\ny\nget a\nadd a 0 0 1\nz\nget a\n") for verb in (*STORE, "cas")),
    *(talk("set a 0 -1 1\nx\n" + store(verb) + "\ny\nget a\n") for verb in (*STORE, "cas")),
]

# Values at the limit, and beyond.
def large(verb: str, count: int, tail: str = "") -> bytes:
    return f"{store(verb, f'a 0 0 {count}')}{tail}\r\n".encode() + b"get trap\r\n" * (count // 10) + b"." * (count % 10) + b"\r\n"

OVER = ("whole", "cut")
LARGE = [
    *(
        talk("set a 0 0 3\nold\n", large(verb, LIMIT + 1, tail), "get a\n", ways=OVER, name=f"{verb}{tail} of {LIMIT + 1}")
        for verb in (*STORE, "cas")
        for tail in ("", " noreply")
    ),
    *(talk("set a 0 0 3\nold\n", large("set", count), "get a\n", ways=OVER, name=f"set of {count}") for count in (
        1000, 16383, 16384, 65536, 500_000, LIMIT - 300, 2 * LIMIT, 5_000_000)),
    talk("set a 0 0 3\nold\n", "set a 0 0 2147483645\n", name="set of 2147483645, refused before its block"),
    talk(f"set a 0 0 {LIMIT + 5}\n", b"x" * (LIMIT + 5) + b"\r\nget a\r\nset a 0 0 1\r\ny\r\n", "get a\n", ways=OVER, name="what follows a swallowed block"),
    talk(f"set a 0 0 {LIMIT + 5}\n", b"x" * (LIMIT + 5) + b"yyget a\r\n", "get a\n", ways=OVER, name="a swallowed block without its end"),
    talk(f"set a 0 0 {LIMIT + 5}\n", b"x" * 100, Shut(), ways=OVER, name="a swallowed block that breaks off"),
    talk("set a 0 0 100\nabc", Shut(), name="a block that breaks off"),
    talk("get a", Shut(), name="a line that breaks off"),
    talk("set a 0 0 1\nx\nget a\nget b\n", Shut(), name="a client that has said all"),
    talk(large("set", 600_000), large("append", 600_000, " noreply"), ways=OVER, name="append over the limit, noreply"),
    talk(large("set", 600_000), large("append", 400_000), "get a\n", ways=OVER, name="append to below the limit"),
    talk("set a 0 0 3\nold\n" , large("append", LIMIT - 300), ways=OVER, name="append of a large value"),
]

# gets of many keys.
MANY = [
    talk("".join(f"set k{i} {i} 0 1\nx\n" for i in range(0, 100, 3)) + "get" + "".join(f" k{i}" for i in range(100)) + "\n", name="get of 100 keys"),
    talk("".join(f"set k{i} {i} 0 1\nx\n" for i in range(0, 100, 3)) + "gets" + "".join(f" k{i}" for i in range(100)) + "\n", name="gets of 100 keys"),
    talk("".join(f"set k{i} {i} 0 1\nx\n" for i in range(0, 100, 3)) + "gat 100" + "".join(f" k{i}" for i in range(100)) + "\n", name="gat of 100 keys"),
    talk("".join(f"set k{i} {i} 0 1\nx\n" for i in range(0, 100, 3)) + "gats 100" + "".join(f" k{i}" for i in range(100)) + "\n", name="gats of 100 keys"),
    *(
        talk(
            "set a 0 0 1\nx\nset b 0 0 1\ny\n", verb + " a" * before + " " + "k" * 251 + " b" * after + "\n", "get a\n",
            name=f"{verb} with a key too long behind {before}, before {after}",
        )
        for verb in ("get", "gets", "gat 0", "gats 0")
        for before in (0, 1, 23, 24, 50)
        for after in (0, 30)
    ),
    talk("set a 0 100 1\nx\nset b 0 100 1\nx\n", "gat 50 a " + "k" * 251 + " b\nget a b\n"),
    talk("set a 0 0 1\nx\n", "gat -1 a " + "k" * 251 + "\nget a\n"),
    talk("set a 0 0 1\nx\ngat -1 a a\nget a\n"),
    talk("gat 0\ngats 0\ngat\ngats\ngat x\ngats x\ngat a 0\ngats a 0\n"),
    talk("set a 0 0 1\nx\ngat 0 a noreply\ngets a noreply\nget noreply\n"),
]

# Long lines, whose end comes in the same packet: else memcached closes at some 2048 bytes.
LONG = ("whole",)
LINES = [
    *(
        talk(verb + " " + "k" * length + "\n", "get a\n", ways=LONG, name=f"{verb} with {length} bytes")
        for verb in ("get", "set", "x", "delete", "gat 0")
        for length in (1000, 1024, 2000, 2043, 2044, 2045, 2048, 2050, 3000, 4096, 8000)
    ),
    *(talk(b"x" * length, Shut(), ways=LONG, name=f"{length} bytes without an end") for length in (100, 1000, 1024, 2000)),
    *(talk(b"get " + b"x" * length, Shut(), ways=LONG, name=f"get and {length} bytes without an end") for length in (100, 1000)),
    *(talk(b" " * length + b"get a\r\n", ways=LONG, name=f"{length} blanks and get") for length in (100, 1024, 2048, 4000)),
    talk("get" + " " * 3000 + "a\n", ways=LONG, name="get, 3000 blanks"),
    talk("get" + " kkkkkkkk" * 5000 + "\n", "get a\n", ways=LONG, name="get of 5000 keys that aren't there"),
    talk("gets" + " kkkkkkkk" * 5000 + "\n", "get a\n", ways=LONG, name="gets of 5000 keys that aren't there"),
    talk("gat 0" + " kkkkkkkk" * 200 + "\n", "get a\n", ways=LONG, name="gat of 200 keys that aren't there"),
    talk("set a 0 0 1\nx\nget" + " a" * 3000 + "\n", "get a\n", ways=LONG, name="get of one key 3000 times"),
]

# Times, as far as no time passes.
EXPIRY = [
    *(
        talk(f"set a 0 {time} 1\nx\nget a\ntouch a 0\nget a\n")
        for time in (1, 2, 100, MONTH - 1, MONTH, MONTH + 1, MONTH + 2, 10 * MONTH, "<now-100>", "<now-1>", "<now+100>", "<now+5000000>", 2**31 - 1)
    ),
    *(
        talk(f"set a 0 0 1\nx\n{line.replace('%s', str(time))}\nget a\ngets a\n")
        for line in ("touch a %s", "gat %s a", "gats %s a", "replace a 0 %s 1\ny", "append a 0 %s 1\ny", "cas a 0 %s 1 <cas 1>\ny")
        for time in (100, -1, -100, MONTH, MONTH + 1, "<now-100>", "<now+100>")
    ),
    talk("set a 0 1 1\nx\n", Until(b"get a\r\n", b"END\r\n"), "gets a\nincr a 1\nappend a 0 0 1\ny\nreplace a 0 0 1\ny\ntouch a 1\ndelete a\nadd a 0 0 1\ny\nget a\n", ways=LONG),
    talk("set a 0 <now+2> 1\nx\nget a\n", Until(b"get a\r\n", b"END\r\n"), "cas a 0 0 1 1\nx\n", ways=LONG),
    talk("set a 0 0 1\nx\ntouch a 1\n", Until(b"get a\r\n", b"END\r\n"), "gat 100 a\n", ways=LONG),
    talk("set a 0 0 1\nx\ngat 1 a\n", Until(b"get a\r\n", b"END\r\n"), "touch a 100\n", ways=LONG),
    talk("set a 0 1 1\nx\nset b 0 1 1\nx\ntouch a 100\ngat 100 b\n", "set c 0 2 1\nx\n", Until(b"get c\r\n", b"END\r\n"), "get a b\n", ways=LONG),
    talk("set a 0 2 1\nx\nincr a 1\nset n 0 1 1\n1\nincr n 1\n", Until(b"get n\r\n", b"END\r\n"), "incr n 1\n", ways=LONG),
    talk("set a 0 1 1\nx\nappend a 0 100 1\ny\n", Until(b"get a\r\n", b"END\r\n"), ways=LONG, name="append leaves the time as it is"),
]

# flush_all.
FLUSH = [
    *(
        talk(f"set a 0 0 1\nx\n{line}\nget a\n")
        for line in (
            *("flush_all", "flush_all 0", "flush_all -1", "flush_all -2", "flush_all -1000", "flush_all 100", "flush_all noreply"),
            *("flush_all 0 noreply", "flush_all 100 noreply", "flush_all -1 noreply", "flush_all x", "flush_all x noreply", "flush_all 1 2"),
            *("flush_all 0 0", "flush_all 0 noreply x", "flush_all noreply noreply", "flush_all noreply 0", "flush_all NOREPLY"),
            *("flush_all 0 x", "flush_all 1x", "flush_all +0", "flush_all 00", "flush_all 99999999999999999999", "flush_all 2592000"),
            *("flush_all <now+100>", "flush_all 0 0 0 0"),
            *("flush_all  ", "flush_all\t0", "flush_all ''"),
        )
    ),
    talk("set a 0 0 1\nx\nflush_all\nset a 0 0 1\ny\nget a\nadd b 0 0 1\ny\nget b\n"),
    talk("set a 0 0 1\nx\nflush_all\nadd a 0 0 1\ny\nincr a 1\nget a\n"),
    talk("set a 0 0 1\nx\nflush_all\nreplace a 0 0 1\ny\nappend a 0 0 1\ny\ncas a 0 0 1 1\ny\ntouch a 1\ngat 1 a\nincr a 1\ndelete a\n"),
    talk("set a 0 0 1\nx\n", Send(b"flush_all\r\n", on=1), "get a\nset a 0 0 1\nz\n", Send(b"get a\r\n", on=1)),
    talk("set a 0 0 1\nx\nflush_all 1\nget a\n", Until(b"get a\r\n", b"END\r\n"), ways=LONG),
    talk("set a 0 0 1\nx\nflush_all 2\nflush_all 1000\nset b 0 0 1\nx\nset c 0 3 1\nx\n", Until(b"get c\r\n", b"END\r\n"), "get a b\n", ways=LONG),
    talk("set a 0 0 1\nx\nflush_all 1000\nflush_all 1\n", Until(b"get a\r\n", b"END\r\n"), ways=LONG),
    talk("set a 0 0 1\nx\nflush_all 2\nflush_all\nset a 0 0 1\ny\nset c 0 3 1\nx\n", Until(b"get c\r\n", b"END\r\n"), "get a\n", ways=LONG),
]

# Commands of memcached's own administration.
ADMINISTRATION = [
    talk(line + "\n", name=line)
    for line in (
        *("verbosity", "verbosity 0", "verbosity 1", "verbosity 0 noreply", "verbosity noreply", "verbosity x", "verbosity x noreply"),
        *("verbosity -1", "verbosity 1 2", "verbosity 1 2 3", "verbosity 1 2 3 4", "verbosity 0 0 noreply", "verbosity 0 1 x y noreply"),
        *("verbosity 99999999999", "verbosity +0", "verbosity 0x0", "verbosity 00", "verbosity  0 "),
        *("shutdown", "shutdown graceful", "shutdown x", "shutdown noreply", "shutdown graceful x", "shutdown x y z"),
        *("cache_memlimit", "cache_memlimit x", "cache_memlimit 0", "cache_memlimit 64", "cache_memlimit 64 noreply"),
        *("cache_memlimit -1", "cache_memlimit 7", "cache_memlimit 8", "cache_memlimit 64 x", "cache_memlimit x noreply"),
        *("cache_memlimit 99999999999999999999", "cache_memlimit noreply", "cache_memlimit 064"),
        *("cache_memlimit 64 1 2", "cache_memlimit +64", "cache_memlimit 64x", "cache_memlimit 1"),
        *("slabs", "slabs x", "slabs reassign", "slabs reassign 1", "slabs reassign 1 2", "slabs reassign x y", "slabs reassign 1 1"),
        *("slabs reassign -1 1", "slabs reassign 1 0", "slabs reassign 1 1000", "slabs reassign 0 1", "slabs reassign 1 2 3"),
        *("slabs automove", "slabs automove 0", "slabs automove 1", "slabs automove 2", "slabs automove x", "slabs automove -1"),
        *("slabs automove 3", "slabs automove 1 2", "slabs automove 0 noreply", "slabs automove ratio 0.5", "slabs automove 1"),
        *("slabs reassign 1 2 noreply", "slabs noreply", "slabs x noreply", "slabs automove noreply", "slabs x y z"),
        *("lru", "lru x", "lru x y", "lru mode", "lru mode flat", "lru mode segmented", "lru mode x", "lru tune", "lru tune 10"),
        *("lru tune 10 25 0.1 2.0", "lru tune 10 25 0.1", "lru tune 90 25 0.1 2.0", "lru tune x y z w", "lru tune 20 40 0.2 2"),
        *("lru temp_ttl", "lru temp_ttl 0", "lru temp_ttl 61", "lru temp_ttl -1", "lru temp_ttl x", "lru mode segmented x"),
        *("lru noreply", "lru mode segmented noreply", "lru temp_ttl 61 noreply", "lru x noreply", "lru x y noreply"),
        *("lru_crawler", "lru_crawler x", "lru_crawler enable\nlru_crawler disable", "lru_crawler enable x"),
        *("lru_crawler sleep", "lru_crawler sleep 0", "lru_crawler sleep 100", "lru_crawler sleep x", "lru_crawler sleep -1"),
        *("lru_crawler sleep 1000001", "lru_crawler sleep 1000000", "lru_crawler tocrawl", "lru_crawler tocrawl 0", "lru_crawler tocrawl 5"),
        *("lru_crawler tocrawl x", "lru_crawler tocrawl -1", "lru_crawler crawl", "lru_crawler crawl x", "lru_crawler crawl 1"),
        *("lru_crawler crawl all", "lru_crawler crawl 1,2,3", "lru_crawler crawl 0", "lru_crawler crawl 999", "lru_crawler crawl 1,x"),
        *("lru_crawler metadump", "lru_crawler metadump x", "lru_crawler metadump 0", "lru_crawler metadump 999", "lru_crawler metadump all"),
        *("lru_crawler metadump hash", "lru_crawler mgdump", "lru_crawler mgdump x", "lru_crawler mgdump all", "lru_crawler mgdump hash"),
        *("lru_crawler noreply", "lru_crawler enable noreply", "lru_crawler x noreply", "lru_crawler sleep 100 noreply", "lru_crawler x y z"),
        *("lru_crawler crawl all noreply", "lru_crawler enable 1", "lru_crawler sleep 1 2", "lru_crawler sleep 100"),
        *("refresh_certs", "refresh_certs x", "refresh_certs noreply", "watch x", "watch fetchers x", "watch noreply", "misbehave"),
        *("misbehave x", "debugtime", "debugtime p", "bget a", "stats x", "stats noreply", "stats x y z", "stats items x", "stats reset x"),
        *("stats reset", "stats reset noreply", "stats detail", "stats detail x", "stats detail on", "stats detail dump", "stats detail off"),
        *("stats detail on x", "stats cachedump", "stats cachedump 1", "stats cachedump 1 1", "stats cachedump x y", "stats cachedump 0 0"),
        *("stats cachedump 1 0", "stats cachedump 1 1 1", "stats cachedump 999 1", "stats cachedump -1 1", "stats extstore", "stats proxy"),
        *("stats sizes_disable", "stats sizes", "stats slabsx", "stats  x", "stats malloc", "stats maps", "stats topkeys"),
        *("stats items", "stats slabs 1"),
    )
]

# What no client would send.
GARBAGE = [
    talk("GET / HTTP/1.1\nHost: localhost\nUser-Agent: x\n\n"),
    talk("get / HTTP/1.1\n"),
    *(talk(f"{line}\n") for line in ("HTTP/1.1", "GET HTTP/", "x HTTP/1.1", "xx / HTTP/1.1", "GET / HTTP", "GET / HTTP/1.1 x", "PUT / HTTP/2")),
    *(talk(f"{letter}x HTTP/1.1\n") for letter in "abcdefghijklmnopqrstuvwxyzADGMSZ0_"),
    talk("POST / HTTP/1.1\nContent-Length: 5\n\nhello"),
    talk("*1\n$4\nPING\n"),
    talk("PING\n"),
    talk("\x16\x03\x01\x02\x00\x01\n"),
    talk("\xff\xfe\xfd\n"),
    talk(b"\x01\x02\x03\n\x04\n"),
    talk("; DROP TABLE users\n"),
    talk("HELO example.org\nEHLO\nQUIT\n"),
    talk("x" * 300 + "\n"),
    talk("set a 0 0 1\nx\nxxx\nget a\n"),
    talk("set a 0 0 1\nx\nset b 0 0 1\ny\nget a b\ndelete a\nget a b\ntouch b 0\nincr b 1\nwhat\nget b\n"),
    talk("set a 0 0 1\nx\nget a\nquit\nget a\n"),
    talk("quit\nset a 0 0 1\nx\n", Send(b"get a\r\n", on=1)),
    talk("set a 0 0 1\nquit\n", "get a\n", "\nget a\n"),
    talk("".join(f"set k{i % 7} {i} 0 3\n{i:03}\nget k{i % 5} k{i % 3}\n" for i in range(150)), name="300 requests in one packet"),
    talk("".join(f"set k{i % 7} {i} 0 3 noreply\n{i:03}\n" for i in range(150)) + "get k0 k1 k2 k3 k4 k5 k6\n", name="150 sets without replies"),
    talk(bytes(range(256)) + b"\r\n"),
    talk(bytes(range(255, -1, -1)) + b"\r\n"),
    talk(*[Send(f"set a {i} 0 1\r\nx\r\ngets a\r\n".encode(), on=i % 3) for i in range(9)], name="three clients in turns"),
    talk("set a 0 0 5\nab", Send(b"set a 1 0 1\r\ny\r\n", on=1), name="a second client, while the first one's block is open"),
]

DELETE = [
    talk(f"set a 0 0 1\nx\ndelete {rest}\nget a\n")
    for rest in (
        *("a", "a 0", "a 0 noreply", "a noreply", "a 1", "a -1", "a x", "a 00", "a 0 0", "a 0 x", "a 1 noreply", "a x noreply"),
        *("a noreply 0", "a noreply noreply", "a 0 noreply x", "a b", "a b c", "a b c d", "b", "b 0", "b noreply", "", "a NOREPLY"),
        *("a 0 0 noreply", "a +0", "a 0x0", " a", "a ", "a  0  "),
    )
]

TABLES = {
    "what the protocol tests ask": [talk(asked) for asked, _ in CONVERSATIONS],
    "flags": FLAGS,
    "lengths": LENGTHS,
    "times": TIMES,
    "touches": TOUCHES,
    "tokens": UNIQUES,
    "deltas": DELTAS,
    "values": VALUES,
    "counters": COUNTERS,
    "keys": KEYS,
    "arguments": ARGUMENTS,
    "blanks": BLANKS,
    "blocks": BLOCKS,
    "large": LARGE,
    "many": MANY,
    "lines": LINES,
    "expiry": EXPIRY,
    "flush": FLUSH,
    "garbage": GARBAGE,
    "delete": DELETE,
}


@every_way(conversation for table in TABLES.values() for conversation in table)
def test_conversation(pair: Pair, conversation: Conversation, way: str) -> None:
    pair.compare(conversation, way)


@pytest.fixture(scope="module")
def without_machinery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Martlet, and a memcached without the crawler, the lists and the slabs that Martlet doesn't have."""
    options = ("-X", "-o", "no_lru_crawler,no_slab_reassign")
    pair = Pair(tmp_path_factory.mktemp("pair"), peer_options=options)
    yield pair
    pair.kill()


@every_way(ADMINISTRATION)
def test_administration(without_machinery: Pair, conversation: Conversation, way: str) -> None:
    without_machinery.compare(conversation, way)
