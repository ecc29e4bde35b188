"""Servers that ask clients who they are: Martlet, and the real memcached and Redis started likewise."""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path

from conversations import Pair, Peer
from servers import MartletServer, Process, ServerFailed, eventually, free_ports, required
from wire import Connection

NAME, PASSWORD = "ada", "pass-for-ada"
USERS = {NAME: PASSWORD, "bob": "pass-for-bob"}


def write_users(path: Path, users: dict[str, str] = USERS) -> str:
    """A file of users in memcached's format, that its owner alone may read; its path."""
    path.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
    path.chmod(0o600)
    return str(path)


class GuardedServer(MartletServer):
    """Martlet with users."""

    def answers(self) -> bool:
        # On memcached's port a stranger isn't answered in every setting.
        try:
            with self.redis() as redis, Connection(self.memcached_port):
                return redis("PING") is not None
        except (OSError, EOFError):
            return False


class GuardedPair(Pair):
    """memcached and Martlet, each with its options; nobody is let in without a password."""

    def __init__(self, folder: Path, peer_options: tuple[str, ...], options: tuple[str, ...]) -> None:
        self.folder, self.peer_options = folder, peer_options
        self.martlet = GuardedServer(folder, "--durability", "never", *options)
        self.start()

    def start(self) -> None:
        self.peer = Peer(self.folder, *self.peer_options)
        self.martlet.start()


class GuardedRedis:
    """The real Redis with users, its default user being off."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        users = "".join(f"user {name} on >{password} ~* &* +@all\n" for name, password in USERS.items())
        (folder / "redis.conf").write_text(f'bind 127.0.0.1\nport {self.port}\nsave ""\nuser default off\n{users}')
        self.process = Process([required("redis-server"), "redis.conf"], folder, "redis", dict(os.environ))
        if not eventually(self.answers, 20):
            raise ServerFailed(f"redis-server doesn't answer: {self.process.output}")

    def answers(self) -> bool:
        try:
            with Connection(self.port) as connection:
                connection.send(b"PING\r\n")
                return connection.line() != b""
        except OSError:
            return False

    def kill(self) -> None:
        self.process.process.kill()
        self.process.process.wait()


def write_sasl_database(folder: Path, users: dict[str, str] = USERS) -> str:
    """The passwords for memcached's `-S`, in the format of Cyrus SASL; the folder for SASL_CONF_PATH."""
    folder.mkdir()
    (folder / "memcached.conf").write_text(
        "mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\n" f"sasldb_path: {folder}/sasldb\n"
    )
    library = ctypes.CDLL("libsasl2.so.2")
    # 1 is SASL_PATH_TYPE_CONFIG, and as the last argument of sasl_setpass SASL_SET_CREATE.
    connection = ctypes.c_void_p()
    host = socket.gethostname().encode()
    steps = [
        lambda: library.sasl_set_path(1, str(folder).encode()),
        lambda: library.sasl_server_init(None, b"memcached"),
        lambda: library.sasl_server_new(b"memcached", None, host, None, None, None, 0, ctypes.byref(connection)),
        *(
            lambda name=name, password=password: library.sasl_setpass(
                connection, name.encode(), password.encode(), len(password), None, 0, 1
            )
            for name, password in users.items()
        ),
    ]
    for index, step in enumerate(steps):
        if (result := step()) != 0:
            raise ServerFailed(f"SASL's database can't be made: step {index} gave {result}")
    return str(folder)
