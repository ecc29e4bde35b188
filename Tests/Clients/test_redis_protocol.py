"""The Redis protocol itself: inline commands, pipelines, split packets, binary data, and what breaks it."""

from __future__ import annotations

import os

import pytest

from servers import Server
from wire import OK, RedisConnection, encode

INVALID_BULK = b"-ERR Protocol error: invalid bulk length\r\n"
INVALID_MULTIBULK = b"-ERR Protocol error: invalid multibulk length\r\n"
UNBALANCED = b"-ERR Protocol error: unbalanced quotes in request\r\n"
PONG = b"+PONG\r\n"
PING = b"*1\r\n$4\r\nPING\r\n"

BROKEN: dict[str, tuple[bytes, bytes]] = {
    "bulk length that is a word": (b"*1\r\n$abc\r\n", INVALID_BULK),
    "bulk length that is missing": (b"*1\r\n$\r\n", INVALID_BULK),
    "bulk length below zero": (b"*1\r\n$-1\r\n", INVALID_BULK),
    "bulk length of gigabytes": (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000000000\r\n", INVALID_BULK),
    "bulk length just over 512 MiB": (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\n", INVALID_BULK),
    "bulk length beyond 64 bits": (b"*1\r\n$99999999999999999999\r\n", INVALID_BULK),
    "number of words that is a word": (b"*abc\r\n", INVALID_MULTIBULK),
    "number of words that is missing": (b"*\r\n", INVALID_MULTIBULK),
    "number of words with a sign": (b"*+1\r\n" + PING[4:], INVALID_MULTIBULK),
    "number of words with a leading zero": (b"*01\r\n" + PING[4:], INVALID_MULTIBULK),
    "number of words beyond 32 bits": (b"*4294967296\r\n", INVALID_MULTIBULK),
    "number of words beyond 64 bits": (b"*99999999999999999999\r\n", INVALID_MULTIBULK),
    "word that is no bulk string": (
        b"*1\r\n:4\r\n",
        b"-ERR Protocol error: expected '$', got ':'\r\n",
    ),
    "inline command with an open quote": (b'SET k "v\r\n', UNBALANCED),
    "inline command with text right behind a quote": (b'SET k "v"w\r\n', UNBALANCED),
    "inline command without an end": (
        b"x" * 70_000,
        b"-ERR Protocol error: too big inline request\r\n",
    ),
    "number of words without an end": (
        b"*" + b"1" * 70_000,
        b"-ERR Protocol error: too big mbulk count string\r\n",
    ),
    "bulk length without an end": (
        b"*1\r\n$" + b"1" * 70_000,
        b"-ERR Protocol error: too big bulk count string\r\n",
    ),
}

INLINE: dict[str, tuple[bytes, bytes]] = {
    "plain": (b"PING\r\n", PONG),
    "LF alone ends a line": (b"PING\n", PONG),
    "blanks between and around words": (b"  PING    hello \r\n", b"$5\r\nhello\r\n"),
    "a tab is a blank": (b"PING\thello\r\n", b"$5\r\nhello\r\n"),
    "empty lines are nothing": (b"\r\n\r\n\n  \r\nPING\r\n", PONG),
    "double quotes with escapes": (b'ECHO "a b\\x41\\r\\n\\t\\"\\\\"\r\n', b'$9\r\na bA\r\n\t"\\\r\n'),
    "single quotes keep escapes but their own": (b"ECHO 'a\\'b\\n'\r\n", b"$5\r\na'b\\n\r\n"),
    "empty word": (b'ECHO ""\r\n', b"$0\r\n\r\n"),
    "several lines at once": (b"PING\r\nPING a\r\n", PONG + b"$1\r\na\r\n"),
    "between commands in RESP": (PING + b"PING\r\n" + PING, PONG * 3),
}

NOTHING: dict[str, bytes] = {
    "no words": b"*0\r\n",
    "words below zero": b"*-1\r\n",
}


@pytest.mark.parametrize(("request_", "reply"), BROKEN.values(), ids=BROKEN)
def test_broken_input_is_told_and_the_connection_closed(
    server: Server, request_: bytes, reply: bytes
) -> None:
    with server.redis() as connection:
        connection.send(request_)
        assert connection.rest() == reply


def test_commands_before_broken_input_are_answered_and_none_behind_it(server: Server) -> None:
    with server.redis() as connection:
        connection.send(PING + PING + b"*1\r\n$x\r\n" + encode("SET", "k", "v"))
        assert connection.rest() == PONG + PONG + INVALID_BULK
    with server.redis() as other:
        assert other("GET", "k") is None


@pytest.mark.parametrize(("request_", "reply"), INLINE.values(), ids=INLINE)
def test_inline_commands(server: Server, request_: bytes, reply: bytes) -> None:
    with server.redis() as connection:
        connection.send(request_ + b"QUIT\r\n")
        assert connection.rest() == reply + b"+OK\r\n"


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING)
def test_a_command_without_words_is_passed_over(server: Server, nothing: bytes) -> None:
    with server.redis() as connection:
        connection.send(nothing + PING)
        assert connection.receive(len(PONG)) == PONG


@pytest.mark.parametrize("first", [b"POST / HTTP/1.1", b"Host: 127.0.0.1:6379", b"*1\r\n$4\r\nPOST"])
def test_a_browser_is_turned_away(server: Server, first: bytes) -> None:
    with server.redis() as connection:
        connection.send(first + b"\r\n" + encode("SET", "k", "v"))
        assert b"+OK" not in connection.rest()
    with server.redis() as other:
        assert other("GET", "k") is None


def test_every_byte_may_come_alone(server: Server) -> None:
    requests = encode("SET", b"k\r\n\0", b"v\r\n\0 ") + encode("GET", b"k\r\n\0") + b"PING\r\n"
    replies = b"+OK\r\n" + b"$5\r\nv\r\n\0 \r\n" + PONG
    with server.redis() as connection:
        for position in range(len(requests)):
            connection.send(requests[position : position + 1])
        assert connection.receive(len(replies)) == replies


def test_requests_may_be_split_at_every_byte(server: Server) -> None:
    requests = encode("SET", "key", b"a\r\nb") + encode("GET", "key") + encode("GET", "none") + b"PING\r\n"
    replies = b"+OK\r\n" + b"$4\r\na\r\nb\r\n" + b"$-1\r\n" + PONG
    with server.redis() as connection:
        for position in range(1, len(requests)):
            connection.send(requests[:position])
            connection.send(requests[position:])
            assert connection.receive(len(replies)) == replies, f"split at {position}"


def test_thousands_of_commands_in_one_pipeline(wire: RedisConnection) -> None:
    count = 5000
    assert wire.pipeline([("SET", f"key{i}", f"value{i}") for i in range(count)]) == [OK] * count
    expected = [f"value{i}".encode() for i in range(count)]
    assert wire.pipeline([("GET", f"key{i}") for i in range(count)]) == expected
    assert wire.pipeline([("INCR", "counter")] * count) == list(range(1, count + 1))
    assert wire("DBSIZE") == count + 1


def test_a_pipeline_sees_its_own_writes_in_order(wire: RedisConnection) -> None:
    commands: list[tuple[str, ...]] = []
    expected: list[object] = []
    for i in range(500):
        commands += [("SET", "k", str(i)), ("GET", "k"), ("APPEND", "k", "x"), ("DEL", "k"), ("GET", "k")]
        expected += [OK, str(i).encode(), len(str(i)) + 1, 1, None]
    assert wire.pipeline(commands) == expected


def test_all_bytes_in_keys_and_values(wire: RedisConnection) -> None:
    for byte in range(256):
        key, value = b"k%c" % byte, b"%cv" % byte
        assert wire("SET", key, value) == OK
        assert wire("GET", key) == value
    assert wire("DBSIZE") == 256
    everything = bytes(range(256)) * 3
    assert wire("SET", everything, everything) == OK
    assert wire("GET", everything) == everything
    assert wire("SADD", "set", *[b"%c" % byte for byte in range(256)]) == 256
    assert wire("SCARD", "set") == 256
    assert wire("SISMEMBER", "set", b"\0") == 1


def test_keys_that_a_line_could_break(wire: RedisConnection) -> None:
    keys = [
        b"a",
        b"a\r\n",
        b"\r\na",
        b"a\r\nSET b c",
        b"a\0",
        b"a\0b",
        b"",
        b" ",
        b"  ",
        b'"',
        b"'",
        b"\\",
        b"#",
    ]
    for key in keys:
        assert wire("SET", key, b"value of " + key) == OK
    for key in keys:
        assert wire("GET", key) == b"value of " + key
    listed = wire("KEYS", "*")
    assert isinstance(listed, list)
    assert sorted(listed) == sorted(keys)


def test_values_of_many_sizes(wire: RedisConnection) -> None:
    for size in [0, 1, 100, 1023, 1024, 4095, 16_383, 16_384, 16_385, 65_536, 1_000_000, 5_000_001]:
        value = os.urandom(size)
        assert wire("SET", "k", value) == OK
        assert wire("STRLEN", "k") == size
        assert wire("GET", "k") == value


def test_a_client_that_leaves_in_the_middle_of_a_command_changes_nothing(server: Server) -> None:
    request = encode("SET", "k", "value")
    for length in range(len(request)):
        with server.redis() as connection:
            connection.send(request[:length])
    with server.redis() as other:
        assert other("EXISTS", "k") == 0


def test_quit_answers_the_commands_before_it_and_none_behind_it(server: Server) -> None:
    with server.redis() as connection:
        connection.send(PING + b"*1\r\n$4\r\nquit\r\n" + PING + PING)
        assert connection.rest() == PONG + b"+OK\r\n"


def test_resp3_sends_its_own_types(server: Server) -> None:
    with server.redis(3) as connection:
        connection("SADD", "set", "a")
        for request, reply in [
            (encode("GET", "none"), b"_\r\n"),
            (encode("MGET", "none"), b"*1\r\n_\r\n"),
            (encode("SET", "set", "v", "NX"), b"_\r\n"),
            (encode("SPOP", "none"), b"_\r\n"),
            (encode("SPOP", "none", "1"), b"~0\r\n"),
            (encode("SRANDMEMBER", "none", "1"), b"*0\r\n"),
            (encode("RANDOMKEY"), b"$3\r\nset\r\n"),
            (encode("SMEMBERS", "set"), b"~1\r\n$1\r\na\r\n"),
            (encode("SMEMBERS", "none"), b"~0\r\n"),
            (encode("SMISMEMBER", "set", "a"), b"*1\r\n:1\r\n"),
            (encode("SSCAN", "set", "0"), b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"),
            (encode("SRANDMEMBER", "set", "1"), b"*1\r\n$1\r\na\r\n"),
            (encode("SPOP", "set", "1"), b"~1\r\n$1\r\na\r\n"),
            (encode("CLIENT", "GETNAME"), b"_\r\n"),
            (encode("CONFIG", "GET", "no-such-setting"), b"%0\r\n"),
            (encode("COMMAND", "INFO", "no-such-command"), b"*1\r\n_\r\n"),
            (encode("COMMAND", "DOCS", "no-such-command"), b"%0\r\n"),
        ]:
            connection.send(request)
            assert connection.receive(len(reply)) == reply, request


def test_resp2_sends_only_the_old_types(server: Server) -> None:
    with server.redis() as connection:
        connection("SADD", "set", "a")
        for request, reply in [
            (encode("GET", "none"), b"$-1\r\n"),
            (encode("MGET", "none"), b"*1\r\n$-1\r\n"),
            (encode("SPOP", "none"), b"$-1\r\n"),
            (encode("SPOP", "none", "1"), b"*0\r\n"),
            (encode("SMEMBERS", "set"), b"*1\r\n$1\r\na\r\n"),
            (encode("SMEMBERS", "none"), b"*0\r\n"),
            (encode("CLIENT", "GETNAME"), b"$-1\r\n"),
            (encode("CONFIG", "GET", "no-such-setting"), b"*0\r\n"),
            (encode("COMMAND", "INFO", "no-such-command"), b"*1\r\n$-1\r\n"),
            (encode("COMMAND", "DOCS", "no-such-command"), b"*0\r\n"),
        ]:
            connection.send(request)
            assert connection.receive(len(reply)) == reply, request
