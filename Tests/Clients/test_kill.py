"""Nothing acknowledged is lost, though the server is killed in the middle of its work."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from faults import Call
from servers import FaultyServer, MartletServer, Process, eventually
from wire import OK, MemcachedConnection, RedisConnection

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


# Many kills of one growing database, and what is there only whole or not at all.

KILLS = 50
POWER_CUTS = 15
GROUP = ["a", "b", "c"]
MEMBERS = 4
LOADED = 10_000
"""Keys that make the database large enough for a checkpoint to take its time."""


class Ledger:
    """What one writer was told, and what readers were shown of its keys. It outlives the crashes.

    Each write is a step with a number, and of several keys or members. `acknowledged` and `in_doubt` are steps: the
    latter was sent and not answered.
    """

    def __init__(self, number: int) -> None:
        self.prefix = f"l{number}"
        self.step = 0
        self.in_doubt: int | None = None
        self.group = 0
        self.members: set[bytes] = set()
        self.singles: dict[str, int] = {}
        self.shown = 0

    def group_keys(self) -> list[str]:
        return [f"{self.prefix}:{name}" for name in GROUP]

    def members_of(self, step: int) -> set[bytes]:
        return {b"%d.%d" % (step, number) for number in range(MEMBERS)}

    def write_redis(self, connection: RedisConnection) -> None:
        self.step += 1
        self.in_doubt = self.step
        if self.step % 2:
            # Some are long, so that a crash can come in the middle of one.
            value = self.value(self.step)
            pairs = [word for key in self.group_keys() for word in (key, value)]
            assert connection("MSET", *pairs) == OK
            self.group = self.step
        else:
            members = self.members_of(self.step)
            assert connection("SADD", f"{self.prefix}:set", *members) == MEMBERS
            self.members |= members
        self.in_doubt = None

    def write_memcached(self, connection: MemcachedConnection) -> None:
        self.step += 1
        self.in_doubt = self.step
        key, value = self.single(self.step), self.value(self.step)
        connection.send(f"set {key} 0 0 {len(value)}\r\n".encode() + value + b"\r\n")
        line = connection.line()
        if not line:
            raise EOFError("the server closed the connection")
        assert line == b"STORED\r\n"
        self.singles[key] = self.step
        self.in_doubt = None

    def single(self, step: int) -> str:
        return f"{self.prefix}:single{step % 7}"

    @staticmethod
    def value(step: int) -> bytes:
        return b"%d " % step * (1000 if step % 10 == 1 else 1)

    def step_of(self, value: bytes | None) -> int:
        """The step that wrote a value, which has to be whole; 0 for none."""
        step = int(value.split(b" ")[0]) if value else 0
        assert value == (self.value(step) if step else None), f"half a value: {value[:100]!r}"
        return step

    def read(self, connection: RedisConnection) -> None:
        """What a reader may see at any time: all of a group alike, and nothing older than what was shown before."""
        steps = {self.step_of(value) for value in connection("MGET", *self.group_keys())}
        assert len(steps) == 1, f"half of an MSET: {steps}"
        (step,) = steps
        assert step >= self.shown, f"step {step}, and {self.shown} was shown before"
        self.shown = step

    def check(self, connection: RedisConnection) -> None:
        """Compares the server with the ledger after a crash, and makes what was in doubt a part of it."""
        before = self.group
        self.read(connection)
        assert self.shown in (before, self.in_doubt), f"{before} was acknowledged, {self.shown} is there"
        self.group = self.shown
        found = set(connection("SMEMBERS", f"{self.prefix}:set"))
        doubtful = self.members_of(self.in_doubt) if self.in_doubt else set()
        assert found - doubtful == self.members
        assert found & doubtful in (set(), doubtful), f"half of an SADD: {found & doubtful}"
        self.members = found
        for number in range(7):
            key = self.single(number)
            step = self.step_of(connection("GET", key))
            expected = {self.singles.get(key, 0)}
            if self.in_doubt is not None and self.single(self.in_doubt) == key:
                expected.add(self.in_doubt)
            assert step in expected, (key, step, expected)
            self.singles[key] = step
        self.in_doubt = None


class Load:
    """Clients that write and read until the server is gone."""

    def __init__(self, server: MartletServer, ledgers: list[Ledger]) -> None:
        self.server = server
        self.done = 0
        self.failures: list[BaseException] = []
        work: list[Callable[[], None]] = []
        for number, ledger in enumerate(ledgers):
            work.append(lambda ledger=ledger, number=number: self.write(ledger, number % 4 == 3))
        work.append(lambda: self.read(ledgers))
        self.threads = [threading.Thread(target=self.until_the_end, args=[each]) for each in work]
        for thread in self.threads:
            thread.start()

    def until_the_end(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, EOFError):
            pass
        except BaseException as error:
            self.failures.append(error)

    def write(self, ledger: Ledger, is_memcached: bool) -> None:
        with self.server.memcached() if is_memcached else self.server.redis() as connection:
            while True:
                (ledger.write_memcached if is_memcached else ledger.write_redis)(connection)
                self.done += 1

    def read(self, ledgers: list[Ledger]) -> None:
        with self.server.redis() as connection:
            while True:
                for ledger in ledgers:
                    ledger.read(connection)

    def reaches(self, count: int) -> bool:
        """Whether so many writes are acknowledged, or something failed, within a generous time."""
        return eventually(lambda: self.done >= count or self.failures, within=60)

    def join(self) -> None:
        for thread in self.threads:
            thread.join()
        assert self.failures == []


def load_much(server: MartletServer) -> None:
    with server.redis() as connection:
        for start in range(0, LOADED, 1000):
            words = [word for n in range(start, start + 1000) for word in (f"loaded{n}", b"%d" % n * 20)]
            assert connection("MSET", *words) == OK


def check_after_crash(server: MartletServer, ledgers: list[Ledger]) -> None:
    with server.redis() as connection:
        for ledger in ledgers:
            ledger.check(connection)
        assert connection("MGET", "loaded0", f"loaded{LOADED - 1}") == [b"0" * 20, b"%d" % (LOADED - 1) * 20]


def test_many_kills_of_one_growing_database(martlet: MartletServer) -> None:
    """Half of them come while a checkpoint is under way, some when one was just made, some while the server starts."""
    chance = random.Random(1)
    load_much(martlet)
    ledgers = [Ledger(number) for number in range(8)]
    for round in range(KILLS):
        load = Load(martlet, ledgers)
        reached = load.reaches(chance.randrange(20, 120))
        if round % 8 == 0:
            martlet.checkpoint()
        elif round % 2:
            files = set(os.listdir(martlet.data))
            martlet.begin_checkpoint()
            # At any moment of the checkpoint: as soon as its file is there, or some writes later.
            limit = load.done + chance.choice([0, 10, 100])
            reached = reached and eventually(
                lambda load=load, files=files, limit=limit: (
                    load.done >= limit or load.failures or set(os.listdir(martlet.data)) != files
                ),
                within=60,
            )
        martlet.kill()
        load.join()
        assert reached, f"round {round}: too few writes in time"
        if round % 5 == 4:
            start_and_kill(martlet, patience=chance.choice([0.0, 0.01, 0.02, 0.05]))
        martlet.start()
        check_after_crash(martlet, ledgers)
        with martlet.redis() as connection:
            assert connection("DBSIZE") >= LOADED
    assert all(ledger.step > KILLS for ledger in ledgers)


def start_and_kill(server: MartletServer, patience: float) -> None:
    """Starts the server and kills it a moment later, wherever it is by then."""
    ((name, command),) = server.commands().items()
    process = Process(command, server.folder, name, server.complete_environment)
    eventually(lambda: not process.running, within=patience)
    server.processes = [process]
    server.kill()


def test_many_losses_of_power(faulty: FaultyServer) -> None:
    """As above, and what was not yet synced is gone, or half of it."""
    chance = random.Random(2)
    load_much(faulty)
    ledgers = [Ledger(number) for number in range(8)]
    for round in range(POWER_CUTS):
        with ExitStack() as stack:
            # A slow disk, so that much is under way, and a sync that is cut off.
            stack.callback(faulty.faults.clear)
            faulty.faults.delay(Call.SYNC, 0.005)
            load = Load(faulty, ledgers)
            reached = load.reaches(chance.randrange(20, 120))
            if round % 2:
                faulty.begin_checkpoint()
                reached = reached and load.reaches(load.done + chance.choice([0, 10, 100]))
            faulty.lose_power(kept=chance.choice([0, chance.random(), 1]))
            load.join()
        assert reached, f"round {round}: too few writes in time"
        faulty.start()
        check_after_crash(faulty, ledgers)
