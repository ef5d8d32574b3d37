"""What a chaos run has shown: counted from the journal, the written results and the provider's own books."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.chaos.histories import Life, lives_of
from parallel_agents.chaos.plan import Plan
from parallel_agents.chaos.records import Records, TaskRow
from parallel_agents.chaos.tally import Calls, Tasks
from parallel_agents.chaos.work import expected_hash, expected_prompts, hash_of, task_id

CALLS_OF_A_TASK = 2


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider saw: requests by the hash of their prompt, and when each prompt came last."""

    requests: int
    by_prompt: dict[str, int]
    last_asked_epoch: dict[str, float]


class Proof:
    """Holds one journal against the plan that it came from."""

    def __init__(self, plan: Plan, records: Records) -> None:
        self._plan = plan
        rows = records.tasks()
        self._submitted = len(rows)
        self._rows = {row.task_id: row for row in rows}
        self._lives = lives_of(records.moves())
        self._answers = records.answers()
        self._hashes = {number: expected_hash(plan.seed, number) for number in range(len(plan.tasks))}

    def tasks(self, written: Mapping[str, Any]) -> Tasks:
        """Count tasks; `written` are the outputs in the written results, by task id."""
        known = [(number, row, self._life(row)) for number, row in self._known()]
        completed = [(number, row) for number, row, _ in known if row.state == "completed"]
        right = sum(hash_of(_decoded(row.output)) == self._hashes[number] for number, row in completed)
        settled = sum(life.settled >= 1 and life.agrees_with(row) and row.state in _ENDS for _, row, life in known)
        poisoned = [(number, row, life) for number, row, life in known if life.last == "poisoned"]
        innocent = [(row, life) for number, row, life in poisoned if number not in self._plan.poison]
        deserved = sum(life.deserves_quarantine(row) for row, life in innocent)
        return Tasks(
            submitted=self._submitted,
            settled=settled,
            lost=len(self._plan.tasks) - settled,
            settled_twice=sum(life.settled > 1 for life in self._lives.values()),
            late_results_refused=sum(life.late for life in self._lives.values()),
            completed=len(completed),
            results_right=right,
            results_wrong=len(completed) - right,
            written_results_wrong=self._written_wrong([number for number, _ in completed], written),
            failed_wrongly=sum(row.state in _BAD_ENDS and life.last != "poisoned" for _, row, life in known),
            poison_expected=len(self._plan.poison),
            poison_found=len(poisoned) - len(innocent),
            killed_too_often=deserved,
            quarantined_wrongly=len(innocent) - deserved,
            broken_histories=sum(not life.agrees_with(row) for _, row, life in known),
            attempts=sum(life.attempt for life in self._lives.values()),
        )

    def calls(self, book: Book) -> Calls:
        """Count model calls."""
        prompts = {number: expected_prompts(self._plan.seed, number) for number in range(len(self._plan.tasks))}
        expected = {prompt for pair in prompts.values() for prompt in pair}
        return Calls(
            requests=book.requests,
            expected_questions=len(expected),
            paid_twice=sum(count - 1 for count in book.by_prompt.values()),
            paid_twice_though_journaled=sum(
                self._asked_again(prompt, at, book)
                for number, row in self._known()
                for prompt, at in zip(prompts[number], self._answers.get(row.key, []), strict=False)
            ),
            unexpected=sum(count for prompt, count in book.by_prompt.items() if prompt not in expected),
            used_unjournaled=sum(
                max(0, CALLS_OF_A_TASK - len(self._answers.get(row.key, [])))
                for _, row in self._known()
                if row.state == "completed"
            ),
        )

    def _known(self) -> list[tuple[int, TaskRow]]:
        numbers = range(len(self._plan.tasks))
        return [(number, self._rows[task_id(number)]) for number in numbers if task_id(number) in self._rows]

    def _life(self, row: TaskRow) -> Life:
        return self._lives.get(row.key, Life())

    def _written_wrong(self, completed: list[int], written: Mapping[str, Any]) -> int:
        wrong = 0
        for number in completed:
            wrong += hash_of(written.get(task_id(number))) != self._hashes[number]
        return wrong

    @staticmethod
    def _asked_again(prompt: str, journaled_at: float, book: Book) -> bool:
        # The calls of a task follow one another, so its kept answers are in the order of its questions.
        return book.by_prompt.get(prompt, 0) > 1 and book.last_asked_epoch[prompt] > journaled_at


_ENDS = frozenset({"completed", "failed", "skipped", "cancelled"})
_BAD_ENDS = _ENDS - {"completed"}


def written_outputs(path: Path) -> dict[str, Any]:
    """The outputs in a written document, by task id; none where there is no file."""
    if not path.is_file():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    sessions: list[dict[str, Any]] = document["parallel_agent_execution"]["agent_execution_sessions"]
    return {session["task_id"]: session["result"]["output_data"] for session in sessions if session["result"]}


def _decoded(output: bytes | None) -> object:
    return None if output is None else msgspec.msgpack.decode(output)
