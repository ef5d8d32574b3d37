from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import apsw
import msgspec
import pytest
from tests.journal.scene import EXECUTION, a_task, an_execution, bare, counts_of, names_in, submitted

from parallel_agents.core.errors import JournalError
from parallel_agents.journal import SqliteJournal, default_path
from parallel_agents.journal.opening import migrate, open_reading, open_writing
from parallel_agents.journal.queries import MIGRATIONS

ROOT = Path(__file__).parents[2]
HOME = Path("/home/student")


def opened(path: Path) -> SqliteJournal:
    journal = SqliteJournal(path)
    journal.start()
    return journal


def refusal(path: Path | str) -> str:
    with pytest.raises(JournalError) as caught:
        SqliteJournal(path).start()
    assert str(path) in str(caught.value)
    assert caught.value.hint
    return str(caught.value)


async def test_directories_on_the_way_are_made(tmp_path: Path) -> None:
    journal = opened(tmp_path / "状态" / "deep" / "journal.sqlite3")
    await submitted(journal, 1)
    await journal.aclose()

    assert names_in(tmp_path / "状态" / "deep") == ["journal.sqlite3"]


async def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    first = opened(tmp_path / "journal.sqlite3")
    await submitted(first, 3)
    await first.aclose()

    second = opened(tmp_path / "journal.sqlite3")
    assert counts_of(second).pending == 3
    await second.aclose()


@pytest.mark.parametrize("name", ["a?b#c.sqlite3", "file:odd", "100%25.sqlite3", "mit leerzeichen"])
async def test_a_path_is_taken_as_it_stands(tmp_path: Path, name: str) -> None:
    journal = opened(tmp_path / name)
    await submitted(journal, 1)
    await journal.aclose()

    assert names_in(tmp_path) == [name]


async def test_two_journals_in_memory_are_apart() -> None:
    first, second = SqliteJournal(":memory:"), SqliteJournal(":memory:")
    first.start()
    second.start()
    await submitted(first, 2)

    assert counts_of(second).total == 0
    assert first.try_own("exec-1")
    assert not second.is_owned("exec-1")
    await first.aclose()
    await second.aclose()


async def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").touch()
    journal = opened(tmp_path / "journal.sqlite3")
    await submitted(journal, 1)
    await journal.aclose()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# 笔记\n" * 400, encoding="utf-8")

    assert "not a journal" in refusal(path)
    assert path.read_text(encoding="utf-8") == "# 笔记\n" * 400
    assert names_in(tmp_path) == ["notes.md"]


@pytest.mark.parametrize("version", [0, 1, 99])
def test_the_database_of_another_program_is_left_alone(tmp_path: Path, version: int) -> None:
    path = tmp_path / "other.sqlite3"
    connection = bare(path)
    connection.execute("CREATE TABLE songs (name TEXT)")
    connection.pragma("user_version", version)
    connection.close()
    before = path.read_bytes()

    assert "another program" in refusal(path)
    assert path.read_bytes() == before


async def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    await opened(path).aclose()
    connection = bare(path)
    connection.pragma("user_version", len(MIGRATIONS) + 1)
    connection.close()
    before = path.read_bytes()

    assert "Upgrade parallel-agents" in refusal(path)
    assert path.read_bytes() == before


async def test_a_damaged_journal_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = opened(path)
    await submitted(journal, 50)
    await journal.aclose()
    page = 4096
    content = bytearray(path.read_bytes())
    content[100:page] = b"\xff" * (page - 100)
    path.write_bytes(content)

    assert "damaged" in refusal(path)
    assert path.read_bytes() == content


async def test_damage_that_a_read_meets_is_a_journal_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = opened(path)
    # Too much to be looked over whenever it is opened.
    large = msgspec.msgpack.encode({"material_text": "x" * 30_000})
    await journal.submit(an_execution(), [a_task(position, input_data=large) for position in range(200)])
    await journal.aclose()
    content = bytearray(path.read_bytes())
    behind_the_schema = 40 * 4096
    content[behind_the_schema:] = b"\xff" * (len(content) - behind_the_schema)
    path.write_bytes(content)
    journal = SqliteJournal(path)
    journal.start()

    with pytest.raises(JournalError, match="damaged"):
        await journal.read(lambda reader: reader.tasks(EXECUTION))
    with pytest.raises(JournalError, match="damaged"):
        await submitted(journal, 1, "exec-new")
    with pytest.raises(JournalError, match="damaged"):
        await journal.pause("exec-new", None, 1.0)
    await journal.aclose()


async def test_damage_in_a_small_journal_is_told_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "jour nal.sqlite3"
    journal = opened(path)
    await submitted(journal, 200)
    await journal.aclose()
    content = bytearray(path.read_bytes())
    content[40 * 4096 :] = b"\xff" * (len(content) - 40 * 4096)
    path.write_bytes(content)

    said = refusal(path)
    assert "damaged" in said
    assert f"`parallel-agents journal rebuild '{path}'`" in said
    assert path.read_bytes() == content


async def test_a_file_cut_to_nothing_beside_its_log_is_refused_and_the_log_is_kept(tmp_path: Path) -> None:
    path, log = tmp_path / "journal.sqlite3", tmp_path / "journal.sqlite3-wal"
    journal = opened(path)
    await submitted(journal, 20)
    written = log.read_bytes()
    await journal.aclose()
    path.write_bytes(b"")
    log.write_bytes(written)

    assert "its log is not" in refusal(path)
    assert (path.read_bytes(), log.read_bytes()) == (b"", written)


def test_a_directory_is_not_a_journal(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)


def test_a_journal_below_a_file_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "directory" in refusal(tmp_path / "file" / "journal.sqlite3")


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        SqliteJournal(f"{tmp_path}/a\0b").start()
    with pytest.raises(JournalError):
        SqliteJournal(f"{tmp_path}/a\udcff").start()


def test_a_journal_is_migrated_step_by_step_and_only_forward(tmp_path: Path) -> None:
    filename = str(tmp_path / "journal.sqlite3")
    database = open_writing(filename, filename, threading.Lock(), lock_timeout_s=1)
    second = f"CREATE TABLE added (name TEXT); PRAGMA user_version = {len(MIGRATIONS) + 1};"
    third = f"ALTER TABLE added ADD COLUMN more TEXT; PRAGMA user_version = {len(MIGRATIONS) + 2};"

    migrate(database, (*MIGRATIONS, second, third))
    migrate(database, (*MIGRATIONS, second))

    assert database.connection.pragma("user_version") == len(MIGRATIONS) + 2
    assert [row[1] for row in database.connection.execute("PRAGMA table_info(added)").fetchall()] == ["name", "more"]
    database.close()


def test_a_migration_that_fails_leaves_the_old_schema(tmp_path: Path) -> None:
    filename = str(tmp_path / "journal.sqlite3")
    database = open_writing(filename, filename, threading.Lock(), lock_timeout_s=1)
    good = f"CREATE TABLE added (name TEXT); PRAGMA user_version = {len(MIGRATIONS) + 1};"

    with pytest.raises(apsw.SQLError):
        migrate(database, (*MIGRATIONS, good, "CREATE TABLE added (name TEXT)"))

    assert database.connection.pragma("user_version") == len(MIGRATIONS)
    assert database.connection.execute("PRAGMA table_info(added)").fetchall() == []
    database.close()


def test_every_migration_sets_its_version(tmp_path: Path) -> None:
    database = open_reading(str(tmp_path / "new.sqlite3"), "new", threading.Lock(), lock_timeout_s=1)
    database.connection.pragma("query_only", 0)
    for version in range(1, len(MIGRATIONS) + 1):
        migrate(database, MIGRATIONS[:version])
        assert database.connection.pragma("user_version") == version
    database.close()


@pytest.mark.faults
def test_many_processes_may_make_the_journal_at_once(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.journal.children", "start_at_a_signal", str(tmp_path / "journal.sqlite3")]
    children = [
        subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(5)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    answers = [child.communicate("go\n", timeout=60)[0] for child in children]

    assert answers == ["started\n"] * 5
    assert [child.returncode for child in children] == [0] * 5


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({}, "linux", "/home/student/.local/state/parallel-agents/journal.sqlite3"),
        ({"XDG_STATE_HOME": "/state"}, "linux", "/state/parallel-agents/journal.sqlite3"),
        ({"XDG_STATE_HOME": "relative"}, "linux", "/home/student/.local/state/parallel-agents/journal.sqlite3"),
        ({"XDG_STATE_HOME": ""}, "linux", "/home/student/.local/state/parallel-agents/journal.sqlite3"),
        ({}, "darwin", "/home/student/Library/Application Support/parallel-agents/journal.sqlite3"),
        ({"XDG_STATE_HOME": "/state"}, "darwin", "/state/parallel-agents/journal.sqlite3"),
        ({}, "win32", "/home/student/AppData/Local/parallel-agents/journal.sqlite3"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/parallel-agents/journal.sqlite3"),
    ],
)
def test_the_default_journal_is_in_the_users_state_directory(
    environ: dict[str, str], platform: str, expected: str
) -> None:
    assert default_path(environ, HOME, platform) == Path(expected)
