"""Users of the Redis protocol with rules, through redis-py and over restarts."""

from __future__ import annotations

import stat
from collections.abc import Callable

import pytest
import redis

from servers import MartletServer, ServerFailed, eventually
from wire import OK, Error, RedisConnection, encode

pytestmark = pytest.mark.martlet


def connect(server: MartletServer, name: str | None = None, password: str | None = None, protocol: int = 2) -> redis.Redis:
    return redis.Redis(
        port=server.redis_port, username=name, password=password, protocol=protocol, socket_timeout=10, decode_responses=True
    )


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_makes_users(new_server: Callable[..., MartletServer], protocol: int) -> None:
    admin = connect(new_server(), protocol=protocol)
    assert admin.acl_setuser(
        "ada", enabled=True, passwords=["+secret"], categories=["+@read", "-@dangerous"], commands=["+set"], keys=["a:*"], channels=["c:*"]
    )
    user = admin.acl_getuser("ada")
    assert user["flags"] == ["on"] and user["enabled"] is True
    assert user["passwords"] == ["2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"]
    assert set(user["categories"]) == {"-@all", "+@read", "-@dangerous"}
    assert user["commands"] == ["+set"]
    assert [user["keys"]] == [["~a:*"]] or user["keys"] == ["~a:*"]
    assert admin.acl_users() == ["ada", "default"]
    assert admin.acl_getuser("nobody") is None
    assert "string" in admin.acl_cat() and "get" in admin.acl_cat("string")
    assert len(admin.acl_genpass()) == 64 and len(admin.acl_genpass(8)) == 2
    assert admin.acl_deluser("ada", "nobody") == 1


@pytest.mark.parametrize("protocol", [2, 3])
def test_what_a_user_may_not_do_is_denied(new_server: Callable[..., MartletServer], protocol: int) -> None:
    server = new_server()
    admin = connect(server, protocol=protocol)
    # redis-py tells its name when it connects.
    commands = ["+get", "+set", "+acl|whoami", "+client|setinfo"]
    admin.acl_setuser("ada", enabled=True, passwords=["+secret"], commands=commands, keys=["a:*"])
    ada = connect(server, "ada", "secret", protocol)
    assert ada.acl_whoami() == "ada"
    assert ada.set("a:1", "x")
    for denied in (lambda: ada.set("b", "x"), lambda: ada.delete("a:1"), lambda: ada.config_get("*")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            denied()
    log = admin.acl_log()
    assert [(each["reason"], each["object"], each["username"]) for each in log] == [
        ("command", "config|get", "ada"),
        ("command", "del", "ada"),
        ("key", "b", "ada"),
    ]
    assert admin.acl_log_reset()
    assert admin.acl_log() == []


def test_users_are_saved_and_loaded(new_server: Callable[..., MartletServer]) -> None:
    server = new_server()
    admin = connect(server)
    assert admin.execute_command("ACL SETUSER", "ada", "on", ">secret", "~a:*", "+@read", "(+set", "~b:*)")
    before = admin.acl_list()
    path = server.folder / "data" / "users.acl"
    assert not path.exists()
    assert admin.acl_save()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret" not in path.read_text()
    admin.acl_setuser("bob", enabled=True, nopass=True)
    assert server.stop() == [0]
    server.start()
    admin = connect(server)
    assert admin.acl_list() == before
    assert connect(server, "ada", "secret").get("a:1") is None
    # LOAD goes back to the file, or changes nothing.
    admin.acl_setuser("bob", enabled=True, nopass=True)
    bob = connect(server, "bob", "x")
    with pytest.raises(redis.exceptions.NoPermissionError):
        bob.ping()
    assert admin.acl_load()
    assert admin.acl_list() == before
    with pytest.raises(redis.exceptions.ConnectionError):
        bob.ping()
    path.write_text("user ada bogus\n")
    with pytest.raises(redis.exceptions.ResponseError, match=r"users\.acl:1: Syntax error"):
        admin.acl_load()
    assert admin.acl_list() == before
    assert server.stop() == [0]
    with pytest.raises(ServerFailed, match=r"users\.acl:1: Syntax error"):
        server.start()


def test_the_default_user_can_get_a_password(new_server: Callable[..., MartletServer]) -> None:
    server = new_server()
    admin = connect(server)
    assert admin.execute_command("ACL SETUSER", "default", "resetpass", ">secret")
    assert admin.ping()
    with server.redis() as stranger:
        assert stranger("PING") == Error("NOAUTH Authentication required.")
        assert stranger("AUTH", "wrong") == Error("WRONGPASS invalid username-password pair or user is disabled.")
    assert connect(server, password="secret").ping()
    with server.memcached() as stranger:
        stranger.send(b"get k\r\n")
        assert stranger.line() == b"CLIENT_ERROR unauthenticated\r\n"
    assert admin.execute_command("ACL SETUSER", "default", "nopass")


def test_a_user_with_rules_is_not_let_in_by_memcached(new_server: Callable[..., MartletServer]) -> None:
    server = new_server()
    admin = connect(server)
    admin.execute_command("ACL SETUSER", "default", "resetpass", ">secret")
    admin.execute_command("ACL SETUSER", "ada", "on", ">pass", "~a:*", "+@all")
    admin.execute_command("ACL SETUSER", "bob", "on", ">pass", "~*", "&*", "+@all")
    for name, reply in (("ada", b"CLIENT_ERROR authentication failure\r\n"), ("bob", b"STORED\r\n")):
        with server.memcached() as client:
            client.send(f"set auth 0 0 8\r\n{name} pass\r\n".encode())
            assert client.line() == reply
    with server.memcached() as client:
        client.send(b"set auth 0 0 8\r\nbob pass\r\nget k\r\n")
        assert [client.line(), client.line()] == [b"STORED\r\n", b"END\r\n"]
        admin.execute_command("ACL SETUSER", "bob", "-flushall")
        client.send(b"get k\r\n")
        assert client.line() == b"CLIENT_ERROR unauthenticated\r\n"


NO_CHANNEL = Error("NOPERM this user has no permissions to access one of the channels used as arguments")


@pytest.fixture(params=["io_uring", "nio"])
def lanes(request: pytest.FixtureRequest, new_server: Callable[..., MartletServer]) -> MartletServer:
    """A server with two lanes."""
    return new_server("--threads", "2", "--transport", request.param)


def log_in(server: MartletServer, name: str) -> RedisConnection:
    connection = server.redis(3)
    assert connection("AUTH", name, "x") == OK
    return connection


def test_channels_are_compared_with_a_users_patterns(lanes: MartletServer) -> None:
    with lanes.redis() as admin:
        assert admin("ACL", "SETUSER", "ada", "on", "nopass", "+@all", "resetchannels", "&c:*") == OK
        with log_in(lanes, "ada") as ada:
            assert ada("SUBSCRIBE", "c:1", "d") == NO_CHANNEL
            assert ada("PSUBSCRIBE", "c:1*") == NO_CHANNEL
            assert ada("PUBLISH", "d", "m") == NO_CHANNEL
            assert ada("SPUBLISH", "d", "m") == NO_CHANNEL
            assert ada("SSUBSCRIBE", "d") == NO_CHANNEL
            assert ada("PSUBSCRIBE", "c:*") == [b"psubscribe", b"c:*", 1]
            assert ada("SUBSCRIBE", "c:1") == [b"subscribe", b"c:1", 2]
            assert ada("UNSUBSCRIBE", "d") == [b"unsubscribe", b"d", 2]
            assert admin("PUBLISH", "c:1", "m") == 2
        log = admin("ACL", "LOG", 1)
        assert isinstance(log, list)
        assert dict(zip(log[0][::2], log[0][1::2], strict=True))[b"reason"] == b"channel"


def test_clients_of_a_user_that_is_deleted_are_closed_at_once(lanes: MartletServer) -> None:
    with lanes.redis() as admin:
        assert admin("ACL", "SETUSER", "ada", "on", "nopass", "+@all", "~*", "&*") == OK
        idle, listens, blocked, stays = (log_in(lanes, "ada") for _ in range(4))
        assert listens("SUBSCRIBE", "c") == [b"subscribe", b"c", 1]
        blocked.send(encode("BLPOP", "k", 0))
        assert eventually(lambda: b"blocked_clients:1\r" in admin.text("INFO", "clients"))
        # One has become somebody else.
        assert stays("AUTH", "default", "") == OK
        assert admin("ACL", "DELUSER", "ada") == 1
        for each in (idle, listens, blocked):
            assert each.rest() == b""
            each.close()
        assert eventually(lambda: b"blocked_clients:0\r" in admin.text("INFO", "clients"))
        assert admin("PUBLISH", "c", "m") == 0
        assert admin("RPUSH", "k", "a") == 1
        assert stays("LPOP", "k") == b"a"
        stays.close()


def test_who_deletes_its_own_user_hears_so(lanes: MartletServer) -> None:
    with lanes.redis() as admin:
        for transaction in (False, True):
            assert admin("ACL", "SETUSER", "ada", "on", "nopass", "+@all") == OK
            with log_in(lanes, "ada") as ada:
                if transaction:
                    ada("MULTI")
                    ada("ACL", "DELUSER", "ada")
                    ada("ECHO", "last")
                    assert ada("EXEC") == [1, b"last"]
                else:
                    assert ada("ACL", "DELUSER", "ada") == 1
                assert ada.rest() == b""


def test_listeners_are_closed_that_may_listen_no_more(lanes: MartletServer) -> None:
    with lanes.redis() as admin:
        assert admin("ACL", "SETUSER", "ada", "on", "nopass", "+@all", "&a", "&b*") == OK
        a, b, pattern, shard, idle = (log_in(lanes, "ada") for _ in range(5))
        a("SUBSCRIBE", "a")
        b("SUBSCRIBE", "b1")
        pattern("PSUBSCRIBE", "b*")
        shard("SSUBSCRIBE", "b2")
        assert admin("ACL", "SETUSER", "ada", "resetchannels", "&a") == OK
        for each in (b, pattern, shard):
            assert each.rest() == b""
        assert idle("ACL", "WHOAMI") == b"ada"
        assert admin("PUBLISH", "a", "m") == 1
        assert a.read() == [b"message", b"a", b"m"]
        # Who does so to itself hears that it has.
        assert a("ACL", "SETUSER", "ada", "resetchannels") == OK
        assert a.rest() == b""
        for each in (a, b, pattern, shard, idle):
            each.close()
