"""Proofs of the keys that say what calls cost and what an execution may spend."""

from __future__ import annotations

from typing import Any

from tests.configuration.proofs.proof import Proof
from tests.configuration.proofs.scene import Scene, task
from tests.configuration.proofs.telling import BASE_URL, MODEL

PRICED = {
    **BASE_URL,
    "models.openai.input_usd_per_million": 1.0,
    "models.openai.output_usd_per_million": 1.0,
}
PAUSED, ASKED_ONCE = ("paused", 0), ("completed", 1)


async def _ran(scene: Scene) -> dict[str, Any]:
    scene.environ = {"OPENAI_API_KEY": "sk-one"}
    return await scene.run(task("asks"), model=MODEL)


async def end_and_requests(scene: Scene) -> object:
    body = await _ran(scene)
    return body["overall_status"], len(scene.requests)


async def cost(scene: Scene) -> object:
    return (await _ran(scene))["performance_metrics"]["token_usage"]["cost_usd"]


PROOFS: dict[str, Proof] = {
    "budget.usd": Proof(
        values=(0, None), shows=(PAUSED, ASKED_ONCE), observe=end_and_requests, given=PRICED, needs_provider=True
    ),
    "budget.tokens": Proof(
        values=(10, None), shows=(PAUSED, ASKED_ONCE), observe=end_and_requests, given=BASE_URL, needs_provider=True
    ),
    "models.NAME.input_usd_per_million": Proof(
        values=(1, 2), shows=(6e-6, 10e-6), observe=cost, given=PRICED, needs_provider=True
    ),
    "models.NAME.output_usd_per_million": Proof(
        values=(1, 2), shows=(6e-6, 8e-6), observe=cost, given=PRICED, needs_provider=True
    ),
    "models.NAME.cached_input_usd_per_million": Proof(
        values=(0.5, None), shows=(4.5e-6, 6e-6), observe=cost, given=PRICED, needs_provider=True
    ),
    "models.NAME.cache_write_usd_per_million": Proof(
        values=(10_000, None),
        shows=(PAUSED, ASKED_ONCE),
        observe=end_and_requests,
        given={**PRICED, "budget.usd": 0.05},
        needs_provider=True,
    ),
}
