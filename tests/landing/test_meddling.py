from __future__ import annotations

from pathlib import Path

import pytest
from tests.landing.meddled import meddled_run

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_somebody_does_meanwhile_is_there_in_the_end_and_so_is_every_result(
    tmp_path: Path, seed: int
) -> None:
    seen = await meddled_run(tmp_path, 10, pause_s=0.1, seed=seed)

    assert seen.wrong == ()
    assert seen.writes >= 10
