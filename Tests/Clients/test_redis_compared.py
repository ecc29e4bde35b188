"""The same commands for Martlet, Redis 7 and Valkey 9; what they reply has to be equal, byte for byte.

What is asked is in the folder `compared`: scripts for each group of commands, and what makes commands up for random
sequences, in which all groups are mixed. After a sequence all that the databases hold is compared as well.

Which sequences, and how many, can be said in the environment: COMPARED_SEED=1000 COMPARED_SEQUENCES=5000. A sequence
that differs is cut down to the commands that it takes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from random import Random

import pytest

import compared
from compared import GROUPS, SCRIPTS, Line, Script, agree, agree_in_sequence, agree_on_times, random_command, words
from conftest import started
from random_conversations import shrink
from servers import MartletServer, RedisPeer, Server, required, valkey
from wire import Raw, RedisConnection, Status

pytestmark = pytest.mark.martlet

FIRST = int(os.environ.get("COMPARED_SEED", "1"))
COUNT = int(os.environ.get("COMPARED_SEQUENCES", "25"))
LENGTH = 400
"""How many commands a sequence has."""
AT_ONCE = 50
"""How many commands are sent before their replies are read."""
DATABASES = 16
THRESHOLDS = [
    *("hash-max-listpack-entries", "hash-max-listpack-value", "list-max-listpack-size"),
    *("set-max-listpack-entries", "set-max-listpack-value"),
    *("zset-max-listpack-entries", "zset-max-listpack-value"),
]
"""How large a collection may become until it is kept in another way."""


class Company:
    """Martlet and its peers, running."""

    def __init__(self, folder: Path) -> None:
        self.servers: dict[str, Server] = {}
        for name in ("martlet", "redis", "valkey"):
            place = folder / name
            place.mkdir()
            match name:
                case "martlet":
                    self.servers[name] = MartletServer(place, "--durability", "never")
                case "redis":
                    self.servers[name] = RedisPeer(place, required("redis-server"))
                case "valkey":
                    self.servers[name] = RedisPeer(place, valkey())
        self.known: dict[str, set[bytes]] = {}
        """The names of the commands that a server knows."""
        self.thresholds: dict[str, dict[bytes, bytes]] = {}
        """Those that a server has, and what they are by default."""

    def start(self) -> None:
        for name, server in self.servers.items():
            if not server.running:
                server.start()
            with server.redis() as connection:
                names = connection("COMMAND", "LIST")
                assert isinstance(names, list)
                self.known[name] = {each.upper() for each in names if isinstance(each, bytes)}
                found = connection("CONFIG", "GET", *THRESHOLDS)
                self.thresholds[name] = dict(zip(found[::2], found[1::2], strict=True))

    def kill(self) -> None:
        for server in self.servers.values():
            server.kill()


@pytest.fixture(scope="session")
def shared_company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = Company(tmp_path_factory.mktemp("compared"))
    company.start()
    martlet = company.servers["martlet"]
    started.append(martlet)
    yield company
    started.remove(martlet)
    company.kill()


@pytest.fixture
def company(shared_company: Company) -> Company:
    """All of them. What a test brings down is started anew for the next."""
    shared_company.start()
    return shared_company


class Pair:
    """A new connection to Martlet and one to a peer, whose databases are empty."""

    def __init__(self, company: Company, peer: str, protocol: int) -> None:
        self.peer = peer
        self.theirs, self.ours = (self.connect(company.servers[name], protocol) for name in (peer, "martlet"))

    @staticmethod
    def connect(server: Server, protocol: int) -> RedisConnection:
        connection = server.redis(protocol)
        connection("FLUSHALL")
        return connection

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        self.theirs.close()
        self.ours.close()


def show(command: list[bytes]) -> str:
    def quoted(word: bytes) -> str:
        text = word.decode("ascii", "backslashreplace").encode("unicode_escape").decode().replace("\\\\x", "\\x")
        return text if text and not set(text) & set(" \"'\\") else '"' + text.replace('"', '\\"') + '"'

    return " ".join(map(quoted, command))


def difference(command: list[bytes], peer: str, theirs: Raw, ours: Raw) -> str:
    return f"{show(command)}\n  {peer:8}{theirs.text}\n  martlet {ours.text}"


# MARK: Scripts


@pytest.mark.parametrize(
    ("script", "peer"),
    [
        pytest.param(script, peer, id=f"{script.group}: {script.name}, {peer}")
        for script in SCRIPTS
        for peer in script.peers
    ],
)
def test_script(company: Company, script: Script, peer: str, protocol: int) -> None:
    differences = []
    with Pair(company, peer, protocol) as pair:
        for line in script.lines:
            theirs, ours = pair.theirs.raw(*line.words), pair.ours.raw(*line.words)
            if line.is_compared and not agree(peer, line.words, theirs, ours, is_ordered=line.is_ordered):
                differences.append(difference(line.words, peer, theirs, ours))
    assert not differences, "\n" + "\n".join(differences)


# MARK: Random sequences


def is_set_in_the_past(command: list[bytes]) -> bool:
    """Whether it sets strings that have expired already: with the peers they are there until they are come across."""
    name, options = command[0].upper(), [word.upper() for word in command[:-1]]
    if name not in (b"SET", b"MSETEX"):
        return False
    times = [command[at + 1] for at, word in enumerate(options) if word in (b"EXAT", b"PXAT")]
    return any(time.isdigit() and int(time) < 1_000_000_000 for time in times)


def sequence(seed: int, peer: str, known: set[bytes]) -> list[list[bytes]]:
    """Commands made up from a seed, of those that the peer knows."""
    random = Random(seed)
    made: list[list[bytes]] = []
    while len(made) < LENGTH:
        if random.random() < 0.01:
            body = [random_command(random, peer) for _ in range(random.randrange(5))]
            body = [each for each in body if each[0].upper() in known and not is_set_in_the_past(each)]
            made += [[b"MULTI"], *body, [random.choice([b"EXEC", b"EXEC", b"EXEC", b"DISCARD"])]]
            continue
        command = random_command(random, peer)
        if command[0].upper() in known and not is_set_in_the_past(command):
            made.append(command)
    return made


def small_thresholds(seed: int) -> dict[str, int]:
    """For every other sequence thresholds that its collections pass; for the others none."""
    if seed % 2:
        return {}
    random = Random(seed)
    return {
        name: random.choice([1, 8, 64]) if name.endswith("-value") else random.choice([1, 2, 3, 5, 8])
        for name in THRESHOLDS
    }


class Follower:
    """Says of each reply whether it is right; the replies of a transaction belong to the commands that were queued."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.queued: list[list[bytes]] = []

    def agree(self, command: list[bytes], theirs: Raw, ours: Raw) -> bool:
        if theirs.head == b"+QUEUED" and ours == theirs:
            self.queued.append(command)
            return True
        queued, name = self.queued, command[0].upper()
        if name in (b"EXEC", b"DISCARD"):
            self.queued = []
        if name == b"EXEC" and len(theirs.children) == len(queued) and theirs.head == ours.head:
            return all(
                agree_in_sequence(self.peer, *each)
                for each in zip(queued, theirs.children, ours.children, strict=True)
            )
        return agree_in_sequence(self.peer, command, theirs, ours)


READING: dict[bytes, tuple[list[bytes], bool]] = {
    b"string": ([b"GET"], True),
    b"set": ([b"SMEMBERS"], False),
    b"hash": ([b"HGETALL"], False),
    b"list": ([b"LRANGE", b"0", b"-1"], True),
    b"zset": ([b"ZRANGE", b"0", b"-1", b"WITHSCORES"], True),
}
"""How all of a value is read, by its type: the command without the key, and whether the order matters."""


def contents(
    connection: RedisConnection, *, knows_field_expiry: bool
) -> dict[tuple[int, bytes], dict[str, Raw]]:
    """All that a server holds, by database and key: of each key the type, the value, when it or its fields expire."""
    found = {}
    connection("RESET")
    for database in range(DATABASES):
        selected, keys = connection.raw_pipeline([[b"SELECT", b"%d" % database], [b"KEYS", b"*"]])
        assert selected.head == b"+OK"
        names = sorted(key.head.split(b"\r\n", 1)[1] for key in keys.children)
        for name in names:
            kind, expiry = connection.raw_pipeline([[b"TYPE", name], [b"PEXPIRETIME", name]])
            (command, *rest), is_ordered = READING[kind.head[1:]]
            value = connection.raw(command, name, *rest)
            value = value if is_ordered else value.sorted
            found[database, name] = {"type": kind, "expiry": expiry, "value": value}
            if kind.head == b"+hash" and knows_field_expiry:
                fields = connection.raw(b"HKEYS", name).sorted
                names_of_fields = [field.head.split(b"\r\n", 1)[1] for field in fields.children]
                words = [b"HPEXPIRETIME", name, b"FIELDS", len(names_of_fields), *names_of_fields]
                found[database, name]["expiry of fields"] = connection.raw(*words)
    return found


@contextmanager
def set_thresholds(company: Company, peer: str, pair: Pair, thresholds: dict[str, int]) -> Iterator[None]:
    """Has both have these thresholds, as far as the peer has them, and afterwards those of before."""
    some = {name: str(value) for name, value in thresholds.items() if name.encode() in company.thresholds[peer]}
    if not some:
        yield
        return
    sides = [(peer, pair.theirs), ("martlet", pair.ours)]
    for _, connection in sides:
        assert connection("CONFIG", "SET", *chain.from_iterable(some.items())) == Status("OK")
    try:
        yield
    finally:
        for name, _ in sides:
            with company.servers[name].redis() as connection:
                words = chain.from_iterable(company.thresholds[name].items())
                assert connection("CONFIG", "SET", *words) == Status("OK")


def first_difference(
    company: Company, peer: str, protocol: int, commands: list[list[bytes]], thresholds: dict[str, int] | None = None
) -> str | None:
    """What differs first, in words; None if nothing does."""
    with Pair(company, peer, protocol) as pair, set_thresholds(company, peer, pair, thresholds or {}):
        follower = Follower(peer)
        for start in range(0, len(commands), AT_ONCE):
            some = commands[start : start + AT_ONCE]
            theirs, ours = pair.theirs.raw_pipeline(some), pair.ours.raw_pipeline(some)
            for each in zip(some, theirs, ours, strict=True):
                if not follower.agree(*each):
                    return difference(each[0], peer, *each[1:])
        knows = b"HPEXPIRETIME" in company.known[peer]
        theirs_at_last = contents(pair.theirs, knows_field_expiry=knows)
        ours_at_last = contents(pair.ours, knows_field_expiry=knows)
    for place in sorted(theirs_at_last.keys() | ours_at_last.keys()):
        there, here = theirs_at_last.get(place), ours_at_last.get(place)
        if there is None or here is None:
            return f"database {place[0]} has {show([place[1]])} only in {peer if there else 'martlet'}"
        for part, theirs_of_it in there.items():
            if part.startswith("expiry"):
                is_same = agree_on_times(theirs_of_it, here[part])
            else:
                (reading, *_), _ = READING[there["type"].head[1:]]
                is_same = agree(peer, [reading], theirs_of_it, here[part], is_ordered=True)
            if not is_same:
                name = f"{part} of {show([place[1]])} in database {place[0]}"
                return difference([name.encode()], peer, theirs_of_it, here[part])
    return None


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
@pytest.mark.parametrize("peer", ["redis", "valkey"])
def test_random_sequence(company: Company, peer: str, protocol: int, seed: int) -> None:
    commands, thresholds = sequence(seed, peer, company.known[peer]), small_thresholds(seed)

    def compare(commands: list[list[bytes]]) -> str | None:
        return first_difference(company, peer, protocol, commands, thresholds)

    found = compare(commands)
    if found is None:
        return
    fewer = shrink(commands, lambda some: compare(some) is not None)
    found = compare(fewer) or f"differed once, and not again: {found}"
    pytest.fail("\n".join([f"seed {seed}, {thresholds}:", *map(show, fewer), "", found]))


# MARK: What compares


def test_every_group_has_scripts_and_random_commands() -> None:
    random = Random(1)
    for group in GROUPS:
        assert group.scripts, group.name
        # The commands of these are about the server itself, or come without being asked for.
        assert group.makers["redis"] or group.name in ("access", "pubsub"), group.name
        for peer in ("redis", "valkey"):
            for maker in group.makers[peer]:
                assert all(isinstance(word, str | bytes) for _ in range(500) for word in maker(random)), group.name


def test_every_difference_is_listed_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "REDIS.md").read_text()
    table = page.split("\n## Intended differences\n")[1].split("\n## ")[0]
    listed = {line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")}
    assert {each.listed for each in compared.DIFFERENCES} <= listed
    assert len(compared.DIFFERENCES) > 5


def test_words_are_quoted_as_redis_cli_has_it() -> None:
    assert words(r'SET  "a b" ""') == [b"SET", b"a b", b""]
    assert words(r'"\x00\xff\n\"\\x41" ' + r"'it\'s \n'") == [b'\x00\xff\n"\\x41', rb"it's \n"]
    assert words('"é" é') == ["é".encode()] * 2
    with pytest.raises(AssertionError):
        words('GET "open')
    assert compared.line("~SMEMBERS s") == Line([b"SMEMBERS", b"s"], is_ordered=False)
    assert compared.line("?SPOP s") == Line([b"SPOP", b"s"], is_compared=False)


def bulk(*texts: str) -> tuple[Raw, ...]:
    return tuple(Raw(b"$%d\r\n%s" % (len(text), text.encode())) for text in texts)


def test_what_counts_as_the_same_reply() -> None:
    ab, ba = Raw(b"*2", bulk("a", "b")), Raw(b"*2", bulk("b", "a"))
    assert agree("redis", [b"SORT"], ab, ba, is_ordered=False)
    assert not agree("redis", [b"SORT"], ab, ba, is_ordered=True)
    assert not agree("redis", [b"SORT"], ab, Raw(b"~2", ab.children), is_ordered=False)
    assert not agree("redis", [b"SORT"], ab, Raw(b"*2", bulk("a", "a")), is_ordered=False)
    pairs, others = Raw(b"%2", bulk("a", "1", "b", "2")), Raw(b"%2", bulk("b", "2", "a", "1"))
    assert agree("redis", [b"SORT"], pairs, others, is_ordered=False)
    assert not agree("redis", [b"SORT"], pairs, Raw(b"%2", bulk("a", "2", "b", "1")), is_ordered=False)
    assert agree_in_sequence("redis", [b"smembers", b"s"], ab, ba)
    assert not agree_in_sequence("redis", [b"lrange", b"l", b"0", b"-1"], ab, ba)
    assert agree_in_sequence("redis", [b"TTL", b"k"], Raw(b":100"), Raw(b":99"))
    for ours in (b":-1", b"$3\r\n100", b":100000"):
        assert not agree_in_sequence("redis", [b"TTL", b"k"], Raw(b":100"), Raw(ours)), ours


def test_a_sequence_that_differs_is_found_and_cut_down(company: Company) -> None:
    commands = [[b"SET", b"a", b"b"], [b"DBSIZE"], [b"CONFIG", b"GET", b"port"], [b"GET", b"a"]]

    def differs(commands: list[list[bytes]]) -> bool:
        return first_difference(company, "redis", 2, commands) is not None

    assert differs(commands)
    assert shrink(commands, differs) == [[b"CONFIG", b"GET", b"port"]]
