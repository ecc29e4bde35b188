"""What `stats` counts, compared with the real memcached: the same requests, and then the same numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conversations import Pair
from wire import MemcachedConnection

pytestmark = pytest.mark.martlet

COUNTED = """
    cmd_get cmd_set cmd_flush cmd_touch get_hits get_misses get_expired delete_misses delete_hits incr_misses incr_hits
    decr_misses decr_hits cas_misses cas_hits cas_badval touch_hits touch_misses store_too_large store_no_memory
    total_items curr_items auth_cmds auth_errors rejected_connections conn_yields evictions
""".split()
"""The fields that have to be equal."""

ITS_OWN = """
    bytes bytes_read bytes_written curr_connections limit_maxbytes max_connections pid pointer_size reclaimed rusage_system
    rusage_user threads time total_connections uptime version accepting_conns expired_unfetched evicted_unfetched
    get_flushed
""".split()
"""The fields that both have, and whose numbers are each server's own."""

LEFT_OUT = ("slab", "lru", "crawler", "moves_", "hash_", "log_", "response_obj_", "read_buf_", "round_robin", "libevent")
LEFT_OUT_WORDS = """
    connection_structures reserved_fds malloc_fails unexpected_napi_ids direct_reclaims listen_disabled_num
    time_in_listen_disabled_us cmd_meta
""".split()
"""What memcached tells of its own inside, by the beginnings of the fields' names and whole."""

REQUESTS: list[bytes] = [
    b"get none\r\n",
    b"set a 0 0 1\r\n1\r\nget a\r\nget a a none\r\ngets a\r\n",
    b"add a 0 0 1\r\n2\r\nadd b 0 0 1\r\n2\r\nreplace b 0 0 1\r\n3\r\nreplace none 0 0 1\r\n3\r\n",
    b"append b 0 0 1\r\n4\r\nprepend b 0 0 1\r\n5\r\nappend none 0 0 1\r\n6\r\nset a 0 0 1 noreply\r\n7\r\n",
    b"incr a 1\r\nincr none 1\r\ndecr a 1\r\ndecr none 1\r\nset x 0 0 1\r\nx\r\nincr x 1\r\ndecr x 1\r\n",
    b"touch a 0\r\ntouch none 0\r\ngat 0 a\r\ngat 0 none\r\ngats 0 a none\r\n",
    b"cas a 0 0 1 1\r\n8\r\ncas none 0 0 1 1\r\n8\r\n",
    b"delete a\r\ndelete a\r\ndelete none noreply\r\n",
    b"set large 0 0 1048577\r\n" + b"x" * 1_048_577 + b"\r\n",
    b"set bad 0 0 1\r\nxyz\r\n",
    b"set bad 0 0 x\r\nget\r\nwhat\r\ndelete\r\nincr b\r\nverbosity 1\r\n",
    b"flush_all 1000\r\nflush_all x\r\n",
    b"get " + b"k" * 251 + b"\r\n",
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("statistics"))
    yield pair
    pair.kill()


def statistics(connection: MemcachedConnection, topic: bytes = b"") -> dict[str, str]:
    lines = connection.ask(b"stats%s\r\n" % topic).decode().split("\r\n")
    assert lines[-2:] == ["END", ""], lines
    return {line.split(" ", 2)[1]: line.split(" ", 2)[2] for line in lines[:-2]}


def both(pair: Pair) -> tuple[MemcachedConnection, MemcachedConnection]:
    return MemcachedConnection(pair.peer.port), MemcachedConnection(pair.martlet.memcached_port)


@pytest.mark.parametrize("request_", REQUESTS, ids=[repr(each[:60]) for each in REQUESTS])
def test_the_same_is_counted(pair: Pair, request_: bytes) -> None:
    counts = []
    for connection in both(pair):
        with connection:
            connection.ask(b"flush_all\r\nstats reset\r\nset b 0 0 1\r\n1\r\n")
            connection.ask(request_)
            counts.append({name: statistics(connection)[name] for name in COUNTED})
    assert counts[1] == counts[0]


def test_reset_sets_the_same_to_zero(pair: Pair) -> None:
    zeros = []
    for connection in both(pair):
        with connection:
            for request in REQUESTS:
                connection.ask(request)
            assert connection.ask(b"stats reset\r\n") == b"RESET\r\n"
            zeros.append({name for name, value in statistics(connection).items() if value == "0" and name in COUNTED})
    assert zeros[1] == zeros[0]
    assert "cmd_get" in zeros[1]


def test_fields_are_memcacheds(pair: Pair) -> None:
    names = []
    for connection in both(pair):
        with connection:
            names.append(set(statistics(connection)))
    theirs, ours = names
    assert ours <= theirs
    assert {name for name in theirs - ours if not name.startswith(LEFT_OUT)} <= set(LEFT_OUT_WORDS)
    assert set(COUNTED) | set(ITS_OWN) == ours


def test_settings_are_memcacheds(pair: Pair) -> None:
    settings = []
    for connection in both(pair):
        with connection:
            settings.append(statistics(connection, b" settings"))
    theirs, ours = settings
    assert set(ours) <= set(theirs)
    for name in ("item_size_max", "cas_enabled", "udpport", "flush_enabled", "binding_protocol", "stat_key_prefix"):
        assert ours[name] == theirs[name], name


def test_connections_are_told_apart(pair: Pair) -> None:
    with both(pair)[1] as first, both(pair)[1] as second:
        second.ask(b"get a\r\n")
        connections = statistics(first, b" conns")
    for connection in (first, second):
        assert f"tcp:{connection.address}" in connections.values()
    kinds = {name.split(":")[1] for name in connections}
    assert kinds == {"addr", "listen_addr", "state", "secs_since_last_cmd"}


def test_the_memory_limit_is_set(pair: Pair) -> None:
    for connection in both(pair):
        with connection:
            assert connection.ask(b"cache_memlimit 100\r\n") == b"OK\r\n"
            assert statistics(connection)["limit_maxbytes"] == str(100 << 20)
            assert statistics(connection, b" settings")["maxbytes"] == str(100 << 20)
            assert connection.ask(b"cache_memlimit 64\r\n") == b"OK\r\n"
