"""memcached's classic text protocol, byte by byte."""

from __future__ import annotations

import time

import pytest

from servers import Server, eventually
from wire import MemcachedConnection

KEY_250 = b"k" * 250
KEY_251 = b"k" * 251
DAY = 86_400
BAD_FORMAT = b"CLIENT_ERROR bad command line format\r\n"
BAD_DELTA = b"CLIENT_ERROR invalid numeric delta argument\r\n"
BAD_EXPTIME = b"CLIENT_ERROR invalid exptime argument\r\n"
NOT_NUMERIC = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
BAD_DELETE = b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"
BAD_CHUNK = b"CLIENT_ERROR bad data chunk\r\n"
TOO_LARGE = b"SERVER_ERROR object too large for cache\r\n"
ERROR = b"ERROR\r\n"


# What is asked, with \n for CR LF, and what is answered. Every one starts with an empty server.
CONVERSATIONS: list[tuple[str, str]] = [
    # storing and reading
    ("get a\n", "END\n"),
    ("gets a\n", "END\n"),
    ("set a 0 0 1\nx\nget a\n", "STORED\nVALUE a 0 1\nx\nEND\n"),
    ("set a 0 0 0\n\nget a\n", "STORED\nVALUE a 0 0\n\nEND\n"),
    ("set a 0 0 5\nx\r\ny\0\nget a\n", "STORED\nVALUE a 0 5\nx\r\ny\0\nEND\n"),
    ("set a 1 0 1\nx\nset a 2 0 1\ny\nget a\n", "STORED\nSTORED\nVALUE a 2 1\ny\nEND\n"),
    (
        "set a 1 0 1\nx\nset c 3 0 2\nyz\nget a b c a\n",
        "STORED\nSTORED\nVALUE a 1 1\nx\nVALUE c 3 2\nyz\nVALUE a 1 1\nx\nEND\n",
    ),
    ("add a 5 0 1\nx\nadd a 6 0 1\ny\nget a\n", "STORED\nNOT_STORED\nVALUE a 5 1\nx\nEND\n"),
    ("replace a 0 0 1\nx\nget a\n", "NOT_STORED\nEND\n"),
    ("set a 0 0 1\nx\nreplace a 5 0 1\ny\nget a\n", "STORED\nSTORED\nVALUE a 5 1\ny\nEND\n"),
    ("append a 0 0 1\nx\nprepend a 0 0 1\nx\nget a\n", "NOT_STORED\nNOT_STORED\nEND\n"),
    (
        "set a 5 0 1\nx\nappend a 9 0 2\nyy\nprepend a 9 0 2\nww\nget a\n",
        "STORED\nSTORED\nSTORED\nVALUE a 5 5\nwwxyy\nEND\n",
    ),
    ("delete a\nset a 0 0 1\nx\ndelete a\ndelete a\nget a\n", "NOT_FOUND\nSTORED\nDELETED\nNOT_FOUND\nEND\n"),
    ("set a 0 0 1\nx\ndelete a 0\n", "STORED\nDELETED\n"),
    # keys are exact
    (
        "set cat 0 0 1\n1\nset catalog 0 0 1\n2\nset Cat 0 0 1\n3\nget ca\nget cat Cat catalog cata\n",
        "STORED\nSTORED\nSTORED\nEND\nVALUE cat 0 1\n1\nVALUE Cat 0 1\n3\nVALUE catalog 0 1\n2\nEND\n",
    ),
    ("set \xff\x01'\" 0 0 1\nx\nget \xff\x01'\"\n", "STORED\nVALUE \xff\x01'\" 0 1\nx\nEND\n"),
    ("set a\tb 0 0 1\nx\nget a\tb\n", "STORED\nVALUE a\tb 0 1\nx\nEND\n"),
    # flags are 32 bits
    ("set a 4294967295 0 1\nx\nget a\n", "STORED\nVALUE a 4294967295 1\nx\nEND\n"),
    ("set a 00 0 1\nx\nget a\n", "STORED\nVALUE a 0 1\nx\nEND\n"),
    ("set a 65536 0 1\nx\nappend a 0 0 1\ny\nget a\n", "STORED\nSTORED\nVALUE a 65536 2\nxy\nEND\n"),
    # expiry
    ("set a 0 -1 1\nx\nget a\n", "STORED\nEND\n"),
    ("set a 0 0 1\nx\nset a 0 -1 1\ny\nget a\n", "STORED\nSTORED\nEND\n"),
    (f"set a 0 {30 * DAY} 1\nx\nget a\n", "STORED\nVALUE a 0 1\nx\nEND\n"),
    (f"set a 0 {30 * DAY + 1} 1\nx\nget a\n", "STORED\nEND\n"),
    (f"set a 0 {int(time.time()) + 1000} 1\nx\nget a\n", "STORED\nVALUE a 0 1\nx\nEND\n"),
    (f"set a 0 {int(time.time()) - 1000} 1\nx\nget a\n", "STORED\nEND\n"),
    ("set a 0 100 1\nx\nadd a 0 0 1\ny\n", "STORED\nNOT_STORED\n"),
    ("set a 0 -1 1\nx\nadd a 0 0 1\ny\nget a\n", "STORED\nSTORED\nVALUE a 0 1\ny\nEND\n"),
    ("set a 0 -1 1\nx\nreplace a 0 0 1\ny\nincr a 1\n", "STORED\nNOT_STORED\nNOT_FOUND\n"),
    ("set a 0 0 1\nx\ntouch a 100\nget a\ntouch b 1\n", "STORED\nTOUCHED\nVALUE a 0 1\nx\nEND\nNOT_FOUND\n"),
    ("set a 0 0 1\nx\ntouch a -1\nget a\n", "STORED\nTOUCHED\nEND\n"),
    ("set a 0 100 1\nx\ntouch a 0\nget a\n", "STORED\nTOUCHED\nVALUE a 0 1\nx\nEND\n"),
    (
        "set a 3 0 1\nx\ngat 100 a\ngat 100 a b a\ngat 0 b\n",
        "STORED\nVALUE a 3 1\nx\nEND\nVALUE a 3 1\nx\nVALUE a 3 1\nx\nEND\nEND\n",
    ),
    ("set a 3 0 1\nx\ngat -1 a\nget a\n", "STORED\nVALUE a 3 1\nx\nEND\nEND\n"),
    ("gats 0 b\n", "END\n"),
    # counters
    ("incr n 1\ndecr n 1\nget n\n", "NOT_FOUND\nNOT_FOUND\nEND\n"),
    ("set n 7 0 2\n10\nincr n 5\ndecr n 1\nget n\n", "STORED\n15\n14\nVALUE n 7 2\n14\nEND\n"),
    ("set n 0 0 2\n99\nincr n 1\nget n\n", "STORED\n100\nVALUE n 0 3\n100\nEND\n"),
    ("set n 0 0 2\n10\ndecr n 1\nget n\n", "STORED\n9\nVALUE n 0 2\n9 \nEND\n"),
    (
        "set n 0 0 3\n100\ndecr n 99\nget n\nincr n 8\nget n\n",
        "STORED\n1\nVALUE n 0 3\n1  \nEND\n9\nVALUE n 0 3\n9  \nEND\n",
    ),
    ("set n 0 0 1\n5\ndecr n 10\nget n\n", "STORED\n0\nVALUE n 0 1\n0\nEND\n"),
    ("set n 0 0 2\n10\ndecr n 100\nget n\n", "STORED\n0\nVALUE n 0 2\n0 \nEND\n"),
    ("set n 0 0 20\n18446744073709551615\nincr n 1\n", "STORED\n0\n"),
    ("set n 0 0 20\n18446744073709551615\nincr n 11\n", "STORED\n10\n"),
    ("set n 0 0 1\n1\nincr n 18446744073709551615\n", "STORED\n0\n"),
    ("set n 0 0 1\n0\nincr n 18446744073709551615\n", "STORED\n18446744073709551615\n"),
    ("set n 0 0 20\n18446744073709551615\ndecr n 1\n", "STORED\n18446744073709551614\n"),
    ("set n 0 0 2\n01\nincr n 1\nget n\n", "STORED\n2\nVALUE n 0 2\n2 \nEND\n"),
    ("set n 0 0 2\n1 \nincr n 1\n", "STORED\n2\n"),
    (
        "set n 0 0 1\nx\nincr n 1\ndecr n 1\nget n\n",
        "STORED\n" + (NOT_NUMERIC * 2).decode() + "VALUE n 0 1\nx\nEND\n",
    ),
    ("set n 0 0 0\n\nincr n 1\n", "STORED\n" + NOT_NUMERIC.decode()),
    ("set n 0 0 2\n-1\nincr n 1\n", "STORED\n" + NOT_NUMERIC.decode()),
    ("set n 0 0 3\n1x2\nincr n 1\n", "STORED\n" + NOT_NUMERIC.decode()),
    ("set n 0 0 20\n18446744073709551616\nincr n 1\n", "STORED\n" + NOT_NUMERIC.decode()),
    ("set n 0 0 1\n1\nincr n x\n", "STORED\n" + BAD_DELTA.decode()),
    ("set n 0 0 1\n1\nincr n -1\n", "STORED\n" + BAD_DELTA.decode()),
    ("set n 0 0 1\n1\ndecr n 1.5\n", "STORED\n" + BAD_DELTA.decode()),
    ("set n 0 0 1\n1\nincr n 18446744073709551616\n", "STORED\n" + BAD_DELTA.decode()),
    # cas
    ("cas a 0 0 1 1\nx\nget a\n", "NOT_FOUND\nEND\n"),
    ("set a 0 0 1\nx\ncas a 0 0 1 18446744073709551615\ny\nget a\n", "STORED\nEXISTS\nVALUE a 0 1\nx\nEND\n"),
    ("cas a 0 0 1 x\ny\n", BAD_FORMAT.decode() + "ERROR\n"),
    # the server
    ("set a 0 0 1\nx\nflush_all\nget a\n", "STORED\nOK\nEND\n"),
    ("flush_all 0\nflush_all\n", "OK\nOK\n"),
    ("flush_all x\n", BAD_EXPTIME.decode()),
    ("verbosity 1\nverbosity 0\n", "OK\nOK\n"),
    # noreply
    ("set a 0 0 1 noreply\nx\nget a\n", "VALUE a 0 1\nx\nEND\n"),
    ("add a 0 0 1 noreply\nx\nadd a 0 0 1 noreply\ny\nget a\n", "VALUE a 0 1\nx\nEND\n"),
    ("set a 0 0 1 noreply\nx\nreplace a 2 0 1 noreply\ny\nget a\n", "VALUE a 2 1\ny\nEND\n"),
    (
        "set a 0 0 1 noreply\nx\nappend a 0 0 1 noreply\ny\nprepend a 0 0 1 noreply\nw\nget a\n",
        "VALUE a 0 3\nwxy\nEND\n",
    ),
    ("set a 0 0 1 noreply\nx\ncas a 0 0 1 1 noreply\ny\ncas b 0 0 1 1 noreply\ny\nget b\n", "END\n"),
    ("set a 0 0 1 noreply\nx\ndelete a noreply\ndelete a noreply\nget a\n", "END\n"),
    ("set a 0 0 1 noreply\nx\ndelete a 0 noreply\nget a\n", "END\n"),
    (
        "set n 0 0 1 noreply\n1\nincr n 5 noreply\ndecr n 2 noreply\nincr none 1 noreply\nget n\n",
        "VALUE n 0 1\n4\nEND\n",
    ),
    ("set a 0 0 1 noreply\nx\ntouch a 100 noreply\ntouch none 1 noreply\nget a\n", "VALUE a 0 1\nx\nEND\n"),
    ("set a 0 0 1 noreply\nx\nflush_all noreply\nget a\n", "END\n"),
    ("flush_all 0 noreply\nverbosity 1 noreply\n", ""),
    # what is wrong
    ("what\n", "ERROR\n"),
    ("\n", "ERROR\n"),
    ("GET a\n", "ERROR\n"),
    ("get\ngets\n", "ERROR\nERROR\n"),
    ("gat\ngats\n", "ERROR\nERROR\n"),
    ("gat x a\n", BAD_EXPTIME.decode()),
    ("set\nset a\nset a 0\nset a 0 0\n", "ERROR\nERROR\nERROR\nERROR\n"),
    ("set a 0 0 x\n", BAD_FORMAT.decode()),
    ("set a 0 0 -1\n", BAD_FORMAT.decode()),
    ("set a 0 0 99999999999999999999\n", BAD_FORMAT.decode()),
    ("set a x 0 1\n", BAD_FORMAT.decode()),
    ("set a -1 0 1\n", BAD_FORMAT.decode()),
    ("set a 0 x 1\n", BAD_FORMAT.decode()),
    ("set a 0 1.5 1\n", BAD_FORMAT.decode()),
    ("delete\n", "ERROR\n"),
    ("delete a 1\n", BAD_DELETE.decode()),
    ("delete a what\n", BAD_DELETE.decode()),
    ("incr\nincr n\ndecr n\n", "ERROR\nERROR\nERROR\n"),
    ("touch\ntouch a\n", "ERROR\nERROR\n"),
    ("touch a x\n", BAD_EXPTIME.decode()),
    ("verbosity\n", "ERROR\n"),
    ("cas a 0 0 1\n", "ERROR\n"),
    ("stats what\n", "ERROR\n"),
    # blanks
    ("set  a  0  0  1\nx\n get  a \n", "STORED\nVALUE a 0 1\nx\nEND\n"),
]


def as_lines(text: str) -> bytes:
    """The text on the wire: one byte a character, and CR LF for each line feed that has no CR of its own."""
    return text.encode("latin-1").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@pytest.mark.parametrize(("asked", "answered"), CONVERSATIONS, ids=[asked for asked, _ in CONVERSATIONS])
def test_conversation(memcached: MemcachedConnection, asked: str, answered: str) -> None:
    assert memcached.ask(as_lines(asked)) == as_lines(answered)


def test_a_line_may_end_with_lf_alone(memcached: MemcachedConnection) -> None:
    assert memcached.ask(b"set a 0 0 1\nx\r\nget a\n") == b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"


def test_version_is_one_line(memcached: MemcachedConnection) -> None:
    memcached.send(b"version\r\n")
    word, number = memcached.line().split()
    assert word == b"VERSION"
    assert number[:1].isdigit()


def test_quit_closes(server: Server) -> None:
    with server.memcached() as connection:
        connection.send(b"set a 0 0 1\r\nx\r\nquit\r\nset a 0 0 1\r\ny\r\n")
        assert connection.rest() == b"STORED\r\n"
    with server.memcached() as other:
        assert other.ask(b"get a\r\n") == b"VALUE a 0 1\r\nx\r\nEND\r\n"


def test_stats_has_what_tools_read(memcached: MemcachedConnection) -> None:
    lines = memcached.ask(b"set a 0 0 1\r\nx\r\nget a\r\nget none\r\nstats\r\n").split(b"\r\n")[5:]
    assert lines[-2:] == [b"END", b""]
    stats = dict(line.split(b" ", 2)[1:] for line in lines[:-2])
    for name in (
        b"pid uptime time pointer_size curr_connections total_connections cmd_get cmd_set get_hits get_misses"
        b" delete_hits delete_misses incr_hits incr_misses cas_hits cas_misses cas_badval bytes_read"
        b" bytes_written limit_maxbytes threads bytes curr_items total_items evictions"
    ).split():
        assert stats[name].isdigit(), name
    assert stats[b"version"]
    assert int(stats[b"curr_items"]) >= 1
    assert int(stats[b"cmd_set"]) >= 1
    assert int(stats[b"get_hits"]) >= 1
    assert int(stats[b"get_misses"]) >= 1


def test_key_of_250_bytes(memcached: MemcachedConnection) -> None:
    assert memcached.ask(b"set %s 0 0 1\r\nx\r\n" % KEY_250) == b"STORED\r\n"
    assert memcached.ask(b"get %s\r\n" % KEY_250) == b"VALUE %s 0 1\r\nx\r\nEND\r\n" % KEY_250
    assert memcached.ask(b"delete %s\r\n" % KEY_250) == b"DELETED\r\n"


@pytest.mark.parametrize("command", ["get %s", "gets %s", "delete %s", "incr %s 1", "touch %s 1", "gat 0 %s"])
def test_key_of_251_bytes_is_refused(memcached: MemcachedConnection, command: str) -> None:
    assert memcached.ask((command % KEY_251.decode()).encode() + b"\r\n") == BAD_FORMAT


def test_key_of_251_bytes_is_refused_for_storing(memcached: MemcachedConnection) -> None:
    # The data line is read as a command, as memcached does.
    assert memcached.ask(b"set %s 0 0 1\r\nx\r\n" % KEY_251) == BAD_FORMAT + ERROR
    assert memcached.ask(b"cas %s 0 0 1 1\r\nx\r\n" % KEY_251) == BAD_FORMAT + ERROR
    assert memcached.ask(b"get a %s b\r\n" % KEY_251).endswith(BAD_FORMAT)


@pytest.mark.parametrize("data", [b"xy", b"xyz", b"xy\r"])
def test_bad_data_chunk(memcached: MemcachedConnection, data: bytes) -> None:
    memcached.ask(b"set a 0 0 1\r\n0\r\n")
    answer = memcached.ask(b"set a 0 0 1\r\n%s\r\n" % data)
    assert answer.startswith(BAD_CHUNK)
    assert memcached.ask(b"get a\r\n") == b"VALUE a 0 1\r\n0\r\nEND\r\n"


def test_bad_data_chunk_ends_where_the_length_says(memcached: MemcachedConnection) -> None:
    """After the stated length and two bytes more, the next byte starts a command again."""
    assert memcached.ask(b"set a 0 0 1\r\nxyzget a\r\n") == BAD_CHUNK + b"END\r\n"


@pytest.mark.parametrize("size", [1_048_577, 2_000_000])
def test_value_over_the_limit_is_swallowed_and_refused(memcached: MemcachedConnection, size: int) -> None:
    value = b"get trap\r\n" * (size // 10 + 1)
    for command in [b"set a 0 0 %d\r\n", b"add a 0 0 %d\r\n", b"set a 0 0 %d noreply\r\n"]:
        answer = memcached.ask(command % size + value[:size] + b"\r\n")
        assert answer == (b"" if b"noreply" in command else TOO_LARGE)
    assert memcached.ask(b"get a\r\nset b 0 0 1\r\nx\r\n") == b"END\r\nSTORED\r\n"


def test_append_past_the_limit_is_refused(memcached: MemcachedConnection) -> None:
    half = 600_000
    memcached.ask(b"set a 0 0 %d\r\n%s\r\n" % (half, b"x" * half))
    answer = memcached.ask(b"append a 0 0 %d\r\n%s\r\n" % (half, b"y" * half))
    # memcached says NOT_STORED where it should give the reason.
    assert answer in (b"NOT_STORED\r\n", TOO_LARGE)
    assert memcached.ask(b"get a\r\n").startswith(b"VALUE a 0 %d\r\n" % half)


def test_values_of_many_sizes(memcached: MemcachedConnection) -> None:
    for size in [1, 2, 100, 1023, 1024, 2048, 4096, 16_383, 16_384, 65_536, 524_288, 1_000_000]:
        value = bytes(i * 7 % 256 for i in range(size % 1000)) + b"\r\n" * (size // 2)
        memcached.exchange(b"set a 0 0 %d\r\n%s\r\n" % (len(value), value), b"STORED\r\n")
        memcached.exchange(b"get a\r\n", b"VALUE a 0 %d\r\n%s\r\nEND\r\n" % (len(value), value))


def test_a_line_without_an_end_is_not_read_for_ever(server: Server) -> None:
    with server.memcached() as connection:
        try:
            connection.send(b"x" * 100_000)
        except ConnectionError:
            return
        assert not connection.rest().startswith(b"STORED")


def test_get_of_many_keys_in_one_line(memcached: MemcachedConnection) -> None:
    count = 500
    requests = b"".join(b"set key%d 0 0 3 noreply\r\n%03d\r\n" % (i, i) for i in range(count))
    assert memcached.ask(requests) == b""
    keys = b" ".join(b"key%d" % i for i in range(count))
    values = b"".join(b"VALUE key%d 0 3\r\n%03d\r\n" % (i, i) for i in range(count))
    assert memcached.ask(b"get " + keys + b"\r\n") == values + b"END\r\n"


def test_pipelined_requests_are_answered_in_order(memcached: MemcachedConnection) -> None:
    count = 2000
    requests = b"".join(b"set key%d %d 0 1\r\nx\r\nget key%d none\r\n" % (i, i, i) for i in range(count))
    answers = b"".join(b"STORED\r\nVALUE key%d %d 1\r\nx\r\nEND\r\n" % (i, i) for i in range(count))
    assert memcached.ask(requests) == answers


SPLIT = b"set key 7 0 6\r\na\r\nb\r\n\r\nget key none\r\nincr n 1\r\nwhat\r\ntouch key 0\r\ndelete key\r\n"
SPLIT_ANSWER = b"STORED\r\nVALUE key 7 6\r\na\r\nb\r\n\r\nEND\r\nNOT_FOUND\r\nERROR\r\nTOUCHED\r\nDELETED\r\n"


def test_every_byte_may_come_alone(memcached: MemcachedConnection) -> None:
    for position in range(len(SPLIT)):
        memcached.send(SPLIT[position : position + 1])
    assert memcached.receive(len(SPLIT_ANSWER)) == SPLIT_ANSWER


def test_requests_may_be_split_at_every_byte(memcached: MemcachedConnection) -> None:
    for position in range(1, len(SPLIT)):
        memcached.send(SPLIT[:position])
        memcached.exchange(SPLIT[position:], SPLIT_ANSWER)


def test_a_client_that_leaves_in_the_middle_of_a_command_changes_nothing(server: Server) -> None:
    request = b"set a 0 0 5\r\nvalue\r\n"
    for length in range(len(request)):
        with server.memcached() as connection:
            connection.send(request[:length])
    with server.memcached() as other:
        assert other.ask(b"get a\r\n") == b"END\r\n"


def test_cas_stores_only_over_what_was_read(memcached: MemcachedConnection) -> None:
    memcached.ask(b"set a 0 0 1\r\nx\r\n")
    unique = memcached.cas_unique(b"a")
    assert memcached.cas_unique(b"a") == unique, "reading changes nothing"
    assert memcached.ask(b"cas a 5 0 1 %d\r\ny\r\n" % unique) == b"STORED\r\n"
    assert memcached.ask(b"cas a 0 0 1 %d\r\nz\r\n" % unique) == b"EXISTS\r\n"
    assert memcached.ask(b"get a\r\n") == b"VALUE a 5 1\r\ny\r\nEND\r\n"
    current = memcached.cas_unique(b"a")
    assert (
        memcached.ask(b"cas a 0 0 1 %d noreply\r\nw\r\nget a\r\n" % current) == b"VALUE a 0 1\r\nw\r\nEND\r\n"
    )
    memcached.ask(b"delete a\r\n")
    assert memcached.ask(b"cas a 0 0 1 %d\r\nx\r\n" % current) == b"NOT_FOUND\r\n"


@pytest.mark.parametrize(
    "write",
    [
        "set n 0 0 1\r\n1\r\n",
        "replace n 0 0 1\r\n2\r\n",
        "append n 0 0 1\r\n2\r\n",
        "prepend n 0 0 1\r\n2\r\n",
        "incr n 1\r\n",
        "decr n 1\r\n",
        "delete n\r\nadd n 0 0 1\r\n1\r\n",
    ],
)
def test_every_write_changes_cas_unique(memcached: MemcachedConnection, write: str) -> None:
    memcached.ask(b"set n 0 0 1\r\n1\r\n")
    before = memcached.cas_unique(b"n")
    memcached.ask(write.encode())
    after = memcached.cas_unique(b"n")
    assert after != before
    assert memcached.ask(b"cas n 0 0 1 %d\r\nx\r\n" % before) == b"EXISTS\r\n"


def test_touch_keeps_cas_unique(memcached: MemcachedConnection) -> None:
    memcached.ask(b"set a 0 0 1\r\nx\r\n")
    before = memcached.cas_unique(b"a")
    memcached.ask(b"touch a 100\r\n")
    shown = memcached.ask(b"gats 200 a\r\n")
    assert shown == b"VALUE a 0 1 %d\r\nx\r\nEND\r\n" % before
    assert memcached.cas_unique(b"a") == before


def test_cas_unique_is_each_keys_own(memcached: MemcachedConnection) -> None:
    memcached.ask(b"set a 0 0 1\r\nx\r\nset b 0 0 1\r\nx\r\n")
    before = memcached.cas_unique(b"a")
    memcached.ask(b"set b 0 0 1\r\ny\r\n")
    assert memcached.cas_unique(b"a") == before
    assert memcached.cas_unique(b"b") != before


def test_a_key_is_gone_when_its_time_has_come(memcached: MemcachedConnection) -> None:
    started = time.monotonic()
    memcached.ask(b"set a 0 2 1\r\nx\r\nset b 0 0 1\r\nx\r\ntouch b 2\r\n")
    memcached.ask(b"set c 0 %d 1\r\nx\r\n" % (int(time.time()) + 2))
    assert memcached.ask(b"get a b c\r\n").count(b"VALUE") == 3
    assert eventually(lambda: memcached.ask(b"get a b c\r\n") == b"END\r\n", within=6)
    assert time.monotonic() - started > 0.9
    assert memcached.ask(b"add a 0 0 1\r\ny\r\n") == b"STORED\r\n"


def test_touch_and_gat_prolong_a_life(memcached: MemcachedConnection) -> None:
    memcached.ask(b"set a 0 2 1\r\nx\r\nset b 0 2 1\r\nx\r\nset c 0 2 1\r\nx\r\n")
    memcached.ask(b"touch a 100\r\ngat 100 b\r\n")
    assert eventually(lambda: memcached.ask(b"get c\r\n") == b"END\r\n", within=6)
    assert memcached.ask(b"get a b\r\n").count(b"VALUE") == 2


def test_flush_all_with_a_delay(memcached: MemcachedConnection) -> None:
    assert memcached.ask(b"set a 0 0 1\r\nx\r\nflush_all 2\r\nget a\r\n") == (
        b"STORED\r\nOK\r\nVALUE a 0 1\r\nx\r\nEND\r\n"
    )
    assert eventually(lambda: memcached.ask(b"get a\r\n") == b"END\r\n", within=6)
    # memcached counts in seconds: what is stored within the second of the flush goes with it.
    fresh = b"STORED\r\nVALUE a 0 1\r\ny\r\nEND\r\n"
    assert eventually(lambda: memcached.ask(b"set a 0 0 1\r\ny\r\nget a\r\n") == fresh)
