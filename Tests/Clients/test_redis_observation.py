"""What the server tells of itself: INFO, SLOWLOG, LATENCY, MEMORY, CONFIG and COMMAND, through redis-py and redis-cli."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from servers import MartletServer, required

pytestmark = pytest.mark.martlet


def connect(server: MartletServer, protocol: int = 2) -> redis.Redis:
    return redis.Redis(port=server.redis_port, protocol=protocol, socket_timeout=10, decode_responses=True)


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_reads_info(new_server: Callable[..., MartletServer], protocol: int) -> None:
    client = connect(new_server(), protocol)
    client.set("a", "1", ex=100)
    assert client.get("a") == "1"
    assert client.get("b") is None
    info = client.info("everything")
    assert info["redis_version"].count(".") == 2 and info["redis_mode"] == "standalone"
    assert info["keyspace_hits"] == 1 and info["keyspace_misses"] == 1
    assert info["db0"] == {"keys": 1, "expires": 1, "avg_ttl": 0}
    assert info["cmdstat_set"]["calls"] == 1
    assert info["used_cpu_user"] >= 0
    assert info["tcp_port"] == client.connection_pool.connection_kwargs["port"]
    assert "cmdstat_set" not in client.info() and "Keyspace" not in client.info("server")
    assert client.config_resetstat()
    assert client.info("stats")["keyspace_hits"] == 0


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_reads_the_slow_log(new_server: Callable[..., MartletServer], protocol: int) -> None:
    client = connect(new_server("--slowlog-log-slower-than", "0", "--slowlog-max-len", "5"), protocol)
    assert client.config_get("slowlog-*") == {"slowlog-log-slower-than": "0", "slowlog-max-len": "5"}
    client.client_setname("me")
    client.set("key", "value")
    entry = client.slowlog_get(1)[0]
    assert entry["command"] == b"SET key value" or entry["command"] == "SET key value"
    assert entry["client_name"] in ("me", b"me")
    assert client.slowlog_len() == 5
    number, when, duration, words, _, name, locks, run, disk = raw_entries(client)[0]
    assert duration == locks + run and disk >= 0 and number >= 0 and when > 0 and name == "me"
    assert client.slowlog_reset()
    client.config_set("slowlog-log-slower-than", -1)
    client.slowlog_reset()
    client.set("key", "value")
    assert client.slowlog_len() == 0


def raw_entries(client: redis.Redis) -> list[list]:
    """The newest entries with all their parts: redis-py makes dictionaries of those of SLOWLOG GET."""
    connection = client.connection_pool.get_connection()
    try:
        connection.send_command("SLOWLOG", "GET", "10", "SPLIT")
        return connection.read_response()
    finally:
        client.connection_pool.release(connection)


def test_a_slow_request_and_what_waits_for_its_lock_are_known(new_server: Callable[..., MartletServer]) -> None:
    server = new_server("--enable-debug-command", "yes", "--latency-monitor-threshold", "20", "--threads", "2")
    slow, other = connect(server), connect(server)

    def slow_while_locked() -> dict[str, list]:
        """What was slow while a transaction held the lock of a key, which it does for as long as it is run."""
        other.slowlog_reset()
        with slow.pipeline(transaction=True) as transaction:
            transaction.set("key", "value")
            transaction.execute_command("DEBUG", "SLEEP", "0.3")
            running = threading.Thread(target=transaction.execute)
            running.start()
            while running.is_alive():
                other.get("key")
            running.join()
        return {each[3][0]: each for each in raw_entries(other)}

    # On a busy machine it may be that no GET comes in time.
    for _ in range(20):
        entries = slow_while_locked()
        if "GET" in entries:
            break
    assert entries["EXEC"][7] >= 300_000 and entries["EXEC"][6] < 100_000
    # The GET that came meanwhile waited for its lock, and did little else.
    assert entries["GET"][6] >= 10_000 and entries["GET"][7] < entries["GET"][6]
    assert {"command"} <= {each[0] for each in other.execute_command("LATENCY LATEST")}
    assert other.execute_command("LATENCY HISTORY", "command")[0][1] >= 300
    assert other.execute_command("LATENCY RESET") >= 1


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_reads_memory(new_server: Callable[..., MartletServer], protocol: int) -> None:
    client = connect(new_server(), protocol)
    client.set("key", "v" * 10_000)
    assert 10_000 <= client.memory_usage("key") < 12_000
    assert client.memory_usage("key", samples=0) >= 10_000
    assert client.memory_usage("nosuch") is None
    statistics = client.memory_stats()
    assert statistics["keys.count"] == 1 and statistics["dataset.bytes"] >= 10_000
    assert client.memory_purge()
    assert "Nothing about the use of memory stands out." in client.execute_command("MEMORY DOCTOR")
    assert "shard 0" in client.memory_malloc_stats()


def test_config_takes_what_clients_set_to_be_sure(new_server: Callable[..., MartletServer]) -> None:
    client = connect(new_server("--durability", "everysec"))
    for name, value in [("save", ""), ("appendonly", "yes"), ("appendfsync", "everysec"), ("loglevel", "info")]:
        assert client.config_get(name) == {name: value}
        assert client.config_set(name, value)
    for name, value, advice in [
        ("save", "900 1", "auto-aof-rewrite-percentage"),
        ("appendonly", "no", "database.txt"),
        ("appendfsync", "always", "--durability"),
        ("loglevel", "debug", "--log-level"),
    ]:
        with pytest.raises(redis.ResponseError, match=f"'{name}'.*{advice}"):
            client.config_set(name, value)


def test_config_sets_how_many_clients_there_may_be(new_server: Callable[..., MartletServer]) -> None:
    server = new_server("--max-connections", "100")
    client, other = connect(server), connect(server)
    assert client.config_get("maxclients") == {"maxclients": "100"}
    assert client.config_set("maxclients", 1)
    with pytest.raises(redis.ConnectionError, match="max number of clients"):
        other.ping()
    assert client.config_set("maxclients", 2)
    assert other.ping()
    for wrong in ["0", "x", "1000001"]:
        with pytest.raises(redis.ResponseError, match="argument must be between 1 and 1000000 inclusive"):
            client.config_set("maxclients", wrong)


def test_config_sets_the_password(new_server: Callable[..., MartletServer]) -> None:
    server = new_server()
    client, other = connect(server), connect(server)
    assert client.config_get("requirepass") == {"requirepass": ""}
    with pytest.raises(redis.ResponseError, match="'timeout'"):
        client.execute_command("CONFIG SET", "requirepass", "secret", "timeout", "x")
    assert other.ping()
    assert client.config_set("requirepass", "secret")
    assert client.config_get("requirepass") == {"requirepass": "(hidden)"}
    with pytest.raises(redis.AuthenticationError):
        connect(server).ping()
    assert redis.Redis(port=server.redis_port, password="secret").ping()
    assert client.config_set("requirepass", "")
    assert connect(server).ping()


def test_thresholds_of_collections(new_server: Callable[..., MartletServer], tmp_path: Path) -> None:
    path = tmp_path / "martlet.json"
    path.write_text('{"hashMaxListpackEntries": 2}')
    server = new_server("--config", str(path), "--list-max-listpack-size", "3")
    client = connect(server)
    client.hset("h", mapping={"a": 1, "b": 2})
    assert client.object("encoding", "h") == "listpack"
    client.hset("h", "c", 3)
    assert client.object("encoding", "h") == "hashtable"
    client.rpush("l", 1, 2, 3)
    assert client.object("encoding", "l") == "listpack"
    client.rpush("l", 4)
    assert client.object("encoding", "l") == "quicklist"
    assert client.config_get("hash-max-ziplist-entries") == {"hash-max-ziplist-entries": "2"}
    assert client.config_set("zset-max-ziplist-value", 5)
    client.zadd("z", {"abcdef": 1})
    assert client.object("encoding", "z") == "skiplist"
    assert client.config_rewrite()
    assert json.loads(path.read_text()) == {
        "hashMaxListpackEntries": 2,
        "listMaxListpackSize": "3",
        "zsetMaxListpackValue": "5",
    }
    server.restart()
    # They hold for what is read back, too.
    client = connect(server)
    assert client.config_get("zset-max-listpack-value") == {"zset-max-listpack-value": "5"}
    assert [client.object("encoding", key) for key in "hlz"] == ["hashtable", "quicklist", "skiplist"]


def test_config_rewrite_keeps_what_was_changed(new_server: Callable[..., MartletServer], tmp_path: Path) -> None:
    path = tmp_path / "martlet.json"
    path.write_text('{"slowlogMaxLen": 7, "databases": 4}')
    server = new_server("--config", str(path))
    client = connect(server)
    assert client.config_get("slowlog-max-len") == {"slowlog-max-len": "7"}
    assert client.config_set("maxmemory", "64mb")
    assert client.execute_command("CONFIG SET", "maxmemory-policy", "allkeys-lru", "slowlog-max-len", "9", "timeout", "120")
    assert client.config_set("notify-keyspace-events", "KEA")
    assert client.config_set("tracking-table-max-keys", "1000000")
    assert client.config_rewrite()
    assert json.loads(path.read_text()) == {
        "databases": 4, "evict": "lru", "idleTimeout": "120s", "memoryLimit": "64mb",
        "notifyKeyspaceEvents": "AKE", "slowlogMaxLen": "9",
    }  # fmt: skip
    assert server.stop() == [0]
    server.start()
    client = connect(server)
    assert client.config_get("maxmemory*") == {"maxmemory": str(64 << 20), "maxmemory-policy": "allkeys-lru"}
    assert client.config_get("timeout") == {"timeout": "120"}
    assert client.config_get("notify*") == {"notify-keyspace-events": "AKE"}
    assert client.config_rewrite()


def test_without_a_file_nothing_is_rewritten(new_server: Callable[..., MartletServer]) -> None:
    with pytest.raises(redis.exceptions.ResponseError, match="The server is running without a config file"):
        connect(new_server()).config_rewrite()


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_reads_commands(new_server: Callable[..., MartletServer], protocol: int) -> None:
    client = connect(new_server(), protocol)
    commands = client.command()
    assert commands["get"]["arity"] == 2 and "readonly" in commands["get"]["flags"]
    assert len(commands) == client.command_count()
    assert client.command_getkeys("MSET", "a", 1, "b", 2) == ["a", "b"]
    assert client.command_getkeysandflags("COPY", "a", "b")[0][0] == "a"
    assert "get" in client.command_list()
    assert set(client.command_list(category="scripting")) <= {"eval"}


def test_every_command_has_documentation_that_redis_cli_can_show(new_server: Callable[..., MartletServer]) -> None:
    client = connect(new_server(), 3)
    docs = client.execute_command("COMMAND DOCS")
    infos = {each[0]: each for each in raw_commands(client)}
    assert set(docs) == set(infos)
    for name, each in docs.items():
        assert each["summary"] and each["since"] and each["group"], name
        subcommands = each.get("subcommands", {})
        assert sorted(subcommands) == sorted(info[0] for info in infos[name][9]), name
        # What takes arguments says which.
        if abs(infos[name][1]) > 1 and not subcommands and infos[name][1] != -1:
            assert each.get("arguments"), name


def raw_commands(client: redis.Redis) -> list:
    connection = client.connection_pool.get_connection()
    try:
        connection.send_command("COMMAND")
        return connection.read_response()
    finally:
        client.connection_pool.release(connection)


def test_debug_is_off_unless_allowed(new_server: Callable[..., MartletServer]) -> None:
    with pytest.raises(redis.exceptions.ResponseError, match="DEBUG command not allowed"):
        connect(new_server()).execute_command("DEBUG", "SLEEP", "0")
    assert connect(new_server("--enable-debug-command", "local")).execute_command("DEBUG", "SLEEP", "0") in ("OK", b"OK", True)


def test_redis_cli_shows_info_and_help(new_server: Callable[..., MartletServer]) -> None:
    server = new_server()
    for words, part in (
        (["INFO", "server"], "redis_version:"),
        (["ACL", "HELP"], "SETUSER username"),
        (["MEMORY", "DOCTOR"], "Nothing about the use of memory stands out."),
        (["LATENCY", "DOCTOR"], "latency-monitor-threshold"),
    ):
        done = subprocess.run(
            [required("redis-cli"), "-p", str(server.redis_port), *words], capture_output=True, text=True, timeout=20, check=True
        )
        assert part in done.stdout, done.stdout


@pytest.mark.parametrize("request_line", [b"POST / HTTP/1.1\r\n", b"Host: localhost\r\n"])
def test_a_browser_is_hung_up_on(new_server: Callable[..., MartletServer], request_line: bytes) -> None:
    server = new_server()
    with server.redis() as connection:
        connection.send(request_line + b"SET evil 1\r\n")
        assert connection.line() == b""
    with server.redis() as connection:
        assert connection("EXISTS", "evil") == 0
