"""What users get wrong, case by case: exit code 2, one message that names the place, and nothing written.

Every case is a process of its own in a folder of its own. The cases stand in the three files beside this one;
`tests/cli/test_bad_input.py` has more, about files and disks.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.mistakes.model import KINDS, Case, Done, read_cases, run

AT_ONCE = 2
# The first test waits for all the processes of all of them.
pytestmark = pytest.mark.timeout(600)
CASES = [(kind, case) for kind in KINDS for case in read_cases(kind)]


def name_of(kind: str, case: Case) -> str:
    return f"{kind}: {case.name}"


@pytest.fixture(scope="module")
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """What the commands of the selected cases did; two run at a time, each test looks at one."""
    chosen = {getattr(item, "callspec").id for item in request.session.items if hasattr(item, "callspec")}  # noqa: B009
    cases = {name: case for kind, case in CASES if (name := name_of(kind, case)) in chosen}
    folders = [tmp_path_factory.mktemp("mistake") for _ in cases]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return dict(zip(cases, threads.map(run, cases.values(), folders), strict=True))


@pytest.mark.parametrize(("kind", "case"), [pytest.param(*one, id=name_of(*one)) for one in CASES])
def test_a_mistake_gets_one_message_with_its_place_and_changes_nothing(
    done: dict[str, Done], kind: str, case: Case
) -> None:
    result = done[name_of(kind, case)]
    assert result.code == 2, result.err
    assert result.out == ""
    (line,) = result.err.splitlines()
    assert line.startswith("parallel-agents: ")
    assert "Traceback" not in line
    assert [word for word in case.says if word not in line] == [], line
    assert [word for word in case.never if word in line] == []
    assert result.after == result.before


def test_there_are_a_hundred_different_mistakes() -> None:
    names = [name_of(*one) for one in CASES]
    assert len(set(names)) == len(names)
    sizes = {kind: sum(one == kind for one, _ in CASES) for kind in KINDS}
    assert sizes["configuration"] >= 40
    assert sizes["task file"] >= 30
    assert sizes["command line"] >= 30
    made = {(tuple(case.arguments), str(case.files), str(case.environ)) for _, case in CASES}
    assert len(made) == len(CASES)


@pytest.mark.parametrize("arguments", [["run", "tasks.jsonl", "--model", "offline"], ["status"], ["config", "check"]])
def test_the_folder_without_the_mistake_is_fine(tmp_path: Path, arguments: list[str]) -> None:
    result = run(Case(name="none", arguments=arguments, says=["x"]), tmp_path)
    assert result.code == 0, result.err
    assert (result.after == result.before) == (arguments[0] != "run")
