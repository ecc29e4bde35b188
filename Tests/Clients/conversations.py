"""Conversations held with the real memcached and with Martlet at once; what both say has to be equal, byte for byte.

A conversation is a list of steps, mostly `Send`. Both servers get the same bytes in the same pieces, step by step. To
know without guessing when a server has said all it has to say, each step is followed by a request whose reply appears
nowhere else (`version`); a server that doesn't answer it, although the other one is as silent, has closed or still
waits for the rest of something, and that is compared, too: it is given the end of a line and the question again, and at
last the end of the stream. Both always get the same bytes, so a slow machine makes no difference.

To add a table of conversations, in any test file:

    from conversations import Send, Until, every_way, talk

    TABLE = [
        talk("set a 0 0 1\\nx\\nget a\\n"),                      # \\n is CR LF here; bytes are sent as they are
        talk("set a 0 0 1\\nx\\ngets a\\n", "cas a 0 0 1 <cas 1>\\ny\\n"),   # the first CAS token that was shown
        talk("set a 0 <now+100> 1\\nx\\n", Send(b"get a\\r\\n", on=1)),      # a second connection
        talk("set a 0 1 1\\nx\\n", Until(b"get a\\r\\n", b"END\\r\\n")),      # asked until this is the reply
    ]

    @every_way(TABLE)
    def test_what_it_is_about(pair, conversation, way):
        pair.compare(conversation, way)

`every_way` runs each entry whole, byte by byte, and cut at places chosen from a seed. What differs by nature is
normalised by the rules in `SIZED`, `TOKENS` and `TEXTS`, line by line outside of values: a CAS token becomes its place
in the order in which the tokens first appeared, so that equal ones stay equal and others don't. A protocol with other
lines adds its own rules there. Where Martlet means to differ, the entry goes into a list of `Difference` with the reason,
`test_memcached_differences.py` has that list.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import selectors
import socket
import subprocess
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from servers import MartletServer, Process, ServerFailed, eventually, free_ports, required

PATIENCE = 20.0
"""Seconds that one server may take longer than the other."""
QUIET = 0.06
"""Seconds without a byte from either server until they are taken to have nothing to say."""
PAUSE = 0.0001
"""Seconds between two pieces. Nothing depends on it but how often a server really reads them apart."""

SENTINELS = [
    (b"version\r\n", rb"(?:^|(?<=\n))VERSION [^\r\n]*\r\n\Z", b"version"),
    (b"touch \x7f \x7f\r\n", rb"(?:^|(?<=\n))CLIENT_ERROR invalid exptime argument\r\n\Z", b"tou"),
]
"""What is asked behind each step, how its reply looks, and what must not be in a conversation for it to be used."""

questions = itertools.count(1)
"""Numbers for the questions that are asked when the sentinel isn't answered."""

SIZED = [re.compile(rb"VALUE [^ ]+ \d+ (\d+)(?: \d+)?"), re.compile(rb"VA (\d+)(?: .*)?")]
"""Lines that a block of data follows, and how many bytes it has."""
TOKENS = [
    re.compile(rb"VALUE [^ ]+ \d+ \d+ (\d+)"),
    re.compile(rb"(?:HD|VA \d+)(?: [^ ]+)*? c(\d+)(?: [^ ]+)*"),
    re.compile(rb"ME .* cas=(\d+) .*"),
]
"""Lines with a CAS token, as the group."""
TEXTS = [(re.compile(rb"VERSION .*"), b"VERSION *")]
"""Lines of which only the kind is compared, and what stands for them."""


def tens(match: re.Match[bytes]) -> bytes:
    """Seconds that are left, as the nearest multiple of ten: two servers' seconds don't begin at once."""
    return match[0] if match[2] == b"-1" else match[1] + b"%d" % (round(int(match[2]) / 10) * 10)


META = re.compile(rb"(?:HD|VA \d+|ME)(?: .*)?")
"""The replies to meta commands."""
PARTS: list[tuple[re.Pattern[bytes], bytes | Callable[[re.Match[bytes]], bytes]]] = [
    (re.compile(rb"( t|exp=)(-?\d+)(?= |$)"), tens),
    (re.compile(rb"(?<= l)\d+(?= |$)"), b"*"),
    (re.compile(rb"(?<= la=)\d+|(?<= cls=)\d+|(?<= size=)\d+"), b"*"),
]
"""Parts of them, and what stands for each."""


@dataclass(frozen=True)
class Send:
    """Sends bytes, and waits until both servers have answered unless `settles` is false."""

    data: bytes
    on: int = 0
    settles: bool = True


@dataclass(frozen=True)
class Until:
    """Asks again and again until the reply is this one, of each server by itself."""

    request: bytes
    reply: bytes
    on: int = 0


@dataclass(frozen=True)
class Shut:
    """Sends the end of the stream, and reads what still comes, to its end."""

    on: int = 0


Step = Send | Until | Shut


@dataclass(frozen=True)
class Conversation:
    name: str
    steps: tuple[Step, ...]
    ways: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(f"  {step}"[:3000] for step in self.steps)


WAYS = ("whole", "bytes", "cut")


def talk(*parts: str | bytes | Step, name: str | None = None, ways: tuple[str, ...] = WAYS) -> Conversation:
    """A conversation. A text is sent with CR LF for each line feed that has no CR of its own, bytes as they are."""
    steps = tuple(part if isinstance(part, Step) else Send(as_lines(part)) for part in parts)
    if name is None:
        name = " ".join(repr(part)[1 + isinstance(part, bytes) : -1] for part in parts if isinstance(part, str | bytes))
        name = name if len(name) < 90 else f"{name[:70]}…{zlib.crc32(name.encode()):08x}"
    return Conversation(name, steps, ways)


def as_lines(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    return text.encode("latin-1").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def every_way(conversations: Iterable[Conversation]) -> pytest.MarkDecorator:
    """Parametrizes a test with each conversation, in each of its ways."""
    cases = [(each, way) for each in conversations for way in each.ways]
    return pytest.mark.parametrize(
        ("conversation", "way"), cases, ids=[f"{way}: {each.name}" for each, way in cases]
    )


def pieces(data: bytes, way: str) -> list[bytes]:
    """The data as it is sent."""
    if way == "whole" or len(data) < 2:
        return [data]
    if way == "bytes":
        # Of long ones only the ends, where what a server looks at is.
        front, back = (len(data), len(data)) if len(data) <= 600 else (400, len(data) - 200)
        single = [data[i : i + 1] for i in range(front)] + [data[front:back]]
        return [piece for piece in single + [data[i : i + 1] for i in range(back, len(data))] if piece]
    chance = random.Random(zlib.crc32(data))
    places = sorted({chance.randrange(1, len(data)) for _ in range(chance.randrange(1, 6))})
    return [data[i:j] for i, j in zip([0, *places], [*places, len(data)], strict=True)]


class Normaliser:
    """Makes what two servers say comparable: one for each server and conversation."""

    def __init__(self, texts: list[tuple[re.Pattern[bytes], bytes]]) -> None:
        self.texts = texts
        self.tokens: list[bytes] = []
        """The CAS tokens in the order in which they first appeared."""

    def __call__(self, reply: bytes) -> bytes:
        result = bytearray()
        position = 0
        while position < len(reply):
            end = reply.find(b"\r\n", position)
            if end < 0:
                break
            line = reply[position:end]
            result += self.line(line) + b"\r\n"
            position = end + 2
            size = next((int(match[1]) for rule in SIZED if (match := rule.fullmatch(line))), 0)
            result += reply[position : position + size]
            position += size
        return bytes(result + reply[position:])

    def line(self, line: bytes) -> bytes:
        if META.fullmatch(line):
            for part, text in PARTS:
                line = part.sub(text, line)
        for rule in TOKENS:
            if match := rule.fullmatch(line):
                token = match[1]
                if token not in self.tokens:
                    self.tokens.append(token)
                start, end = match.span(1)
                return line[:start] + b"cas%d" % (self.tokens.index(token) + 1) + line[end:]
        return next((text for rule, text in self.texts if rule.fullmatch(line)), line)

    def fill(self, data: bytes, now: int) -> bytes:
        """The bytes to send: with this server's own tokens, and the time."""

        def token(match: re.Match[bytes]) -> bytes:
            number = int(match[1])
            return self.tokens[number - 1] if number <= len(self.tokens) else b"0"

        data = re.sub(rb"<cas (\d+)>", token, data)
        return re.sub(rb"<now([+-]\d+)>", lambda match: b"%d" % (now + int(match[1])), data)


@dataclass
class Link:
    """A connection, and what still has to be sent and has been received."""

    port: int
    unsent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    ended: bool = False

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def send(self, data: bytes) -> None:
        self.unsent += data
        self.push()

    def push(self) -> None:
        try:
            while self.unsent:
                sent = self.socket.send(self.unsent[: 1 << 20])
                del self.unsent[:sent]
        except BlockingIOError:
            pass
        except OSError:
            # Who can't send any more learns from what it receives how the connection ended.
            self.unsent.clear()

    def pull(self) -> None:
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.received += data
        self.ended = self.ended or not data

    def take(self) -> bytes:
        data = bytes(self.received)
        self.received.clear()
        return data


def pump(links: list[Link], done: Callable[[], bool], quiet: float, limit: float = PATIENCE) -> bool:
    """Sends and receives until `done`, or until nothing has moved for `quiet` seconds; whether it is done."""
    last_limit = time.monotonic() + limit
    while not done():
        waiting = [link for link in links if not link.ended or link.unsent]
        if not waiting or time.monotonic() > last_limit:
            return False
        with selectors.DefaultSelector() as selector:
            for link in waiting:
                reads = 0 if link.ended else selectors.EVENT_READ
                selector.register(link.socket, reads | (selectors.EVENT_WRITE if link.unsent else 0), link)
            ready = selector.select(quiet)
        if not ready:
            return done()
        for key, events in ready:
            if events & selectors.EVENT_WRITE:
                key.data.push()
            if events & selectors.EVENT_READ:
                key.data.pull()
    return True


@dataclass
class Side:
    """One of the two servers, in one conversation."""

    port: int
    normalise: Normaliser
    links: dict[int, Link] = field(default_factory=dict)
    said: list[tuple[str, bytes]] = field(default_factory=list)
    """What happened, and the bytes of it."""

    def link(self, index: int) -> Link:
        if index not in self.links:
            self.links[index] = Link(self.port)
        return self.links[index]

    def close(self) -> None:
        for link in self.links.values():
            link.socket.close()


class Peer:
    """The real memcached, running."""

    def __init__(self, folder: Path, *options: str) -> None:
        (self.port,) = free_ports(1)
        command = [required("memcached"), "-l", "127.0.0.1", "-p", str(self.port), "-m", "64", "-I", "1m"]
        # Its threads and its maintainer keep items for a while after they were read, and a number that goes down in such
        # an item gets shorter: what is asked twice would not be answered alike.
        command += ["-t", "1", "-o", "no_lru_maintainer", *options]
        if os.geteuid() == 0:
            command += ["-u", "root"]
        self.process = Process(command, folder, "memcached", dict(os.environ))
        if not eventually(self.answers, PATIENCE):
            raise ServerFailed(f"memcached doesn't answer: {self.process.errors}")

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def running(self) -> bool:
        return self.process.running

    def kill(self) -> None:
        if self.process.running:
            self.process.process.kill()
            self.process.process.wait()

    @staticmethod
    def version() -> str:
        return subprocess.run([required("memcached"), "-V"], capture_output=True, text=True, check=True).stdout.strip()


class Pair:
    """Both servers, running."""

    def __init__(self, folder: Path, peer_options: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> None:
        durability = os.environ.get("MEMCACHED_DURABILITY", "never")
        self.folder, self.peer_options = folder, peer_options
        self.martlet = MartletServer(folder, "--durability", durability, *options)
        self.start()

    def start(self) -> None:
        self.peer = Peer(self.folder, *self.peer_options)
        self.martlet.start()

    def kill(self) -> None:
        self.peer.kill()
        self.martlet.kill()

    @property
    def running(self) -> bool:
        return self.peer.running and self.martlet.running

    def empty(self) -> None:
        """Empties both servers, and forgets flushes that are still to come."""
        for port in (self.peer.port, self.martlet.memcached_port):
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(b"flush_all\r\n")
                if (reply := connection.recv(100)) != b"OK\r\n":
                    raise ServerFailed(f"flush_all gave {reply!r}")

    def compare(self, conversation: Conversation, way: str = "whole") -> None:
        """Fails if the two servers say anything different."""
        theirs, ours = self.hold(conversation, way)
        if theirs != ours:
            raise AssertionError(
                f"held {way}:\n{conversation.text}\n\nmemcached: {shown(theirs)}\n\nMartlet:   {shown(ours)}"
            )

    def hold(
        self,
        conversation: Conversation,
        way: str = "whole",
        texts: list[tuple[re.Pattern[bytes], bytes]] = TEXTS,
        patience: float = PATIENCE,
    ) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
        """What memcached says and does, and what Martlet."""
        self.empty()
        data = b"".join(step.data for step in conversation.steps if isinstance(step, Send))
        sentinel, reply = next(
            (request, re.compile(reply)) for request, reply, trigger in SENTINELS if trigger not in data
        )
        sides = [Side(port, Normaliser(texts)) for port in (self.peer.port, self.martlet.memcached_port)]
        now = int(time.time())
        try:
            for step in conversation.steps:
                links = [side.link(step.on) for side in sides]
                match step:
                    case Send(template, settles=settles):
                        send(sides, links, template, way, now)
                        if settles:
                            settle(sides, links, sentinel, reply, patience)
                    case Until(request, wanted):
                        for side, link in zip(sides, links, strict=True):
                            side.said.append((f"asked until {wanted!r}: {ask_until(link, request, wanted)}", b""))
                    case Shut():
                        shut(sides, links, patience)
            for index in sides[0].links:
                links = [side.links[index] for side in sides]
                if not settle(sides, links, sentinel, reply, patience):
                    shut(sides, links, patience)
        finally:
            for side in sides:
                side.close()
        return sides[0].said, sides[1].said


def shown(said: list[tuple[str, bytes]]) -> str:
    return "\n".join(f"  {state}: {text if len(text) < 2000 else text[:1000] + b'...' + text[-500:]!r}" for state, text in said)


def send(sides: list[Side], links: list[Link], template: bytes, way: str, now: int) -> None:
    cut = [pieces(side.normalise.fill(template, now), way) for side in sides]
    for index in range(max(len(each) for each in cut)):
        for link, each in zip(links, cut, strict=True):
            if index < len(each):
                link.send(each[index])
        pump(links, lambda: not any(link.unsent for link in links), PATIENCE)
        if index > 0 or len(cut[0]) > 1:
            time.sleep(PAUSE)


def settle(
    sides: list[Side], links: list[Link], sentinel: bytes, reply: re.Pattern[bytes], patience: float
) -> bool:
    """Waits until both servers have said what they have to; whether they wait for a request now."""

    def has_settled(link: Link) -> bool:
        return link.ended or reply.search(link.received) is not None

    for attempt in range(3):
        if attempt > 0:
            # Another question each time: a late reply to the one before is not to be taken for the reply to this one.
            number = b"%d" % next(questions)
            sentinel = b"\r\nset \x7f 0 0 %d\r\n%s\r\nget \x7f\r\n" % (len(number), number)
            reply = re.compile(rb"(?:^|(?<=\n))VALUE \x7f 0 %d\r\n%s\r\nEND\r\n\Z" % (len(number), number))
        for link in links:
            link.send(sentinel)
        pump(links, lambda: any(map(has_settled, links)), QUIET)
        if any(map(has_settled, links)):
            break
    if any(map(has_settled, links)):
        pump(links, lambda: all(map(has_settled, links)), patience, patience)
    for side, link in zip(sides, links, strict=True):
        said = link.take()
        answer = None if link.ended else reply.search(said)
        state = "closed" if link.ended else "silent" if answer is None else "open"
        side.said.append((state, side.normalise(said[: answer.start()] if answer else said)))
    return not any(link.ended for link in links) and all(side.said[-1][0] == "open" for side in sides)


def shut(sides: list[Side], links: list[Link], patience: float) -> None:
    for link in links:
        try:
            link.socket.shutdown(socket.SHUT_WR)
        except OSError:
            link.ended = True
    pump(links, lambda: all(link.ended for link in links), patience, patience)
    for side, link in zip(sides, links, strict=True):
        side.said.append(("ended" if link.ended else "open after the end", side.normalise(link.take())))


def ask_until(link: Link, request: bytes, wanted: bytes) -> bool:
    def reply() -> bytes:
        link.send(request)
        pump([link], lambda: len(link.received) >= len(wanted), QUIET)
        return link.take()

    return eventually(lambda: reply() == wanted, PATIENCE)


@dataclass(frozen=True)
class Difference:
    """Where Martlet means to say something else than memcached."""

    title: str
    """The first cell of its row in docs/MEMCACHED.md."""
    reason: str
    """The last cell."""
    conversation: Conversation
    theirs: str
    """What memcached says of it, in the notation of `talk`."""
    ours: str
