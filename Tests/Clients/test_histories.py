"""What many clients of both protocols see and do at once is linearizable, over crashes too.

Each client notes when it called, when it had its answer, and the answer; `linearizability.py` looks for an order that
explains all of it. A call that the crash left unanswered happened before it, or never.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace

import pytest

from faults import Call
from linearizability import Operation, Outcome, check
from servers import FaultyServer, MartletServer, eventually
from wire import NOT_AN_INTEGER, OK

pytestmark = pytest.mark.martlet

CLIENTS = 12
CRASHES = 6
OPERATIONS_A_ROUND = 700
TEXTS = ["text:1", "text:2"]
NUMBER = "number"


class Client(threading.Thread):
    """Does one thing after the other until the server is gone."""

    def __init__(self, number: int, round: int, server: MartletServer) -> None:
        super().__init__(name=f"client {number} of round {round}")
        self.chance = random.Random(1000 * round + number)
        self.server = server
        self.history: list[Operation] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.work()
        except (OSError, EOFError):
            pass
        except BaseException as error:
            self.failure = error

    def work(self) -> None:
        raise NotImplementedError

    def note(self, key: str, name: str, *arguments: bytes | int) -> None:
        """Does it, and notes it in the history with its answer."""
        operation = Operation(key, name, arguments, Outcome.UNKNOWN, called=time.monotonic(), client=self.name)
        # Noted before it is done, for the answer may never come.
        self.history.append(operation)
        result = self.answer(key, name, *arguments)
        self.history[-1] = replace(operation, outcome=Outcome.OK, result=result, returned=time.monotonic())

    def answer(self, key: str, name: str, *arguments: bytes | int) -> object:
        raise NotImplementedError

    def value(self) -> bytes:
        """One that nobody else writes."""
        return f"{self.name.replace(' ', '-')}-{len(self.history)}".encode()


class RedisClient(Client):
    def work(self) -> None:
        with self.server.redis(protocol=self.chance.choice([2, 3])) as self.connection:
            while True:
                if self.chance.random() < 0.3:
                    name = self.chance.choice(["incr", "incr", "incr", "get", "get", "delete", "setnx"])
                    argument = {"incr": [self.chance.choice([1, 10])], "setnx": [b"1000"]}
                    self.note(NUMBER, name, *argument.get(name, []))
                else:
                    name = self.chance.choice(["get", "get", "get", "set", "set", "delete", "setnx", "getset"])
                    argument = {"get": [], "delete": []}
                    self.note(self.chance.choice(TEXTS), name, *argument.get(name, [self.value()]))

    def answer(self, key: str, name: str, *arguments: bytes | int) -> object:
        match name:
            case "set":
                assert self.connection("SET", key, *arguments) == OK
                return None
            case "delete" | "setnx":
                return self.connection({"delete": "DEL", "setnx": "SETNX"}[name], key, *arguments) == 1
            case "incr":
                reply = self.connection("INCRBY", key, *arguments)
                return None if reply == NOT_AN_INTEGER else reply
            case _:
                return self.connection(name.upper(), key, *arguments)


class MemcachedClient(Client):
    def work(self) -> None:
        with self.server.memcached() as self.connection:
            while True:
                key = self.chance.choice(TEXTS)
                name = self.chance.choice(["get", "gets", "cas", "cas", "cas", "set", "delete", "setnx"])
                if name == "cas":
                    self.note(key, "gets")
                    if self.history[-1].result is not None:
                        self.note(key, "cas", self.value(), self.history[-1].result[1])
                elif name in ("get", "gets", "delete"):
                    self.note(key, name)
                else:
                    self.note(key, name, self.value())

    def answer(self, key: str, name: str, *arguments: bytes | int) -> object:
        match name:
            case "get" | "gets":
                lines = self.connection.ask(f"{name} {key}\r\n".encode()).split(b"\r\n")
                if lines[0] == b"END":
                    return None
                token = lines[0].split(b" ")[4:]
                return (lines[1], int(token[0])) if name == "gets" else lines[1]
            case "delete":
                return self.line(f"delete {key}\r\n".encode(), b"DELETED", b"NOT_FOUND") == b"DELETED"
            case "set":
                self.line(self.storage("set", key, arguments[0]), b"STORED")
                return None
            case "setnx":
                request = self.storage("add", key, arguments[0])
                return self.line(request, b"STORED", b"NOT_STORED") == b"STORED"
            case "cas":
                request = self.storage("cas", key, arguments[0], f" {arguments[1]}")
                return self.line(request, b"STORED", b"EXISTS", b"NOT_FOUND").decode()
        raise AssertionError(name)

    def line(self, request: bytes, *expected: bytes) -> bytes:
        self.connection.send(request)
        line = self.connection.line()
        if not line.endswith(b"\n"):
            raise EOFError("the server closed the connection")
        assert line.rstrip() in expected, line
        return line.rstrip()

    @staticmethod
    def storage(command: str, key: str, value: bytes, token: str = "") -> bytes:
        return f"{command} {key} 0 0 {len(value)}{token}\r\n".encode() + value + b"\r\n"


def run_round(server: FaultyServer, round: int, end: str) -> list[Operation]:
    """Lets the clients work until there is enough, ends the server under them, and gives the history."""
    chance = random.Random(round)
    clients = [(RedisClient, MemcachedClient)[number % 2](number, round, server) for number in range(CLIENTS)]
    for client in clients:
        client.start()

    def progress() -> int:
        return sum(len(client.history) for client in clients)

    enough = eventually(lambda: progress() >= OPERATIONS_A_ROUND / 2, within=60)
    if round % 2:
        server.begin_checkpoint()
    enough = enough and eventually(lambda: progress() >= OPERATIONS_A_ROUND, within=60)
    if end == "killed":
        server.kill()
    else:
        server.lose_power(chance.choice([0, chance.random(), 1]))
    ended = time.monotonic()
    for client in clients:
        client.join()
    assert [client.failure for client in clients if client.failure] == []
    assert enough, f"round {round}: too few operations in time"
    return [
        replace(each, returned=max(each.called, ended)) if each.outcome is Outcome.UNKNOWN else each
        for client in clients
        for each in client.history
    ]


@pytest.mark.parametrize("end", ["killed", "without power"])
def test_the_history_over_several_crashes_is_linearizable(faulty: FaultyServer, end: str) -> None:
    # Long enough for many operations to be under way when the end comes, and for reads to meet writes not yet synced.
    faulty.faults.delay(Call.SYNC, 0.003)
    history = []
    for round in range(CRASHES):
        history += run_round(faulty, round, end)
        faulty.start()
    last = RedisClient(0, CRASHES, faulty)
    with faulty.redis() as last.connection:
        for key in [*TEXTS, NUMBER]:
            last.note(key, "get")
    history += last.history
    answered = [each for each in history if each.outcome is Outcome.OK]
    for name in ("get", "gets", "set", "setnx", "getset", "delete", "incr"):
        assert any(each.name == name for each in answered)
    assert {each.result for each in answered if each.name == "cas"} >= {"STORED", "EXISTS"}
    violation = check(history)
    assert violation is None, str(violation)
