"""What Redis refuses, with the exact texts: clients match on them."""

from __future__ import annotations

import pytest

from wire import NOT_AN_INTEGER, SYNTAX_ERROR, WRONGTYPE, Error, RedisConnection

INVALID_EXPIRE = "ERR invalid expire time in '{}' command"
OUT_OF_RANGE_COUNT = Error("ERR value is out of range, must be positive")
OVERFLOW = Error("ERR increment or decrement would overflow")
INVALID_CURSOR = Error("ERR invalid cursor")
NO_SUCH_KEY = Error("ERR no such key")
DATABASE_OUT_OF_RANGE = Error("ERR DB index is out of range")
TOO_LONG = Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
INVALID_NAME = Error("ERR Client names cannot contain spaces, newlines or special characters.")
WRONG_PASSWORD = Error("WRONGPASS invalid username-password pair or user is disabled.")
NX_WITH_OTHERS = Error("ERR NX and XX, GT or LT options at the same time are not compatible")
MAXIMUM = "9223372036854775807"
MINIMUM = "-9223372036854775808"

# The keys that the commands below meet: text, set, n = 10, and max and min with the limits of a counter.
REFUSED: list[tuple[str, Error]] = [
    # SET and its options
    ("SET k v NX XX", SYNTAX_ERROR),
    ("SET k v XX NX", SYNTAX_ERROR),
    ("SET k v EX", SYNTAX_ERROR),
    ("SET k v EX 10 PX 10", SYNTAX_ERROR),
    ("SET k v EX 10 KEEPTTL", SYNTAX_ERROR),
    ("SET k v KEEPTTL PXAT 10", SYNTAX_ERROR),
    ("SET k v PERSIST", SYNTAX_ERROR),
    ("SET k v WHAT", SYNTAX_ERROR),
    ("SET k v EX x", NOT_AN_INTEGER),
    ("SET k v EX 1.5", NOT_AN_INTEGER),
    ("SET k v EX 0", Error(INVALID_EXPIRE.format("set"))),
    ("SET k v EX -1", Error(INVALID_EXPIRE.format("set"))),
    ("SET k v PX 0", Error(INVALID_EXPIRE.format("set"))),
    ("SET k v EXAT 0", Error(INVALID_EXPIRE.format("set"))),
    ("SET k v PXAT -5", Error(INVALID_EXPIRE.format("set"))),
    (f"SET k v EX {MAXIMUM}", Error(INVALID_EXPIRE.format("set"))),
    (f"SET k v PX {MAXIMUM}", Error(INVALID_EXPIRE.format("set"))),
    (f"SET k v EXAT {MAXIMUM}", Error(INVALID_EXPIRE.format("set"))),
    ("SET set v GET", WRONGTYPE),
    # the rest of the strings
    ("GET set", WRONGTYPE),
    ("GETSET set v", WRONGTYPE),
    ("GETDEL set", WRONGTYPE),
    ("GETEX set", WRONGTYPE),
    ("GETEX set EX 10", WRONGTYPE),
    ("GETEX text EX", SYNTAX_ERROR),
    ("GETEX text WHAT", SYNTAX_ERROR),
    ("GETEX text KEEPTTL", SYNTAX_ERROR),
    ("GETEX text EX 10 PERSIST", SYNTAX_ERROR),
    ("GETEX text PERSIST EX 10", SYNTAX_ERROR),
    ("GETEX text EX x", NOT_AN_INTEGER),
    ("GETEX text EX 0", Error(INVALID_EXPIRE.format("getex"))),
    ("GETEX text PXAT -1", Error(INVALID_EXPIRE.format("getex"))),
    ("MSET a 1 b", Error("ERR wrong number of arguments for 'mset' command")),
    ("MSETNX a 1 b", Error("ERR wrong number of arguments for 'msetnx' command")),
    ("APPEND set v", WRONGTYPE),
    ("STRLEN set", WRONGTYPE),
    ("GETRANGE set 0 1", WRONGTYPE),
    ("GETRANGE text x 1", NOT_AN_INTEGER),
    ("GETRANGE text 0 x", NOT_AN_INTEGER),
    ("SETRANGE set 0 v", WRONGTYPE),
    ("SETRANGE text x v", NOT_AN_INTEGER),
    ("SETRANGE text -1 v", Error("ERR offset is out of range")),
    ("SETRANGE text 536870912 v", TOO_LONG),
    (f"SETRANGE text {MAXIMUM} v", TOO_LONG),
    # counters
    ("INCR set", WRONGTYPE),
    ("DECR set", WRONGTYPE),
    ("INCRBY set 1", WRONGTYPE),
    ("DECRBY set 1", WRONGTYPE),
    ("INCR text", NOT_AN_INTEGER),
    ("DECR text", NOT_AN_INTEGER),
    ("INCRBY n x", NOT_AN_INTEGER),
    ("INCRBY n 1.5", NOT_AN_INTEGER),
    ("INCRBY n +5", NOT_AN_INTEGER),
    ("INCRBY n 05", NOT_AN_INTEGER),
    ("INCRBY n -0", NOT_AN_INTEGER),
    ("INCRBY n 9223372036854775808", NOT_AN_INTEGER),
    ("DECRBY n x", NOT_AN_INTEGER),
    ("INCR max", OVERFLOW),
    (f"INCRBY n {MAXIMUM}", OVERFLOW),
    ("DECR min", OVERFLOW),
    ("DECRBY min 1", OVERFLOW),
    (f"DECRBY n {MINIMUM}", Error("ERR decrement would overflow")),
    # expiry
    ("EXPIRE text x", NOT_AN_INTEGER),
    ("EXPIRE missing x", NOT_AN_INTEGER),
    (f"EXPIRE text {MAXIMUM}", Error(INVALID_EXPIRE.format("expire"))),
    ("EXPIRE text -9223372036854775807", Error(INVALID_EXPIRE.format("expire"))),
    (f"EXPIREAT text {MAXIMUM}", Error(INVALID_EXPIRE.format("expireat"))),
    (f"PEXPIRE text {MAXIMUM}", Error(INVALID_EXPIRE.format("pexpire"))),
    ("EXPIRE text 100 WHAT", Error("ERR Unsupported option WHAT")),
    ("EXPIRE missing 100 what", Error("ERR Unsupported option what")),
    ("EXPIRE text 100 NX XX", NX_WITH_OTHERS),
    ("EXPIRE text 100 NX GT", NX_WITH_OTHERS),
    ("PEXPIRE text 100 LT NX", NX_WITH_OTHERS),
    ("EXPIREAT text 100 GT LT", Error("ERR GT and LT options at the same time are not compatible")),
    # keys
    ("RENAME missing other", NO_SUCH_KEY),
    ("RENAME missing missing", NO_SUCH_KEY),
    ("RENAMENX missing other", NO_SUCH_KEY),
    ("COPY text text", Error("ERR source and destination objects are the same")),
    ("COPY text text DB 0", Error("ERR source and destination objects are the same")),
    ("COPY text other DB 99", DATABASE_OUT_OF_RANGE),
    ("COPY text other DB -1", DATABASE_OUT_OF_RANGE),
    ("COPY text other DB x", NOT_AN_INTEGER),
    ("COPY text other DB", SYNTAX_ERROR),
    ("COPY text other WHAT", SYNTAX_ERROR),
    ("SCAN x", INVALID_CURSOR),
    ("SCAN 18446744073709551616", INVALID_CURSOR),
    ("SCAN 0 COUNT", SYNTAX_ERROR),
    ("SCAN 0 COUNT 0", SYNTAX_ERROR),
    ("SCAN 0 COUNT -1", SYNTAX_ERROR),
    ("SCAN 0 COUNT x", NOT_AN_INTEGER),
    ("SCAN 0 MATCH", SYNTAX_ERROR),
    ("SCAN 0 WHAT", SYNTAX_ERROR),
    ("SCAN 0 WHAT x", SYNTAX_ERROR),
    # sets
    ("SADD text a", WRONGTYPE),
    ("SREM text a", WRONGTYPE),
    ("SMEMBERS text", WRONGTYPE),
    ("SISMEMBER text a", WRONGTYPE),
    ("SMISMEMBER text a b", WRONGTYPE),
    ("SCARD text", WRONGTYPE),
    ("SPOP text", WRONGTYPE),
    ("SPOP text 1", WRONGTYPE),
    ("SPOP text 0", WRONGTYPE),
    ("SRANDMEMBER text", WRONGTYPE),
    ("SRANDMEMBER text 1", WRONGTYPE),
    ("SSCAN text 0", WRONGTYPE),
    ("SPOP set x", OUT_OF_RANGE_COUNT),
    ("SPOP set -1", OUT_OF_RANGE_COUNT),
    ("SPOP set 9223372036854775808", OUT_OF_RANGE_COUNT),
    ("SPOP set 1 2", SYNTAX_ERROR),
    ("SRANDMEMBER set x", NOT_AN_INTEGER),
    ("SRANDMEMBER set 1 2", SYNTAX_ERROR),
    (
        f"SRANDMEMBER set {MINIMUM}",
        Error(f"ERR value is out of range, value must between -{MAXIMUM} and {MAXIMUM}"),
    ),
    ("SSCAN set x", INVALID_CURSOR),
    ("SSCAN missing x", INVALID_CURSOR),
    ("SSCAN set 0 TYPE string", SYNTAX_ERROR),
    ("SSCAN set 0 COUNT 0", SYNTAX_ERROR),
    ("SSCAN set 0 COUNT 10 MATCH", SYNTAX_ERROR),
    # the connection
    ("SELECT x", NOT_AN_INTEGER),
    ("SELECT 99", DATABASE_OUT_OF_RANGE),
    ("SELECT -1", DATABASE_OUT_OF_RANGE),
    ("HELLO 4", Error("NOPROTO unsupported protocol version")),
    ("HELLO 1", Error("NOPROTO unsupported protocol version")),
    ("HELLO x", Error("ERR Protocol version is not an integer or out of range")),
    ("HELLO 3 WHAT", Error("ERR Syntax error in HELLO option 'WHAT'")),
    ("HELLO 3 SETNAME", Error("ERR Syntax error in HELLO option 'SETNAME'")),
    ("HELLO 3 AUTH", Error("ERR Syntax error in HELLO option 'AUTH'")),
    ("HELLO 3 AUTH user", Error("ERR Syntax error in HELLO option 'AUTH'")),
    ("HELLO 3 AUTH user hunter2", WRONG_PASSWORD),
    ("AUTH user hunter2", WRONG_PASSWORD),
    (
        "AUTH hunter2",
        Error(
            "ERR AUTH <password> called without any password configured for the default user."
            " Are you sure your configuration is correct?"
        ),
    ),
    ("AUTH a b c", SYNTAX_ERROR),
    ("CLIENT WHAT", Error("ERR unknown subcommand 'WHAT'. Try CLIENT HELP.")),
    ("CLIENT what ever", Error("ERR unknown subcommand 'what'. Try CLIENT HELP.")),
    ("CLIENT LIST WHAT", SYNTAX_ERROR),
    ("CLIENT LIST TYPE", SYNTAX_ERROR),
    ("CLIENT LIST TYPE what", Error("ERR Unknown client type 'what'")),
    ("CLIENT LIST ID", SYNTAX_ERROR),
    ("CLIENT LIST ID x", Error("ERR Invalid client ID")),
    # the server
    ("COMMAND WHAT", Error("ERR unknown subcommand 'WHAT'. Try COMMAND HELP.")),
    ("COMMAND GETKEYS what a", Error("ERR Invalid command specified")),
    ("COMMAND GETKEYS GET a b", Error("ERR Invalid number of arguments specified for command")),
    ("COMMAND LIST WHAT", SYNTAX_ERROR),
    ("COMMAND LIST FILTERBY", SYNTAX_ERROR),
    ("COMMAND LIST FILTERBY WHAT x", SYNTAX_ERROR),
    ("CONFIG WHAT", Error("ERR unknown subcommand 'WHAT'. Try CONFIG HELP.")),
    ("CONFIG SET what 1", Error("ERR Unknown option or number of arguments for CONFIG SET - 'what'")),
    (
        "CONFIG SET databases 1",
        Error(
            "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config"
        ),
    ),
    (
        "CONFIG SET maxmemory x",
        Error(
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory')"
            " - argument must be a memory value"
        ),
    ),
    ("FLUSHDB WHAT", SYNTAX_ERROR),
    ("FLUSHALL WHAT", SYNTAX_ERROR),
    ("FLUSHALL ASYNC SYNC", SYNTAX_ERROR),
    # what is no command
    ("WHAT", Error("ERR unknown command 'WHAT', with args beginning with: ")),
    ("what a b", Error("ERR unknown command 'what', with args beginning with: 'a' 'b' ")),
]

# Each command's fewest words and, where more can only be too many, its most; the name counts.
ARITY: dict[str, tuple[int, int | None]] = {
    "PING": (1, 2),
    "ECHO": (2, 2),
    "SELECT": (2, 2),
    "CLIENT": (2, None),
    "CLIENT|GETNAME": (2, 2),
    "CLIENT|SETNAME": (3, 3),
    "CLIENT|ID": (2, 2),
    "CLIENT|INFO": (2, 2),
    "COMMAND|COUNT": (2, 2),
    "COMMAND|GETKEYS": (4, None),
    "CONFIG": (2, None),
    "CONFIG|GET": (3, None),
    "CONFIG|SET": (4, None),
    "DBSIZE": (1, 1),
    "TIME": (1, 1),
    "AUTH": (2, None),
    "GET": (2, 2),
    "SET": (3, None),
    "GETSET": (3, 3),
    "GETDEL": (2, 2),
    "GETEX": (2, None),
    "SETNX": (3, 3),
    "MGET": (2, None),
    "MSET": (3, None),
    "MSETNX": (3, None),
    "INCR": (2, 2),
    "DECR": (2, 2),
    "INCRBY": (3, 3),
    "DECRBY": (3, 3),
    "APPEND": (3, 3),
    "STRLEN": (2, 2),
    "GETRANGE": (4, 4),
    "SETRANGE": (4, 4),
    "DEL": (2, None),
    "UNLINK": (2, None),
    "EXISTS": (2, None),
    "TYPE": (2, 2),
    "TTL": (2, 2),
    "PTTL": (2, 2),
    "EXPIRE": (3, None),
    "PEXPIRE": (3, None),
    "EXPIREAT": (3, None),
    "PEXPIREAT": (3, None),
    "PERSIST": (2, 2),
    "EXPIRETIME": (2, 2),
    "PEXPIRETIME": (2, 2),
    "RENAME": (3, 3),
    "RENAMENX": (3, 3),
    "COPY": (3, None),
    "TOUCH": (2, None),
    "RANDOMKEY": (1, 1),
    "KEYS": (2, 2),
    "SCAN": (2, None),
    "SADD": (3, None),
    "SREM": (3, None),
    "SMEMBERS": (2, 2),
    "SISMEMBER": (3, 3),
    "SMISMEMBER": (3, None),
    "SCARD": (2, 2),
    "SPOP": (2, None),
    "SRANDMEMBER": (2, None),
    "SSCAN": (3, None),
}


@pytest.mark.parametrize(("command", "error"), REFUSED, ids=[command for command, _ in REFUSED])
def test_refusal_has_its_text_and_changes_nothing(wire: RedisConnection, command: str, error: Error) -> None:
    wire("MSET", "text", "v", "n", "10", "max", MAXIMUM, "min", MINIMUM)
    wire("SADD", "set", "a", "b")
    assert wire(*command.split()) == error
    assert wire("MGET", "text", "n", "max", "min") == [b"v", b"10", MAXIMUM.encode(), MINIMUM.encode()]
    assert wire("SCARD", "set") == 2
    assert wire("DBSIZE") == 5
    assert wire("TTL", "text") == -1


@pytest.mark.parametrize("name", ARITY)
def test_wrong_number_of_arguments(wire: RedisConnection, name: str) -> None:
    fewest, most = ARITY[name]
    words = name.split("|")
    expected = Error(f"ERR wrong number of arguments for '{name.lower()}' command")
    if fewest > len(words):
        assert wire(*words, *["0"] * (fewest - len(words) - 1)) == expected
    if most is not None:
        assert wire(*words, *["0"] * (most - len(words) + 1)) == expected
    assert wire("DBSIZE") == 0


def test_command_names_and_options_ignore_case(wire: RedisConnection) -> None:
    assert wire("sEt", "k", "v", "eX", "100", "nX") is not None
    assert wire("gEtEx", "k", "pErSiSt") == b"v"
    assert wire("gEt", "k", "k") == Error("ERR wrong number of arguments for 'get' command")


def test_unknown_command_shows_its_name_cleaned(wire: RedisConnection) -> None:
    assert wire(b"a\r\nb", b"c\r\nd") == Error(
        "ERR unknown command 'a  b', with args beginning with: 'c  d' "
    )


def test_unknown_command_shows_the_first_128_bytes(wire: RedisConnection) -> None:
    assert wire("x" * 300) == Error(f"ERR unknown command '{'x' * 128}', with args beginning with: ")
    assert wire("what", "y" * 300, "z") == Error(
        f"ERR unknown command 'what', with args beginning with: '{'y' * 128}' "
    )


def test_empty_name_is_an_unknown_command(wire: RedisConnection) -> None:
    assert wire("") == Error("ERR unknown command '', with args beginning with: ")


def test_value_with_blanks_or_nothing_is_no_number(wire: RedisConnection) -> None:
    for text in ["", " 1", "1 ", "+1", "01", "-0", "1.0", "1e3", "0x1", "9223372036854775808"]:
        wire("SET", "k", text)
        assert wire("INCR", "k") == NOT_AN_INTEGER, text
        assert wire("GET", "k") == text.encode()


def test_client_name_refuses_blanks_and_controls(wire: RedisConnection) -> None:
    for name in ["a b", "a\nb", "a\x01b"]:
        assert wire("CLIENT", "SETNAME", name) == INVALID_NAME
        assert wire("HELLO", wire.protocol, "SETNAME", name) == INVALID_NAME
    assert wire("CLIENT", "GETNAME") is None


def test_an_error_inside_a_pipeline_stops_nothing(wire: RedisConnection) -> None:
    replies = wire.pipeline([("SET", "k", "v"), ("INCR", "k"), ("WHAT",), ("GET",), ("GET", "k")])
    assert replies[1:] == [
        NOT_AN_INTEGER,
        Error("ERR unknown command 'WHAT', with args beginning with: "),
        Error("ERR wrong number of arguments for 'get' command"),
        b"v",
    ]
