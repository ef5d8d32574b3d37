"""Proofs of the keys that say how many run at once, where, in what order, and within which limits."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.configuration.proofs.proof import PROCESSING, Proof, nested
from tests.configuration.proofs.scene import (
    Scene,
    error_classes,
    naps,
    outputs,
    statuses,
    steadily,
    task,
    until_processes,
    worker_processes,
)
from tests.documents import body_of
from tests.journal.scene import bare

from parallel_agents import ParallelAgentsError
from parallel_agents.core.events import EventType
from parallel_agents.core.ids import derived_id

POOL = f"{PROCESSING}.process_pool"
CONTEXT = f"{PROCESSING}.context_isolation"
QUEUE = f"{PROCESSING}.task_queue"
AGENT = f"{PROCESSING}.agent_configs.naps"
DEFAULT = f"{PROCESSING}.default_max_concurrent"
LIMIT = f"{PROCESSING}.max_concurrent_limit"
NO_RETRY = {f"{QUEUE}.task_retry_attempts": 0}


async def mode_and_peak(scene: Scene) -> object:
    body = await scene.run(*naps(6, 0.3))
    return body["execution_mode"], scene.peak


async def peak(scene: Scene) -> object:
    await scene.run(*naps(6, 0.4))
    return scene.peak


async def peak_of_big_inputs(scene: Scene) -> object:
    await scene.run(*naps(4, 0.3, ballast="x" * 2000), max_concurrent=4)
    return scene.peak


async def whether_five_may_run(scene: Scene) -> object:
    return await refused_or_ran(scene, max_concurrent=5)


async def refused_or_ran(scene: Scene, **options: Any) -> object:
    try:
        await scene.run(task("tells"), **options)
    except ParallelAgentsError as error:
        return str(error)
    return "ran"


async def key_of_refusal(scene: Scene) -> object:
    try:
        await scene.run(task("tells"))
    except ParallelAgentsError as error:
        return getattr(error, "key", None)
    return "ran"


async def workers_left_when_others_have_gone(scene: Scene) -> object:
    """Three workers rest; so do three of another program that are told to end later than those that end here."""
    other = Scene(
        scene.folder / "other",
        nested({f"{POOL}.worker_processes": 3, f"{POOL}.worker_idle_timeout_seconds": 0.6}),
    )
    async with scene.executor() as executor, other.executor() as beside:
        before = worker_processes()
        await executor.start()
        own = worker_processes() - before
        await beside.start()
        others = worker_processes() - before - own
        await until_processes(lambda: len(others & worker_processes()) == 1)
        return len(own), len(own & worker_processes())


async def workers_started_ahead(scene: Scene) -> object:
    before = worker_processes()
    async with scene.executor() as executor:
        await executor.start()
        return len(worker_processes() - before)


async def workers_of_three_tasks(scene: Scene) -> object:
    body = await scene.run(*[task("tells")] * 3, max_concurrent=1)
    return len({output["pid"] for output in outputs(body)})


async def end_of_a_nap(scene: Scene) -> object:
    body = await scene.run(task("naps", seconds=1.0))
    return statuses(body), error_classes(body)


async def end_of_taking_memory(scene: Scene) -> object:
    body = await scene.run(task("takes_memory", mb=64))
    return statuses(body), error_classes(body)


async def whether_the_directory_stays(scene: Scene) -> object:
    body = await scene.run(task("tells"))
    workdir = outputs(body)[0]["workdir"]
    listed = body["agent_execution_sessions"][0]["execution_context"]["kept_work_directory"]
    return taken_away(Path(workdir)), listed == workdir


def taken_away(workdir: Path) -> bool:
    if not workdir.is_dir():
        return False
    workdir.rmdir()
    workdir.parent.rmdir()
    return True


async def order_of_priorities(scene: Scene) -> object:
    await scene.run(
        task("tells", "low", priority="low"),
        task("tells", "high", priority="high"),
        task("tells", "urgent", priority="urgent"),
        max_concurrent=1,
    )
    return scene.starts


async def order_with_a_late_urgent_task(scene: Scene) -> object:
    gate = scene.folder / "gate"
    first = [task("waits_for_a_file", "a", file=str(gate))]
    async with scene.executor() as executor:
        batches = [await executor.submit_batch_tasks(first)]
        await scene.until(lambda: len(scene.starts) == 1)
        batches.append(await executor.submit_batch_tasks([task("tells", name) for name in ("b", "c")]))
        batches.append(await executor.submit_batch_tasks([task("tells", "urgent", priority="urgent")]))
        gate.touch()
        for batch in batches:
            await executor.wait(batch)
    return scene.starts


async def place_of_an_urgent_task_among_those_that_wait_for_workers(scene: Scene) -> object:
    """No worker lives when the first eight are submitted: what the pool has by then cannot be overtaken."""
    async with scene.executor() as executor:
        await executor.start(warm=0)
        one = await executor.submit_batch_tasks([task("tells", f"t{n}") for n in range(8)], max_concurrent=8)
        other = await executor.submit_batch_tasks([task("tells", "urgent", priority="urgent")])
        await executor.wait(one)
        await executor.wait(other)
    return scene.starts.index("urgent") <= 2


async def place_of_a_low_task_among_forty_high_ones(scene: Scene) -> object:
    high = [task("tells", f"h{n}", priority="high") for n in range(40)]
    await scene.run(task("tells", "low", priority="low"), *high, max_concurrent=1)
    return scene.starts.index("low") < 20


async def attempts_begun_before_one_had_ended(scene: Scene) -> object:
    await scene.run(*(task("naps", f"n{n}", seconds=1.5) for n in range(4)), max_concurrent=4)
    kinds = [event.type for event in scene.events]
    return kinds[: kinds.index(EventType.TASK_COMPLETED)].count(EventType.TASK_STARTED)


async def number_of_attempts(scene: Scene) -> object:
    body = await scene.run(task("raises"))
    return body["agent_execution_sessions"][0]["attempt"]


async def attempts_while_others_run(scene: Scene) -> object:
    async with scene.executor() as executor:
        one = await executor.submit_batch_tasks([task("raises", "raising", retry_attempts=1)])
        await scene.until(lambda: bool(scene.told(EventType.TASK_RETRYING)))
        for _ in range(3):
            await executor.wait(await executor.submit_batch_tasks([task("tells")]))
        await executor.cancel_execution(one)
    return scene.starts.count("raising")


async def kind_of_places_of_three_at_once(scene: Scene) -> object:
    """How many processes, whether what runs is their first thread, and what the document calls that."""
    places, body = await places_of_three_at_once(scene)
    levels = {found["input_data"]["context_window"]["isolation_level"] for found in body["agent_execution_sessions"]}
    return len({pid for pid, _ in places}), all(str(pid) == thread for pid, thread in places), *levels


async def processes_of_three_threads(scene: Scene) -> object:
    """`worker_type` has to agree, so it goes with the key that is looked at."""
    pool_type = scene.settings[PROCESSING]["process_pool"]["pool_type"]
    agreeing = Scene(
        scene.folder / "agreeing", {**scene.settings, "aiomultiprocess_settings": {"worker_type": pool_type}}
    )
    places, _ = await places_of_three_at_once(agreeing)
    return len({pid for pid, _ in places})


async def places_of_three_at_once(scene: Scene) -> tuple[list[tuple[int, str]], dict[str, Any]]:
    body = await scene.run(*naps(3, 0.5), max_concurrent=3)
    contexts = [found["execution_context"] for found in body["agent_execution_sessions"]]
    return [(context["worker_process_id"], context["thread_id"]) for context in contexts], body


async def workers_of_a_slow_task_and_three_quick_ones(scene: Scene) -> object:
    """Which of two workers had each, in the order in which they were first used."""
    async with scene.executor() as executor:
        await executor.start()
        tasks = [task("naps", seconds=seconds) for seconds in (0.5, 0, 0, 0)]
        body = body_of(await executor.wait(await executor.submit_batch_tasks(tasks, max_concurrent=1)))
    pids = [found["execution_context"]["worker_process_id"] for found in body["agent_execution_sessions"]]
    first_used = list(dict.fromkeys(pids))
    return [first_used.index(pid) for pid in pids]


async def results_left_unread_while_the_journal_is_locked(scene: Scene) -> object:
    """How many of three results nobody has taken in, and how the three tasks ended once the lock was gone."""
    gate = scene.folder / "gate"
    async with scene.executor() as executor:
        batch = await executor.submit_batch_tasks(
            [task("waits_for_a_file", f"t{number}", file=str(gate)) for number in range(3)], max_concurrent=3
        )
        await scene.until(lambda: len(scene.starts) == 3)
        with closing(bare(scene.folder / "journal.sqlite3")) as other:
            other.execute("BEGIN IMMEDIATE")
            gate.touch()
            unread = await steadily(lambda: work_directories(batch), below=3)
            other.execute("COMMIT")
        body = body_of(await executor.wait(batch))
    return unread, statuses(body), [found["attempt"] for found in body["agent_execution_sessions"]]


def work_directories(execution_id: str) -> int:
    """How many of the three first attempts have theirs; one goes when its result has come in."""
    names = [derived_id("ctx", execution_id, f"t{number}", "1") for number in range(3)]
    return sum(bool(list(Path(tempfile.gettempdir()).glob(f"parallel-agents-*/{name}-*"))) for name in names)


IDLE = {f"{POOL}.worker_processes": 3, f"{POOL}.max_tasks_per_worker": 0}

PROOFS: dict[str, Proof] = {
    f"{PROCESSING}.enabled": Proof(
        values=(True, False), shows=(("parallel_batch", 3), ("serial", 1)), observe=mode_and_peak, given={DEFAULT: 3}
    ),
    f"{PROCESSING}.adaptive_concurrency": Proof(
        values=(True, False), shows=(1, 4), observe=attempts_begun_before_one_had_ended
    ),
    DEFAULT: Proof(values=(2, 4), shows=(2, 4), observe=peak),
    LIMIT: Proof(
        values=(4, 6),
        shows=(
            "max_concurrent must be a whole number from 1 to 4, not 5. "
            "Raise parallel_processing.max_concurrent_limit to allow more.",
            "ran",
        ),
        observe=whether_five_may_run,
        given={DEFAULT: 2},
    ),
    f"{PROCESSING}.max_coroutines": Proof(
        values=(4, 6),
        shows=(
            "max_concurrent must be a whole number from 1 to 4, not 5. "
            "Raise parallel_processing.max_coroutines to allow more.",
            "ran",
        ),
        observe=whether_five_may_run,
        given={DEFAULT: 2, f"{CONTEXT}.isolation_level": "coroutine"},
    ),
    f"{POOL}.pool_type": Proof(
        values=("process", "thread"),
        shows=(3, 1),
        observe=processes_of_three_threads,
        given={f"{CONTEXT}.isolation_level": "thread"},
    ),
    f"{CONTEXT}.isolation_level": Proof(
        values=("process", "thread", "coroutine"),
        shows=((3, True, "process_isolated"), (3, False, "thread_isolated"), (1, True, "coroutine_isolated")),
        observe=kind_of_places_of_three_at_once,
        given={f"{POOL}.worker_processes": 1},
    ),
    f"{QUEUE}.load_balancing": Proof(
        values=("least_busy", "round_robin", "weighted"),
        shows=([0, 0, 0, 0], [0, 1, 0, 1], [0, 1, 1, 1]),
        observe=workers_of_a_slow_task_and_three_quick_ones,
        given={f"{POOL}.worker_processes": 2, f"{POOL}.max_tasks_per_worker": 0},
    ),
    f"{PROCESSING}.min_concurrent": Proof(
        values=(1, 3),
        shows=((3, 1), (3, 3)),
        observe=workers_left_when_others_have_gone,
        given={**IDLE, f"{POOL}.worker_idle_timeout_seconds": 0.2},
    ),
    f"{POOL}.worker_processes": Proof(values=(1, 3), shows=(1, 3), observe=workers_started_ahead),
    f"{POOL}.max_tasks_per_worker": Proof(values=(1, 0), shows=(3, 1), observe=workers_of_three_tasks),
    f"{POOL}.task_timeout_seconds": Proof(
        values=(0.3, 30),
        shows=((["failed"], ["timeout"]), (["completed"], [])),
        observe=end_of_a_nap,
        given=NO_RETRY,
    ),
    f"{POOL}.worker_idle_timeout_seconds": Proof(
        values=(0.2, 60), shows=((3, 1), (3, 3)), observe=workers_left_when_others_have_gone, given=IDLE
    ),
    f"{CONTEXT}.context_size_limit_mb": Proof(
        values=(16, 256),
        shows=((["failed"], ["memory_limit"]), (["completed"], [])),
        observe=end_of_taking_memory,
        given=NO_RETRY,
    ),
    f"{CONTEXT}.shared_memory_size_mb": Proof(values=(0.001, 512), shows=(1, 4), observe=peak_of_big_inputs),
    f"{CONTEXT}.context_cleanup_enabled": Proof(
        values=(True, False), shows=((False, False), (True, True)), observe=whether_the_directory_stays
    ),
    f"{CONTEXT}.require": Proof(
        values=(["memory"], ["memory", "network"]), shows=("ran", f"{CONTEXT}.require"), observe=key_of_refusal
    ),
    f"{QUEUE}.queue_type": Proof(
        values=("priority", "fifo", "lifo"),
        shows=(["urgent", "high", "low"], ["low", "high", "urgent"], ["urgent", "high", "low"]),
        observe=order_of_priorities,
    ),
    f"{QUEUE}.max_queue_size": Proof(
        values=(1000, 1),
        shows=(["a", "urgent", "b", "c"], ["a", "b", "urgent", "c"]),
        observe=order_with_a_late_urgent_task,
        given={LIMIT: 1, DEFAULT: 1},
    ),
    f"{QUEUE}.priority_levels": Proof(
        values=(["urgent", "high", "normal", "low"], ["low", "normal", "high", "urgent"]),
        shows=(["urgent", "high", "low"], ["low", "high", "urgent"]),
        observe=order_of_priorities,
    ),
    f"{QUEUE}.task_retry_attempts": Proof(
        values=(0, 2), shows=(1, 3), observe=number_of_attempts, given={f"{QUEUE}.task_retry_delay_seconds": 0}
    ),
    f"{QUEUE}.ageing_seconds": Proof(
        values=(0.001, 60), shows=(True, False), observe=place_of_a_low_task_among_forty_high_ones
    ),
    f"{QUEUE}.task_retry_delay_seconds": Proof(values=(0, 300), shows=(2, 1), observe=attempts_while_others_run),
    f"{PROCESSING}.agent_configs.NAME.max_concurrent": Proof(
        values=(1, 3), shows=(1, 3), observe=peak, given={DEFAULT: 6}
    ),
    f"{PROCESSING}.agent_configs.NAME.timeout_seconds": Proof(
        values=(0.3, 30),
        shows=((["failed"], ["timeout"]), (["completed"], [])),
        observe=end_of_a_nap,
        given={**NO_RETRY, f"{POOL}.task_timeout_seconds": 5},
    ),
    f"{PROCESSING}.agent_configs.NAME.isolation_level": Proof(
        values=("process", "thread", "coroutine"),
        shows=((3, True, "process_isolated"), (3, False, "thread_isolated"), (1, True, "coroutine_isolated")),
        observe=kind_of_places_of_three_at_once,
        given={f"{POOL}.worker_processes": 1},
    ),
    "aiomultiprocess_settings.task_queue_size": Proof(
        values=(1, 1000), shows=(True, False), observe=place_of_an_urgent_task_among_those_that_wait_for_workers
    ),
    "aiomultiprocess_settings.result_queue_size": Proof(
        values=(1, 1000),
        shows=((2, ["completed"] * 3, [1] * 3), (0, ["completed"] * 3, [1] * 3)),
        observe=results_left_unread_while_the_journal_is_locked,
        given={"aiomultiprocess_settings.worker_timeout": 0.4},
    ),
}
