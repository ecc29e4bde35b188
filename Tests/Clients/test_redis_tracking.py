"""Clients that are told what happens: events of keys, tracking, MONITOR; and what one client may do to others."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
import redis
from redis.cache import CacheConfig

from servers import MartletServer, eventually
from wire import OK, Connection, Error, RedisConnection, Status, encode

pytestmark = pytest.mark.martlet


@pytest.fixture(params=["io_uring", "nio"])
def lanes(request: pytest.FixtureRequest, new_server: Callable[..., MartletServer]) -> MartletServer:
    """A server with two lanes."""
    return new_server("--threads", "2", "--transport", request.param)


@pytest.fixture
def clients(lanes: MartletServer) -> Iterator[list[RedisConnection]]:
    """Four connections, on two lanes, of version 3 of the protocol."""
    connections = [lanes.redis(3) for _ in range(4)]
    yield connections
    for each in connections:
        each.close()


def push(connection: RedisConnection) -> list[object]:
    """What is pushed next."""
    line = connection.line()
    assert line.startswith(b">"), line
    return [connection.read() for _ in range(int(line[1:-2]))]


def invalid(*keys: bytes) -> list[object]:
    return [b"invalidate", list(keys)]


# Events of keys.


def test_events_reach_listeners_on_every_lane(lanes: MartletServer, protocol: int) -> None:
    with redis.Redis(port=lanes.redis_port, protocol=protocol, socket_timeout=10) as client:
        client.config_set("notify-keyspace-events", "KEA")
        assert client.config_get("notify-keyspace-events") == {"notify-keyspace-events": "AKE"}
        listeners = [client.pubsub() for _ in range(4)]
        for each in listeners:
            each.psubscribe("__key*__:*")
            assert each.get_message(timeout=10)["type"] == "psubscribe"
        client.set("k", "v", ex=100)
        client.sadd("s", "m")
        client.delete("k")
        expected = [
            (b"__keyspace@0__:k", b"set"),
            (b"__keyevent@0__:set", b"k"),
            (b"__keyspace@0__:k", b"expire"),
            (b"__keyevent@0__:expire", b"k"),
            (b"__keyspace@0__:s", b"sadd"),
            (b"__keyevent@0__:sadd", b"s"),
            (b"__keyspace@0__:k", b"del"),
            (b"__keyevent@0__:del", b"k"),
        ]
        for each in listeners:
            messages = [each.get_message(timeout=10) for _ in expected]
            assert [(message["channel"], message["data"]) for message in messages] == expected


def test_a_key_that_expires_is_told_of_without_being_asked_for(lanes: MartletServer, protocol: int) -> None:
    with redis.Redis(port=lanes.redis_port, protocol=protocol, socket_timeout=10) as client:
        client.config_set("notify-keyspace-events", "Ex")
        listener = client.pubsub()
        listener.subscribe("__keyevent@0__:expired")
        assert listener.get_message(timeout=10)["type"] == "subscribe"
        for number in range(20):
            client.set(f"k{number}", "v", px=5 + number)
        expired = {listener.get_message(timeout=10)["data"] for _ in range(20)}
        assert expired == {b"k%d" % number for number in range(20)}


def test_the_setting_says_what_is_told(new_server: Callable[..., MartletServer]) -> None:
    server = new_server("--notify-keyspace-events", "Eg")
    with server.redis() as ears, server.redis() as client:
        assert ears("PSUBSCRIBE", "*") == [b"psubscribe", b"*", 1]
        client("SET", "k", "v")
        client("DEL", "k")
        assert ears.read() == [b"pmessage", b"*", b"__keyevent@0__:del", b"k"]
        assert client("CONFIG", "SET", "notify-keyspace-events", "Q") == Error(
            "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - "
            "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."
        )


# Tracking.


def test_a_change_on_another_lane_is_told(clients: list[RedisConnection]) -> None:
    writer, *readers = clients
    for reader in readers:
        assert reader("CLIENT", "TRACKING", "ON") == OK
        assert reader("GET", "k") is None
    assert writer("SET", "k", "1") == OK
    for reader in readers:
        assert push(reader) == invalid(b"k")
        assert reader("GET", "k") == b"1"
    assert writer("FLUSHALL") == OK
    for reader in readers:
        assert push(reader) == [b"invalidate", None]


def test_redis_py_caches_and_never_reads_what_is_old(
    lanes: MartletServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It asks for the version of a server that calls itself redis, and not for what it needs of it.
    monkeypatch.setattr("redis.connection.CacheProxyConnection.MIN_ALLOWED_VERSION", "7.0.0")
    cached = redis.Redis(
        port=lanes.redis_port, protocol=3, socket_timeout=10, cache_config=CacheConfig(max_size=100)
    )
    plain = redis.Redis(port=lanes.redis_port, socket_timeout=10)
    with cached, plain:
        for number in range(200):
            plain.set("k", number)
            # The word of the change may be on its way while the first read is answered from the cache.
            assert eventually(lambda: cached.get("k") == b"%d" % number)
            assert cached.get("k") == b"%d" % number
        assert cached.get_cache().size == 1


def test_a_client_of_version_2_is_told_by_another(lanes: MartletServer) -> None:
    with lanes.redis() as listener, lanes.redis() as reader, lanes.redis() as writer:
        number = listener("CLIENT", "ID")
        assert listener("SUBSCRIBE", "__redis__:invalidate") == [b"subscribe", b"__redis__:invalidate", 1]
        assert reader("CLIENT", "TRACKING", "ON", "REDIRECT", number) == OK
        assert reader("GET", "k") is None
        assert writer("SET", "k", "v") == OK
        assert listener.read() == [b"message", b"__redis__:invalidate", [b"k"]]


def test_the_table_is_bounded(clients: list[RedisConnection]) -> None:
    reader, writer, *_ = clients
    assert writer("CONFIG", "SET", "tracking-table-max-keys", "10") == OK
    assert reader("CLIENT", "TRACKING", "ON") == OK
    reader.send(b"".join(encode("GET", f"k{number}") for number in range(20)))
    told = []
    replies = 0
    while replies < 20 or len(told) < 10:
        line = reader.line()
        if line.startswith(b">"):
            told.append([reader.read() for _ in range(2)])
        else:
            assert line == b"_\r\n"
            replies += 1
    assert all(word == b"invalidate" and len(keys) == 1 for word, keys in told)
    assert b"tracking_total_keys:10\r\n" in writer.text("INFO", "stats")


# MONITOR.


def test_monitor_sees_the_clients_of_all_lanes(lanes: MartletServer, clients: list[RedisConnection]) -> None:
    with lanes.redis() as monitor:
        assert monitor("MONITOR") == OK
        for number, client in enumerate(clients):
            client("SET", "k", number)
        lines = [monitor.read() for _ in clients]
        assert all(isinstance(line, Status) for line in lines)
        for number, (client, line) in enumerate(zip(clients, lines, strict=True)):
            assert line.text.endswith(f' [0 {client.address}] "SET" "k" "{number}"')


# What one client may do to others.


def test_a_client_is_killed_from_any_lane(lanes: MartletServer, clients: list[RedisConnection]) -> None:
    killer, *others = clients
    for victim in others:
        assert killer("CLIENT", "KILL", "ID", victim("CLIENT", "ID")) == 1
        assert victim.rest() == b""
    assert eventually(lambda: killer.text("CLIENT", "LIST").count(b"\n") == 1)
    assert killer("CLIENT", "KILL", killer.address) == OK
    assert killer.rest() == b""


def test_a_subscriber_is_killed_in_the_middle_of_messages(lanes: MartletServer) -> None:
    with lanes.redis() as victim, lanes.redis() as stays, lanes.redis() as speaker:
        for each in (victim, stays):
            assert each("SUBSCRIBE", "a") == [b"subscribe", b"a", 1]
        for number in range(200):
            speaker("PUBLISH", "a", number)
            if number == 100:
                assert speaker("CLIENT", "KILL", victim.address) == OK
        victim.rest()
        assert [stays.read()[2] for _ in range(200)] == [b"%d" % number for number in range(200)]
        assert eventually(lambda: speaker("PUBLISH", "a", "x") == 1)


def waits(connection: RedisConnection, name: bytes) -> bool:
    """Whether the client with a name waits for something."""
    (line,) = [each for each in connection.text("CLIENT", "LIST").splitlines() if b" name=%s " % name in each]
    return b" flags=b" in line


def test_a_client_that_waits_is_killed_and_takes_nothing(lanes: MartletServer, clients: list[RedisConnection]) -> None:
    killer, *others = clients
    for victim in others:
        victim("CLIENT", "SETNAME", "victim")
        number = victim("CLIENT", "ID")
        victim.send(encode("BLPOP", "k", 0))
        assert eventually(lambda: waits(killer, b"victim"))
        assert killer("CLIENT", "KILL", "ID", number) == 1
        assert victim.rest() == b""
        assert eventually(lambda: b"blocked_clients:0\r" in killer.text("INFO", "clients"))
    assert killer("RPUSH", "k", "a") == 1
    assert killer("LPOP", "k") == b"a"


def test_a_client_that_waits_hears_what_it_tracks(clients: list[RedisConnection]) -> None:
    other, client, *_ = clients
    client("CLIENT", "SETNAME", "one")
    assert client("CLIENT", "TRACKING", "ON") == OK
    assert client("GET", "x") is None
    client.send(encode("BLPOP", "k", 0))
    assert eventually(lambda: waits(other, b"one"))
    assert other("SET", "x", 1) == OK
    assert push(client) == invalid(b"x")
    assert other("RPUSH", "k", "a", "b") == 2
    assert client.read() == [b"k", b"a"]
    assert client("LLEN", "k") == 1
    # What is taken for one who waits changes the list, too: its reader is told.
    other.send(encode("BLPOP", "l", 0))
    assert eventually(lambda: b"blocked_clients:1\r" in client.text("INFO", "clients"))
    assert client("LLEN", "l") == 0
    assert clients[2]("RPUSH", "l", "a") == 1
    assert other.read() == [b"l", b"a"]
    assert push(client) == invalid(b"l")


def test_a_client_that_waits_is_unblocked_in_a_pause(clients: list[RedisConnection]) -> None:
    other, client, *_ = clients
    client("CLIENT", "SETNAME", "one")
    number = client("CLIENT", "ID")
    client.send(encode("BLPOP", "k", 0))
    assert eventually(lambda: waits(other, b"one"))
    assert other("CLIENT", "PAUSE", 60_000, "WRITE") == OK
    assert other("CLIENT", "UNBLOCK", number) == 1
    assert client.read() is None
    assert other("CLIENT", "UNPAUSE") == OK


def test_monitor_sees_what_waits_when_it_begins_to(lanes: MartletServer, clients: list[RedisConnection]) -> None:
    other, client, *_ = clients
    with lanes.redis() as monitor:
        assert monitor("MONITOR") == OK
        client.send(encode("BLPOP", "k", 0))
        assert monitor.read().text.endswith('"BLPOP" "k" "0"')
        assert other("RPUSH", "k", "a") == 1
        assert monitor.read().text.endswith('"RPUSH" "k" "a"')
        assert client.read() == [b"k", b"a"]
        assert other("PING") == Status("PONG")
        assert monitor.read().text.endswith('"PING"')


def test_the_list_tells_what_clients_do(lanes: MartletServer, clients: list[RedisConnection]) -> None:
    """The letters are those of Redis."""
    asks, *others = clients
    said = [("SUBSCRIBE", "c"), ("CLIENT", "TRACKING", "ON"), ("CLIENT", "TRACKING", "ON", "BCAST")]
    for number, (client, command) in enumerate(zip(others, said, strict=True)):
        client("CLIENT", "SETNAME", f"n{number}")
        client(*command)
    lines = asks.text("CLIENT", "LIST").decode().splitlines()
    flags = {dict(field.split("=", 1) for field in line.split())["name"]: line.split("flags=")[1].split()[0] for line in lines}
    assert flags == {"": "N", "n0": "P", "n1": "t", "n2": "tB"}
    others[1].send(encode("BLPOP", "k", 0))
    assert eventually(lambda: waits(asks, b"n1"))
    assert b" name=n1 age=" in asks.text("CLIENT", "LIST", "FLAGS", "bt")
    info = asks.text("INFO")
    for field in (b"blocked_clients:1", b"tracking_clients:2", b"pubsub_clients:1", b"pubsub_channels:1"):
        assert field + b"\r" in info


def test_a_pause_holds_clients_of_all_lanes_until_it_ends(clients: list[RedisConnection]) -> None:
    pauser, *others = clients
    assert pauser("CLIENT", "PAUSE", "60000", "WRITE") == OK
    for number, client in enumerate(others):
        assert client("GET", "k") is None
        client.send(encode("SET", "k", number))
    # Nothing is written: each would have been, if any of them could.
    for client in others:
        client.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.socket.recv(1, socket.MSG_PEEK)
        client.socket.settimeout(10)
    assert pauser("GET", "k") is None
    assert pauser("CLIENT", "UNPAUSE") == OK
    for client in others:
        assert client.read() == OK


def test_a_pause_ends_by_itself(clients: list[RedisConnection]) -> None:
    pauser, *others = clients
    assert pauser("CLIENT", "PAUSE", "100") == OK
    for client in others:
        assert client("PING") == Status("PONG")


def test_one_who_goes_in_a_pause_harms_nobody(lanes: MartletServer) -> None:
    with lanes.redis() as pauser:
        assert pauser("CLIENT", "PAUSE", "60000", "WRITE") == OK
        with Connection(lanes.redis_port) as gone:
            gone.send(encode("SET", "k", "v"))
            gone.socket.shutdown(socket.SHUT_WR)
        with Connection(lanes.redis_port) as waits:
            waits.send(encode("SET", "l", "v"))
            waits.socket.shutdown(socket.SHUT_WR)
            assert pauser("CLIENT", "UNPAUSE") == OK
            assert waits.rest() == b"+OK\r\n"


def test_replies_can_be_left_out(lanes: MartletServer) -> None:
    with lanes.redis() as client:
        client.send(encode("CLIENT", "REPLY", "OFF"))
        client.send(b"".join(encode("INCR", "k") for _ in range(1000)))
        client.send(encode("CLIENT", "REPLY", "ON"))
        assert client.read() == OK
        assert client("GET", "k") == b"1000"
        client.send(encode("CLIENT", "REPLY", "SKIP") + encode("INCR", "k") + encode("INCR", "k"))
        assert client.read() == 1002
