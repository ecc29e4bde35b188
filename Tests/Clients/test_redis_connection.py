"""The commands that concern the connection and the server: PING to INFO."""

from __future__ import annotations

import re
import time

import pytest
import redis

from servers import Server
from wire import OK, RedisConnection, Status

# Name, arity, first key, last key, step, and flags that clients route by, as Redis 7.0 tells them.
COMMANDS: dict[str, tuple[int, int, int, int, str]] = {
    "ping": (-1, 0, 0, 0, "fast"),
    "echo": (2, 0, 0, 0, "fast"),
    "hello": (-1, 0, 0, 0, "fast no_auth"),
    "quit": (-1, 0, 0, 0, "fast no_auth"),
    "select": (2, 0, 0, 0, "fast"),
    "client": (-2, 0, 0, 0, ""),
    "command": (-1, 0, 0, 0, ""),
    "info": (-1, 0, 0, 0, ""),
    "config": (-2, 0, 0, 0, ""),
    "dbsize": (1, 0, 0, 0, "readonly fast"),
    "flushdb": (-1, 0, 0, 0, "write"),
    "flushall": (-1, 0, 0, 0, "write"),
    "time": (1, 0, 0, 0, "fast"),
    "reset": (1, 0, 0, 0, "fast no_auth"),
    "wait": (3, 0, 0, 0, ""),
    "get": (2, 1, 1, 1, "readonly fast"),
    "set": (-3, 1, 1, 1, "write denyoom"),
    "getset": (3, 1, 1, 1, "write denyoom fast"),
    "getdel": (2, 1, 1, 1, "write fast"),
    "getex": (-2, 1, 1, 1, "write fast"),
    "setnx": (3, 1, 1, 1, "write denyoom fast"),
    "mget": (-2, 1, -1, 1, "readonly fast"),
    "mset": (-3, 1, -1, 2, "write denyoom"),
    "msetnx": (-3, 1, -1, 2, "write denyoom"),
    "incr": (2, 1, 1, 1, "write denyoom fast"),
    "decr": (2, 1, 1, 1, "write denyoom fast"),
    "incrby": (3, 1, 1, 1, "write denyoom fast"),
    "decrby": (3, 1, 1, 1, "write denyoom fast"),
    "append": (3, 1, 1, 1, "write denyoom fast"),
    "strlen": (2, 1, 1, 1, "readonly fast"),
    "getrange": (4, 1, 1, 1, "readonly"),
    "setrange": (4, 1, 1, 1, "write denyoom"),
    "del": (-2, 1, -1, 1, "write"),
    "unlink": (-2, 1, -1, 1, "write fast"),
    "exists": (-2, 1, -1, 1, "readonly fast"),
    "type": (2, 1, 1, 1, "readonly fast"),
    "ttl": (2, 1, 1, 1, "readonly fast"),
    "pttl": (2, 1, 1, 1, "readonly fast"),
    "expire": (-3, 1, 1, 1, "write fast"),
    "pexpire": (-3, 1, 1, 1, "write fast"),
    "expireat": (-3, 1, 1, 1, "write fast"),
    "pexpireat": (-3, 1, 1, 1, "write fast"),
    "persist": (2, 1, 1, 1, "write fast"),
    "expiretime": (2, 1, 1, 1, "readonly fast"),
    "pexpiretime": (2, 1, 1, 1, "readonly fast"),
    "rename": (3, 1, 2, 1, "write"),
    "renamenx": (3, 1, 2, 1, "write fast"),
    "copy": (-3, 1, 2, 1, "write denyoom"),
    "touch": (-2, 1, -1, 1, "readonly fast"),
    "randomkey": (1, 0, 0, 0, "readonly"),
    "keys": (2, 0, 0, 0, "readonly"),
    "scan": (-2, 0, 0, 0, "readonly"),
    "sadd": (-3, 1, 1, 1, "write denyoom fast"),
    "srem": (-3, 1, 1, 1, "write fast"),
    "smembers": (2, 1, 1, 1, "readonly"),
    "sismember": (3, 1, 1, 1, "readonly fast"),
    "smismember": (-3, 1, 1, 1, "readonly fast"),
    "scard": (2, 1, 1, 1, "readonly fast"),
    "spop": (-2, 1, 1, 1, "write fast"),
    "srandmember": (-2, 1, 1, 1, "readonly"),
    "sscan": (-3, 1, 1, 1, "readonly"),
}
SUBCOMMANDS: dict[str, set[bytes]] = {
    "client": {b"client|setname", b"client|getname", b"client|id", b"client|info", b"client|list"},
    "command": {b"command|count", b"command|list", b"command|info", b"command|docs", b"command|getkeys"},
    "config": {b"config|get", b"config|set"},
}
ROUTING_FLAGS = {"write", "readonly", "fast", "denyoom", "no_auth"}


def test_ping_and_echo(wire: RedisConnection) -> None:
    assert wire("PING") == Status("PONG")
    assert wire("PING", b"a\r\nb") == b"a\r\nb"
    assert wire("PING", "") == b""
    assert wire("ECHO", b"\0\xff") == b"\0\xff"


def test_hello_tells_who_answers_and_in_which_protocol(wire: RedisConnection) -> None:
    hello = wire.map("HELLO")
    assert set(hello) >= {b"server", b"version", b"proto", b"id", b"mode", b"role", b"modules"}
    assert hello[b"proto"] == wire.protocol
    assert hello[b"id"] == wire("CLIENT", "ID")
    assert hello[b"mode"] == b"standalone"
    assert hello[b"role"] == b"master"
    assert hello[b"modules"] == []
    assert re.fullmatch(rb"\d+\.\d+\.\d+", hello[b"version"])


def test_hello_switches_the_protocol_back_and_forth(server: Server) -> None:
    with server.redis() as connection:
        assert isinstance(connection("HELLO", "3"), dict)
        assert isinstance(connection("HELLO"), dict)
        assert connection("SMEMBERS", "none") == set()
        assert isinstance(connection("HELLO", "2"), list)
        assert connection("SMEMBERS", "none") == []


def test_a_hello_that_is_refused_leaves_the_protocol(server: Server) -> None:
    with server.redis() as connection:
        connection("HELLO", "9")
        connection("HELLO", "3", "WHAT")
        connection("HELLO", "3", "SETNAME", "a b")
        assert connection("SMEMBERS", "none") == []


def test_hello_sets_the_name_and_takes_the_default_users_login(wire: RedisConnection) -> None:
    wire("HELLO", wire.protocol, "AUTH", "default", "anything", "SETNAME", "tester")
    assert wire("CLIENT", "GETNAME") == b"tester"


def test_client_name(wire: RedisConnection) -> None:
    assert wire("CLIENT", "GETNAME") is None
    assert wire("CLIENT", "SETNAME", "worker-1:a") == OK
    assert wire("CLIENT", "GETNAME") == b"worker-1:a"
    assert wire("CLIENT", "SETNAME", "") == OK
    assert wire("CLIENT", "GETNAME") is None


def test_client_ids_are_never_used_again(server: Server) -> None:
    seen = []
    for _ in range(3):
        with server.redis() as connection:
            seen.append(connection("CLIENT", "ID"))
            assert connection("CLIENT", "ID") == seen[-1]
    assert seen == sorted(set(seen))


def test_client_info_is_this_connection(wire: RedisConnection) -> None:
    wire("CLIENT", "SETNAME", "me")
    wire("SELECT", "3")
    line = wire.text("CLIENT", "INFO").decode()
    assert line.endswith("\n")
    fields = dict(field.split("=", 1) for field in line.split())
    assert fields["id"] == str(wire("CLIENT", "ID"))
    assert fields["addr"] == wire.address
    assert fields["laddr"].startswith("127.0.0.1:")
    assert fields["name"] == "me"
    assert fields["db"] == "3"
    assert fields["cmd"] == "client|info"
    assert fields["user"] == "default"
    assert fields["resp"] == str(wire.protocol)
    assert int(fields["age"]) >= 0


def test_client_list_has_a_line_for_each_connection(server: Server, wire: RedisConnection) -> None:
    with server.redis() as other:
        other("CLIENT", "SETNAME", "other")
        other_id, own_id = other("CLIENT", "ID"), wire("CLIENT", "ID")
        lines = wire.text("CLIENT", "LIST").decode().splitlines()
        clients = [dict(field.split("=", 1) for field in line.split()) for line in lines]
        assert {str(own_id), str(other_id)} <= {each["id"] for each in clients}
        assert [each["addr"] for each in clients if each["name"] == "other"] == [other.address]
        only = wire.text("CLIENT", "LIST", "ID", other_id, 999_999_999).decode().splitlines()
        assert [line.split()[0] for line in only] == [f"id={other_id}"]
        # Connections of other tests may be ending just now; these two are there throughout.
        normal = wire.text("CLIENT", "LIST", "TYPE", "normal").decode().splitlines()
        assert {f"id={own_id}", f"id={other_id}"} <= {line.split()[0] for line in normal}
        assert wire.text("CLIENT", "LIST", "TYPE", "pubsub") == b""


def test_redis_py_reads_client_info_and_list(client: redis.Redis) -> None:
    client.client_setname("reader")
    info = client.client_info()
    assert info["name"] == "reader"
    assert info["id"] == client.client_id()
    assert "reader" in [each["name"] for each in client.client_list()]


def test_select_keeps_the_databases_apart(wire: RedisConnection) -> None:
    wire("SET", "k", "zero")
    assert wire("SELECT", "15") == OK
    assert wire("GET", "k") is None
    wire("SET", "k", "fifteen")
    assert wire("SELECT", "0") == OK
    assert wire("GET", "k") == b"zero"
    assert wire("DBSIZE") == 1


def test_select_concerns_only_its_connection(server: Server, wire: RedisConnection) -> None:
    wire("SELECT", "5")
    wire("SET", "k", "v")
    with server.redis() as other:
        assert other("GET", "k") is None


def test_redis_py_opens_a_database(server: Server, protocol: int) -> None:
    with redis.Redis(port=server.redis_port, protocol=protocol, db=7) as seven:
        seven.set("k", "v")
        assert seven.dbsize() == 1
    with redis.Redis(port=server.redis_port, protocol=protocol) as zero:
        assert zero.dbsize() == 0


@pytest.mark.parametrize("option", [[], ["ASYNC"], ["SYNC"], ["async"]])
def test_flushdb_empties_one_database_and_flushall_all(wire: RedisConnection, option: list[str]) -> None:
    for database in ["0", "4"]:
        wire("SELECT", database)
        wire("MSET", "a", "1", "b", "2")
        wire("SADD", "set", "a")
        wire("EXPIRE", "b", "100")
    assert wire("FLUSHDB", *option) == OK
    assert (wire("DBSIZE"), wire("GET", "a"), wire("TTL", "b")) == (0, None, -2)
    wire("SELECT", "0")
    assert wire("DBSIZE") == 3
    wire("SELECT", "4")
    wire("SET", "again", "1")
    assert wire("FLUSHALL", *option) == OK
    assert wire("DBSIZE") == 0
    wire("SELECT", "0")
    assert wire("DBSIZE") == 0


def test_dbsize_counts_keys_of_every_type(wire: RedisConnection) -> None:
    assert wire("DBSIZE") == 0
    wire("MSET", "a", "1", "b", "2")
    wire("SADD", "c", "1", "2", "3")
    assert wire("DBSIZE") == 3
    wire("DEL", "a")
    assert wire("DBSIZE") == 2


def test_time_is_the_clock(client: redis.Redis) -> None:
    before = time.time()
    seconds, microseconds = client.time()
    after = time.time()
    assert before - 0.01 <= seconds + microseconds / 1e6 <= after + 0.01
    assert 0 <= microseconds < 1_000_000


def test_info_has_sections_of_fields(wire: RedisConnection) -> None:
    wire("SET", "a", "1")
    wire("SET", "b", "1", "EX", "100")
    text = wire.text("INFO").decode()
    for section in ["Server", "Clients", "Memory", "Stats", "Keyspace"]:
        assert f"# {section}\r\n" in text
    for line in text.split("\r\n"):
        assert line == "" or line.startswith("# ") or ":" in line, line
    fields = dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["redis_version"])
    for name in ["process_id", "tcp_port", "uptime_in_seconds", "connected_clients", "used_memory"]:
        assert fields[name].isdigit(), name
    for name in [
        "total_connections_received",
        "total_commands_processed",
        "keyspace_hits",
        "keyspace_misses",
    ]:
        assert fields[name].isdigit(), name
    assert fields["db0"].startswith("keys=2,expires=1,avg_ttl=")


def test_info_of_one_section(wire: RedisConnection) -> None:
    wire("SET", "a", "1")
    text = wire.text("INFO", "kEySpAcE").decode()
    assert text.startswith("# Keyspace\r\ndb0:keys=1,")
    assert text.count("# ") == 1
    both = wire.text("INFO", "server", "keyspace").decode()
    assert [line for line in both.split("\r\n") if line.startswith("#")] == ["# Server", "# Keyspace"]
    assert wire.text("INFO", "nothing") == b""


def test_info_counts_hits_and_misses(client: redis.Redis) -> None:
    client.set("a", "1")
    before = client.info("stats")
    for key in ["a", "a", "missing", "a"]:
        client.get(key)
    after = client.info("stats")
    assert after["keyspace_hits"] - before["keyspace_hits"] == 3
    assert after["keyspace_misses"] - before["keyspace_misses"] == 1


def test_config_get(wire: RedisConnection) -> None:
    assert wire.map("CONFIG", "GET", "databases") == {b"databases": b"16"}
    assert wire.map("CONFIG", "GET", "databases", "maxmem?ry") == {b"databases": b"16", b"maxmemory": b"0"}
    assert wire.map("CONFIG", "GET", "no-such-setting") == {}
    assert set(wire.map("CONFIG", "GET", "max*")) >= {b"maxmemory", b"maxclients"}
    everything = wire.map("CONFIG", "GET", "*")
    # redis-benchmark asks for the last two.
    assert set(everything) >= {b"databases", b"maxmemory", b"maxclients", b"port", b"save", b"appendonly"}
    assert all(isinstance(value, bytes) for value in everything.values())


def test_config_set(wire: RedisConnection) -> None:
    try:
        assert wire("CONFIG", "SET", "maxmemory", "100mb") == OK
        assert wire.map("CONFIG", "GET", "maxmemory") == {b"maxmemory": b"104857600"}
        assert wire("CONFIG", "SET", "MaxMemory", "123456789") == OK
        assert wire.map("CONFIG", "GET", "maxmemory") == {b"maxmemory": b"123456789"}
    finally:
        wire("CONFIG", "SET", "maxmemory", "0")


def test_command_info_has_arity_keys_and_flags(wire: RedisConnection) -> None:
    replies = wire("COMMAND", "INFO", *COMMANDS)
    assert isinstance(replies, list)
    for reply, (name, (arity, first, last, step, flags)) in zip(replies, COMMANDS.items(), strict=True):
        assert reply is not None, name
        assert reply[:2] == [name.encode(), arity]
        assert reply[3:6] == [first, last, step], name
        told = {flag.text for flag in reply[2]}
        assert told & ROUTING_FLAGS == set(flags.split()), name
        assert len(reply) == 10
        assert {sub[0] for sub in reply[9]} >= SUBCOMMANDS.get(name, set())


def test_command_info_of_unknown_and_of_subcommands(wire: RedisConnection) -> None:
    replies = wire("COMMAND", "INFO", "GET", "no-such-command", "client|getname")
    assert isinstance(replies, list)
    assert [reply and reply[:2] for reply in replies] == [[b"get", 2], None, [b"client|getname", 2]]


def test_command_lists_all(wire: RedisConnection) -> None:
    everything = wire("COMMAND")
    assert isinstance(everything, list)
    names = {each[0].decode() for each in everything}
    assert names >= set(COMMANDS)
    assert wire("COMMAND", "COUNT") == len(everything)
    assert wire("COMMAND", "INFO") is not None
    listed = wire("COMMAND", "LIST")
    assert isinstance(listed, list)
    assert len(listed) == len(set(listed))
    assert names <= {name.decode() for name in listed}


def test_command_list_filters(wire: RedisConnection) -> None:
    listed = wire("COMMAND", "LIST", "FILTERBY", "PATTERN", "mset*")
    assert sorted(listed) == [b"mset", b"msetex", b"msetnx"]
    subcommands = wire("COMMAND", "LIST", "filterby", "pattern", "CLIENT|*etname")
    assert sorted(subcommands) == [b"client|getname", b"client|setname"]
    assert wire("COMMAND", "LIST", "FILTERBY", "MODULE", "none") == []
    assert wire("COMMAND", "LIST", "FILTERBY", "ACLCAT", "none") == []


def test_command_docs(wire: RedisConnection) -> None:
    docs = wire.map("COMMAND", "DOCS", "GET", "sadd", "no-such-command")
    assert set(docs) == {b"get", b"sadd"}
    fields = docs[b"get"]
    if wire.protocol == 2:
        fields = dict(zip(fields[::2], fields[1::2], strict=True))
    assert fields[b"group"] == b"string"
    assert fields[b"since"] == b"1.0.0"
    assert fields[b"complexity"].startswith(b"O(1)")
    assert fields[b"summary"]


def test_command_docs_tells_arguments_as_redis_cli_reads_them(server: Server) -> None:
    with server.redis(3) as connection:
        docs = connection("COMMAND", "DOCS", "GET", "MSET")
        assert isinstance(docs, dict)
        (key,) = docs[b"get"][b"arguments"]
        assert (key[b"name"], key[b"type"]) == (b"key", b"key")
        assert docs[b"mset"][b"arguments"]
        assert set(connection("COMMAND", "DOCS")) >= {name.encode() for name in COMMANDS}


def test_command_getkeys(client: redis.Redis, wire: RedisConnection) -> None:
    assert wire("COMMAND", "GETKEYS", "GET", "a") == [b"a"]
    assert wire("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2") == [b"a", b"b"]
    assert wire("COMMAND", "GETKEYS", "DEL", "a", "b", "c") == [b"a", b"b", b"c"]
    assert wire("COMMAND", "GETKEYS", "COPY", "a", "b", "REPLACE") == [b"a", b"b"]
    assert wire("COMMAND", "GETKEYS", "sadd", "set", "a", "b") == [b"set"]
    assert client.command_count() == wire("COMMAND", "COUNT")


def test_a_command_without_keys_has_none_to_get(wire: RedisConnection) -> None:
    reply = wire("COMMAND", "GETKEYS", "ECHO", "a")
    assert getattr(reply, "text", None) == "ERR The command has no key arguments"
