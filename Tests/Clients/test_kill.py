"""Nothing acknowledged is lost, though the server is killed in the middle of its work."""

from __future__ import annotations

import random
import threading

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from servers import MartletServer, eventually

pytestmark = pytest.mark.martlet

ROUNDS = 5
WRITERS = 6
WRITES_A_ROUND = 600
KEYS_A_WRITER = 25
DELETED = None


class Writer(threading.Thread):
    """Writes to keys of its own and keeps a ledger of what was acknowledged.

    A write without an answer may or may not have happened, so its key has two values that are right.
    """

    def __init__(self, number: int, seed: int) -> None:
        super().__init__(name=f"writer {number}")
        self.prefix = f"w{number}"
        self.random = random.Random(seed)
        self.values: dict[str, bytes | None] = {}
        self.count = 0
        self.members: set[bytes] = set()
        self.unanswered: tuple[str, bytes | None] | None = None
        self.acknowledged = 0
        self.step = 0
        self.failure: Exception | None = None

    def again(self) -> Writer:
        """The same writer with the same ledger, for the next round."""
        other = Writer(0, self.random.randrange(2**32))
        other.prefix, other.values, other.count = self.prefix, self.values, self.count
        other.members, other.step = self.members, self.step
        return other

    def connect(self, port: int, protocol: int) -> None:
        self.client = redis.Redis(
            port=port, protocol=protocol, socket_timeout=20, retry=Retry(NoBackoff(), 0)
        )
        self.client.ping()

    def run(self) -> None:
        try:
            while True:
                self.write()
                self.acknowledged += 1
        except (redis.ConnectionError, redis.TimeoutError):
            pass
        except Exception as error:
            self.failure = error
        finally:
            self.client.close()

    def write(self) -> None:
        self.step += 1
        key = f"{self.prefix}:{self.random.randrange(KEYS_A_WRITER)}"
        value = f"{self.step} ".encode() * self.random.choice([1, 1, 1, 10, 1000])
        match self.random.randrange(10):
            case 0:
                self.unanswered = (key, DELETED)
                self.client.delete(key)
                self.values[key] = DELETED
            case 1:
                self.client.incr(f"{self.prefix}:count")
                self.count += 1
            case 2 | 3:
                member = str(self.step).encode()
                assert self.client.sadd(f"{self.prefix}:members", member) == 1
                self.members.add(member)
            case _:
                self.unanswered = (key, value)
                assert self.client.set(key, value) is True
                self.values[key] = value
        self.unanswered = None

    def check(self, client: redis.Redis) -> None:
        """Compares the server with the ledger, and makes what was in doubt a part of it."""
        for key, expected in self.values.items():
            found = client.get(key)
            if self.unanswered is not None and self.unanswered[0] == key:
                assert found in (expected, self.unanswered[1]), key
            else:
                assert found == expected, key
        if self.unanswered is not None:
            key = self.unanswered[0]
            self.values[key] = client.get(key)
            self.unanswered = None
        count = int(client.get(f"{self.prefix}:count") or 0)
        assert self.count <= count <= self.count + 1
        self.count = count
        members = client.smembers(f"{self.prefix}:members")
        assert self.members <= members
        assert len(members - self.members) <= 1
        self.members = set(members)


def test_after_a_kill_nothing_acknowledged_is_missing(martlet: MartletServer) -> None:
    writers = [Writer(number, seed=number) for number in range(WRITERS)]
    for round in range(ROUNDS):
        for index, writer in enumerate(writers):
            writer.connect(martlet.redis_port, protocol=2 + index % 2)
        for writer in writers:
            writer.start()
        reached = eventually(lambda: sum(each.acknowledged for each in writers) >= WRITES_A_ROUND, within=60)
        martlet.kill()
        for writer in writers:
            writer.join()
        assert reached, f"round {round}: too few writes in time"
        assert [each.failure for each in writers if each.failure] == []
        martlet.start()
        with redis.Redis(port=martlet.redis_port) as client:
            for writer in writers:
                writer.check(client)
        writers = [writer.again() for writer in writers]


def test_what_a_reader_was_shown_is_there_after_a_kill(martlet: MartletServer) -> None:
    """A reply to a read waits for the write that it shows: nobody sees a value that a crash takes back."""
    for _ in range(ROUNDS):
        shown = [0]
        done = threading.Event()

        def write() -> None:
            try:
                with martlet.redis() as connection:
                    while True:
                        connection("INCR", "n")
            except (OSError, EOFError):
                pass

        def read(shown: list[int] = shown, done: threading.Event = done) -> None:
            try:
                with martlet.redis() as connection:
                    while not done.is_set():
                        shown[0] = max(shown[0], int(connection("GET", "n") or 0))
            except (OSError, EOFError):
                pass

        with martlet.redis() as connection:
            before = int(connection("GET", "n") or 0)
        threads = [threading.Thread(target=write), threading.Thread(target=read)]
        for thread in threads:
            thread.start()
        reached = eventually(lambda: shown[0] > before + 50, within=60)
        martlet.kill()
        done.set()
        for thread in threads:
            thread.join()
        assert reached
        martlet.start()
        with martlet.redis() as connection:
            assert int(connection("GET", "n")) >= shown[0]


def test_after_a_kill_memcacheds_writes_are_there_too(martlet: MartletServer) -> None:
    acknowledged = [0]

    def write() -> None:
        try:
            with martlet.memcached() as connection:
                while True:
                    number = acknowledged[0]
                    request = b"set key%d %d 0 5\r\n%05d\r\n" % (number, number, number)
                    connection.exchange(request, b"STORED\r\n")
                    acknowledged[0] += 1
        except (OSError, AssertionError):
            pass

    writer = threading.Thread(target=write)
    writer.start()
    reached = eventually(lambda: acknowledged[0] >= 300, within=60)
    martlet.kill()
    writer.join()
    assert reached
    martlet.start()
    with martlet.memcached() as connection:
        for number in range(acknowledged[0]):
            answer = b"VALUE key%d %d 5\r\n%05d\r\nEND\r\n" % (number, number, number)
            assert connection.ask(b"get key%d\r\n" % number) == answer


def test_a_torn_end_of_the_database_is_dropped(martlet: MartletServer) -> None:
    """What a crash leaves half written was never acknowledged: the server starts without it, and goes on."""
    with martlet.redis() as connection:
        connection("SET", "Hello", "World")
    martlet.kill()
    with martlet.database.open("ab") as file:
        file.write(b"SET torn va")
    martlet.start()
    with martlet.redis() as connection:
        assert connection("GET", "Hello") == b"World"
        assert connection("EXISTS", "torn") == 0
        connection("SET", "Distributed", "Networks")
    martlet.kill_and_start()
    with martlet.redis() as connection:
        assert connection("MGET", "Hello", "Distributed") == [b"World", b"Networks"]
