"""The few requests that are no load: filling a server, asking whether it is there, holding idle connections."""

from __future__ import annotations

import socket
from collections.abc import Iterator

PATIENCE = 120.0
"""Seconds to wait for a reply."""

BATCH_BYTES = 1 << 20


class Client:
    """A connection."""

    def __init__(self, port: int, timeout: float = PATIENCE) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, request: bytes) -> bytes:
        """Sends a line and returns the line that comes back."""
        self.socket.sendall(request)
        reply = b""
        while not reply.endswith(b"\n"):
            reply += self.receive()
        return reply.rstrip()

    def receive(self) -> bytes:
        received = self.socket.recv(1 << 16)
        if not received:
            raise OSError("the server closed the connection")
        return received


def key(number: int) -> bytes:
    """The same names as those of `martlet bench` with 16 bytes."""
    return b"key:%012d" % number


def batches(count: int, each: int) -> Iterator[range]:
    size = max(1, BATCH_BYTES // each)
    for start in range(0, count, size):
        yield range(start, min(count, start + size))


def fill(port: int, protocol: str, keys: int, value_bytes: int) -> None:
    """Stores a value for each key, as fast as that goes, and sees that the server has taken them all."""
    value = b"x" * value_bytes
    with Client(port) as client:
        if protocol == "memcached":
            rest = b" 0 0 %d noreply\r\n%s\r\n" % (value_bytes, value)
            for numbers in batches(keys, len(rest) + 20):
                client.socket.sendall(b"".join(b"set " + key(number) + rest for number in numbers))
            reply = client.ask(b"mn\r\n")
            expected = b"MN"
        else:
            rest = b"\r\n$%d\r\n%s\r\n" % (value_bytes, value)
            expected = reply = b"+OK"
            for numbers in batches(keys, len(rest) + 40):
                head = b"*3\r\n$3\r\nSET\r\n$16\r\n"
                client.socket.sendall(b"".join(head + key(number) + rest for number in numbers))
                left = len(numbers) * len(b"+OK\r\n")
                while left > 0:
                    received = client.receive()
                    left -= len(received)
                    if b"-" in received:
                        reply = received.rstrip()
                        left = 0
        if reply != expected:
            raise OSError(f"filling failed: {reply[:200]!r}")


def connect_idle(port: int, request: bytes) -> socket.socket:
    """A connection that has asked once."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.sendall(request)
    if not connection.recv(64):
        raise OSError("the server closed the connection")
    return connection
