"""memcached's meta commands: compared with the real memcached byte for byte, kept over a crash, and used by a client.

What the compared memcached (1.6.18) doesn't know is in `MetaConversations.swift`: `E`, md's `x`, ms' `s` and `N`, mg's `C`.
"""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conversations import Conversation, Pair, every_way, talk
from servers import MartletServer, Server
from wire import OK, MemcachedConnection

pytestmark = pytest.mark.martlet

STATES = {
    "missing": "",
    "there": "ms a 1 T100 F5\n5\n",
    "read": "ms a 2 F4294967295\n99\nmg a\n",
    "stale": "ms a 1 T100\n5\nmd a I\n",
    "won": "ms a 1 T100\n9\nmd a I T50\nmg a\n",
    "vivified": "mg a N100\n",
    "empty": "ms a 0\n\n",
    "text": "ms a 4\ntext\n",
}
"""What a key may be before a request."""

FLAGS = [
    *("b", "c", "f", "h", "k", "l", "q", "s", "t", "u", "v", "I", "L", "P", "Lx", "Px", "O", "Oabc", "O" + "1" * 31),
    *("T0", "T50", "T-1", "N0", "N50", "R0", "R55", "R500", "R-1", "C0", "C1", "C<cas 1>", "F0", "F77", "D0", "D7", "J0", "J7"),
    *("MA", "ME", "MP", "MR", "MS", "MI", "MD", "M+", "M-"),
]
"""Each flag, with arguments that are right."""

TOO_LONG = "O" + "1" * 32

WRONG = [
    *("y", "1", "~", "\x7f", "\xff", "[", "T", "Tx", "T1x", "T-", "N", "Nx", "R", "R y", "C", "Cx", "C-1", "F", "Fx", "F-1"),
    *("D", "Dx", "D-1", "J", "Jx", "M", "MX", "Me", "MEE", "S1", "v v", "k c k", "O1 O1", TOO_LONG, "T99999999999999999999"),
    *("D18446744073709551616", "C18446744073709551616", "Tx b", "b Tx", "Tx y", "Dx Jx", "Jx Dx", "Mx Tx", "MX " + "O" * 40),
    *("T\t5", "T5\tx", "T+5", "T007", "D+7", "C-0", "D-0"),
]
"""Flags that are wrong somehow, and some that look so."""

DATA = {"mg": "", "md": "", "ma": "", "ms": "7\n"}
"""What follows a request."""


def request(command: str, flags: str, key: str = "a") -> str:
    return f"{command} {key}{' 1' if command == 'ms' else ''}{' ' * bool(flags)}{flags}\n{DATA[command]}"


def differs(command: str, flags: str, state: str) -> bool:
    """Whether Martlet means to differ, as `test_memcached_differences.py` has it."""
    letters = {each[:1] for each in flags.split()}
    gets_longer = state in ("read", "won") or "D9" in flags.split()
    return (
        (command == "mg" and "C" in letters)
        or (command == "ms" and ("s" in letters or "N" in letters and letters & {"M"}))
        or (command == "ma" and "T" in letters and gets_longer)
        or (command == "mg" and {"T", "t"} <= letters and "-1" in flags)
    )


PAIRS = [
    *("k O7 v", "O7 k q", "v c t f s h l k O1", "t T50", "T50 t", "T50 t v", "t T0 c", "N50 t", "t N50", "N50 T70 t", "T70 N50 t"),
    *("R55 T500 t", "T500 R55 t", "T50 R155 t", "N50 R155 c", "N50 k O1 q", "N50 v q", "u h", "h u v", "R155 q", "I q", "I k O1 c"),
    *("I T50", "I T0 q", "I T-1", "C<cas 1> I", "C1 I", "C1 I T50 F6", "C1 I q", "C<cas 1> MR c", "C1 MR", "C1 MA", "C<cas 1> MA c"),
    *("C1 ME", "C1 MP", "C0 MA", "ME q", "MR q", "MA q c", "MA T50 F6", "MA I C1", "MR I C1 c", "C18446744073709551615 I"),
    *("N0 J13 v", "N50 J13 v t c", "N0 q", "N0 q v", "N0 C1 v", "MD D100 v", "M- D1 v k O1", "M+ D18446744073709551615 v", "D9 v t T50"),
    *("J7 v q", "N50 T-1", "T-1 N50", "q v", "q c", "q T50", "MD q", "C1 q", "C<cas 1> q", "c k O1 q"),
]
"""Flags that mean something together."""

AFTER = "mg a u v f t c h\nmg a v\nme a\nmn\n"
"""What shows everything that is known of the key."""

ONE = [
    talk(
        f"{before}mg a u c\n",
        f"{request(command, flags)}{AFTER}",
        name=f"{command} {flags} of what is {state}",
        ways=("whole",),
    )
    for state, before in STATES.items()
    for command in DATA
    for flags in ["", *FLAGS, *PAIRS]
    if not differs(command, flags, state)
]
MISTAKES = [
    talk(f"{STATES[state]}{request(command, flags)}{AFTER}", name=f"{command} {flags} of what is {state}")
    for state in ("missing", "there")
    for command in DATA
    for flags in WRONG
    # 1.6.18 has read or counted when it sees that the opaque token is too long.
    if not (command in ("mg", "ma") and state == "there" and len(flags.split()[-1]) >= 32)
]

LONGEST = "k" * 250
MANY = "c f h k l s t u v O1 N0 R0 T0 I P L"
TOO_MANY = [MANY, f"{MANY} D1", f"{MANY} D1 J1", f"{MANY} D1 J1 z", f"{MANY} v"]
KEYED = {**DATA, "me": ""}
LINES = [
    *(talk(f"{line}\nmn\n") for line in (
        "mg", "ms", "md", "ma", "me", "mn", "mg ", "ms ", "md ", "ma ", "me ", "mn ", "mn a b c", "mx", "mx a", "m", "m a", "mgg a",
        " mg a", "mg  a", "mg  a  v ", "MG a", "Mg a", "mG a", "mn\tx", "mg\ta", "me a b", "me a b c", "me !! b", "me a k", "me YQ== b")),
    *(talk(f"{command} {key}{' 1' if command == 'ms' else ''}{tail}\n{KEYED[command]}mg a v\nmn\n", name=f"{command}{tail} with a key of {len(key)}")
      for command in KEYED
      for key in (LONGEST, LONGEST + "k", "YWJj" * 62, "YWJj" * 63, "YWJj" * 84)
      for tail in ("", " k", " q", " b", " b k")),
    *(talk(f"ms a 1\nx\n{request(command, flags)}mn\n") for command in ("mg", "md", "ma") for flags in TOO_MANY),
    *(talk(f"ms a 1\nx\nms a 1 {flags}\ny\nmn\n") for flags in (MANY.replace(" s ", " "), f"{MANY} D1 J1", f"{MANY} D1 J1 F1 C1")),
    *(talk(f"ms a {length}\n{data}\nmg a v\nmn\n", name=f"ms of {length} with {data!r}") for length in ("0", "1", "2", "01", "+1", "-1", "x", "1x", "", "S1", "2147483646")
      for data in ("", "x", "xy", "xyz", "xyzw")),
    *(talk(f"ms a {length} q k O1\n{data}\nmg a v\nmn\n", name=f"quiet ms of {length} with {data!r}") for length in ("0", "1", "2") for data in ("", "x", "xy", "xyz", "x\r")),
    *(talk(f"ms a {length} y\n{data}\nmg a v\nmn\n", name=f"wrong ms of {length} with {data!r}") for length in ("0", "1", "2", "7") for data in ("", "x", "xy", "xyz", "mg a\nmg")),
    *(talk(f"ms a 1\nx\nms a {count}{flags}\n{'y' * count}\nmg a v\nmn\n", name=f"ms{flags} of {count}", ways=("whole", "cut"))
      for count in ((1 << 20) + 1, 2_000_000) for flags in ("", " q", " ME", " MA C5", " k O1", " b")),
]

DIGITS = ["", "=", "==", "===", "====", "a", "ab", "abc", "abc=", "ab==", "a===", "=abc", "a=bc", "ab=c", "abcd", "abcdef==", "ab==abcd", "a!bcd",
          "abcd=", "abcd====", "+/+/", "-_-_", "AAAA", "////", "AA==", "AB==", "Zm9v", "Zm9vYg==", "Zm9v Yg==", "Zm9v,Yg=="]
BASE64 = [
    talk(f"{command} {digits}{' 1' if command == 'ms' else ''} b k\n{data}mn\n")
    for command, data in DATA.items()
    if command != "ms"
    for digits in DIGITS
] + [
    talk("ms YSBi 1 b k O1\nx\nmg YSBi b k v\nmd YSBi b k\nmg YSBi b k v\n"),
    talk("ms YQ== 1 b\nx\nmg a v\nmd YQ== b q\nmg a\n"),
    talk("ms a 1\nx\nmg YQ== b v\nma YQ== b\nmd YQ== b k\nmg a\n"),
    talk("ms AAEC/w== 2 b k\n12\nma AAEC/w== b k v\nmg AAEC/w== b v k s\nmd AAEC/w== b I\nmg AAEC/w== b v k\nme AAEC/w== b\n"),
]

# The classic commands see the same keys, and leave or take the marks as memcached has it.
CLASSIC = [
    talk(before, f"{line}\nmg a u v f t c h\nmg a v\nmg a\n", name=f"{line!r} of what is {state}")
    for state, before in STATES.items()
    for line in (
        "get a", "gets a", "gat 50 a", "touch a 50", "touch a 0", "delete a", "set a 3 0 1\nx", "add a 3 0 1\nx", "replace a 3 0 1\nx",
        "append a 3 0 1\nx", "prepend a 3 0 1\nx", "cas a 3 0 1 1\nx", "incr a 1", "incr a 10", "decr a 1", "decr a 100", "incr a 1 noreply",
    )
]


@every_way([*ONE, *MISTAKES, *LINES, *BASE64, *CLASSIC])
def test_conversation(pair: Pair, conversation: Conversation, way: str) -> None:
    pair.compare(conversation, way)


def random_conversation(seed: int) -> Conversation:
    """Meta and classic requests on few keys; no two flags whose meaning together is not memcached's."""
    chance = random.Random(seed)
    requests = []
    for _ in range(40):
        command = chance.choice(["mg", "mg", "mg", "ms", "ms", "md", "ma", "me", "mn", "classic"])
        # memcached forgets that a key was in base64 when a value is added to, or made by `mg`.
        binary = chance.random() < 0.1
        key = "YSBi" if binary else chance.choice(["a", "a", "n", "n", "b"])
        if binary and command == "ma":
            command = "mg"
        if command == "classic":
            line = chance.choice(["get a n", "gets n", "touch n 50", "incr n 1", "decr a 1", "delete b", "set n 1 0 1\n9", "append a 0 0 1\n1"])
            requests.append(f"{line}\n")
            continue
        if command == "mn":
            requests.append("mn\n")
            continue
        flags = chance.sample(FLAGS, chance.choice([0, 1, 1, 2, 3, 4, 5]))
        flags = [each for each in flags if each != "b" and not (binary and each[0] == "N")] + ["b"] * binary
        if command == "ms":
            # What has expired when it is stored has no token here, and so none to come back with.
            flags = [each for each in flags if each[0] not in "sNM" and each != "T-1"] + chance.choice([[], [], ["ME"], ["MR"]] if binary else [[], [], ["MA"], ["ME"], ["MR"], ["MP"]])
        if command == "ma":
            # A time given to a number that gets longer is lost in memcached.
            flags = [each for each in flags if each[0] not in "MT"] + chance.choice([[], [], ["MD"], ["MI"]])
        if command == "mg":
            # With `C` there is something to see only in newer ones; a time that has passed is shown below 0 in old ones.
            flags = [each for each in flags if each[0] != "C" and not (each[1:] == "-1" and each[0] in "TN")]
        chance.shuffle(flags)
        flags = [each for index, each in enumerate(flags) if each[0] not in {other[0] for other in flags[:index]}]
        value = chance.choice(["5", "9", "99", "text", ""])
        size = f" {len(value)}" if command == "ms" else ""
        line = f"me {key} b" if command == "me" and binary else f"me {key}" if command == "me" else " ".join([f"{command} {key}{size}", *flags])
        requests.append(f"{line}\n{value if command == 'ms' else ''}" + "\n" * (command == "ms"))
    # One by one: a value that memcached is still about to send is copied when it is counted, which shows in its flags.
    return talk(*requests, name=f"seed {seed}", ways=("whole", "cut"))


@every_way(random_conversation(seed) for seed in range(60))
def test_random_conversation(pair: Pair, conversation: Conversation, way: str) -> None:
    pair.compare(conversation, way)


# What is kept


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[MartletServer]:
    server = MartletServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.mark.parametrize("checkpointed", [False, True])
def test_stale_marks_and_chosen_tokens_survive_a_crash(durable: MartletServer, checkpointed: bool) -> None:
    with durable.memcached() as connection:
        assert connection.ask(b"ms stale 1 F7 T1000\r\nx\r\nmd stale I\r\n") == b"HD\r\nHD\r\n"
        assert connection.ask(b"ms won 1\r\nx\r\nmd won I T500 E77\r\nmg won c\r\n") == b"HD\r\nHD\r\nHD c77 X W\r\n"
        assert connection.ask(b"ms older 1 E1000\r\nx\r\nms older 1 I C5 E1001\r\ny\r\n") == b"HD\r\nHD\r\n"
        assert connection.ask(b"ms chosen 1 E18446744073709551615\r\nx\r\n") == b"HD\r\n"
        assert connection.ask(b"ms set 1\r\nx\r\nmd set I\r\nset set 0 0 1\r\ny\r\n") == b"HD\r\nHD\r\nSTORED\r\n"
        assert connection.ask(b"ms added 1\r\nx\r\nmd added I\r\nms added 1 MA E9\r\ny\r\n") == b"HD\r\nHD\r\nHD\r\n"
        assert connection.ask(b"ms n 2\r\n10\r\nmd n I\r\nma n v\r\n") == b"HD\r\nHD\r\nVA 2\r\n11\r\n"
        assert connection.ask(b"ms gone 3 E5\r\nabc\r\nmd gone x T100\r\n") == b"HD\r\nHD\r\n"
        assert connection.ask(b"mg vivified N1000 E12\r\n") == b"HD W\r\n"
        assert connection.ask(b"ms touched 1 E44\r\nx\r\nmd touched I E45\r\nmg touched T700\r\n") == b"HD\r\nHD\r\nHD X W\r\n"
        assert connection.ask(b"ms quiet 1 q E8\r\nx\r\nmn\r\n") == b"MN\r\n"
    if checkpointed:
        assert durable.checkpoint()
    durable.kill()
    durable.start()
    with durable.memcached() as connection:
        stale = connection.ask(b"mg stale c v f t\r\n").split(b" ")
        assert (stale[0], stale[1], stale[3]) == (b"VA", b"1", b"f7") and b" ".join(stale[5:]) == b"X W\r\nx\r\n"
        # Who has been told to make a value anew is forgotten, and so another one is told.
        assert connection.ask(b"mg won c v\r\n") == b"VA 1 c77 X W\r\nx\r\n"
        assert connection.ask(b"mg won c v\r\n") == b"VA 1 c77 Z X\r\nx\r\n"
        assert connection.ask(b"mg older c v\r\n") == b"VA 1 c1001 X W\r\ny\r\n"
        assert connection.ask(b"mg chosen c v\r\n") == b"VA 1 c18446744073709551615\r\nx\r\n"
        assert connection.ask(b"mg set v\r\n") == b"VA 1\r\ny\r\n"
        assert connection.ask(b"mg added c v\r\n") == b"VA 2 c9\r\nxy\r\n"
        assert connection.ask(b"mg n v\r\n") == b"VA 2 X W\r\n11\r\n"
        assert connection.ask(b"mg gone c v\r\n") == b"VA 0 c5\r\n\r\n"
        assert connection.ask(b"mg vivified c v\r\n") == b"VA 0 c12\r\n\r\n"
        assert connection.ask(b"mg touched c v\r\n") == b"VA 1 c45 X W\r\nx\r\n"
        assert connection.ask(b"mg quiet c v\r\n") == b"VA 1 c8\r\nx\r\n"


def test_a_mark_goes_through_an_export(durable: MartletServer, server: Server) -> None:
    with durable.memcached() as connection, durable.redis() as redis:
        assert connection.ask(b"ms k 1\r\nx\r\nmd k I\r\n") == b"HD\r\nHD\r\n"
        assert redis("SET", "j", "y", "STALE") == OK
        assert connection.ask(b"mg j v\r\nmg k v\r\n") == b"VA 1 X W\r\ny\r\nVA 1 X W\r\nx\r\n"


# What they are for


def test_of_many_clients_one_makes_a_value(server: Server) -> None:
    """The herd: a missing value, then a stale one, then one about to expire is each given to one client to make."""
    begin = threading.Barrier(8)
    won: list[bytes] = []

    def client() -> None:
        with MemcachedConnection(server.memcached_port) as connection:
            for number in range(50):
                begin.wait(20)
                replies = [connection.ask(b"mg vivify%d N30 v\r\n" % number)]
                begin.wait(20)
                if b" W" in replies[0]:
                    connection.exchange(b"ms vivify%d 1 T1000\r\nx\r\n" % number, b"HD\r\n")
                    connection.exchange(b"md vivify%d I\r\n" % number, b"HD\r\n")
                begin.wait(20)
                replies.append(connection.ask(b"mg vivify%d v\r\n" % number))
                begin.wait(20)
                if b" W" in replies[1]:
                    connection.exchange(b"ms vivify%d 1 T100\r\ny\r\n" % number, b"HD\r\n")
                begin.wait(20)
                replies.append(connection.ask(b"mg vivify%d R5000 v\r\n" % number))
                won.extend(b"%d %d" % (number, index) for index, reply in enumerate(replies) if b" W" in reply)
                assert all(b" W" in each or b" Z" in each for each in replies), replies

    clients = [threading.Thread(target=client) for _ in range(8)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert sorted(won) == sorted(b"%d %d" % (number, index) for number in range(50) for index in range(3))


def test_keys_of_any_bytes(server: Server) -> None:
    chance = random.Random(1)
    keys = {bytes(chance.randrange(256) for _ in range(chance.randrange(1, 180))) for _ in range(200)}
    with server.memcached() as connection:
        for key in keys:
            digits = base64.b64encode(key)
            connection.exchange(b"ms %s %d b k\r\n%s\r\n" % (digits, len(key), key), b"HD k%s b\r\n" % digits)
        for key in keys:
            digits = base64.b64encode(key)
            connection.exchange(b"mg %s b k v\r\n" % digits, b"VA %d k%s b\r\n%s\r\n" % (len(key), digits, key))
