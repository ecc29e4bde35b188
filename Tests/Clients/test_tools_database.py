"""The tools for the database file: check, restore, backup, export, import; against running servers and stopped ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from servers import MARTLET, MartletServer, eventually

pytestmark = pytest.mark.martlet


def tool(*words: str | Path, input: bytes = b"", status: int = 0, folder: Path | None = None) -> str:
    """Runs the program; what it printed to both outputs."""
    done = subprocess.run(
        [str(MARTLET), *map(str, words)],
        input=input,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        cwd=folder,
        check=False,
    )
    printed = done.stdout.decode(errors="replace")
    assert done.returncode == status, printed
    return printed


def output(*words: str | Path) -> bytes:
    """Runs the program; its standard output."""
    done = subprocess.run([str(MARTLET), *map(str, words)], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout


def fill(server: MartletServer) -> None:
    """Awkward bytes, expiries, flags, several databases."""
    with server.redis() as redis:
        redis("SET", "Hello", "World")
        redis("SET", b"\xff\x00 \r\n\"'\\", bytes(range(256)))
        redis("SET", "Zoë", "", "PXAT", "4000000000000")
        redis("SELECT", "3")
        redis("SADD", "set", "a", b"\xfe", "two words")
        redis("PEXPIREAT", "set", "4000000000000")
    with server.memcached() as memcached:
        assert memcached.ask(b"set flagged 77 0 1\r\nx\r\n") == b"STORED\r\n"


def without_versions(lines: bytes) -> list[dict[str, object]]:
    objects = [json.loads(line) for line in lines.splitlines()]
    for each in objects:
        del each["version"]
    return objects


def test_check_beside_a_running_server(martlet: MartletServer) -> None:
    fill(martlet)
    before = martlet.database.read_bytes()
    printed = tool("check", martlet.data)
    assert "whole" in printed and "4 in database 0, 1 in database 3" in printed
    assert f"in use by process {martlet.processes[0].process.pid}" in printed
    assert martlet.database.read_bytes() == before
    martlet.stop()
    assert "in use" not in tool("check", "--all", martlet.data)


def test_check_notes_a_torn_tail_and_fails_on_damage(martlet: MartletServer) -> None:
    fill(martlet)
    martlet.stop()
    whole = martlet.database.read_text(errors="surrogateescape")
    martlet.database.write_text(whole + "SET half a wr", errors="surrogateescape")
    assert "note: 13 bytes" in tool("check", martlet.data)
    damaged = whole.replace("SET Hello World", "SET Hello Moon")
    martlet.database.write_text(damaged, errors="surrogateescape")
    assert "line 2: damaged" in tool("check", martlet.data, status=1)


def test_repair_asks_first_and_keeps_the_original(martlet: MartletServer) -> None:
    fill(martlet)
    assert "in use by another process" in tool("check", "--repair", "--yes", martlet.data, status=1)
    martlet.stop()
    assert "nothing to repair" in tool("check", "--repair", martlet.data)
    damaged = martlet.database.read_bytes().replace(b"SET Hello World", b"SET Hello Moon")
    martlet.database.write_bytes(damaged)
    names = sorted(os.listdir(martlet.data))
    assert "--yes" in tool("check", "--repair", martlet.data, status=64)
    assert sorted(os.listdir(martlet.data)) == names
    printed = tool("check", "--repair", "--yes", martlet.data)
    assert "lines 2-3: damaged" in printed
    original = re.search(r"The original is (\S+)\.\n", printed)
    left_out = re.search(r"What was left out is in (\S+)\.\n", printed)
    assert original and Path(original[1]).read_bytes() == damaged
    assert left_out and b"SET Hello Moon\n# commit 1-1" in Path(left_out[1]).read_bytes()
    martlet.start()
    with martlet.redis() as redis:
        assert redis("GET", "Hello") is None
        assert redis("GET", b"\xff\x00 \r\n\"'\\") == bytes(range(256))


def test_seal_accepts_an_edit(martlet: MartletServer) -> None:
    fill(martlet)
    martlet.stop()
    edited = martlet.database.read_bytes().replace(b"SET Hello World", b"SET Hello Moon") + b"SET added later\n"
    martlet.database.write_bytes(edited)
    tool("check", martlet.data, status=1)
    assert "--yes" in tool("check", "--seal", martlet.data, status=64)
    assert martlet.database.read_bytes() == edited
    printed = tool("check", "--seal", "--yes", martlet.data)
    assert "changed: lines 2-3" in printed and "SET Hello Moon" in printed
    original = re.search(r"As it was edited, it is (\S+)\.\n", printed)
    assert original and Path(original[1]).read_bytes() == edited
    martlet.start()
    with martlet.redis() as redis:
        assert redis("GET", "Hello") == b"Moon"
        assert redis("GET", "added") == b"later"


def test_seal_refuses_what_is_no_record(martlet: MartletServer) -> None:
    fill(martlet)
    martlet.stop()
    martlet.database.write_bytes(martlet.database.read_bytes().replace(b"SET Hello World", b"SET Hello"))
    names = sorted(os.listdir(martlet.data))
    assert "line 2: " in tool("check", "--seal", "--yes", martlet.data, status=1)
    assert sorted(os.listdir(martlet.data)) == names


def test_restore_undoes_a_flush(martlet: MartletServer, tmp_path: Path) -> None:
    fill(martlet)
    with martlet.redis() as redis:
        redis("FLUSHALL")
        redis("SET", "new", "1")
    listed = tool("restore", "--list", martlet.data)
    assert "versions 0 to 8" in listed
    # Beside the running server, into a folder of its own.
    assert "Restored into" in tool("restore", "--to-version", "6", "--into", tmp_path / "then", martlet.data)
    assert b"SET Hello World\n" in output("export", tmp_path / "then")
    assert "in use by another process" in tool("restore", "--to-version", "6", "--yes", martlet.data, status=1)
    martlet.stop()
    assert "versions 0 to 8" in tool("restore", "--to-version", "99", martlet.data, status=1)
    assert "--yes" in tool("restore", "--to-version", "6", martlet.data, status=64)
    printed = tool("restore", "--to-version", "6", "--yes", martlet.data)
    assert "To undo this: martlet restore --to-version 8" in printed
    martlet.start()
    with martlet.redis() as redis:
        assert redis("GET", "Hello") == b"World"
        assert redis("GET", "new") is None
        redis("SET", "newer", "2")
    martlet.stop()
    tool("restore", "--to-version", "8", "--yes", martlet.data)
    assert output("export", martlet.data) == b"SET new 1\n"


def test_restore_to_a_time(martlet: MartletServer, tmp_path: Path) -> None:
    fill(martlet)
    times = re.findall(r"# commit 1-1 .* time (\S+) ", martlet.database.read_text(errors="replace"))
    martlet.stop()
    printed = tool("restore", "--to-time", times[0], "--into", tmp_path / "then", martlet.data)
    assert "Version " in printed
    assert output("export", tmp_path / "then").startswith(b"SET ")
    earlier = tool("restore", "--to-time", "2001-01-01 00:00", "--into", tmp_path / "no", martlet.data, status=1)
    assert "What can be restored: versions 0 to" in earlier
    assert not (tmp_path / "no").exists()
    assert "is not a time" in tool("restore", "--to-time", "yesterday", martlet.data, status=64)


@pytest.mark.parametrize("source", ["folder", "server"])
def test_backup_under_load_opens_as_a_database(
    martlet: MartletServer, tmp_path: Path, source: str
) -> None:
    fill(martlet)
    stop = threading.Event()
    acknowledged = [0]

    def write() -> None:
        with martlet.redis() as redis:
            while not stop.is_set():
                redis("SET", f"key{acknowledged[0]}", "value" * 20)
                acknowledged[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            seen = acknowledged[0]
            assert eventually(lambda: acknowledged[0] > seen + 50)
            least = acknowledged[0]
            where = [martlet.data] if source == "folder" else ["--port", str(martlet.redis_port)]
            target = tmp_path / f"copy{number}"
            printed = tool("backup", *where, target)
            assert "Backed up into" in printed
            assert "note" not in tool("check", target)
            exported = output("export", target)
            # All that was acknowledged before is in it.
            for index in range(least):
                assert b"SET key%d value" % index in exported
            assert "is not empty" in tool("backup", *where, target, status=1)
    finally:
        stop.set()
        writer.join()
    martlet.stop()
    assert martlet.database.read_bytes().startswith((tmp_path / "copy0/database.txt").read_bytes())


def test_backup_of_nothing_makes_nothing(tmp_path: Path) -> None:
    tool("backup", tmp_path / "missing", tmp_path / "target", status=1)
    assert not (tmp_path / "target").exists()
    assert not (tmp_path / "missing").exists()
    # Where there is no server, nothing is left that would be in the way of the next try.
    for _ in range(2):
        printed = tool("backup", "--port", "1", tmp_path / "target", status=1)
        assert "connect" in printed
        assert not (tmp_path / "target" / "database.txt").exists()
    for words in (["check"], ["check", "--repair", "--yes"], ["restore", "--list"], ["export"]):
        tool(*words, tmp_path / "missing", status=1)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_round_trip_through_files(martlet: MartletServer, tmp_path: Path, format: str) -> None:
    fill(martlet)
    online = output("export", "--format", format, "--port", str(martlet.redis_port))
    assert output("export", "--format", format, martlet.data) == online
    file = tmp_path / "export"
    tool("export", "--format", format, "--output", file, martlet.data)
    assert file.read_bytes() == online
    assert "exists already" in tool("export", "--output", file, martlet.data, status=1)
    printed = tool("import", "--format", format, tmp_path / "new", file)
    assert ", 0 errors" in printed
    again = output("export", "--format", format, tmp_path / "new")
    if format == "text":
        assert again == online
    else:
        assert without_versions(again) == without_versions(online)
        assert {"database": 0, "key": "flagged", "type": "string", "value": "x", "flags": 77} in (
            without_versions(again)
        )


@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_round_trip_through_servers(new_server: Callable[..., MartletServer], format: str) -> None:
    first, second = new_server(), new_server()
    fill(first)
    exported = output("export", "--format", format, "--port", str(first.redis_port))
    printed = tool("import", "--format", format, "--port", str(second.redis_port), "-", input=exported)
    assert ", 0 errors" in printed
    assert output("export", second.data) == output("export", first.data)


def test_the_exported_text_is_for_any_client(new_server: Callable[..., MartletServer]) -> None:
    first, second = new_server(), new_server()
    fill(first)
    exported = output("export", first.data)
    done = second.run("cli", input=exported)
    assert done.returncode == 0, done
    assert output("export", second.data) == exported


def test_import_by_hand_tells_errors_with_their_lines(martlet: MartletServer, tmp_path: Path) -> None:
    text = b"# by hand\n\nSET a 'single quotes'\nGET a\nSADD a x\nINCR n\nSET \"open\nDEL none\n"
    printed = tool("import", "--port", str(martlet.redis_port), "-", input=text, status=1)
    assert "line 4: GET doesn't change data" in printed
    assert "line 5: WRONGTYPE" in printed
    assert "line 7: a quote" in printed
    assert "3 commands done, 3 errors" in printed
    with martlet.redis() as redis:
        assert redis("GET", "a") == b"single quotes"
    (tmp_path / "input").write_bytes(text)
    printed = tool("import", tmp_path / "folder", tmp_path / "input", status=1)
    assert "3 commands done, 3 errors" in printed
    assert output("export", tmp_path / "folder") == b'SET a "single quotes"\nSET n 1\n'
    assert "in use by another process" in tool("import", martlet.data, tmp_path / "input", status=1)


def test_a_large_database_comes_over_the_connection(martlet: MartletServer, tmp_path: Path) -> None:
    with martlet.redis() as redis:
        for index in range(12):
            redis("SET", f"large{index}", os.urandom(1_500_000))
    tool("backup", "--port", str(martlet.redis_port), tmp_path / "copy")
    assert (tmp_path / "copy/database.txt").read_bytes() == martlet.database.read_bytes()
    assert oct((tmp_path / "copy").stat().st_mode & 0o777) == "0o700"


@pytest.mark.parametrize("name", ["check", "restore", "backup", "export", "import"])
def test_every_tool_has_help_with_examples(name: str) -> None:
    printed = tool(name, "--help")
    assert "EXAMPLES" in printed and f"martlet {name}" in printed


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["check", "--repair", "--seal", "x"],
        ["check", "--yes", "x"],
        ["restore", "x"],
        ["restore", "--to-version", "1", "--to-time", "2026-01-01T00:00Z", "x"],
        ["backup"],
        ["export", "--format", "xml", "x"],
        ["import"],
    ],
)
def test_wrong_options_are_refused(words: list[str]) -> None:
    assert "Usage" in tool(*words, status=64)
