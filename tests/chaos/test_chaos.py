"""A short round of kills, and the checker held against journals in which something was tampered with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from parallel_agents.chaos.plan import Plan, draw
from parallel_agents.chaos.proof import Book, Proof, written_outputs
from parallel_agents.chaos.records import Records
from parallel_agents.chaos.tally import Calls, Kills, Report, Tasks, times_of
from parallel_agents.core.errors import InputError

TASKS, KILLS, ENGINE_KILLS, SEED = 120, 12, 2, 7
ROUND = {"tasks": TASKS, "kills": KILLS, "engine_kills": ENGINE_KILLS, "seed": SEED}


class Round:
    """A round that was really run: what the command said, and the folder that it kept."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.said = done.stderr
        self.report: dict[str, Any] = json.loads(done.stdout)["chaos"]
        self.folder = Path(self.report["kept"])
        self.plan = draw(**ROUND)
        self.book = msgspec.json.decode((self.folder / "provider.json").read_bytes(), type=Book)


@pytest.fixture(scope="module")
def round_of_kills() -> Iterator[Round]:
    # Sockets stand in it, whose whole path has about a hundred characters: too few for pytest's own folders.
    folder = Path(tempfile.mkdtemp())
    done = run_chaos(folder, "--json", "--keep", *(f"--{name.replace('_', '-')}={n}" for name, n in ROUND.items()))
    assert done.stdout, done.stderr
    yield Round(done)
    shutil.rmtree(folder)


def run_chaos(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "parallel_agents", "chaos", *arguments],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def tampered(found: Round, tmp_path: Path, *changes: str) -> Tasks:
    """Count the tasks of a copy of the journal after changes that the journal itself would refuse."""
    with_changes(found, tmp_path, *changes)
    return examined(found.plan, tmp_path, lambda proof: proof.tasks(written_outputs(found.folder / "results.json")))


def with_changes(found: Round, tmp_path: Path, *changes: str) -> None:
    for path in found.folder.glob("journal.sqlite3*"):
        shutil.copy(path, tmp_path)
    # The annotations of apsw need a newer Python than ours.
    connection: Any = apsw.Connection(str(tmp_path / "journal.sqlite3"))
    triggers = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")]
    for statement in (*(f"DROP TRIGGER {name}" for name in triggers), *changes):
        connection.execute(statement)
        assert statement not in changes or connection.changes() >= 1, statement
    connection.close()


def examined(plan: Plan, folder: Path, look: Callable[[Proof], Any]) -> Any:
    records = Records(folder / "journal.sqlite3")
    try:
        return look(Proof(plan, records))
    finally:
        records.close()


@pytest.mark.faults
def test_a_round_of_kills_loses_nothing_and_takes_nothing_twice(round_of_kills: Round) -> None:
    report = round_of_kills.report
    tasks, calls, kills = report["tasks"], report["calls"], report["kills"]
    assert (tasks["submitted"], tasks["settled"], tasks["lost"], tasks["settled_twice"]) == (TASKS, TASKS, 0, 0)
    assert tasks["completed"] == tasks["results_right"] == TASKS - tasks["poison_found"] - tasks["killed_too_often"]
    assert tasks["poison_expected"] == tasks["poison_found"] == 1
    assert (tasks["results_wrong"], tasks["written_results_wrong"], tasks["broken_histories"]) == (0, 0, 0)
    assert calls["paid_twice_though_journaled"] == calls["unexpected"] == calls["used_unjournaled"] == 0
    assert (kills["workers"], kills["engines"], kills["orphans"]) == (KILLS, ENGINE_KILLS, 0)
    assert kills["workers_with_a_task"] > 0
    assert kills["engine_dispatches"]["count"] == ENGINE_KILLS
    # How fast it went says something of the machine too; all else must hold on any.
    assert [broken for broken in report["broken"] if "instead of" not in broken] == []
    assert round_of_kills.code == (1 if report["broken"] else 0)


@pytest.mark.faults
def test_the_untouched_journal_of_the_round_is_counted_as_the_command_counted_it(
    round_of_kills: Round, tmp_path: Path
) -> None:
    tasks = tampered(round_of_kills, tmp_path)
    assert msgspec.to_builtins(tasks) == round_of_kills.report["tasks"]


ONE = "(SELECT min(key) FROM tasks WHERE state = 'completed')"
OTHER = "(SELECT max(key) FROM tasks WHERE state = 'completed')"


@pytest.mark.faults
@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            (
                f"DELETE FROM history WHERE trigger = 'succeeded' AND key = {ONE}",
                f"UPDATE tasks SET state = 'running', completed_at = NULL, output = NULL WHERE key = {ONE}",
            ),
            {"lost": 1},
        ),
        (("DELETE FROM tasks WHERE key = (SELECT max(key) FROM tasks)",), {"lost": 1}),
        (
            (
                "INSERT INTO history (execution_id, key, attempt, at, trigger, source, target) "
                "SELECT execution_id, key, attempt, at, trigger, source, target "
                f"FROM history WHERE trigger = 'succeeded' AND key = {ONE}",
            ),
            {"settled_twice": 1, "broken_histories": 1, "lost": 1},
        ),
        (
            (f"UPDATE tasks SET output = (SELECT output FROM tasks WHERE key = {OTHER}) WHERE key = {ONE}",),
            {"results_wrong": 1},
        ),
        (
            (f"UPDATE history SET attempt = attempt + 1 WHERE trigger = 'succeeded' AND key = {ONE}",),
            {"broken_histories": 1, "lost": 1},
        ),
        (
            (
                f"UPDATE history SET trigger = 'poisoned', target = 'failed' "
                f"WHERE trigger = 'succeeded' AND key = {ONE}",
                f"UPDATE tasks SET state = 'failed', output = NULL, retry_attempts = 99 WHERE key = {ONE}",
            ),
            {"quarantined_wrongly": 1},
        ),
        (
            (
                f"UPDATE history SET trigger = 'gave_up', target = 'failed' "
                f"WHERE trigger = 'succeeded' AND key = {ONE}",
                f"UPDATE tasks SET state = 'failed', output = NULL WHERE key = {ONE}",
            ),
            {"failed_wrongly": 1},
        ),
        (
            ("UPDATE history SET trigger = 'gave_up' WHERE trigger = 'poisoned'",),
            {"poison_found": -1, "failed_wrongly": 1},
        ),
    ],
    ids=[
        "a result is gone",
        "a task is gone",
        "a task is settled twice",
        "a result is another task's",
        "a stale attempt settled",
        "quarantine without a reason",
        "failure without a reason",
        "poison that was not found",
    ],
)
def test_what_is_planted_in_the_journal_is_found(
    round_of_kills: Round, tmp_path: Path, changes: tuple[str, ...], found: dict[str, int]
) -> None:
    before = round_of_kills.report["tasks"]
    after = msgspec.to_builtins(tampered(round_of_kills, tmp_path, *changes))
    assert {name: after[name] - before[name] for name in found} == found


@pytest.mark.faults
def test_a_call_repeated_after_its_answer_was_journaled_is_found(round_of_kills: Round, tmp_path: Path) -> None:
    with_changes(round_of_kills, tmp_path)
    book = round_of_kills.book
    once = next(prompt for prompt, count in book.by_prompt.items() if count == 1)
    again = msgspec.structs.replace(
        book,
        by_prompt=book.by_prompt | {once: 2},
        last_asked_epoch=book.last_asked_epoch | {once: max(book.last_asked_epoch.values()) + 1},
    )
    calls: Calls = examined(round_of_kills.plan, tmp_path, lambda proof: proof.calls(again))
    before = round_of_kills.report["calls"]
    assert calls.paid_twice == before["paid_twice"] + 1
    assert calls.paid_twice_though_journaled == 1


@pytest.mark.faults
def test_an_answer_that_was_never_journaled_and_a_question_nobody_should_ask_are_found(
    round_of_kills: Round, tmp_path: Path
) -> None:
    with_changes(round_of_kills, tmp_path, f"DELETE FROM calls WHERE key = {ONE}")
    book = msgspec.structs.replace(round_of_kills.book, by_prompt=round_of_kills.book.by_prompt | {"unheard of": 1})
    calls: Calls = examined(round_of_kills.plan, tmp_path, lambda proof: proof.calls(book))
    assert (calls.used_unjournaled, calls.unexpected) == (2, 1)


@pytest.mark.faults
def test_a_result_that_is_missing_in_the_written_file_is_found(round_of_kills: Round, tmp_path: Path) -> None:
    with_changes(round_of_kills, tmp_path)
    written = written_outputs(round_of_kills.folder / "results.json")
    completed = next(task for task, output in written.items() if output)
    del written[completed]
    tasks: Tasks = examined(round_of_kills.plan, tmp_path, lambda proof: proof.tasks(written))
    assert tasks.written_results_wrong == 1


def test_every_guarantee_that_does_not_hold_is_named_and_nothing_else() -> None:
    tasks = Tasks(**dict.fromkeys(Tasks.__struct_fields__, 0))
    calls = Calls(**dict.fromkeys(Calls.__struct_fields__, 0))
    timed = ("task_runs_again", "task_runs_again_after_engine_kill", "engine_dispatches", "orphans_gone")
    kills = msgspec.convert(
        dict.fromkeys(Kills.__struct_fields__, 0) | dict.fromkeys(timed, msgspec.to_builtins(times_of([]))), Kills
    )
    whole = Report(seed=1, max_concurrent=8, wall_s=1.0, tasks=tasks, calls=calls, kills=kills)
    assert whole.broken == []
    broken = msgspec.structs.replace(
        whole,
        tasks=msgspec.structs.replace(tasks, lost=2),
        calls=msgspec.structs.replace(calls, paid_twice_though_journaled=3),
        kills=msgspec.structs.replace(
            kills, orphans=4, planned_engines=1, task_runs_again=times_of([0.1, 1.5]), engine_dispatches=times_of([6.0])
        ),
        engine_failure="exit code 1",
    )
    assert broken.broken == [
        "the engine ended by itself: exit code 1",
        "1 kills were not made",
        "2 tasks were lost",
        "3 calls were paid twice though the answer was journaled",
        "4 processes were left behind",
        "a killed worker's task ran again after 1.5 s (p99) instead of 1 s",
        "the engine dispatched again after 6.0 s instead of 5 s",
    ]


def test_a_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert draw(**ROUND) == draw(**ROUND)
    assert draw(**ROUND) != draw(**(ROUND | {"seed": SEED + 1}))
    plan = draw(**ROUND)
    assert (plan.count("worker"), plan.count("engine"), len(plan.tasks)) == (KILLS, ENGINE_KILLS, TASKS)
    assert [blow.settled for blow in plan.blows] == sorted(blow.settled for blow in plan.blows)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"tasks": 99}, "--tasks"), ({"kills": -1}, "--kills"), ({"engine_kills": 31}, "--engine-kills")],
)
def test_a_number_out_of_range_is_refused_by_its_option(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(InputError, match=named):
        draw(**(ROUND | wrong))


def test_more_at_once_than_an_engine_takes_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    done = run_chaos(tmp_path, "--max-concurrent", "500")
    assert (done.returncode, done.stdout) == (2, "")
    assert "max_concurrent" in done.stderr
    assert list(tmp_path.iterdir()) == []
