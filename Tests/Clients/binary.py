"""memcached's binary protocol, in frames, and conversations in it held with the real memcached and with Martlet at once.

A conversation is a list of steps, each a list of frames that are sent together. Behind each step goes a `noop` with an
opaque of its own, so that it is known without guessing when a server has said all it has to say. A server that doesn't
answer it has closed, or waits for the rest of a body; that is compared, too. A CAS token becomes its place in the order in
which the tokens appeared, and a request can name it so: `Frame(DELETE, b"k", cas=Cas(1))`.
"""

from __future__ import annotations

import random
import struct
import time
from dataclasses import dataclass, field, replace

from conversations import PATIENCE, PAUSE, QUIET, Link, Pair, pieces, pump

HEADER = struct.Struct(">BBHBBHIIQ")

GET, SET, ADD, REPLACE, DELETE, INCREMENT, DECREMENT, QUIT, FLUSH, GETQ, NOOP, VERSION, GETK, GETKQ, APPEND, PREPEND = range(16)
STAT, SETQ, ADDQ, REPLACEQ, DELETEQ, INCREMENTQ, DECREMENTQ, QUITQ, FLUSHQ, APPENDQ, PREPENDQ, VERBOSITY = range(16, 28)
TOUCH, GAT, GATQ = 0x1C, 0x1D, 0x1E
SASL_LIST, SASL_AUTH, SASL_STEP, GATK, GATKQ = 0x20, 0x21, 0x22, 0x23, 0x24

SENTINEL = 0x5E171E1
"""The opaque of the `noop` that ends a step."""


@dataclass(frozen=True)
class Cas:
    """The token that was the n-th to appear, counted from 1."""

    place: int


@dataclass(frozen=True)
class Frame:
    """A request. What it says of its own lengths can be wrong."""

    opcode: int
    key: bytes = b""
    extras: bytes = b""
    value: bytes = b""
    cas: int | Cas = 0
    opaque: int = 0xDEADBEEF
    magic: int = 0x80
    data_type: int = 0
    reserved: int = 0
    key_length: int | None = None
    extras_length: int | None = None
    body_length: int | None = None

    def encode(self, tokens: list[int]) -> bytes:
        body = self.extras + self.key + self.value
        cas = self.cas
        if isinstance(cas, Cas):
            cas = tokens[cas.place - 1] if cas.place <= len(tokens) else 0xFFFF
        lengths = (self.key_length, self.extras_length, self.body_length)
        sizes = [given if given is not None else len(part) for given, part in zip(lengths, (self.key, self.extras, body), strict=True)]
        header = (self.magic, self.opcode, sizes[0], sizes[1], self.data_type, self.reserved, sizes[2], self.opaque, cas)
        return HEADER.pack(*header) + body


def flags_and_expiry(flags: int = 0, expiry: int = 0) -> bytes:
    return struct.pack(">II", flags, expiry)


def store(opcode: int, key: bytes, value: bytes = b"v", flags: int = 0, expiry: int = 0, cas: int | Cas = 0) -> Frame:
    return Frame(opcode, key, flags_and_expiry(flags, expiry), value, cas)


def count(opcode: int, key: bytes, amount: int = 1, initial: int = 0, expiry: int = 0, cas: int | Cas = 0) -> Frame:
    return Frame(opcode, key, struct.pack(">QQI", amount, initial, expiry), cas=cas)


def touch(opcode: int, key: bytes, expiry: int = 0) -> Frame:
    return Frame(opcode, key, struct.pack(">I", expiry))


def plain(message: bytes, opcode: int = SASL_AUTH, mechanism: bytes = b"PLAIN") -> Frame:
    return Frame(opcode, mechanism, value=message)


@dataclass(frozen=True)
class BinaryReply:
    opcode: int
    status: int
    extras: bytes
    key: bytes
    value: bytes
    opaque: int
    cas: int
    data_type: int = 0


def parse(data: bytes) -> tuple[list[BinaryReply], bytes]:
    """The whole replies, and what is left."""
    replies = []
    while len(data) >= HEADER.size:
        magic, opcode, key, extras, data_type, status, body, opaque, cas = HEADER.unpack_from(data)
        if magic != 0x81 or len(data) < HEADER.size + body:
            break
        content = data[HEADER.size : HEADER.size + body]
        value = content[extras + key :]
        replies.append(BinaryReply(opcode, status, content[:extras], content[extras : extras + key], value, opaque, cas, data_type))
        data = data[HEADER.size + body :]
    return replies, data


Conversation = list[list[Frame | bytes]]


@dataclass
class Side:
    """One of the two servers, in one conversation."""

    link: Link
    pads: bool = True
    """Whether spaces at the end of a value matter."""
    tokens: list[int] = field(default_factory=list)
    said: list[object] = field(default_factory=list)

    def encode(self, step: list[Frame | bytes]) -> bytes:
        return b"".join(each if isinstance(each, bytes) else each.encode(self.tokens) for each in step)

    def answered(self) -> bool:
        return self.link.ended or any(reply.opaque == SENTINEL for reply in parse(bytes(self.link.received))[0])

    def note(self) -> bool:
        """Writes down what was said since the last step; whether the server wants to hear more."""
        replies, rest = parse(self.link.take())
        answer = next((reply for reply in replies if reply.opaque == SENTINEL), None)
        for reply in replies:
            if reply.opaque == SENTINEL:
                continue
            if reply.cas and reply.cas not in self.tokens:
                self.tokens.append(reply.cas)
            place = self.tokens.index(reply.cas) + 1 if reply.cas else 0
            value = b"*" if reply.opcode == VERSION and reply.status == 0 else reply.value
            self.said.append(replace(reply, cas=place, value=value if self.pads else value.rstrip(b" ")))
        if rest:
            self.said.append(rest)
        # Who refuses the question closes as well, now or in a moment.
        state = ("closed" if self.link.ended else "silent") if answer is None else "refused" if answer.status else "open"
        self.said.append(state)
        return state == "open"


def hold(
    pair: Pair, conversation: Conversation, way: str = "whole", *, empties: bool = True, pads: bool = True
) -> tuple[list[object], list[object]]:
    """What memcached says and does, and what Martlet.

    `empties` is whether both are emptied first, which a client that has yet to authenticate can't ask for; `pads` whether spaces at the
    end of a value matter."""
    sides = [Side(Link(port), pads) for port in (pair.peer.port, pair.martlet.memcached_port)]
    links = [side.link for side in sides]
    try:
        for step in [[Frame(FLUSH)]] * empties + conversation:
            # Their tokens differ, and the places where they are cut don't.
            data = [side.encode(step) for side in sides]
            start = 0
            for piece in pieces(data[0], way):
                for link, each in zip(links, data, strict=True):
                    link.send(each[start : start + len(piece)])
                pump(links, lambda: not any(link.unsent for link in links), PATIENCE)
                start += len(piece)
                if start < len(data[0]):
                    time.sleep(PAUSE)
            for link in links:
                link.send(Frame(NOOP, opaque=SENTINEL).encode([]))
            pump(links, lambda: any(side.answered() for side in sides), QUIET)
            if any(side.answered() for side in sides):
                pump(links, lambda: all(side.answered() for side in sides), PATIENCE)
            if not all([side.note() for side in sides]):
                break
    finally:
        for link in links:
            link.socket.close()
    return sides[0].said, sides[1].said


def compare(pair: Pair, conversation: Conversation, way: str = "whole", *, empties: bool = True, pads: bool = True) -> None:
    """Fails if the two servers say anything different."""
    theirs, ours = hold(pair, conversation, way, empties=empties, pads=pads)
    if theirs == ours:
        return
    place = next((i for i, (one, other) in enumerate(zip(theirs, ours, strict=False)) if one != other), min(len(theirs), len(ours)))
    last = sum(isinstance(each, str) for each in theirs[:place]) - empties
    steps = "\n".join(f"  {frame}"[:300] for step in conversation[max(0, last - 1) : last + 1] for frame in step)
    lines = [f"held {way}; the last two steps:", steps, "the same up to here:", *(f"  {each}"[:300] for each in theirs[max(0, place - 3) : place])]
    lines += [f"memcached: {theirs[place : place + 3]}"[:1000], f"Martlet:   {ours[place : place + 3]}"[:1000]]
    raise AssertionError("\n".join(lines))


def chance_conversation(seed: int, length: int = 60) -> Conversation:
    """Requests of all kinds on a few keys, most of them valid, from a seed.

    memcached pads a number that gets shorter with spaces or not, as chance will have it: so a key that is counted is not
    added to, and the padding is to be left out of the comparison."""
    chance = random.Random(seed)
    keys = [b"number", b"other number", b"a", b"with space\r\n", b"\x00\xff\x80", b"k" * 250]
    values = [b"", b"1", b"99", b"18446744073709551615", b"text", b"x\r\n", b"\x80" * 30, b"v" * 3000, b"7 ", b"-1"]
    far = 60 * 60 * 24 * 30

    def cas() -> int | Cas:
        return chance.choice([0, 0, 0, Cas(chance.randint(1, 8)), 1 << 63])

    def expiry(*others: int) -> int:
        # None that passes while the conversation lasts.
        return chance.choice([0, 0, 0, 1000, far, 4_000_000_000, *others])

    def request() -> Frame:
        key = chance.choice(keys)
        kind = chance.randrange(12)
        if kind < 3:
            opcode = chance.choice([SET, SETQ, ADD, ADDQ, REPLACE, REPLACEQ])
            return store(opcode, key, chance.choice(values), chance.choice([0, 1, 0xFFFFFFFF]), expiry(), cas())
        if kind < 6:
            return Frame(chance.choice([GET, GETQ, GETK, GETKQ]), key)
        if kind == 6:
            return Frame(chance.choice([APPEND, APPENDQ, PREPEND, PREPENDQ]), chance.choice(keys[2:]), value=chance.choice(values), cas=cas())
        if kind == 7:
            amount, initial = chance.choice([0, 1, (1 << 64) - 1, 1 << 63]), chance.choice([0, 5, (1 << 64) - 1])
            opcode = chance.choice([INCREMENT, INCREMENTQ, DECREMENT, DECREMENTQ])
            return count(opcode, chance.choice(keys[:2]), amount, initial, chance.choice([0, 1000, 0xFFFFFFFF]), cas())
        if kind == 8:
            return touch(chance.choice([TOUCH, GAT, GATQ, GATK, GATKQ]), key, expiry(far + 1))
        if kind == 9:
            return Frame(chance.choice([DELETE, DELETEQ]), key, cas=cas())
        if kind == 10:
            return chance.choice([Frame(NOOP), Frame(VERSION), Frame(VERBOSITY), Frame(0x77, value=b"body"), plain(b"\0a\0b"), Frame(SASL_LIST)])
        # A flush with a delay brings back in memcached what was flushed before it.
        return chance.choice([Frame(FLUSH), Frame(FLUSHQ), Frame(STAT, b"reset"), Frame(STAT, b"none")])

    frames = [replace(request(), opaque=number + 1, reserved=chance.choice([0, 0, 0xFFFF]), data_type=chance.choice([0, 0, 9])) for number in range(length)]
    steps: Conversation = []
    while frames:
        size = chance.randint(1, 12)
        steps.append(list(frames[:size]))
        del frames[:size]
    return steps

