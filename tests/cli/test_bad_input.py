"""Everything a user can get wrong: one clear message, the right exit code, nothing written, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.documents import body_of

CANVAS = {
    "nodes": [
        {
            "id": "a",
            "type": "text",
            "text": "命题与它的逆否命题等价，这是证明的常用方法。",
            "x": 0,
            "y": 0,
            "width": 1,
            "height": 1,
        }
    ],
    "edges": [],
}
TASK = {
    "agent_name": "basic-decomposition",
    "input_data": {"material_content": "命题与它的逆否命题等价。", "topic": "t"},
}
RUN = ("--agent", "basic-decomposition", "--model", "offline")


def name_of(value: tuple[str, ...] | list[str]) -> str:
    return " ".join(value)[:60] if isinstance(value, tuple) else ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.canvas").write_text(json.dumps(CANVAS), encoding="utf-8")
    (tmp_path / "broken.canvas").write_text('{"nodes": [', encoding="utf-8")
    (tmp_path / "list.canvas").write_text("[]", encoding="utf-8")
    (tmp_path / "nothing.canvas").write_text("{}", encoding="utf-8")
    (tmp_path / "bytes.canvas").write_bytes(b"\xff\xfe\x00nodes")
    (tmp_path / "no-id.canvas").write_text('{"nodes": [{"type": "text"}]}', encoding="utf-8")
    (tmp_path / "notes.md").write_text("# note", encoding="utf-8")
    (tmp_path / "empty.jsonl").write_text("\n\n", encoding="utf-8")
    (tmp_path / "broken.jsonl").write_text(json.dumps(TASK) + "\n{oops\n", encoding="utf-8")
    (tmp_path / "unknown-key.jsonl").write_text(json.dumps({**TASK, "priorty": "high"}), encoding="utf-8")
    (tmp_path / "no-input.jsonl").write_text(json.dumps({**TASK, "input_data": {"topic": "t"}}), encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("parallel_processing:\n  default_max_concurent: 3\n", encoding="utf-8")
    (tmp_path / "not-a-journal").write_text("this is no database, and long enough to look like one" * 50)
    (tmp_path / "a-folder").mkdir()
    return tmp_path


def run(folder: Path, *arguments: str, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PARALLEL_AGENTS", "OPENAI"))}
    return subprocess.run(
        [*prefix, sys.executable, "-m", "parallel_agents", *arguments],
        cwd=folder,
        env={**environ, "PARALLEL_AGENTS_JOURNAL": str(folder / "journal.sqlite3")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("parallel-agents: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "missing.canvas", *RUN), ["missing.canvas", "no such file"]),
        (("run", "a-folder", *RUN), ["a-folder"]),
        (("run", "a-folder"), ["a-folder", "a folder needs an agent"]),
        (("run", "a-folder", *RUN, "--notes"), ["a-folder", "empty"]),
        (("run", "good.canvas", *RUN, "--notes"), ["good.canvas", "--notes is for a folder"]),
        (("run", ".", *RUN), ["broken.canvas:1", "3 more", "no-id.canvas", "--skip-unreadable"]),
        (("run", ".", *RUN, "--skip-unreadable", "--nodes", "nope"), [".: no canvas in it has a node 'nope'"]),
        (("run", "notes.md", *RUN), ["notes.md", "only a heading"]),
        (("run", "notes.md", *RUN, "--nodes", "n1"), ["notes.md", "on a canvas only"]),
        (("run", "not-a-journal", *RUN), ["not-a-journal", "is not a source", ".canvas", ".md", ".jsonl", "folder"]),
        (("run", "broken.canvas", *RUN), ["broken.canvas:1", "JSON"]),
        (("run", "list.canvas", *RUN), ["list.canvas", "list"]),
        (("run", "bytes.canvas", *RUN), ["bytes.canvas", "UTF-8"]),
        (("run", "no-id.canvas", *RUN), ["no-id.canvas", "id"]),
        (("run", "nothing.canvas", *RUN), ["nothing.canvas", "nothing to run"]),
        (("run", "good.canvas", "--model", "offline"), ["needs an agent", "basic-decomposition"]),
        (("run", "good.canvas", "--agent", "basic-decompositon", "--model", "offline"), ["Did you mean 'basic-d"]),
        (("run", "good.canvas", "--agent", "missing.md", "--model", "offline"), ["missing.md", "No such file"]),
        (("run", "good.canvas", *RUN, "--nodes", "zz"), ["'zz'", "no such node"]),
        (("run", "good.canvas", *RUN, "--max-concurrent", "0"), ["max_concurrent", "not 0"]),
        (("run", "good.canvas", *RUN, "--max-concurrent", "99"), ["max_concurrent_limit", "not 99"]),
        (("run", "good.canvas", *RUN, "--max-concurrent", "many"), ["--max-concurrent", "many"]),
        (("run", "good.canvas", "--agent", "basic-decomposition"), ["no model", "--model offline"]),
        (("run", "good.canvas", "--agent", "basic-decomposition", "--model", "gpt-4"), ["gpt-4", "openai:gpt-4"]),
        (("run", "good.canvas", "--agent", "basic-decomposition", "--model", "openai:x"), ["OPENAI_API_KEY"]),
        (("run", "good.canvas", *RUN, "--output", "missing/out.json"), ["missing/out.json", "no folder"]),
        (("run", "good.canvas", *RUN, "--output", "a-folder"), ["a-folder", "folder"]),
        (("run", "good.canvas", *RUN, "--config", "missing.yaml"), ["missing.yaml"]),
        (("run", "good.canvas", *RUN, "--config", "bad.yaml"), ["bad.yaml:2", "default_max_concurrent"]),
        (("run", "good.canvas", *RUN, "--max-concurrent", "2.7"), ["--max-concurrent", "2.7", "whole number"]),
        (("run", "good.canvas", *RUN, "--nodes", ","), ["--nodes", "names no node"]),
        (("run", "good.canvas", *RUN, "--output", "x" * 300), ["cannot write xxx", "file name too long"]),
        (("run", "good.canvas", *RUN, "--output", "/dev/null"), ["/dev/null", "no ordinary file"]),
        (("run", "good.canvas", *RUN, "--output", "good.canvas/out.json"), ["good.canvas/out.json", "not a directory"]),
        (("simulate-provider", "--port", "70000"), ["--port", "65535"]),
        (("simulate-provider", "--latency=-1"), ["--latency", ">= 0"]),
        (("run",), ["SOURCE", "parallel-agents run --help"]),
        (("run", "good.canvas", *RUN, "--wat"), ["--wat"]),
        (("run", "empty.jsonl", "--model", "offline"), ["empty.jsonl", "nothing to run"]),
        (("run", "broken.jsonl", "--model", "offline"), ["broken.jsonl:2", "JSON"]),
        (("run", "unknown-key.jsonl", "--model", "offline"), ["unknown-key.jsonl:1", "Did you mean 'priority'"]),
        (("run", "no-input.jsonl", "--model", "offline"), ["no-input.jsonl:1", "material_content"]),
        (("results", "exec-0000000000000000"), ["exec-0000000000000000", "no execution"]),
        (("cancel", "exec-0000000000000000"), ["exec-0000000000000000", "no execution"]),
        (("resume", "exec-0000000000000000"), ["exec-0000000000000000", "no execution"]),
        (("frobnicate",), ["frobnicate"]),
    ],
    ids=lambda value: name_of(value),
)
def test_a_mistake_gets_one_clear_message_and_changes_nothing(
    folder: Path, arguments: tuple[str, ...], words: list[str]
) -> None:
    before = sorted(path.name for path in folder.iterdir())
    done = run(folder, *arguments)
    assert done.returncode == 2, done.stderr
    message = complaint(done)
    assert all(word in message or word in done.stderr for word in words), done.stderr
    assert done.stdout == ""
    after = sorted(path.name for path in folder.iterdir() if "journal.sqlite3" not in path.name)
    assert after == before


def test_a_journal_that_is_none_is_named_and_left_alone(folder: Path) -> None:
    before = (folder / "not-a-journal").read_bytes()
    done = run(folder, "status", "--journal", "not-a-journal")
    assert done.returncode == 1
    assert "not-a-journal" in complaint(done)
    assert (folder / "not-a-journal").read_bytes() == before


@pytest.mark.faults
def test_a_read_only_place_is_refused_before_anything_runs(folder: Path) -> None:
    script = f'mount -t tmpfs -o ro tmpfs "{folder}/a-folder" && exec "$@"'
    prefix = ("unshare", "-m", "sh", "-c", script, "sh")
    done = run(folder, "run", "good.canvas", *RUN, "--output", "a-folder/out.json", prefix=prefix)
    assert done.returncode == 2, done.stderr
    assert "a-folder/out.json" in complaint(done)
    assert "read-only" in done.stderr
    assert "completed" not in done.stdout


@pytest.mark.faults
def test_a_full_disk_at_the_end_keeps_the_results_in_the_journal_and_no_half_file(folder: Path) -> None:
    # One page is left: enough to see that the place can be written, not enough for the results.
    fill = f'dd if=/dev/zero of="{folder}/a-folder/fill" bs=4096 count=254 2>/dev/null'
    listing = f'"$@"; code=$?; ls -A "{folder}/a-folder" >&2; exit $code'
    script = f'mount -t tmpfs -o size=1m tmpfs "{folder}/a-folder" && {fill}; {listing}'
    prefix = ("unshare", "-m", "sh", "-c", script, "sh")
    nodes = [{**CANVAS["nodes"][0], "id": f"n{number}"} for number in range(8)]
    (folder / "good.canvas").write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    done = run(folder, "run", "good.canvas", *RUN, "--output", "a-folder/out.json", prefix=prefix)
    assert done.returncode == 1, done.stderr
    assert "no space left" in complaint(done)
    assert "parallel-agents results" in complaint(done)
    assert done.stderr.splitlines()[-1] == "fill"
    status = run(folder, "status")
    execution_id = status.stdout.split()[0]
    again = run(folder, "results", execution_id, "--output", "out.json")
    assert again.returncode == 0
    assert body_of(folder / "out.json")["task_queue"]["completed_tasks"] == 8


def test_an_existing_result_is_never_replaced(folder: Path) -> None:
    (folder / "out.json").write_text("mine", encoding="utf-8")
    done = run(folder, "run", "good.canvas", *RUN, "--output", "out.json")
    assert done.returncode == 0
    assert (folder / "out.json").read_text(encoding="utf-8") == "mine"
    assert (folder / "out-2.json").exists()
    assert "out-2.json" in done.stdout


@pytest.mark.faults
def test_a_disk_without_any_room_is_refused_before_anything_runs(folder: Path) -> None:
    fill = f'dd if=/dev/zero of="{folder}/a-folder/fill" bs=4096 2>/dev/null'
    listing = f'"$@"; code=$?; ls -A "{folder}/a-folder" >&2; exit $code'
    script = f'mount -t tmpfs -o size=1m tmpfs "{folder}/a-folder" && {{ {fill}; {listing}; }}'
    prefix = ("unshare", "-m", "sh", "-c", script, "sh")
    done = run(folder, "run", "good.canvas", *RUN, "--output", "a-folder/out.json", prefix=prefix)
    assert done.returncode == 2, done.stderr
    assert "no space left" in complaint(done)
    assert done.stderr.splitlines()[-1] == "fill"
    assert run(folder, "status").stdout == "no executions\n"


@pytest.mark.faults
def test_a_journal_whose_disk_fills_up_in_mid_run_is_one_line_and_says_how_to_go_on(folder: Path) -> None:
    texts = [f"命题 {number}：若一个整数能被它整除，则它有这个因数。" * 20 for number in range(200)]
    nodes = [{**CANVAS["nodes"][0], "id": f"n{number}", "text": text} for number, text in enumerate(texts)]
    (folder / "good.canvas").write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    script = f'mount -t tmpfs -o size=1200k tmpfs "{folder}/a-folder" && exec "$@"'
    arguments = ("run", "good.canvas", *RUN, "--output", "out.json", "--journal", "a-folder/journal.sqlite3")
    done = run(folder, *arguments, prefix=("unshare", "-m", "sh", "-c", script, "sh"))
    assert done.returncode == 1, done.stderr
    assert "the disk is full" in complaint(done)
    assert "exec-" in done.stderr
    assert "goes on where it stopped" in done.stderr
    assert not (folder / "out.json").exists()
