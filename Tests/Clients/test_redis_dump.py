"""Data in and out in Redis's own formats: DUMP payloads between Martlet, Redis 7 and Valkey 9, both ways; and the files that
those servers write, imported into a server and into a folder."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from payloads import payload

from conftest import started
from servers import MARTLET, MartletServer, RedisPeer, Server, eventually, required, valkey

pytestmark = pytest.mark.martlet

PEERS = ["redis", "valkey"]
FAR = 4_000_000_000_000
"""A time in milliseconds since 1970 that doesn't come."""


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisPeer]:
    """Redis 7 or Valkey 9, on a folder of its own."""
    folder = tmp_path / request.param
    folder.mkdir()
    program = required("redis-server") if request.param == "redis" else valkey()
    server = RedisPeer(folder, program, "--enable-debug-command", "yes")
    started.append(server)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        started.remove(server)


def client(server: Server, database: int = 0) -> redis.Redis:
    return redis.Redis(port=server.redis_port, db=database, socket_timeout=10)


def expires_fields(peer: Server) -> bool:
    return "valkey" in str(peer.folder.name)


def fill(client: redis.Redis, seed: int, with_field_expiry: bool) -> None:
    """Values of every type in every form that a server keeps them in: small and large, numbers and bytes."""
    chance = random.Random(seed)
    strings = {
        "empty": b"", "short": b"hello", "zero": b"0", "negative": b"-7", "padded": b"007", "16 bits": b"12345",
        "32 bits": b"-2000000000", "64 bits": b"9223372036854775807", "more": b"9223372036854775808",
        "repeating": b"abcabc" * 1000, "noise": chance.randbytes(5000),
        "both": chance.randbytes(1000) + b"z" * 200_000,
    }  # fmt: skip
    for name, value in strings.items():
        client.set(f"string {name}", value)
    for name, bits in {"8": 7, "16": 15, "32": 31, "64": 62}.items():
        client.sadd(f"set of {name} bits", *(chance.randrange(-(1 << bits), 1 << bits) for _ in range(20)))
    client.sadd("set small", "a", "b", 5, "")
    client.sadd("set of numbers", *range(2000))
    client.sadd("set large", *(f"member {number}" for number in range(1000)), chance.randbytes(100))
    client.rpush("list small", "a", 1, -1, 5000, -70000, 1 << 22, -(1 << 30), 1 << 40, "", "x" * 64, "y" * 5000)
    client.rpush("list large", *(f"element {number}" for number in range(5000)), *range(100))
    client.rpush("list of long ones", chance.randbytes(20_000), "short", b"z" * 100_000)
    client.hset("hash small", mapping={"f": "v", "number": 5, "": "", "long": "x" * 64})
    client.hset("hash large", mapping={f"field {number}": f"value {number}" for number in range(500)})
    client.hset("hash long", "f", b"v" * 10_000)
    client.zadd("zset small", {"a": 1, "b": 2.5, "c": "inf", "d": "-inf", "e": 0.1, "f": 1e300, "g": -17, "h": 1 << 60})
    client.zadd("zset large", {f"member {number}": number * 1.1 for number in range(1000)})
    client.zadd("zset of equals", {f"m{number}": 0 for number in range(200)})
    for kind in ("string short", "list small", "set small", "hash large", "zset large"):
        client.copy(kind, f"{kind} that expires")
        client.pexpireat(f"{kind} that expires", FAR + len(kind))
    client.pfadd("hyperloglog", *range(1000))
    client.setbit("bits", 100_000, 1)
    client.geoadd("places", (13.4, 52.5, "Berlin", 2.35, 48.85, "Paris"))
    if with_field_expiry:
        client.hset("hash that loses fields", mapping={f"f{number}": number for number in range(10)})
        client.execute_command("HPEXPIREAT", "hash that loses fields", FAR, "FIELDS", 2, "f1", "f2")
        client.execute_command("HPEXPIREAT", "hash that loses fields", FAR + 77, "FIELDS", 1, "f3")
        client.hset("hash large that loses fields", mapping={f"f{number}": "v" * 100 for number in range(300)})
        client.execute_command("HPEXPIREAT", "hash large that loses fields", FAR, "FIELDS", 1, "f299")


def content(client: redis.Redis, key: bytes) -> object:
    """What is at a key, in a form that doesn't depend on the server."""
    kind = client.type(key)
    match kind:
        case b"string":
            return kind, client.get(key)
        case b"list":
            return kind, client.lrange(key, 0, -1)
        case b"set":
            return kind, client.smembers(key)
        case b"zset":
            return kind, client.zrange(key, 0, -1, withscores=True)
        case b"hash":
            fields = client.hgetall(key)
            if not key.endswith(b"loses fields"):
                return kind, fields
            return kind, fields, client.execute_command("HPEXPIRETIME", key, "FIELDS", len(fields), *sorted(fields))
    raise AssertionError(f"{key!r} is a {kind!r}")


def contents(server: Server, databases: int = 16) -> dict[tuple[int, bytes], object]:
    found: dict[tuple[int, bytes], object] = {}
    for database in range(databases):
        with client(server, database) as connection:
            for key in connection.keys():
                if connection.type(key) == b"stream":
                    continue
                found[database, key] = (content(connection, key), connection.pexpiretime(key))
    return found


# MARK: Payloads


def move(source: redis.Redis, target: redis.Redis) -> int:
    """Restores at `target` what `source` dumps, key by key, and looks whether it is the same; how many keys."""
    keys = source.keys()
    for key in keys:
        expiry = max(0, source.pexpiretime(key))
        assert target.restore(key, expiry, source.dump(key), absttl=True) == b"OK", key
        assert content(target, key) == content(source, key), key
        assert target.pexpiretime(key) == source.pexpiretime(key), key
    return len(keys)


def test_what_a_peer_dumps_is_restored_here(peer: RedisPeer, martlet: MartletServer) -> None:
    with client(peer) as theirs, client(martlet) as ours:
        fill(theirs, 1, expires_fields(peer))
        assert move(theirs, ours) >= 36
        # Others again, in the forms of large ones.
        for setting in ("hash", "zset", "set"):
            name = f"{setting}-max-listpack-entries"
            if theirs.config_get(name):
                theirs.config_set(name, 0)
        theirs.config_set("list-max-listpack-size", 3)
        theirs.config_set("rdbcompression", "no")
        theirs.flushall()
        ours.flushall()
        fill(theirs, 2, expires_fields(peer))
        theirs.execute_command("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "50b")
        theirs.rpush("list of plain nodes", "a" * 100, "b", "c" * 1000)
        assert move(theirs, ours) >= 36
    before = contents(martlet)
    martlet.restart()
    assert contents(martlet) == before


def test_what_is_dumped_here_is_restored_by_a_peer(peer: RedisPeer, martlet: MartletServer) -> None:
    with client(peer) as theirs, client(martlet) as ours:
        fill(ours, 3, expires_fields(peer))
        assert move(ours, theirs) >= 36
        # What they make of it is packed as if they had made it themselves.
        assert theirs.object("encoding", "hash small") == b"listpack"
        assert theirs.object("encoding", "zset small") == b"listpack"
        assert theirs.object("encoding", "set of numbers") == ours.object("encoding", "set large") == b"hashtable"


def length(value: bytes) -> bytes:
    return bytes([len(value)]) if len(value) < 64 else bytes([0x40 | len(value) >> 8, len(value) & 255])


def string(value: bytes) -> bytes:
    return length(value) + value


def ziplist(*elements: bytes) -> bytes:
    body, previous, last = b"", 0, 10
    for element in elements:
        last = 10 + len(body)
        number = element.isdigit() and int(element) < 13
        entry = bytes([0xF1 + int(element)]) if number else bytes([len(element)]) + element
        body += bytes([previous]) + entry
        previous = 1 + len(entry)
    size = 10 + len(body) + 1
    head = size.to_bytes(4, "little") + last.to_bytes(4, "little") + len(elements).to_bytes(2, "little")
    return head + body + b"\xff"


OLD = {
    "a list one by one": b"\x01\x03" + string(b"a") + b"\xc0\x05" + string(b""),
    "a ziplist": b"\x0a" + string(ziplist(b"a", b"5", b"0", b"12", b"x" * 50)),
    "ziplists": b"\x0e\x02" + string(ziplist(b"a", b"5")) + string(ziplist(b"b")),
    "a hash in a ziplist": b"\x0d" + string(ziplist(b"f", b"v", b"n", b"5")),
    "a hash in a zipmap": b"\x09" + string(b"\x02\x03foo\x03\x00bar\x05hello\x05\x00world\xff"),
    "a sorted set in a ziplist": b"\x0c" + string(ziplist(b"a", b"1.5", b"b", b"3")),
    "scores as texts": b"\x03\x03" + string(b"a") + b"\x031.5" + string(b"b") + b"\xfe" + string(b"c") + b"\xff",
}
"""Forms that no server writes any more and all still read."""


@pytest.mark.parametrize("name", OLD)
def test_old_forms_are_read_as_a_peer_reads_them(peer: RedisPeer, martlet: MartletServer, name: str) -> None:
    with client(peer) as theirs, client(martlet) as ours:
        for each in (theirs, ours):
            assert each.restore("k", 0, payload(OLD[name], 6)) == b"OK"
        assert content(ours, b"k") == content(theirs, b"k")


def test_a_payload_that_has_changed_is_refused(client: redis.Redis) -> None:
    client.rpush("l", *range(1000))
    whole = client.dump("l")
    chance = random.Random(1)
    for _ in range(200):
        wrong = bytearray(whole)
        wrong[chance.randrange(len(wrong))] ^= 1 << chance.randrange(8)
        with pytest.raises(redis.ResponseError, match="DUMP payload version or checksum are wrong"):
            client.restore("n", 0, bytes(wrong))
    assert client.exists("n") == 0


def test_the_memory_limit_refuses_a_restore(new_server: Callable[..., MartletServer]) -> None:
    server = new_server("--memory-limit", "16mb")
    with client(server) as connection:
        connection.set("k", b"x" * 500_000)
        value = connection.dump("k")
        with pytest.raises(redis.ResponseError, match="OOM|command not allowed"):
            for number in range(100):
                connection.restore(f"k{number}", 0, value)


# MARK: Files


def tool(*words: str | Path, status: int = 0) -> str:
    """Runs `martlet import`; what it printed."""
    done = subprocess.run(
        [str(MARTLET), "import", *map(str, words)], capture_output=True, timeout=60, check=False, text=True
    )
    assert done.returncode == status, done
    return done.stdout + done.stderr


def imported(source: Path, tmp_path: Path, martlet: MartletServer, status: int = 0) -> tuple[dict, dict, str]:
    """What a file comes to when it is sent to a server, and when it is put into a folder; and what was said."""
    said = tool("--port", str(martlet.redis_port), source, status=status)
    online = contents(martlet)
    offline = MartletServer(tmp_path / "offline")
    offline.folder.mkdir()
    again = tool(offline.data, source, status=status)
    assert again == said
    started.append(offline)
    try:
        offline.start()
        return online, contents(offline), said
    finally:
        offline.kill()
        started.remove(offline)


def fill_databases(peer: RedisPeer) -> None:
    with client(peer) as theirs, client(peer, 3) as third:
        fill(theirs, 4, expires_fields(peer))
        third.set("in another database", "x")
        third.sadd("s", 1, 2, 3)


def test_a_snapshot_is_imported(peer: RedisPeer, martlet: MartletServer, tmp_path: Path) -> None:
    fill_databases(peer)
    with client(peer) as theirs:
        theirs.save()
    online, offline, said = imported(peer.folder / "dump.rdb", tmp_path, martlet)
    assert online == offline == contents(peer)
    assert f"{len(online)} keys" in said and "0 errors" in said
    # Once more: each key takes the place of what is there.
    tool("--port", str(martlet.redis_port), peer.folder / "dump.rdb")
    assert contents(martlet) == online


def test_a_snapshot_without_compression_or_checksum_is_imported(
    peer: RedisPeer, martlet: MartletServer, tmp_path: Path
) -> None:
    with client(peer) as theirs:
        theirs.config_set("rdbcompression", "no")
    peer.stop()
    peer.options = (*peer.options, "--rdbchecksum", "no", "--rdbcompression", "no")
    peer.start()
    fill_databases(peer)
    with client(peer) as theirs:
        theirs.save()
    assert (peer.folder / "dump.rdb").read_bytes().endswith(bytes(8))
    online, offline, _ = imported(peer.folder / "dump.rdb", tmp_path, martlet)
    assert online == offline == contents(peer)


def test_streams_and_functions_are_left_out_and_counted(peer: RedisPeer, martlet: MartletServer, tmp_path: Path) -> None:
    with client(peer) as theirs:
        theirs.set("k", "v")
        for number in range(3):
            theirs.xadd(f"stream{number}", {"f": "v"}, id="1-1")
        theirs.xgroup_create("stream0", "group", "0")
        theirs.xreadgroup("group", "consumer", {"stream0": ">"})
        theirs.set("l", "w")
        theirs.set("expired", "x", px=1)
        assert eventually(lambda: theirs.exists("expired") == 0)
        theirs.save()
    online, offline, said = imported(peer.folder / "dump.rdb", tmp_path, martlet, status=1)
    assert online == offline == contents(peer)
    assert "left out: 3 streams" in said


def test_a_damaged_snapshot_is_told(peer: RedisPeer, martlet: MartletServer, tmp_path: Path) -> None:
    with client(peer) as theirs:
        for number in range(100):
            theirs.set(f"k{number}", chr(97 + number % 26) * 10)
        theirs.save()
    whole = (peer.folder / "dump.rdb").read_bytes()
    damaged = tmp_path / "damaged.rdb"
    damaged.write_bytes(whole[: len(whole) // 2])
    assert "it ends too early" in tool("--port", str(martlet.redis_port), damaged, status=1)
    damaged.write_bytes(whole.replace(b"aaaaaaaaaa", b"aaaaaAaaaa", 1))
    assert "checksum is wrong" in tool("--port", str(martlet.redis_port), damaged, status=1)
    damaged.write_bytes(whole[:5] + b"0099" + whole[9:])
    assert tool("--format", "rdb", "--port", str(martlet.redis_port), damaged, status=1)


def turn_log_on(peer: RedisPeer) -> None:
    with client(peer) as theirs:
        theirs.config_set("appendonly", "yes")
        assert eventually(lambda: theirs.info("persistence")["aof_rewrite_in_progress"] == 0)
        assert theirs.info("persistence")["aof_last_bgrewrite_status"] == "ok"


def change(peer: RedisPeer) -> None:
    """Commands that build on what is there, of every kind that a log has."""
    with client(peer) as theirs, client(peer, 5) as fifth:
        with theirs.pipeline(transaction=True) as transaction:
            transaction.incr("counter").rpush("list small", "new").hset("hash small", "new", 1)
            transaction.execute()
        theirs.lpop("list large", 10)
        theirs.spop("set of numbers", 3)
        theirs.zincrby("zset large", 5, "member 1")
        theirs.rename("string short", "renamed")
        theirs.delete("hash long")
        theirs.setrange("string noise", 10, b"\x00\xff")
        theirs.lmove("list small", "moved to", "LEFT", "RIGHT")
        theirs.sunionstore("union", "set small", "set of 8 bits")
        theirs.pexpire("union", 10_000_000)
        theirs.set("with a time", "x", ex=100_000)
        theirs.incrbyfloat("fraction", 1.5)
        theirs.hincrby("hash small", "number", 37)
        theirs.restore("restored", 0, theirs.dump("zset small"))
        theirs.copy("restored", "copied", destination_db=7)
        theirs.swapdb(6, 7)
        fifth.set("in the fifth", "x")


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_a_log_of_several_files_is_imported(
    peer: RedisPeer, martlet: MartletServer, tmp_path: Path, preamble: str
) -> None:
    with client(peer) as theirs:
        theirs.config_set("aof-use-rdb-preamble", preamble)
    fill_databases(peer)
    turn_log_on(peer)
    change(peer)
    folder = peer.folder / "appendonlydir"
    assert len(list(folder.iterdir())) == 3
    expected = contents(peer)
    peer.kill()
    online, offline, said = imported(folder, tmp_path, martlet)
    assert online == offline == expected
    assert f"{len(online)} keys" in said and "0 errors" in said
    # The manifest names the same.
    martlet.flush()
    tool("--port", str(martlet.redis_port), next(folder.glob("*.manifest")))
    assert contents(martlet) == expected


def test_one_file_of_a_log_and_one_with_a_snapshot_before_it(
    peer: RedisPeer, martlet: MartletServer, tmp_path: Path
) -> None:
    fill_databases(peer)
    turn_log_on(peer)
    change(peer)
    expected = contents(peer)
    peer.kill()
    folder = peer.folder / "appendonlydir"
    # As Redis wrote it before version 7.
    single = tmp_path / "appendonly.aof"
    single.write_bytes(b"".join(next(folder.glob(f"*.{part}.*")).read_bytes() for part in ("base", "incr")))
    tool("--format", "aof", "--port", str(martlet.redis_port), single)
    assert contents(martlet) == expected


def test_a_log_that_ends_in_the_middle_of_a_command(peer: RedisPeer, martlet: MartletServer, tmp_path: Path) -> None:
    turn_log_on(peer)
    with client(peer) as theirs:
        theirs.set("a", 1)
        theirs.set("b", 2)
        before = contents(peer)
        theirs.set("c", 3)
    peer.kill()
    folder = peer.folder / "appendonlydir"
    last = next(folder.glob("*.incr.*"))
    last.write_bytes(last.read_bytes()[:-5])
    online, offline, said = imported(folder, tmp_path, martlet)
    assert online == offline == before
    assert "warning:" in said and "ends in the middle of a command" in said
    # Redis itself would start with the same.
    peer.options = (*peer.options, "--appendonly", "yes")
    peer.start()
    assert contents(peer) == before


def test_what_expired_while_a_log_was_stored_is_gone(peer: RedisPeer, martlet: MartletServer, tmp_path: Path) -> None:
    turn_log_on(peer)
    with client(peer) as theirs:
        theirs.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        until = int(time.time() * 1000) + 200
        theirs.incr("attempts")
        theirs.pexpireat("attempts", until)
        for _ in range(5):
            theirs.incr("attempts")
        theirs.set("stays", 1)
    peer.kill()
    assert eventually(lambda: time.time() * 1000 > until + 10)
    online, offline, said = imported(peer.folder / "appendonlydir", tmp_path, martlet)
    assert list(online) == list(offline) == [(0, b"stays")]
    assert "1 keys had expired" in said


def test_a_database_that_is_not_there_ends_the_import(
    peer: RedisPeer, new_server: Callable[..., MartletServer], tmp_path: Path
) -> None:
    server = new_server("--databases", "2")
    with client(peer) as first, client(peer, 9) as ninth:
        first.set("k", "v")
        ninth.set("k", "another")
        first.save()
    said = tool("--port", str(server.redis_port), peer.folder / "dump.rdb", status=1)
    assert "can't be selected" in said
    with client(server) as connection:
        assert connection.get("k") == b"v"
    tool("--databases", "9", tmp_path / "folder", peer.folder / "dump.rdb", status=1)
    tool("--databases", "10", tmp_path / "folder", peer.folder / "dump.rdb")


def test_text_and_json_lines_are_told_apart(martlet: MartletServer, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text('{"key":"a","value":"1"}\n')
    tool("--port", str(martlet.redis_port), lines)
    lines.write_text("# by hand\nSET b 2\n")
    tool("--port", str(martlet.redis_port), lines)
    with client(martlet) as connection:
        assert connection.mget("a", "b") == [b"1", b"2"]
