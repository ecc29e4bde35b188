"""`--log-commands`: what each client asked, with its address, and never a password."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from servers import MartletServer, eventually

pytestmark = pytest.mark.martlet

PASSWORD = "hunter2"


@pytest.fixture
def logging(new_server: Callable[..., MartletServer]) -> MartletServer:
    return new_server("--log-commands")


def lines_of(server: MartletServer, address: str) -> list[str]:
    return [line for line in server.output.splitlines() if address in line]


def has_words(line: str, *words: str) -> bool:
    """Whether the line shows these words in this order, each quoted or not."""
    position = 0
    for word in words:
        position = line.find(word, position)
        if position < 0:
            return False
        position += len(word)
    return True


def test_commands_are_shown_with_their_clients_address(logging: MartletServer) -> None:
    with logging.redis() as first, logging.redis() as second, logging.memcached() as third:
        first("SET", "Hello", "World")
        second("GET", "Hello")
        third.ask(b"set Distributed 0 0 8\r\nNetworks\r\n")
        for address, words in [
            (first.address, ["SET", "Hello", "World"]),
            (second.address, ["GET", "Hello"]),
            (third.address, ["set", "Distributed"]),
        ]:
            assert eventually(
                lambda address=address, words=words: any(
                    has_words(line, *words) for line in lines_of(logging, address)
                )
            ), logging.output
        assert not any("GET" in line for line in lines_of(logging, first.address))


def test_what_strangers_send_is_quoted_in_one_line(logging: MartletServer) -> None:
    with logging.redis() as connection:
        connection("SET", b"a\r\nb\0\x1b[2J\xff", "two words")
        connection("SET", 'quote"d', "\u202eevil")
        connection("GET", "end of it")
        assert eventually(lambda: "end of it" in logging.output)
        lines = lines_of(logging, connection.address)
        assert len(lines) == 3, lines
        assert '"two words"' in lines[0]
    assert all(line.isprintable() for line in logging.output.split("\n"))


def test_passwords_are_never_shown(logging: MartletServer) -> None:
    with logging.redis() as connection:
        connection("AUTH", PASSWORD)
        connection("auth", "user", PASSWORD)
        connection("HELLO", "3", "AUTH", "user", PASSWORD)
        connection("hello", "3", "setname", "n", "auth", "user", PASSWORD)
        connection("HELLO", "2", "AUTH", "user", PASSWORD, "WHAT")
        connection("AUTH", "a", PASSWORD, "c")
        connection.send(f"AUTH {PASSWORD}\r\n".encode())
        connection.read()
        connection("ECHO", "end of it")
        assert eventually(lambda: "end of it" in logging.output)
        assert any("AUTH" in line.upper() for line in lines_of(logging, connection.address))
    client = redis.Redis(port=logging.redis_port, username="user", password=PASSWORD)
    with client, pytest.raises(redis.RedisError):
        client.ping()
    assert PASSWORD not in logging.printed


def test_nothing_is_shown_without_the_option(martlet: MartletServer) -> None:
    with martlet.redis() as connection:
        connection("SET", "Hello", "World")
        connection("GET", "Hello")
    assert martlet.stop() == [0]
    assert "World" not in martlet.printed


def test_every_command_of_a_pipeline_is_shown_in_order(logging: MartletServer) -> None:
    with logging.redis() as connection:
        connection.pipeline([("SET", f"key{i}", i) for i in range(200)] + [("ECHO", "end of it")])
        assert eventually(lambda: "end of it" in logging.output)
        shown = [line for line in lines_of(logging, connection.address) if "key" in line]
        assert len(shown) == 200
        assert all(has_words(line, f"key{i}", str(i)) for i, line in enumerate(shown))
