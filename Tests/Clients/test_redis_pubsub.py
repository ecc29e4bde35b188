"""Publish and subscribe, over both transports and several lanes: order, many channels, subscribers that are slow or go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import redis
from redis.client import PubSub

from faults import Call
from servers import FaultyServer, MartletServer, eventually
from wire import OK, PATIENCE, Connection, encode

pytestmark = pytest.mark.martlet

TRANSPORTS = ["io_uring", "nio"]


@pytest.fixture(params=TRANSPORTS)
def lanes(request: pytest.FixtureRequest, new_server: Callable[..., MartletServer]) -> MartletServer:
    """A server with two lanes."""
    return new_server("--threads", "2", "--transport", request.param)


@pytest.fixture
def connect(lanes: MartletServer, protocol: int) -> Iterator[Callable[[], redis.Redis]]:
    clients: list[redis.Redis] = []

    def make() -> redis.Redis:
        client = redis.Redis(port=lanes.redis_port, protocol=protocol, socket_timeout=10)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def listener(client: redis.Redis, *channels: str, patterns: tuple[str, ...] = ()) -> PubSub:
    """Somebody who listens, and has heard that it does."""
    pubsub = client.pubsub()
    if channels:
        pubsub.subscribe(*channels)
    if patterns:
        pubsub.psubscribe(*patterns)
    for _ in channels + patterns:
        assert pubsub.get_message(timeout=10)["type"] in ("subscribe", "psubscribe")
    return pubsub


def heard(pubsub: PubSub, count: int) -> list[tuple[bytes, bytes]]:
    messages = []
    while len(messages) < count:
        message = pubsub.get_message(timeout=10)
        assert message is not None, f"only {len(messages)} of {count} messages came"
        messages.append((message["channel"], message["data"]))
    return messages


def test_all_hear_the_same_order(connect: Callable[[], redis.Redis]) -> None:
    """Two speakers on two channels: all who listen to both hear one order, and each speaker's own."""
    listeners = [listener(connect(), "a", "b") for _ in range(6)]
    count = 300

    def speak(client: redis.Redis, name: str) -> None:
        for number in range(count):
            assert client.publish("ab"[number % 2], f"{name} {number}") == 6

    speakers = [threading.Thread(target=speak, args=(connect(), name)) for name in ("x", "y")]
    for each in speakers:
        each.start()
    orders = [heard(each, 2 * count) for each in listeners]
    for each in speakers:
        each.join()
    assert all(order == orders[0] for order in orders)
    for name in (b"x", b"y"):
        own = [data for _, data in orders[0] if data.startswith(name)]
        assert own == [b"%s %d" % (name, number) for number in range(count)]


def test_patterns_and_channels(connect: Callable[[], redis.Redis]) -> None:
    pubsub = listener(connect(), "news.art", patterns=("news.*", "[a-m]*"))
    speaker = connect()
    assert speaker.publish("news.art", "1") == 2
    assert speaker.publish("apple", "2") == 1
    assert speaker.publish("zebra", "3") == 0
    kinds = [pubsub.get_message(timeout=10) for _ in range(3)]
    assert [(each["type"], each["pattern"], each["data"]) for each in kinds] == [
        ("message", None, b"1"),
        ("pmessage", b"news.*", b"1"),
        ("pmessage", b"[a-m]*", b"2"),
    ]


def test_shard_channels(connect: Callable[[], redis.Redis]) -> None:
    pubsub = connect().pubsub()
    pubsub.ssubscribe("s")
    assert pubsub.get_message(timeout=10)["type"] == "ssubscribe"
    speaker = connect()
    assert speaker.execute_command("SPUBLISH", "s", "m") == 1
    assert speaker.publish("s", "other world") == 0
    message = pubsub.get_message(timeout=10)
    assert (message["type"], message["channel"], message["data"]) == ("smessage", b"s", b"m")


def test_thousands_of_channels(connect: Callable[[], redis.Redis]) -> None:
    names = [f"channel:{number}" for number in range(5000)]
    pubsub = listener(connect(), *names)
    speaker = connect()
    assert len(speaker.pubsub_channels()) == 5000
    with speaker.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.publish(name, name)
        assert pipeline.execute() == [1] * 5000
    assert heard(pubsub, 5000) == [(name.encode(), name.encode()) for name in names]
    pubsub.unsubscribe()
    for _ in names:
        assert pubsub.get_message(timeout=10)["type"] == "unsubscribe"
    assert speaker.pubsub_channels() == []


def test_many_listeners_of_one_channel(connect: Callable[[], redis.Redis]) -> None:
    listeners = [listener(connect(), "all") for _ in range(200)]
    speaker = connect()
    for number in range(20):
        assert speaker.publish("all", number) == 200
    for each in listeners:
        assert [int(data) for _, data in heard(each, 20)] == list(range(20))


def test_large_messages_come_whole(connect: Callable[[], redis.Redis]) -> None:
    pubsub = listener(connect(), "large")
    speaker = connect()
    sizes = [0, 1, 65_535, 65_536, 1_000_000, 3_000_000]
    for size in sizes:
        assert speaker.publish("large", b"x" * size) == 1
    assert [len(data) for _, data in heard(pubsub, len(sizes))] == sizes


def test_one_that_goes_in_the_middle_harms_nobody(
    lanes: MartletServer, connect: Callable[[], redis.Redis]
) -> None:
    stays = listener(connect(), "a")
    goes = [listener(connect(), "a") for _ in range(8)]
    speaker = connect()
    for number in range(400):
        speaker.publish("a", number)
        if number % 50 == 25:
            # Its socket is closed with messages unread: the server hears of a reset.
            goes.pop().connection.disconnect()
    assert [int(data) for _, data in heard(stays, 400)] == list(range(400))
    assert eventually(lambda: speaker.publish("a", "x") == 1)


def test_what_others_say_is_heard_while_a_client_speaks_itself(lanes: MartletServer) -> None:
    """RESP3: replies and messages on one connection, each whole."""
    with lanes.redis(3) as both, lanes.redis() as speaker:
        assert both("SUBSCRIBE", "a") == [b"subscribe", b"a", 1]
        for number in range(100):
            speaker("PUBLISH", "a", number)
            both.send(encode("ECHO", f"echo {number}"))
        texts = [b""]
        while b"echo 99\r\n" not in texts[-1] or b"".join(texts).count(b"message") < 100:
            texts.append(both.file.readline())
        lines = b"".join(texts).split(b"\r\n")
        assert [line for line in lines if line.startswith(b"echo")] == [b"echo %d" % n for n in range(100)]
        messages = [lines[at + 4] for at, line in enumerate(lines) if line == b"message"]
        assert messages == [b"%d" % number for number in range(100)]


def stuck(server: MartletServer, channel: str) -> Connection:
    """A subscriber that takes nothing."""
    connection = Connection(server.redis_port)
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.send(encode("SUBSCRIBE", channel))
    assert connection.receive(4) == b"*3\r\n"
    return connection


def test_a_slow_subscriber_is_closed_and_the_others_are_not(
    lanes: MartletServer, connect: Callable[[], redis.Redis]
) -> None:
    speaker = connect()
    assert speaker.config_set("client-output-buffer-limit", "pubsub 1mb 0 0")
    assert speaker.config_get("client-output-buffer-limit") == {
        "client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 0 0"
    }
    quick = listener(connect(), "a")
    with stuck(lanes, "a"):
        assert speaker.publish("a", "x") == 2
        heard(quick, 1)
        sent = 0
        message = b"x" * 50_000
        # The system's own buffers take some megabytes first.
        while speaker.pubsub_numsub("a") == [(b"a", 2)]:
            speaker.publish("a", message)
            heard(quick, 1)
            sent += 1
            assert sent < 1000
        assert eventually(lambda: "more waits for it than client-output-buffer-limit allows" in lanes.errors)
    assert speaker.publish("a", "still") == 1
    assert heard(quick, 1) == [(b"a", b"still")]


def test_a_soft_limit_closes_after_its_time(
    lanes: MartletServer, connect: Callable[[], redis.Redis]
) -> None:
    speaker = connect()
    speaker.config_set("client-output-buffer-limit", "pubsub 0 100kb 1")
    with stuck(lanes, "a"):
        assert eventually(lambda: speaker.publish("a", b"x" * 50_000) == 0, 20)


def test_a_message_waits_for_what_was_written_before_it(faulty: FaultyServer) -> None:
    """What a speaker has written and isn't durable yet must not be heard of, but by those who don't mind."""
    with faulty.redis() as ears, faulty.redis() as careless, faulty.redis() as speaker:
        assert careless("CLIENT", "DURABILITY", "ASYNC") == OK
        for each in (ears, careless):
            assert each("SUBSCRIBE", "a") == [b"subscribe", b"a", 1]
        faulty.faults.hold(Call.SYNC)
        try:
            speaker.send(encode("SET", "k", "v") + encode("PUBLISH", "a", "written"))
            assert careless.read() == [b"message", b"a", b"written"]
            ears.send(encode("PING"))
            assert careless("PING") == [b"pong", b""]
            ears.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                ears.socket.recv(1)
        finally:
            faulty.faults.release(Call.SYNC)
        ears.socket.settimeout(PATIENCE)
        assert ears.read() == [b"message", b"a", b"written"]
        assert ears.read() == [b"pong", b""]


def test_client_list_tells_who_listens(lanes: MartletServer) -> None:
    with lanes.redis(3) as client:
        client.send(encode("SUBSCRIBE", "a", "b") + encode("PSUBSCRIBE", "p*") + encode("SSUBSCRIBE", "s"))
        client.send(encode("CLIENT", "INFO"))
        text = b""
        while b"resp=3" not in text:
            text += client.file.readline()
        assert b" flags=P " in text
        assert b" sub=2 psub=1 ssub=1 " in text


def test_nothing_of_it_is_recorded(lanes: MartletServer, connect: Callable[[], redis.Redis]) -> None:
    before = lanes.database.read_bytes()
    pubsub = listener(connect(), "a")
    connect().publish("a", "message")
    heard(pubsub, 1)
    pubsub.unsubscribe("a")
    lanes.stop()
    after = lanes.database.read_bytes()
    assert b"message" not in after and len(after) - len(before) < 200
