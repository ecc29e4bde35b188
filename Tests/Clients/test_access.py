"""Who may come in, by every protocol; compared with memcached's `-Y` and `-S`, and with Redis whose default user is off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bmemcached
import pytest
import redis
from pymemcache.client.base import Client as PymemcacheClient

from access import NAME, PASSWORD, USERS, GuardedPair, GuardedRedis, GuardedServer, write_sasl_database, write_users
from binary import GET, NOOP, QUIT, SASL_AUTH, SASL_LIST, SASL_STEP, SET, VERSION, Conversation, Frame
from binary import compare, plain, store
from conversations import WAYS
from servers import MARTLET, ROOT, eventually, free_ports
from wire import Connection, Error, MemcachedConnection, RedisConnection

pytestmark = pytest.mark.martlet


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    write_users(path)
    return path


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Callable[..., GuardedServer]]:
    """Makes Martlet servers that ask clients who they are, running."""
    own: list[GuardedServer] = []

    def make(*options: str) -> GuardedServer:
        folder = tmp_path / f"guarded-{len(own)}"
        folder.mkdir()
        own.append(GuardedServer(folder, *options))
        own[-1].start()
        return own[-1]

    yield make
    for server in own:
        server.kill()


def token(name: str = NAME, password: str = PASSWORD, rest: str = "") -> bytes:
    """memcached's way of saying in text who one is."""
    data = f"{name} {password}".encode()
    return b"set x 0 0 %d%s\r\n%s\r\n" % (len(data), rest.encode(), data)


# MARK: memcached's text protocol

TEXT: list[list[bytes]] = [
    [token(), b"get k\r\n", b"set k 0 0 1\r\nv\r\n", b"get k\r\n"],
    [b"get k\r\n", token(), token()],
    [token(password="wrong"), b"get k\r\n", token("bob", "pass-for-bob")],
    [token("bob")],
    [token(NAME.upper())],
    [token(PASSWORD, NAME)],
    [token(password=PASSWORD + "x")],
    [token(password=PASSWORD[:-1])],
    [token(rest=" noreply"), b"get k\r\n"],
    [token(rest=" 1 2 3 4 5"), b"get k\r\n"],
    [token().replace(b"\r\n", b"\n", 1), b"get k\r\n"],
    [token().replace(b"x 0 0", b"x y z"), b"get k\r\n"],
    [token().replace(b"x 0", b"k" * 300 + b" 0"), b"get k\r\n"],
    [b"  " + token(), b"get k\r\n"],
    [token()[:-2] + b"xx", b"get k\r\n", token()],
    [b"set x 0 0 0\r\n\r\n", b"get k\r\n"],
    [b"set x 0 0 4\r\nname\r\n"],
    [b"set x 0 0 5\r\nname \r\n"],
    [b"set x 0 0 2049\r\n" + b"x " * 1024 + b"x\r\n"],
    *([[line + b"\r\n", b"version\r\n"] for line in (
        b"", b" ", b"quit", b"version", b"stats", b"mn", b"mg k", b"flush_all", b"shutdown", b"gets a b c", b"nothing",
        b"set", b"set x 0 0", b"set x 0 0 y", b"set x 0 0 -1", b"SET x 0 0 3", b"add x 0 0 3", b"cas x 0 0 3 1",
        b"get " + b"k " * 1000,
    )]),
]  # fmt: skip
"""Requests, each of which has one line for a reply, or those of a value."""


@pytest.fixture(scope="module")
def text_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedPair]:
    folder = tmp_path_factory.mktemp("text")
    users = write_users(folder / "users")
    pair = GuardedPair(folder, ("-Y", users), ("--memcached-auth-file", users))
    yield pair
    pair.kill()


def ask(connection: Connection, request: bytes) -> bytes:
    """The reply to one request: a line, or a value to its end."""
    connection.send(request)
    reply = line = connection.line()
    while line.startswith(b"VALUE ") or (reply.startswith(b"VALUE ") and line != b"END\r\n"):
        line = connection.line()
        reply += line
    return reply


@pytest.mark.parametrize("exchange", TEXT, ids=repr)
def test_memcached_says_the_same(text_pair: GuardedPair, exchange: list[bytes]) -> None:
    sides = [MemcachedConnection(port) for port in (text_pair.peer.port, text_pair.martlet.memcached_port)]
    for request in exchange:
        theirs, ours = (ask(side, request) for side in sides)
        if request.startswith(b"version") and theirs.startswith(b"VERSION"):
            theirs = theirs.replace(b"\r\n", ours.removeprefix(theirs.rstrip()))
        assert ours == theirs, request
    for side in sides:
        side.close()


def test_both_hang_up_on_a_stranger_that_talks_too_long(text_pair: GuardedPair) -> None:
    for port in (text_pair.peer.port, text_pair.martlet.memcached_port):
        with MemcachedConnection(port) as connection:
            connection.send(b"x" * 2049)
            assert connection.rest() == b""


def test_where_martlet_differs_from_memcached(text_pair: GuardedPair, tmp_path: Path) -> None:
    """Each line of the table in docs/MEMCACHED.md."""
    with text_pair.martlet.memcached() as connection:
        # memcached replies to the last only.
        assert connection.ask(b"get a\r\nget b\r\n" + token()) == b"CLIENT_ERROR unauthenticated\r\n" * 2 + b"STORED\r\n"
    users = write_users(tmp_path / "spaces", {"ada": "two words"})
    pair = GuardedPair(tmp_path, ("-Y", users), ("--memcached-auth-file", users))
    try:
        for port, replies in ((pair.peer.port, (b"CLIENT_ERROR authentication failure\r\n",)), (pair.martlet.memcached_port, (b"STORED\r\n",))):
            with MemcachedConnection(port) as connection:
                assert (ask(connection, token("ada", "two words")),) == replies
        # memcached doesn't serve the binary protocol beside this.
        assert bmemcached.Client(f"127.0.0.1:{pair.martlet.memcached_port}", "ada", "two words").set("key", "value")
    finally:
        pair.kill()


# MARK: SASL

PLAIN = plain(f"\0{NAME}\0{PASSWORD}".encode())
WRONG = plain(f"\0{NAME}\0wrong".encode())
STEP = Frame(SASL_STEP, b"PLAIN", value=PLAIN.value)

SASL: list[Conversation] = [
    [[PLAIN], [store(SET, b"k", b"v")], [Frame(GET, b"k")]],
    [[Frame(SASL_LIST)], [PLAIN], [Frame(GET, b"none")]],
    [[Frame(VERSION), Frame(SASL_LIST), Frame(VERSION), PLAIN, Frame(NOOP)]],
    [[WRONG, PLAIN, Frame(NOOP)]],
    [[WRONG, WRONG, Frame(NOOP)]],
    [[PLAIN, WRONG, Frame(NOOP)]],
    [[PLAIN, Frame(SASL_LIST), Frame(NOOP)]],
    [[plain(PLAIN.value, mechanism=b"plain"), Frame(NOOP)]],
    [[plain(b""), STEP, Frame(NOOP)]],
    [[plain(b""), Frame(SASL_STEP, b"anything", value=PLAIN.value), Frame(NOOP)]],
    [[plain(b""), Frame(SASL_STEP, b"PLAIN", value=WRONG.value), Frame(NOOP)]],
    [[plain(b""), PLAIN, Frame(NOOP)]],
    [[plain(b""), Frame(NOOP)]],
    [[STEP, Frame(NOOP)]],
    [[WRONG, STEP, Frame(NOOP)]],
    *([[plain(b"", mechanism=mechanism), Frame(NOOP)]] for mechanism in (b"CRAM-MD5", b"LOGIN", b"x" * 32, b"x" * 33, b"PLAIN ", b" ")),
    *([[plain(message), Frame(NOOP)]] for message in (
        f"{NAME}\0{NAME}\0{PASSWORD}".encode(), f"bob\0{NAME}\0{PASSWORD}".encode(), PLAIN.value + b"\0", PLAIN.value + b"\0x",
        b"\0ada", b"\0", b"\0\0", b"\0\0\0", b"ada", b"\0\0" + PASSWORD.encode(), b"\0ada\0", f"{NAME}\0{PASSWORD}".encode(),
        f"\0bob\0{PASSWORD}".encode(), b"\0" + b"x" * 5000 + b"\0" + b"y" * 5000, b"\0ada\0" + b"x" * 20_000,
    )),
    *([[Frame(opcode)]] for opcode in (*range(0x26), 0x99)),
    *([[Frame(opcode, b"k", b"\0" * 8, b"value")]] for opcode in (*range(0x26), 0x99)),
    *([[Frame(opcode, b"k" * 251)]] for opcode in (GET, SASL_AUTH, SASL_LIST)),
    *([[Frame(opcode, b"kkk", body_length=2)]] for opcode in (GET, SASL_AUTH, VERSION)),
    [[PLAIN, Frame(QUIT), Frame(NOOP)]],
    [[b"get k\r\nget k\r\nget k\r\nget k\r\n"]],
]  # fmt: skip


@pytest.fixture(scope="module")
def sasl_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedPair]:
    folder = tmp_path_factory.mktemp("sasl")
    users = write_users(folder / "users")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SASL_CONF_PATH", write_sasl_database(folder / "sasl"))
        pair = GuardedPair(folder, ("-S",), ("--memcached-auth-file", users, "--memcached-sasl", "yes"))
    yield pair
    pair.kill()


@pytest.mark.parametrize("way", WAYS)
def test_memcached_with_sasl_says_the_same(sasl_pair: GuardedPair, way: str) -> None:
    for conversation in SASL:
        compare(sasl_pair, conversation, way, empties=False)


def test_without_the_must_of_sasl_the_same_users_come_in_by_both_protocols(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    server = guarded("--memcached-auth-file", str(users_file))
    with server.memcached() as text:
        assert ask(text, token()) == b"STORED\r\n"
    client = bmemcached.Client(f"127.0.0.1:{server.memcached_port}", NAME, PASSWORD, socket_timeout=10)
    assert client.set("key", "value")


# MARK: Redis

REDIS = [
    ["PING"], ["AUTH x"], ["AUTH default x"], ['AUTH default ""'], [f"AUTH {PASSWORD}"], [f"AUTH {NAME} wrong"], ["AUTH a b c"], ["AUTH"],
    [f"AUTH {NAME.upper()} {PASSWORD}", "PING"], ["ACL WHOAMI"], ["ACL"],
    [f"AUTH {NAME} {PASSWORD}", "ACL WHOAMI", f"AUTH {NAME} wrong", "ACL WHOAMI", "AUTH bob pass-for-bob", "ACL WHOAMI", "RESET", "PING"],
    [f"AUTH {NAME} {PASSWORD}", "ACL WHOAMI x", "ACL", "acl whoami", "ACL NOTHING"],
    ["HELLO 3"], ["HELLO"], [f"HELLO 3 AUTH {NAME} wrong", "PING"], [f"HELLO 3 AUTH default {PASSWORD}"], ["RESET", "PING"], ["QUIT"],
]  # fmt: skip


@pytest.fixture(scope="module")
def redis_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of Redis and of Martlet."""
    folder = tmp_path_factory.mktemp("redis")
    peer = GuardedRedis(folder)
    martlet = GuardedServer(folder, "--memcached-auth-file", write_users(folder / "users"))
    martlet.start()
    yield peer.port, martlet.redis_port
    peer.kill()
    martlet.kill()


@pytest.mark.parametrize("exchange", REDIS, ids=repr)
def test_redis_says_the_same(redis_pair: tuple[int, int], exchange: list[str]) -> None:
    sides = [RedisConnection(port) for port in redis_pair]
    for request in exchange:
        replies = []
        for side in sides:
            side.send(request.encode() + b"\r\n")
            replies.append(side.read())
        assert replies[1] == replies[0], request
    for side in sides:
        side.close()


def test_redis_clients_have_the_same_users(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    server = guarded("--memcached-auth-file", str(users_file), "--password", "for-default")
    for name, password in {**USERS, None: "for-default", "default": "for-default"}.items():
        for protocol in (2, 3):
            client = redis.Redis(port=server.redis_port, username=name, password=password, protocol=protocol, socket_timeout=10)
            assert client.set("key", name or "")
            assert client.acl_whoami() in (name or "default", (name or "default").encode())
            assert [each["user"] for each in client.client_list() if each["id"] == str(client.client_id())] == [name or "default"]
            client.close()
    for name, password in {NAME: "wrong", "nobody": PASSWORD, None: PASSWORD}.items():
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis(port=server.redis_port, username=name, password=password, socket_timeout=10).ping()


def test_a_file_of_users_shuts_the_redis_side_too(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    server = guarded("--memcached-auth-file", str(users_file))
    with server.redis() as connection:
        assert connection("GET", "k") == Error("NOAUTH Authentication required.")
        assert connection("AUTH", PASSWORD) == Error("WRONGPASS invalid username-password pair or user is disabled.")


# MARK: Clients of memcached


def test_python_binary_memcached_authenticates(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    server = guarded("--memcached-auth-file", str(users_file), "--memcached-sasl", "yes")
    client = bmemcached.Client(f"127.0.0.1:{server.memcached_port}", NAME, PASSWORD, socket_timeout=10)
    assert client.set("key", "value")
    assert client.get("key") == "value"
    wrong = bmemcached.Client(f"127.0.0.1:{server.memcached_port}", NAME, "wrong", socket_timeout=10)
    with pytest.raises(bmemcached.exceptions.MemcachedException, match="Auth failure"):
        wrong.get("key")


def test_pylibmc_authenticates(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    server = guarded("--memcached-auth-file", str(users_file), "--memcached-sasl", "yes")
    # It brings a library of SASL that finds the system's plugins only when it is told where they are.
    plugins = next(Path("/usr/lib").glob("*/sasl2/libplain.so*")).parent
    script = """if True:
        import sys, pylibmc
        port, name, password = sys.argv[1:]
        client = pylibmc.Client(["127.0.0.1:" + port], binary=True, username=name, password=password)
        assert client.set("key", "value")
        assert client.get("key") == "value"
    """
    for password, message in ((PASSWORD, ""), ("wrong", "AUTHENTICATION FAILURE")):
        done = subprocess.run(
            [sys.executable, "-c", script, str(server.memcached_port), NAME, password],
            env={**os.environ, "SASL_PATH": str(plugins)}, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) == (password == PASSWORD), done.stderr
        assert message in done.stderr


def test_pymemcache_authenticates(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    server = guarded("--memcached-auth-file", str(users_file))
    client = PymemcacheClient(("127.0.0.1", server.memcached_port), timeout=10, default_noreply=False)
    assert client.set("auth", f"{NAME} {PASSWORD}")
    assert client.set("key", "value")
    assert client.get("key") == b"value"
    assert client.get("auth") is None
    client.close()


# MARK: The file


def comes_in(server: GuardedServer, name: str, password: str) -> bool:
    with server.memcached() as connection:
        return ask(connection, token(name, password)) == b"STORED\r\n"


def test_sighup_has_the_file_read_anew(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    server = guarded("--memcached-auth-file", str(users_file))
    (process,) = server.processes
    with server.memcached() as connection:
        assert ask(connection, token()) == b"STORED\r\n"
        write_users(users_file, {"carl": "pass-for-carl"})
        process.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: comes_in(server, "carl", "pass-for-carl"))
        assert not comes_in(server, NAME, PASSWORD)
        # Who is in stays.
        assert ask(connection, b"get k\r\n") == b"END\r\n"
    for broken in ("carl:pass-for-carl\nno-colon-here\n", ":x\n", "x" * 3_000_000):
        users_file.write_text(broken)
        before = server.errors.count("the users stay who they were")
        process.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: server.errors.count("the users stay who they were") > before)
        assert comes_in(server, "carl", "pass-for-carl")
    users_file.unlink()
    process.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: "No such file" in server.errors)
    assert comes_in(server, "carl", "pass-for-carl")
    assert "pass-for-carl" not in server.errors and "no-colon-here" not in server.errors
    assert server.stop() == [0]


def test_sighup_without_a_file_changes_nothing(martlet: GuardedServer) -> None:
    (process,) = martlet.processes
    process.process.send_signal(signal.SIGHUP)
    with martlet.redis() as connection:
        assert connection("PING") is not None
    assert martlet.stop() == [0]


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"ada:secret\nhunter2\n", "line 2: it has to be name:password"),
        (b"\n", "line 1: it has to be name:password"),
        (b"ada:\n", "line 1: a name has 1 to 250 bytes, and a password 1 to 512"),
        (b"u:p\n" * 1025, "line 1025: there may be 1024 users"),
        (b"u:p\n" * 300_000, "File too large"),
    ],
)
def test_a_file_that_is_wrong_stops_the_start(tmp_path: Path, contents: bytes, reason: str) -> None:
    path = tmp_path / "users"
    path.write_bytes(contents)
    assert reason in refusal(tmp_path, path)


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path, tmp_path / "none")
    assert "directory" in refusal(tmp_path, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "Invalid argument" in refusal(tmp_path, tmp_path / "pipe")


def refusal(folder: Path, users: Path) -> str:
    """What the server says when it doesn't start."""
    ports = [str(port) for port in free_ports(2)]
    options = ["--port", ports[0], "--memcached-port", ports[1], "--data", str(folder / "data")]
    done = subprocess.run(
        [str(MARTLET), "serve", *options, "--memcached-auth-file", str(users)], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("martlet: can't use the file of users ") and done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr and not (folder / "data").exists()
    return done.stderr


def test_what_others_may_read_is_warned_of(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    warning = "every user of this machine may read or change"
    assert warning not in guarded("--memcached-auth-file", str(users_file)).errors
    users_file.chmod(0o644)
    assert warning in guarded("--memcached-auth-file", str(users_file)).errors


def test_an_empty_file_lets_nobody_in(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    users_file.write_text("")
    server = guarded("--memcached-auth-file", str(users_file))
    assert "lets nobody in" in server.errors
    assert not comes_in(server, "default", "x")
    with server.redis() as connection:
        assert connection("AUTH", "default", "x") == Error("WRONGPASS invalid username-password pair or user is disabled.")


def test_no_secret_is_shown(guarded: Callable[..., GuardedServer], users_file: Path) -> None:
    server = guarded("--memcached-auth-file", str(users_file), "--log-commands", "--log-level", "trace")
    with server.memcached() as text:
        assert ask(text, token(password="secret-guess")) == b"CLIENT_ERROR authentication failure\r\n"
        assert ask(text, token()) == b"STORED\r\n"
    client = bmemcached.Client(f"127.0.0.1:{server.memcached_port}", NAME, PASSWORD, socket_timeout=10)
    assert client.set("key", "value")
    with server.redis() as connection:
        connection("AUTH", NAME, "secret-guess")
        connection("AUTH", NAME, PASSWORD)
        settings = connection("CONFIG", "GET", "*")
        info = connection("INFO", "everything")
    assert eventually(lambda: "set key" in server.output + server.errors)
    for secret in (*USERS.values(), "secret-guess"):
        assert secret not in server.output + server.errors + repr(settings) + repr(info)
    assert str(users_file).encode() in settings


def test_the_document_describes_each_difference() -> None:
    section = (ROOT / "docs/MEMCACHED.md").read_text().split("\n## Access\n", 1)[1].split("\n## ", 1)[0]
    for title in ("passwords with spaces", "several requests of a stranger in one packet", "the binary protocol beside `-Y`"):
        assert f"| {title} |" in section
