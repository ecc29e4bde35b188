"""Lists: many values under one key, in their order; and clients that wait for them, many at once and on several threads."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import redis

from servers import MartletServer, Server, eventually
from wire import OK, WRONGTYPE, Error, RedisConnection

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

SIZES = [3, 5000]
"""A small list and one that has left its compact form."""


def elements(count: int, kind: str = "word") -> list[bytes]:
    return [(f"{i * 7919}" if kind == "number" else f"element {i}").encode() for i in range(count)]


@pytest.mark.parametrize("kind", ["number", "word"])
@pytest.mark.parametrize("count", SIZES)
def test_elements_keep_their_order(wire: RedisConnection, count: int, kind: str) -> None:
    all_elements = elements(count, kind)
    assert wire("RPUSH", "l", *all_elements) == count
    assert wire("LPUSH", "m", *all_elements) == count
    assert wire("LRANGE", "l", 0, -1) == all_elements
    assert wire("LRANGE", "m", 0, -1) == all_elements[::-1]
    assert wire("LLEN", "l") == count
    for index in {0, 1, count // 2, count // 3, count - 1}:
        assert wire("LINDEX", "l", index) == all_elements[index]
        assert wire("LINDEX", "l", index - count) == all_elements[index]
        assert wire("LRANGE", "l", index, index + 2) == all_elements[index : index + 3]
        assert wire("LPOS", "l", all_elements[index]) == index
        assert wire("LPOS", "l", all_elements[index], "RANK", -1) == index


@pytest.mark.parametrize("count", SIZES)
def test_a_list_without_elements_is_no_key(client: redis.Redis, count: int) -> None:
    client.rpush("l", *elements(count))
    assert client.lpop("l", count - 1) == elements(count)[:-1]
    assert client.rpop("l") == elements(count)[-1]
    assert client.exists("l") == 0
    client.rpush("l", *elements(count))
    client.ltrim("l", count, -1)
    assert client.exists("l") == 0
    client.rpush("l", *(["same"] * count))
    assert client.lrem("l", 0, "same") == count
    assert client.dbsize() == 0


def test_redis_py_has_every_command(client: redis.Redis) -> None:
    assert client.rpush("l", "a", "b", "c") == 3
    assert client.lpushx("l", "0") == 4
    assert client.rpushx("missing", "0") == 0
    assert client.linsert("l", "before", "b", "ab") == 5
    assert client.lset("l", 0, "first") is True
    assert client.lindex("l", -1) == b"c"
    assert client.lpos("l", "b", rank=1, count=0) == [3]
    assert client.lrem("l", 1, "ab") == 1
    assert client.ltrim("l", 1, -1) is True
    assert client.lrange("l", 0, -1) == [b"a", b"b", b"c"]
    assert client.lmove("l", "m", "LEFT", "RIGHT") == b"a"
    assert client.rpoplpush("l", "m") == b"c"
    assert client.lmpop(2, "missing", "m", direction="LEFT", count=5) == [b"m", [b"c", b"a"]]
    assert list(client.blpop(["missing", "l"], timeout=1)) == [b"l", b"b"]
    assert client.brpop("l", timeout=0.01) is None
    client.rpush("l", "x", "y")
    assert client.blmove("l", "m", 1, "LEFT", "LEFT") == b"x"
    assert client.brpoplpush("l", "m", 1) == b"y"
    assert client.blmpop(1, 1, "m", direction="RIGHT") == [b"m", [b"x"]]
    assert client.type("m") == b"list"
    assert list(client.scan_iter(_type="list")) == [b"m"]


def test_memcached_says_that_a_list_is_no_string(server: Server, wire: RedisConnection) -> None:
    wire("RPUSH", "l", "a")
    with server.memcached() as memcached:
        for request in (b"get l\r\n", b"append l 0 0 1\r\nx\r\n", b"incr l 1\r\n"):
            assert memcached.ask(request).startswith(b"SERVER_ERROR"), request
    assert wire("LRANGE", "l", 0, -1) == [b"a"]


def test_large_elements(wire: RedisConnection) -> None:
    large = [bytes([65 + i]) * (i * 100_000 + 1) for i in range(12)]
    wire("RPUSH", "l", *large)
    assert wire("LRANGE", "l", 0, -1) == large
    assert wire("LPOP", "l", 3) == large[:3]
    assert wire("LSET", "l", 0, "small") and wire("LINDEX", "l", 0) == b"small"
    assert wire("LINSERT", "l", "AFTER", "small", large[5]) == 10
    assert wire("LREM", "l", 0, large[5]) == 2
    assert wire("LRANGE", "l", 1, -1) == [*large[4:5], *large[6:]]


@pytest.mark.martlet
def test_lists_survive_restarts_and_checkpoints(martlet: MartletServer) -> None:
    chance = random.Random(5)
    model: dict[str, list[bytes]] = {f"l{i}": [] for i in range(4)}
    with martlet.redis() as wire:
        for name, count in zip(model, (40, 300, 5000, 20_000), strict=True):
            model[name] = [chance.randbytes(chance.randrange(30)) for _ in range(count)]
            for start in range(0, count, 1000):
                wire("RPUSH", name, *model[name][start : start + 1000])

    def change(wire: RedisConnection) -> None:
        for name, kept in model.items():
            wire("LPUSH", name, "new", "er")
            kept[:0] = [b"er", b"new"]
            wire("RPOP", name, 2)
            del kept[-2:]
            wire("LSET", name, len(kept) // 2, "changed")
            kept[len(kept) // 2] = b"changed"
            wire("LINSERT", name, "AFTER", "changed", 12345)
            kept.insert(kept.index(b"changed") + 1, b"12345")
            wire("LREM", name, -1, "new")
            del kept[len(kept) - 1 - kept[::-1].index(b"new")]

    for step in range(4):
        with martlet.redis() as wire:
            change(wire)
            if step % 2 == 1:
                martlet.begin_checkpoint()
                for _ in range(20):
                    change(wire)
        if step == 1:
            martlet.kill_and_start()
        else:
            martlet.restart()
        with martlet.redis() as wire:
            for name, kept in model.items():
                assert wire("LRANGE", name, 0, -1) == kept, name
    assert all(len(line) < 100_000 for line in martlet.database_lines)


# Clients that wait.


@pytest.fixture(params=["auto", "nio"])
def lanes(request: pytest.FixtureRequest, new_server: Callable[..., MartletServer]) -> MartletServer:
    """A server of several threads, over each transport."""
    return new_server("--threads", "3", "--transport", request.param)


def waiting_count(connection: RedisConnection) -> int:
    return next(
        int(line.split(b":")[1])
        for line in connection.text("INFO", "clients").splitlines()
        if line.startswith(b"blocked_clients:")
    )


def wait_in_line(server: Server, *words: str | int, count: int) -> list[RedisConnection]:
    """Clients that wait with a command, each in line behind the one before."""
    clients = []
    with server.redis() as other:
        before = waiting_count(other)
        for number in range(count):
            client = server.redis()
            client.send(b" ".join(str(word).encode() for word in words) + b"\r\n")
            clients.append(client)
            assert eventually(lambda wanted=before + number + 1: waiting_count(other) == wanted)
    return clients


def close(clients: list[RedisConnection]) -> None:
    for client in clients:
        client.close()


@pytest.mark.martlet
def test_who_waits_longest_is_served_first_on_whichever_thread(lanes: MartletServer) -> None:
    clients = wait_in_line(lanes, "BLPOP", "queue", 0, count=30)
    with lanes.redis() as first, lanes.redis() as second:
        for number, client in enumerate(clients):
            producer = first if number % 2 else second
            assert producer("RPUSH", "queue", number) == 1
            assert client.read() == [b"queue", b"%d" % number]
        assert first("EXISTS", "queue") == 0
        assert waiting_count(first) == 0
    close(clients)


@pytest.mark.martlet
def test_those_who_leave_are_not_served(lanes: MartletServer) -> None:
    clients = wait_in_line(lanes, "BRPOP", "queue", 0, count=20)
    with lanes.redis() as other:
        close(clients[:10])
        assert eventually(lambda: waiting_count(other) == 10)
        assert other("RPUSH", "queue", *range(10)) == 10
        assert [client.read() for client in clients[10:]] == [[b"queue", b"%d" % i] for i in reversed(range(10))]
        assert other("EXISTS", "queue") == 0
    close(clients[10:])


@pytest.mark.martlet
def test_times_are_kept(lanes: MartletServer) -> None:
    """Each of many clients is told that its time is over no earlier than that, and soon after."""
    chance = random.Random(3)
    times = [chance.randrange(100, 900) / 1000 for _ in range(60)]
    ends: dict[int, float] = {}
    clients = [lanes.redis() for _ in times]
    begin = time.monotonic()
    starts = []
    for client, seconds in zip(clients, times, strict=True):
        starts.append(time.monotonic())
        client.send(f"BLPOP nothing {seconds}\r\n".encode())

    def expect(number: int) -> None:
        assert clients[number].read() is None
        ends[number] = time.monotonic()

    threads = [threading.Thread(target=expect, args=(number,)) for number in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for number, seconds in enumerate(times):
        assert ends[number] - starts[number] >= seconds - 0.001, seconds
    # None waits for another's time: the last ones end when theirs is over, not when all are added up.
    assert max(ends.values()) - begin < sum(times) / 4
    close(clients)


@pytest.mark.martlet
def test_a_client_is_unblocked_by_another(lanes: MartletServer) -> None:
    with lanes.redis() as other, lanes.redis() as waiting:
        for words, reply in [((), None), (("TIMEOUT",), None), (("ERROR",), Error("UNBLOCKED client unblocked via CLIENT UNBLOCK"))]:
            number = waiting("CLIENT", "ID")
            assert other("CLIENT", "UNBLOCK", number) == 0
            waiting.send(b"BLMOVE a b LEFT LEFT 0\r\n")
            assert eventually(lambda: b" cmd=blmove " in other.text("CLIENT", "LIST") and waiting_count(other) == 1)
            assert b" flags=b " in other.text("CLIENT", "LIST")
            assert other("CLIENT", "UNBLOCK", number, *words) == 1
            assert waiting.read() == reply
        assert other("RPUSH", "a", "x") == 1
        assert other("LLEN", "a") == 1


@pytest.mark.martlet
def test_requests_behind_one_that_waits_wait_their_turn(lanes: MartletServer) -> None:
    with lanes.redis() as other, lanes.redis() as waiting:
        waiting.send(b"SET k 1\r\nBLPOP q 0\r\nSET k 2\r\nGET k\r\n")
        assert eventually(lambda: waiting_count(other) == 1)
        for _ in range(50):
            other("INCR", "n")
        assert other("GET", "k") == b"1"
        other("RPUSH", "q", "x")
        assert [waiting.read() for _ in range(4)][1:] == [[b"q", b"x"], OK, b"2"]


@pytest.mark.martlet
def test_an_error_for_a_destination_of_another_type(lanes: MartletServer) -> None:
    clients = wait_in_line(lanes, "BLMOVE", "a", "string", "LEFT", "LEFT", 0, count=2)
    with lanes.redis() as other:
        other("SET", "string", "v")
        other("RPUSH", "a", "x")
        assert [client.read() for client in clients] == [WRONGTYPE, WRONGTYPE]
        assert other("LRANGE", "a", 0, -1) == [b"x"]
    close(clients)


@pytest.mark.martlet
def test_a_server_that_stops_does_not_wait_for_those_who_wait(lanes: MartletServer) -> None:
    clients = wait_in_line(lanes, "BLPOP", "queue", 0, count=10)
    begin = time.monotonic()
    assert lanes.stop() == [0]
    assert time.monotonic() - begin < 4
    for client in clients:
        assert client.rest() == b""
    close(clients)


QUEUES = 5
PRODUCERS = 4
CONSUMERS = 8
EACH = 400


def run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def produce(server: Server, number: int) -> None:
    chance = random.Random(number)
    with server.redis() as connection:
        for job in range(EACH):
            key, element = f"queue{chance.randrange(QUEUES)}", f"{number}-{job}"
            match chance.randrange(5):
                case 0:
                    assert connection.pipeline([("MULTI",), ("LPUSH", key, element), ("EXEC",)])
                case 1:
                    connection("RPUSH", f"aside{number}", element)
                    connection("RENAME", f"aside{number}", f"ready{number}")
                    connection("LMOVE", f"ready{number}", key, "LEFT", "RIGHT")
                case _:
                    connection("RPUSH" if chance.randrange(2) else "LPUSH", key, element)


def jobs() -> Iterator[bytes]:
    for number in range(PRODUCERS):
        for job in range(EACH):
            yield b"%d-%d" % (number, job)


@pytest.mark.martlet
def test_nothing_is_lost_nor_had_twice(lanes: MartletServer) -> None:
    """Many take from many queues what many put into them: each element comes to one of them, once."""
    taken: list[bytes] = []
    lock = threading.Lock()

    def consume(number: int) -> None:
        chance = random.Random(1000 + number)
        queues = [f"queue{i}" for i in range(QUEUES)]
        with lanes.redis(2 + number % 2) as connection:
            while True:
                chance.shuffle(queues)
                match chance.randrange(3):
                    case 0:
                        reply = connection("BLPOP", *queues, "end", 0.2 * chance.randrange(3))
                        got = [reply[1]] if reply else []
                    case 1:
                        reply = connection("BLMPOP", 0.3, QUEUES + 1, *queues, "end", "RIGHT", "COUNT", 3)
                        got = reply[1] if reply else []
                    case _:
                        # Elements that wait in between for nobody in particular.
                        connection("BLMOVE", queues[0], queues[1], "LEFT", "RIGHT", 0.01)
                        got = []
                with lock:
                    taken.extend(got)
                    if got == [b"stop"] or len(taken) >= PRODUCERS * EACH:
                        return

    consumers = [threading.Thread(target=consume, args=(number,)) for number in range(CONSUMERS)]
    producers = [threading.Thread(target=produce, args=(lanes, number)) for number in range(PRODUCERS)]

    def end() -> None:
        # Those who wait for ever are let go when all has been taken.
        assert eventually(lambda: len(taken) >= PRODUCERS * EACH, 50)
        with lanes.redis() as connection:
            # One may take three of them.
            connection("RPUSH", "end", *(["stop"] * 3 * CONSUMERS))

    run_all([*consumers, *producers, threading.Thread(target=end)])
    assert Counter(each for each in taken if each != b"stop") == Counter(jobs())
    with lanes.redis() as connection:
        assert connection("EXISTS", *(f"queue{i}" for i in range(QUEUES))) == 0


@pytest.mark.martlet
def test_what_is_moved_survives_whoever_moved_it(lanes: MartletServer) -> None:
    """Consumers move jobs to lists of their own and vanish now and then, and the server is killed: each job is in one list."""
    stop = threading.Event()

    def consume(number: int) -> None:
        chance = random.Random(2000 + number)
        while not stop.is_set():
            try:
                with lanes.redis() as connection:
                    for _ in range(chance.randrange(1, 40)):
                        connection("BLMOVE", f"queue{chance.randrange(QUEUES)}", f"own{number}", "LEFT", "RIGHT", 0.01)
                    # It leaves without having heard the reply.
                    connection.send(f"BLMOVE queue0 own{number} LEFT RIGHT 0\r\n".encode())
            except (OSError, EOFError):
                pass

    consumers = [threading.Thread(target=consume, args=(number,)) for number in range(CONSUMERS)]
    producers = [threading.Thread(target=produce, args=(lanes, number)) for number in range(PRODUCERS)]
    for thread in consumers:
        thread.start()
    run_all(producers)
    lanes.kill()
    stop.set()
    for thread in consumers:
        thread.join(30)
    lanes.start()
    with lanes.redis() as connection:
        names = [f"queue{i}" for i in range(QUEUES)] + [f"own{i}" for i in range(CONSUMERS)]
        kept = [element for name in names for element in connection("LRANGE", name, 0, -1)]
    assert Counter(kept) == Counter(jobs())
