"""Connections that speak the two protocols byte by byte.

The client libraries hide what a server really said: they strip `ERR `, turn replies into Python's types, and
never send anything malformed. These two connections hide nothing.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

PATIENCE = 10.0
"""Seconds that a reply may take before a test fails."""


@dataclass(frozen=True)
class Status:
    """A RESP simple string: `+OK`."""

    text: str


@dataclass(frozen=True)
class Error:
    """A RESP error, whole: `-ERR syntax error`."""

    text: str


@dataclass(frozen=True)
class Verbatim:
    """A RESP3 verbatim string and its format."""

    format: bytes
    text: bytes


@dataclass(frozen=True)
class Raw:
    """A reply as it is sent."""

    head: bytes
    """Its first line without the end, of a bulk string with what follows."""
    children: tuple[Raw, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.head[:1] in (b"-", b"!")

    @property
    def bytes(self) -> bytes:
        return self.head + b"\r\n" + b"".join(child.bytes for child in self.children)

    @property
    def sorted(self) -> Raw:
        """The same reply with its elements, and theirs, in the order of their bytes."""
        children = [child.sorted for child in self.children]
        if self.head.startswith(b"%"):
            pairs = sorted(zip(children[::2], children[1::2], strict=True), key=lambda pair: pair[0].bytes)
            children = [child for pair in pairs for child in pair]
        else:
            children.sort(key=lambda child: child.bytes)
        return Raw(self.head, tuple(children))

    @property
    def text(self) -> str:
        """For a person to read."""
        return self.bytes.decode("ascii", "backslashreplace").replace("\r\n", " ").strip()


OK = Status("OK")
WRONGTYPE = Error("WRONGTYPE Operation against a key holding the wrong kind of value")
NOT_AN_INTEGER = Error("ERR value is not an integer or out of range")
SYNTAX_ERROR = Error("ERR syntax error")


def as_bytes(word: bytes | str | int) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()


def encode(*words: bytes | str | int) -> bytes:
    """One command in RESP, as clients send it."""
    encoded = [as_bytes(word) for word in words]
    parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
    return b"*%d\r\n" % len(encoded) + b"".join(parts)


class Connection:
    """A socket, read in lines and in lengths."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.address = "{}:{}".format(*self.socket.getsockname())

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, count: int) -> bytes:
        """Exactly `count` bytes, or fewer if the server closes first."""
        return self.file.read(count)

    def line(self) -> bytes:
        """One line with its end, or nothing if the server closed."""
        return self.file.readline()

    def rest(self) -> bytes:
        """All that comes until the server closes the connection; a reset counts as a close."""
        received = b""
        try:
            while data := self.file.read1(65536):
                received += data
        except ConnectionResetError:
            pass
        return received


class RedisConnection(Connection):
    """RESP, version 2 or 3, with replies as Python values. Calling it sends a command and reads the reply."""

    def __init__(self, port: int, protocol: int = 2) -> None:
        super().__init__(port)
        self.protocol = protocol
        if protocol == 3:
            self("HELLO", 3)

    def __call__(self, *words: bytes | str | int) -> object:
        self.send(encode(*words))
        return self.read()

    def read(self) -> object:
        """The next reply. Its type tells RESP's types apart: a set is a `set`
        (a list if it holds collections), a null of either version `None`."""
        line = self.line()
        if not line:
            raise EOFError("the server closed the connection")
        assert line.endswith(b"\r\n"), f"a reply's line that doesn't end with CR LF: {line!r}"
        kind, body = line[:1], line[1:-2]
        match kind:
            case b"+":
                return Status(body.decode())
            case b"-":
                return Error(body.decode())
            case b":":
                return int(body)
            case b"$" | b"=" if body == b"-1":
                return None
            case b"$" | b"=":
                data = self.receive(int(body) + 2)
                assert data.endswith(b"\r\n"), f"a bulk string that doesn't end with CR LF: {data!r}"
                return data[:-2] if kind == b"$" else Verbatim(data[:3], data[4:-2])
            case b"*" if body == b"-1":
                return None
            case b"*" | b">":
                return [self.read() for _ in range(int(body))]
            case b"~":
                members = [self.read() for _ in range(int(body))]
                if any(isinstance(member, list | dict) for member in members):
                    return members
                assert len(set(members)) == len(members), f"a set with a member twice: {members!r}"
                return set(members)
            case b"%":
                return {self.read(): self.read() for _ in range(int(body))}
            case b"_":
                return None
            case b"#":
                return body == b"t"
            case b",":
                return float(body)
        raise AssertionError(f"not a reply: {line!r}")

    def read_raw(self) -> Raw:
        """The next reply as it is."""
        line = self.line()
        if not line:
            raise EOFError("the server closed the connection")
        assert line.endswith(b"\r\n"), f"a reply's line that doesn't end with CR LF: {line!r}"
        kind, length = line[:1], line[1:-2]
        if kind in b"$=!" and length != b"-1":
            return Raw((line + self.receive(int(length) + 2))[:-2])
        if kind in b"*~>%" and length != b"-1":
            count = int(length) * (2 if kind == b"%" else 1)
            return Raw(line[:-2], tuple(self.read_raw() for _ in range(count)))
        return Raw(line[:-2])

    def raw(self, *words: bytes | str | int) -> Raw:
        """The reply to a command as it is."""
        self.send(encode(*words))
        return self.read_raw()

    def raw_pipeline(self, commands: list[list[bytes]]) -> list[Raw]:
        """Sends all commands at once, then reads all the replies as they are."""
        self.send(b"".join(encode(*command) for command in commands))
        return [self.read_raw() for _ in commands]

    def pipeline(self, commands: list[tuple[bytes | str | int, ...]]) -> list[object]:
        """Sends all commands at once, then reads all the replies."""
        self.send(b"".join(encode(*command) for command in commands))
        return [self.read() for _ in commands]

    def map(self, *words: bytes | str | int) -> dict[object, object]:
        """The reply to a command that answers a map in RESP3, and in RESP2 the same flat."""
        reply = self(*words)
        if self.protocol == 3:
            assert isinstance(reply, dict), reply
            return reply
        assert isinstance(reply, list), reply
        return dict(zip(reply[::2], reply[1::2], strict=True))

    def text(self, *words: bytes | str | int) -> bytes:
        """The reply to a command that answers a verbatim string in RESP3, and in RESP2 a bulk string."""
        reply = self(*words)
        if self.protocol == 3:
            assert isinstance(reply, Verbatim) and reply.format == b"txt", reply
            return reply.text
        assert isinstance(reply, bytes), reply
        return reply


class MemcachedConnection(Connection):
    """memcached's classic text protocol."""

    def ask(self, request: bytes) -> bytes:
        """All that the server answers to `request`. A `version` behind it marks the end of the answer."""
        self.send(request)
        self.send(b"version\r\n")
        answer = b""
        while True:
            line = self.line()
            if not line:
                raise EOFError(f"the server closed the connection after {answer[:200]!r}")
            if line.startswith(b"VERSION "):
                return answer
            answer += line

    def exchange(self, request: bytes, answer: bytes) -> None:
        """Sends `request` and expects exactly `answer`, with nothing behind it that could push the answer out."""
        self.send(request)
        assert self.receive(len(answer)) == answer

    def cas_unique(self, key: bytes) -> int:
        """The `cas` token that `gets` shows."""
        line, *_ = self.ask(b"gets %s\r\n" % key).splitlines()
        return int(line.split()[4])
